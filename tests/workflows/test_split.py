"""split: services of one ILB on several, each proven first, moved by name, and quiet at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from bot.domain.counted import QUIET_S
from bot.domain.operation import Operation, Outcome, State
from bot.sandbox.cloud.counters import VISIBILITY
from bot.sandbox.cloud.model import Rule, ServiceOffering
from bot.services.drift import DriftWatch
from bot.services.traffic import evidence_in
from tests.workflows.crowded import (
    ADMIN,
    APP,
    GRPC,
    NEW,
    PORTS,
    THIRD,
    VIP,
    VM,
    crowded,
    more_crowded,
    ports_at,
    published,
    rules_at,
    state_of,
)
from tests.workflows.harness import House, house

CREATE, DELETE = "createLoadBalancer", "deleteLoadBalancer"
WEIGHTS = "app:3,grpc:1"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        crowded(one)
        yield one


@pytest.fixture
async def three() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        more_crowded(one)
        yield one


def rules_of(home: House, vip: str) -> list[Rule]:
    """Return the rules of a VIP, those half done too."""
    return [one for one in home.cloud.all(Rule) if one.vip == vip and not one.removed]


async def question(home: House, found: Operation) -> str:
    asked = await home.questions.newest(found.id)
    assert asked is not None
    assert asked.is_open
    return asked.question.text


def when(home: House, command: str) -> list[float]:
    """Keep the moments at which a command is sent."""
    moments: list[float] = []
    home.wire.before = lambda sent: moments.append(home.clock.now()) if sent == command else None
    return moments


async def test_each_service_gets_its_ilb_and_no_connection_is_lost(home: House) -> None:
    before = {rule[0]: rule[1:4] for rule in rules_at(home, VIP)}
    done = await home.do("split", VM, weights=WEIGHTS)
    assert done.outcome is Outcome.DONE, done.reason
    assert (published(home, APP), published(home, GRPC)) == ([VIP], [NEW])
    assert (ports_at(home, VIP), ports_at(home, NEW)) == ([80], [9090])
    [moved] = rules_at(home, NEW)
    assert moved[1:4] == before[9090]
    assert home.vm(VM).host is not home.vm(home.vm_at(NEW)).host
    seen = evidence_in(await home.journal.notes(done.id))
    assert seen is not None
    assert (seen.lost, seen.not_valid) == (0, "")


@pytest.mark.slow
async def test_three_services_on_three_ilbs_go_one_after_the_other(three: House) -> None:
    sent: list[tuple[str, list[str]]] = []

    def look(command: str) -> None:
        if command in {CREATE, DELETE}:
            sent.append((command, [name for name in PORTS if published(three, name) != [VIP]]))

    three.wire.before = look
    done = await three.do("split", VM, into="3", weights="app:5,grpc:2,admin:1")
    assert done.outcome is Outcome.DONE, done.reason
    assert [ports_at(three, vip) for vip in (VIP, NEW, THIRD)] == [[80], [9090], [8443]]
    assert [published(three, name) for name in (APP, GRPC, ADMIN)] == [[VIP], [NEW], [THIRD]]
    assert sent == [(CREATE, [])] * 2 + [(DELETE, [ADMIN]), (DELETE, [GRPC, ADMIN])]
    hosts = {three.vm(three.vm_at(vip)).host for vip in (VIP, NEW, THIRD)}
    assert len(hosts) == 3


@pytest.mark.slow
async def test_asked_again_there_is_nothing_left_to_divide(home: House) -> None:
    await home.do("split", VM, weights=WEIGHTS)
    again = await home.ask("split", VM, weights="app:1")
    assert again.outcome is Outcome.REFUSED
    assert "there is nothing to divide" in again.reason


@pytest.mark.slow
async def test_the_partition_is_proposed_by_what_haproxy_counts(three: House) -> None:
    for second in range(60):
        for port, count in ((80, 6), (9090, 3), (8443, 2)):
            come = partial(three.cloud.open_sessions, VIP, port, count, 0.5)
            three.cloud.processes.call_at(three.cloud.at + second, come)
    asked = await three.ask("split", VM)
    planned = await three.plan(asked)
    assert planned.diff == (
        f"= {VIP} ({VM}): app, 55 % of 100 %",
        f"+ {NEW} (new): admin and grpc, 45 %",
    )
    assert planned.warnings[0] == (
        "Shares are by new connections a second, counted by HAProxy for 5 s: app 6, admin 2 and "
        "grpc 3."
    )
    three.later(120.0)  # other clients by now: what was counted is what was approved
    done = await three.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason


async def test_where_nobody_connects_anew_open_connections_count(home: House) -> None:
    home.cloud.open_sessions(VIP, 80, 1)
    home.cloud.open_sessions(VIP, 9090, 3)
    planned = await home.plan(await home.ask("split", VM))
    assert planned.diff[0] == f"= {VIP} ({VM}): grpc, 75 % of 100 %"
    assert "Shares are by open connections at once" in planned.warnings[0]


async def test_without_counters_the_weights_must_be_given(home: House) -> None:
    home.cloud.settings[VISIBILITY].value = "link-local"
    ended = await home.ask("split", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "nobody reads HAProxy's counters there" in ended.reason
    assert "weights=app:1,grpc:1" in ended.reason


@pytest.mark.slow
async def test_the_old_rule_goes_once_its_clients_have_gone(home: House) -> None:
    deleted = when(home, DELETE)
    home.cloud.open_sessions(VIP, 9090, 3, seconds=120.0)
    home.cloud.open_sessions(VIP, 80, 5)  # those of the service that stays are none of it
    until = home.clock.now() + 120.0
    done = await home.do("split", VM, weights=WEIGHTS)
    assert done.outcome is Outcome.DONE, done.reason
    assert deleted[0] >= until + QUIET_S - 1.0
    assert (home.cloud.counters.page(VIP, home.clock.now()) or {}).keys() == {80}


@pytest.mark.slow
async def test_clients_that_stay_are_cut_only_when_a_person_says_so(home: House) -> None:
    deleted = when(home, DELETE)
    home.cloud.open_sessions(VIP, 9090, 3)
    waits = await home.do("split", VM, weights=WEIGHTS)
    assert await question(home, waits) == (
        f"{VIP}:9090 is still used: 3 connections are open. See that the clients of grpc have gone "
        f"to {NEW}, then press Done: the old rules are deleted, and whoever still uses them is "
        "refused."
    )
    assert deleted == []
    await home.answer(waits)
    done = await home.look(waits)
    assert done.outcome is Outcome.DONE, done.reason
    assert (ports_at(home, VIP), ports_at(home, NEW)) == ([80], [9090])


@pytest.mark.slow
async def test_where_nobody_can_see_it_a_person_says_that_clients_have_gone(home: House) -> None:
    home.cloud.settings[VISIBILITY].value = "link-local"
    waits = await home.do("split", VM, weights=WEIGHTS)
    assert waits.state is State.APPLYING
    assert "Nobody can see whether" in await question(home, waits)
    await home.answer(waits)
    done = await home.look(waits)
    assert done.outcome is Outcome.DONE, done.reason


@pytest.mark.slow
async def test_nobody_says_it_in_time_and_all_is_as_before(home: House) -> None:
    home.cloud.settings[VISIBILITY].value = "link-local"
    before = state_of(home)
    waits = await home.do("split", VM, weights=WEIGHTS)
    assert home.vantage is not None
    home.vantage.blind_until = home.clock.now() + 14_500.0
    home.later(15_000.0)
    ended = await home.quiet(waits)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert "nobody said in time that its clients are gone" in ended.reason
    assert state_of(home) == before


@pytest.mark.slow
async def test_a_person_moves_names_where_people_do(home: House) -> None:
    async with house(named=True, watched=True, people_change_names=True) as one:
        crowded(one)
        waits = await one.do("split", VM, weights=WEIGHTS)
        one.nameserver.zone.set_record(GRPC, 5, "A", NEW)
        await one.answer(waits)
        done = await one.look(waits)
        assert done.outcome is Outcome.DONE, done.reason


@pytest.mark.slow
async def test_a_new_ilb_that_dies_before_its_name_moves_gets_no_client(home: House) -> None:
    before = state_of(home)

    def look(sent: str) -> None:
        if sent == "listLBStickinessPolicies" and ports_at(home, NEW):
            home.cloud.power_off(home.vm_at(NEW))
            home.wire.before = lambda _: None

    home.wire.before = look
    ended = await home.do("split", VM, weights=WEIGHTS)
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert published(home, GRPC) == [VIP]
    assert state_of(home) == before


@pytest.mark.slow
async def test_a_name_that_somebody_moved_back_keeps_its_old_rule(home: House) -> None:
    deleted = when(home, DELETE)
    home.cloud.open_sessions(VIP, 9090, 3)
    waits = await home.do("split", VM, weights=WEIGHTS)
    home.nameserver.zone.set_record(GRPC, 5, "A", VIP)
    await home.answer(waits)
    ended = await home.look(waits)
    assert f"somebody changed {GRPC}, it leads to {VIP}" in ended.reason
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert ports_at(home, VIP) == [80, 9090]
    assert len(deleted) == 1, "only that of the new ILB"


async def stopped(home: House, waits: Operation) -> Operation:
    """Stop a change that waits for a person; return it as it ended."""
    await home.switch.set("ana", "enough")
    await home.waiting.once()
    return await home.quiet(waits)


@pytest.mark.slow
async def test_a_stop_while_a_person_is_asked_leaves_all_as_before(home: House) -> None:
    before = state_of(home)
    home.cloud.open_sessions(VIP, 9090, 3)
    ended = await stopped(home, await home.do("split", VM, weights=WEIGHTS))
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert state_of(home) == before


async def test_unseen_it_is_unverified_and_a_person_says_when_rules_may_go() -> None:
    async with house(named=True) as one:
        crowded(one)
        waits = await one.do("split", VM, weights=WEIGHTS)
        await one.answer(waits)
        ended = await one.look(waits)
        assert ended.outcome is Outcome.UNVERIFIED, ended.reason
        assert (ports_at(one, VIP), ports_at(one, NEW)) == ([80], [9090])


@pytest.mark.slow
async def test_an_old_rule_stays_where_the_new_one_serves_no_more() -> None:
    async with house(named=True) as one:
        more_crowded(one)
        before = state_of(one)
        waits = await one.do("split", VM, groups="app|admin,grpc")
        [new] = [rule for rule in rules_of(one, NEW) if rule.source_port == 8443]
        one.cloud.drift_rule(new.id, state="Add")
        await one.answer(waits)
        ended = await one.look(waits)
        assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
        assert f"compare the rule on {NEW}:8443" in ended.reason
        assert state_of(one) == before


@pytest.mark.slow
async def test_a_machine_of_another_size_gets_others_of_its_size(home: House) -> None:
    large = home.cloud.one(ServiceOffering, "ILB large")
    home.vm(VM).offering = large
    done = await home.do("split", VM, weights=WEIGHTS)
    assert done.outcome is Outcome.DONE, done.reason
    assert home.vm(home.vm_at(NEW)).offering is large


async def test_clients_of_the_bare_address_are_not_moved(home: House) -> None:
    ended = await home.ask("split", "10.20.2.10")
    assert ended.outcome is Outcome.REFUSED
    assert "Clients of ports 80 and 443 have the bare address 10.20.2.10" in ended.reason
    assert "Introduce a name first" in ended.reason


@pytest.mark.slow
async def test_twins_are_not_split(home: House) -> None:
    await home.do("pair", VM)
    ended = await home.ask("split", VM, weights=WEIGHTS)
    assert ended.outcome is Outcome.REFUSED
    assert "It is one of twins" in ended.reason


async def test_routers_are_not_split(home: House) -> None:
    ended = await home.ask("split", "shop-prod")
    assert ended.outcome is Outcome.REFUSED
    assert "cannot be divided" in ended.reason


async def test_what_changed_since_the_plan_makes_it_stale(home: House) -> None:
    asked = await home.ask("split", VM, weights=WEIGHTS)
    home.nameserver.zone.set_record(GRPC, 5, "A", "10.20.1.99")
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.STALE, ended.reason


TWO_SERVICES = f"""
tier: shop-prod/app-tier
ilbs:
  - vip: {VIP}
    services:
      - {{name: app, fqdn: {APP}, members: [app-1, app-2, app-3], rules: [{{port: 80, to: 8080}}]}}
      - name: grpc
        fqdn: {GRPC}
        members: [app-1, app-2, app-3]
        rules: [{{port: 9090}}]
"""


@pytest.mark.slow
async def test_what_a_split_moved_is_no_drift_from_the_spec_and_what_came_later_is(
    home: House,
) -> None:
    wanted = {"spec": TWO_SERVICES, "overwrite": "True"}
    provisioned = await home.do("provision", "shop-prod/app-tier", **wanted)
    assert provisioned.outcome is Outcome.DONE, provisioned.reason
    done = await home.do("split", VM, weights=WEIGHTS)
    assert done.outcome is Outcome.DONE, done.reason
    watch = DriftWatch(home.fleet, home.journal)
    [calm] = await watch.of("shop-prod/app-tier")
    assert (calm.lines, calm.trouble) == ((), "")
    [rule] = rules_of(home, NEW)
    home.cloud.drift_rule(rule.id, algorithm="source")
    [found] = await watch.of("shop-prod/app-tier")
    assert [line.startswith(f"{NEW}:9090") for line in found.lines] == [True]
