"""recover, for twins: withdrawn, repaired, proven, published; what keeps one away is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.domain.operation import Mode, Operation, Outcome, Source, Wish
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Host, ServiceOffering
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house
from tests.workflows.paired import NAME, TWIN, VIP, VM, paired

pytestmark = pytest.mark.slow

START = "startInternalLoadBalancerVM"
RESTART = "restartNetwork"
BOTH = sorted([VIP, TWIN])


@asynccontextmanager
async def twins(*, watched: bool = True, named: bool = True, **given: Any) -> AsyncIterator[House]:
    """Open a house in which app-tier's ILB is one of twins."""
    async with house(named=named, watched=watched, **given) as one:
        paired(one)
        yield one


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with twins() as one:
        yield one


def dies(home: House, vip: str = VIP) -> str:
    """Cut the power of the machine of a VIP; CloudStack notices after three missed pings."""
    name = home.vm_at(vip)
    home.cloud.power_off(name)
    home.later(200.0)
    return name


def published(home: House) -> list[str]:
    return sorted(home.nameserver.zone.record(NAME)[1])


def publish(home: House, *addresses: str) -> None:
    home.nameserver.zone.set_record(NAME, 5, "A", *addresses)


def published_at(home: House, command: str) -> list[list[str]]:
    """Keep what the name leads to each time that command is sent."""
    kept: list[list[str]] = []

    def before(sent: str) -> None:
        if sent == command:
            kept.append(published(home))

    home.wire.before = before
    return kept


def runs(home: House, vip: str) -> bool:
    return home.vm(home.vm_at(vip)).state == "Running"


async def both(home: House, mode: Mode, *targets: str) -> list[Operation]:
    """Let two incidents be planned before either is repaired; return how both ended."""
    opened = [
        (await home.operations.open_for_incident(
            Wish("recover", target), Source.KAFKA, mode, dedupe=target, evidence={}
        ))[0]
        for target in targets
    ]  # fmt: skip
    for one in opened:
        await home.quiet(one)
    return [await home.quiet(one) for one in opened]


# withdrawn, repaired, proven, published


