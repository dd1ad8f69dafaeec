"""pair, for twins that drifted: the repair of one that is published cuts nobody off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from bot.domain.names import DirectoryKind
from bot.domain.operation import Operation, Outcome, Wish
from bot.errors import Refused
from bot.sandbox.cloud.model import Rule, ServiceOffering
from bot.sandbox.cloud.traffic import Behaviour
from bot.services.operations import plan_of
from bot.services.traffic import evidence_in
from tests.workflows.harness import House, house
from tests.workflows.paired import NAME, TWIN, VIP, VM, paired
from workflows import pair

pytestmark = pytest.mark.slow


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as one:
        paired(one)
        yield one


def _another_offering(home: House) -> None:
    home.vm(home.vm_at(TWIN)).offering = home.cloud.one(ServiceOffering, "ILB large")


def _another_algorithm(home: House) -> None:
    _rule_of_the_twin(home).algorithm = "source"


def _another_private_port(home: House) -> None:
    _rule_of_the_twin(home).instance_port = 8181


def _rule_of_the_twin(home: House) -> Rule:
    return next(one for one in home.cloud.all(Rule) if (one.vip, one.source_port) == (TWIN, 80))


def published(home: House) -> list[str]:
    return sorted(home.nameserver.zone.record(NAME)[1])


def state(home: House) -> tuple[object, ...]:
    """What the twin is: its rules, its offering, whether it runs and is published."""
    vm = home.vm(home.vm_at(TWIN))
    rules = sorted(
        (r.source_port, r.instance_port, r.algorithm, r.state, *sorted(m.name for m in r.members))
        for r in home.cloud.all(Rule)
        if r.vip == TWIN
    )
    return rules, vm.offering.name, vm.state, published(home)


async def lost(home: House, ended: Operation) -> int:
    seen = evidence_in(await home.journal.notes(ended.id))
    assert seen is not None
    assert seen.attempts > 100
    assert seen.not_valid == ""
    return seen.lost


async def lost_at_the_twin(home: House, ended: Operation) -> int:
    seen = evidence_in(await home.journal.notes(ended.id))
    assert seen is not None
    return sum(one.seen.lost for one in seen.tallies if one.counts and one.vip == TWIN)


every_drift = pytest.mark.parametrize(
    "drift", [_another_offering, _another_algorithm, _another_private_port]
)


@every_drift
async def test_the_repair_of_a_published_twin_cuts_nobody_off(
    home: House, drift: Callable[[House], None]
) -> None:
    before = state(home)
    drift(home)
    touched = _published_when_touched(home)
    ended = await home.do("pair", VM)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert await lost(home, ended) == 0
    assert state(home) == before
    assert touched
    assert all(one == [VIP] for one in touched)


def _published_when_touched(home: House) -> list[list[str]]:
    """What the name leads to at each act on the twin."""
    seen: list[list[str]] = []

    def before(command: str) -> None:
        if command.startswith(("stop", "start", "change", "deleteLoadBalancer", "createLoad")):
            seen.append(published(home))

    home.wire.before = before
    return seen


@every_drift
async def test_a_repair_that_fails_leaves_the_twin_as_it_was_and_cuts_nobody_off(
    home: House, drift: Callable[[House], None]
) -> None:
    drift(home)
    before = state(home)
    asked = await home.ask("pair", VM)
    lose = _lose_once_it_is_published_again(home)
    ended = await home.approve(asked)
    assert lose == [[VIP, TWIN]], "it was not lost where it was meant to be"
    assert ended.outcome is Outcome.ROLLED_BACK, ended.reason
    assert "new connections failed" in ended.reason
    assert await lost_at_the_twin(home, ended) == 0
    assert state(home) == before


def _lose_once_it_is_published_again(home: House) -> list[list[str]]:
    """The one that stayed loses connections soon after the twin was published again."""
    led_to: list[list[str]] = []

    def lose() -> None:
        led_to.append(published(home))
        home.cloud.lose_connections(VIP, 9090, Behaviour.REFUSES, seconds=5.0)

    def look() -> None:
        was_away.append(published(home) == [VIP])
        if any(was_away) and not was_away[-1]:
            home.cloud.processes.call_at(home.cloud.at + 10.0, lose)
        else:
            home.cloud.processes.call_at(home.cloud.at + 1.0, look)

    was_away: list[bool] = []
    look()
    return led_to


async def test_the_plan_says_that_the_twin_is_withdrawn_first(home: House) -> None:
    _another_offering(home)
    found = plan_of(await home.ask("pair", VM))
    steps = [one.text for one in found.steps]
    assert steps[0] == f"See that {VIP} serves"
    assert steps[1].startswith(f"Publish {NAME}: {TWIN} and {VIP} → {VIP}, and wait")
    assert f"Publish {NAME}: {VIP} → {TWIN} and {VIP}" in steps
    assert found.exposure.evidence == f"{VIP} serves alone while {TWIN} is withdrawn and repaired"
    assert any("are cut once" in one for one in found.warnings)


async def test_a_lost_twin_is_fitted_while_no_name_leads_to_it(home: House) -> None:
    home.vm(VM).offering = home.cloud.one(ServiceOffering, "ILB large")
    home.cloud.lose_ilb_vm(home.vm_at(TWIN))
    steps = [one.text for one in plan_of(await home.ask("pair", VM)).steps]
    assert steps[1].startswith(f"Publish {NAME}: {TWIN} and {VIP} → {VIP}, and wait")


async def test_a_drift_that_cuts_nobody_withdraws_nothing(home: House) -> None:
    home.cloud.drift_rule("app-http", without="app-3")
    found = plan_of(await home.ask("pair", VM))
    assert not any("wait until clients" in one.text for one in found.steps)
    assert found.exposure.evidence == "what serves now goes on serving"


async def test_where_the_other_one_is_dead_the_twin_stays_as_it_is(home: House) -> None:
    _another_offering(home)
    before = state(home)
    asked = await home.ask("pair", VM)
    touched = _published_when_touched(home)
    home.cloud.lose_connections(VIP, 80, Behaviour.REFUSES, seconds=36_000.0)
    ended = await home.approve(asked)
    assert ended.outcome is not Outcome.DONE
    assert touched == []
    assert state(home) == before


async def test_without_a_vantage_point_it_is_withdrawn_first_as_well() -> None:
    async with house(named=True) as home:
        paired(home)
        _another_algorithm(home)
        touched = _published_when_touched(home)
        ended = await home.do("pair", VM)
        assert ended.outcome is Outcome.UNVERIFIED, ended.reason
        assert touched
        assert all(one == [VIP] for one in touched)
        assert published(home) == [VIP, TWIN]


async def test_clients_that_cannot_be_led_away_are_not_cut() -> None:
    async with house(watched=True) as home:
        paired(home)
        _another_offering(home)
        ended = await home.ask("pair", VM)
        assert ended.outcome is Outcome.REFUSED
        assert "clients of port 80 and 9090 have the bare address" in ended.reason
        assert f"`unpair {VM}` and `pair {VM}`" in ended.reason


async def test_without_a_directory_nobody_can_be_led_away(home: House) -> None:
    _another_offering(home)
    seen = await home.fleet.service((await home.fleet.find(VM)).target_id)
    with pytest.raises(Refused, match="no directory is set"):
        pair.plan(replace(seen, directory=DirectoryKind.NONE, records=()), Wish("pair", VM))


async def test_clients_with_the_bare_address_are_not_cut(home: House) -> None:
    for rule in home.cloud.all(Rule):
        if rule.vip in {VIP, TWIN} and rule.source_port == 80:
            del rule.tags["ilbot.name"]
    _another_algorithm(home)
    ended = await home.ask("pair", VM)
    assert ended.outcome is Outcome.REFUSED
    assert "clients of port 80 have the bare address" in ended.reason