async def test_a_dead_twin_is_withdrawn_started_proven_and_published_again(home: House) -> None:
    dies(home)
    at_start = published_at(home, START)
    done = await home.do("recover", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert at_start == [[TWIN]]
    assert published(home) == BOTH
    assert runs(home, VIP)


async def test_clients_of_its_twin_lose_nothing_meanwhile(home: House) -> None:
    dies(home)
    done = await home.do("recover", VM)
    seen = evidence_in(await home.journal.notes(done.id))
    assert seen is not None
    assert (seen.lost, seen.not_valid) == (0, "")
    assert {one.vip for one in seen.tallies if one.counts} == {VIP, TWIN}


async def test_a_policy_repairs_a_dead_twin_by_itself(home: House) -> None:
    dies(home, TWIN)
    done = await home.incident("recover", TWIN, Mode.AUTOMATIC)
    assert done.outcome is Outcome.DONE, done.reason
    assert done.decided_by == "policy of-the-test"
    assert published(home) == BOTH


async def test_the_plan_says_what_is_withdrawn_and_who_serves_meanwhile(home: House) -> None:
    dies(home)
    plan = await home.plan(await home.ask("recover", VM))
    assert [step.text for step in plan.steps] == [
        f"Withdraw {VIP} from {NAME}, unless its twin at {TWIN} does not serve: no name loses its "
        "last address",
        f"Start {VM}",
        "Check that it has its rules and runs on another host than its twin",
        "See it answer at each of its ports, where a vantage point looks",
        f"Publish {VIP} under {NAME} again, and watch it",
    ]
    assert plan.exposure.evidence == f"it is not served now; its twin at {TWIN} serves"
    assert plan.blast_radius == (
        f"{VIP} ports 80, 9090: served again",
        f"{home.vm_at(TWIN)} ({TWIN}): same tier, not touched",
    )
    assert (plan.warnings, plan.by_person) == ((), "")


async def test_one_that_is_withdrawn_already_is_published_again(home: House) -> None:
    dies(home)
    publish(home, TWIN)
    asked = await home.ask("recover", VM)
    assert plan_of(asked).warnings == (f"{NAME} leads to {TWIN} alone already.",)
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert published(home) == BOTH


async def test_a_stuck_twin_is_stopped_and_started(home: House) -> None:
    home.cloud.stick_in_stopping(VM)
    done = await home.do("recover", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert published(home) == BOTH


async def test_a_missing_twin_comes_back_with_its_twins_offering_on_another_host() -> None:
    async with twins() as home:
        for vip in (VIP, TWIN):
            home.vm(home.vm_at(vip)).offering = home.cloud.one(ServiceOffering, "ILB large")
        home.cloud.lose_ilb_vm(VM)
        at_restart = published_at(home, RESTART)
        asked = await home.ask("recover", VIP)
        assert any("its twin's offering ILB large" in one.text for one in plan_of(asked).steps)
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason
        new, twin = home.vm(home.vm_at(VIP)), home.vm(home.vm_at(TWIN))
        assert (new.offering.name, new.host is twin.host) == ("ILB large", False)
        assert (at_restart, published(home)) == ([[TWIN]], BOTH)


async def test_one_that_starts_on_the_host_of_its_twin_is_moved_away(home: House) -> None:
    dies(home)
    twin = home.vm(home.vm_at(TWIN))
    others = [one for one in home.cloud.all(Host) if one is not twin.host]
    for one in others:
        one.resource_state = "Maintenance"

    def before(command: str) -> None:
        if runs(home, VIP):
            for one in others:
                one.resource_state = "Enabled"

    home.wire.before = before
    done = await home.do("recover", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert "migrateSystemVm" in home.wire.calls
    assert home.vm(VM).host in others


# never the last address


async def test_both_dead_neither_is_withdrawn_and_both_come_back(home: House) -> None:
    twin = dies(home, TWIN)
    dies(home)
    asked = await home.ask("recover", VM)
    assert plan_of(asked).warnings == (
        f"Its twin {twin} is Stopped: while nothing else serves, {VIP} is not withdrawn from "
        f"{NAME}.",
    )
    at_start = published_at(home, START)
    done = await home.approve(asked)
    assert (done.outcome, at_start) == (Outcome.DONE, [BOTH]), done.reason
    assert (await home.do("recover", TWIN)).outcome is Outcome.DONE
    assert at_start == [BOTH, [VIP]]
    assert published(home) == BOTH


async def test_both_dead_at_once_are_both_repaired_by_policy(home: House) -> None:
    """The second is planned while the first is down, and carried out when that one is back."""
    dies(home, TWIN)
    dies(home)
    ended = await both(home, Mode.AUTOMATIC, VIP, TWIN)
    assert [one.outcome for one in ended] == [Outcome.DONE] * 2, [one.reason for one in ended]
    assert published(home) == BOTH


async def test_two_ilbs_of_one_tier_that_die_at_once_are_both_repaired(home: House) -> None:
    for vip in ("10.20.2.10", "10.20.2.11"):
        dies(home, vip)
    ended = await both(home, Mode.AUTOMATIC, "10.20.2.10", "10.20.2.11")
    assert [one.outcome for one in ended] == [Outcome.DONE] * 2, [one.reason for one in ended]


async def test_a_name_that_leads_to_the_dead_one_alone_keeps_it(home: House) -> None:
    dies(home)
    publish(home, VIP)
    at_start = published_at(home, START)
    done = await home.do("recover", VM)
    assert (done.outcome, at_start) == (Outcome.DONE, [[VIP]]), done.reason


# what keeps it away


async def test_one_that_never_starts_stays_withdrawn_and_that_is_said(home: House) -> None:
    dies(home)
    home.cloud.fail_next(Fault(START, FaultKind.JOB_FAILS, times=3, text="no host has room"))
    ended = await home.do("recover", VM)
    assert ended.outcome is Outcome.PARKED
    assert ended.reason.endswith(f"{VM} is Stopped; {TWIN} alone carries its traffic")
    assert published(home) == [TWIN]


async def test_one_that_does_not_answer_stays_withdrawn_and_that_is_said(home: House) -> None:
    dies(home)
    home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=36_000.0)
    ended = await home.do("recover", VM)
    assert ended.outcome is Outcome.PARKED
    assert f"prove {VIP}" in ended.reason
    assert f"{NAME} does not lead to {VIP}: {TWIN} alone carries its traffic" in ended.reason
    assert published(home) == [TWIN]


async def test_one_that_loses_connections_once_published_is_withdrawn_again(home: House) -> None:
    dies(home)

    def before(command: str) -> None:
        if command == "listLoadBalancers" and published(home) == [TWIN] and runs(home, VIP):
            home.wire.before = lambda _: None
            home.cloud.processes.call_at(
                home.cloud.at + 30.0,
                lambda: home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=20.0),
            )

    home.wire.before = before
    ended = await home.do("recover", VM)
    assert ended.outcome is Outcome.PARKED, ended.reason
    assert f"go on with {VIP} published" in ended.reason
    assert published(home) == [TWIN]


async def test_what_its_twin_loses_does_not_withdraw_the_one_that_is_back(home: House) -> None:
    dies(home)

    def before(command: str) -> None:
        if command == START:
            home.cloud.lose_connections(TWIN, 80, Behaviour.REFUSES, seconds=5.0)

    home.wire.before = before
    ended = await home.do("recover", VM)
    assert ended.outcome is Outcome.FAILED
    assert "new connections failed" in ended.reason
    assert published(home) == BOTH


async def test_a_stop_is_heard_before_it_is_published_again_and_says_so(home: House) -> None:
    dies(home)

    def before(command: str) -> None:
        if published(home) == [TWIN]:
            (home.folder / "STOP").write_text("a change freeze")

    home.wire.before = before
    ended = await home.do("recover", VM)
    assert ended.outcome is Outcome.PARKED
    assert ended.reason.endswith(
        f"exists; {NAME} does not lead to {VIP}: {TWIN} alone carries its traffic"
    )
    assert runs(home, VIP)


async def test_a_directory_that_is_away_keeps_no_dead_one_down(home: House) -> None:
    dies(home)
    home.nameserver.faults.fail_next = 1000
    asked = await home.ask("recover", VM)
    assert any("is not known" in one for one in plan_of(asked).warnings)
    ended = await home.approve(asked)
    assert runs(home, VIP)
    assert ended.outcome is Outcome.PARKED
    assert f"what {NAME} leads to is not known" in ended.reason


async def test_a_directory_that_refuses_keeps_no_dead_one_down(home: House) -> None:
    dies(home)
    home.nameserver.faults.refuse_updates = True
    done = await home.do("recover", VM)
    assert done.outcome is Outcome.DONE, done.reason
    assert (runs(home, VIP), published(home)) == (True, BOTH)


async def test_a_directory_that_comes_back_meanwhile_makes_no_plan_stale(home: House) -> None:
    dies(home)
    home.nameserver.faults.fail_next = 1000
    asked = await home.ask("recover", VM)
    home.nameserver.faults.fail_next = 0
    done = await home.approve(asked)
    assert done.outcome is Outcome.DONE, done.reason
    assert published(home) == BOTH


async def test_where_people_change_names_a_dead_one_waits_for_nobody() -> None:
    async with twins(people_change_names=True) as home:
        dies(home)
        asked = await home.ask("recover", VM)
        assert any("is not withdrawn" in one for one in plan_of(asked).warnings)
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason
        assert published(home) == BOTH


# unproven


async def test_without_a_vantage_point_it_is_repaired_and_published_but_unverified() -> None:
    async with twins(watched=False) as home:
        dies(home)
        at_start = published_at(home, START)
        asked = await home.ask("recover", VM)
        assert "nothing is proven" in plan_of(asked).warnings[0]
        ended = await home.approve(asked)
        assert ended.outcome is Outcome.UNVERIFIED
        assert "there was no vantage point" in ended.reason
        assert (at_start, published(home)) == ([[TWIN]], BOTH)


async def test_without_a_vantage_point_one_that_was_withdrawn_before_stays_so() -> None:
    async with twins(watched=False) as home:
        dies(home)
        publish(home, TWIN)
        ended = await home.incident("recover", VM, Mode.AUTOMATIC)
        assert ended.outcome is Outcome.PARKED
        assert f"{NAME} does not lead to {VIP}" in ended.reason
        assert (runs(home, VIP), published(home)) == (True, [TWIN])


async def test_twins_without_a_name_are_repaired_and_nothing_is_withdrawn() -> None:
    async with twins(named=False) as home:
        dies(home)
        asked = await home.ask("recover", VM)
        assert "cannot be withdrawn" in plan_of(asked).warnings[0]
        done = await home.approve(asked)
        assert done.outcome is Outcome.DONE, done.reason


# left alone


async def test_a_twin_that_somebody_stopped_is_left_alone_and_published(home: House) -> None:
    home.cloud.stop_by_hand(VM)
    home.later(60.0)
    ended = await home.ask("recover", VM)
    assert ended.outcome is Outcome.NOTHING_TO_DO
    assert "admin asked for it" in ended.reason
    assert published(home) == BOTH


@pytest.mark.parametrize(
    "change",
    [
        lambda home: home.cloud.drift_rule("app-http", without="app-3"),
        lambda home: home.rule("app-http").tags.update({"ilbot.name": "other.shop.internal"}),
    ],
    ids=["its members", "its name"],
)
async def test_other_rules_or_marks_than_planned_are_stale(
    home: House, change: Callable[[House], object]
) -> None:
    dies(home)
    asked = await home.ask("recover", VM)
    change(home)
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.STALE
    assert published(home) == BOTH
