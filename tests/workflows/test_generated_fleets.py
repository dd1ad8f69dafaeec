"""What holds for every change of every fleet, whatever stops it: checked on real runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.domain.operation import Operation, Outcome, Wish
from bot.domain.plan import Plan
from bot.errors import Refused
from tests.workflows import fleets
from tests.workflows.fleets import TWIN, VIP, Fleet, Line
from tests.workflows.harness import RUNBOOKS, House, house
from tests.workflows.wire import CHANGES, Trouble

pytestmark = pytest.mark.slow

UNDONE = frozenset(
    {Outcome.ROLLED_BACK, Outcome.REJECTED, Outcome.REFUSED, Outcome.STALE, Outcome.NOTHING_TO_DO}
)
"""Outcomes that promise that everything is as it was."""
DONE = frozenset({Outcome.DONE, Outcome.UNVERIFIED})
some = settings(
    max_examples=8,
    phases=(Phase.explicit, Phase.generate),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""Real runs of a second each, the same ones every time. What fails is not made smaller: that
takes hundreds of runs."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What befalls a change at its so many-th call that changes something; None is a stop."""

    at: int
    trouble: Trouble | None


blows = st.builds(
    Blow,
    at=st.integers(0, 7),
    trouble=st.sampled_from(
        (None, Trouble.FAILED, Trouble.BUSY, Trouble.LOST, Trouble.JOB_FAILS,
         Trouble.JOB_FAILS_AFTER)
    ),
)  # fmt: skip


@dataclass(slots=True)
class Told:
    """How a change of a fleet ended, how the fleet stood before and after, and what was bared."""

    ended: Operation
    before: dict[str, object]
    after: dict[str, object]
    bared: set[str]
    hosts: list[str]


async def tell(fleet: Fleet, blow: Blow, runbook: str, **parameters: str) -> Told:
    """Carry out a runbook on a fleet in a world of its own, with one blow."""
    target = f"shop-prod/{fleets.TIER}" if runbook == "provision" else VIP
    async with house(named=True, watched=True) as home:
        fleets.sow(home, fleet)
        before, had = fleets.as_it_stands(home), fleets.vips_with_a_rule(home)
        bared: set[str] = set()
        strike = _striking(home, blow)

        def watch(command: str) -> None:
            bared.update(had - fleets.vips_with_a_rule(home))
            strike(command)

        home.wire.before = watch
        ended = await home.do(runbook, target, **parameters)
        home.later(1800.0)
        bared.update(had - fleets.vips_with_a_rule(home))
        after = fleets.as_it_stands(home)
        return Told(ended, before, after, bared, fleets.hosts_of_twins(home))


def _striking(home: House, blow: Blow) -> Callable[[str], None]:
    changes = 0

    def strike(command: str) -> None:
        nonlocal changes
        if command not in CHANGES:
            return
        if changes == blow.at and blow.trouble is None:
            (home.folder / "STOP").touch()
        elif changes == blow.at:
            home.wire.at, home.wire.trouble = len(home.wire.calls) - 1, blow.trouble
        changes += 1

    return strike


def check(told: Told, *, may_bare: frozenset[str] = frozenset()) -> None:
    """Expect what holds whatever happened."""
    ended = told.ended
    assert told.bared <= may_bare, f"{ended.outcome}: {told.bared} was without a rule"
    if ended.outcome in UNDONE:
        assert told.after == told.before, f"{ended.outcome}: {ended.reason}"


def stand_apart(fleet: Fleet, told: Told) -> None:
    """Expect twins on different hosts wherever a second one takes machines."""
    if told.ended.outcome in DONE and len(told.hosts) == 2 and fleet.hosts > 1:
        first, second = told.hosts
        assert first != second, f"twins share {first}"


@some
@given(fleet=fleets.fleets(), blow=blows)
def test_pairing_is_undone_or_done_and_twins_stand_apart(fleet: Fleet, blow: Blow) -> None:
    told = asyncio.run(tell(fleet, blow, "pair"))
    check(told)
    stand_apart(fleet, told)


@some
@given(fleet=fleets.fleets(paired=True), blow=blows)
def test_parting_takes_the_rules_of_the_twin_and_no_others(fleet: Fleet, blow: Blow) -> None:
    told = asyncio.run(tell(fleet, blow, "unpair"))
    check(told, may_bare=frozenset({TWIN}))


@some
@given(fleet=fleets.fleets(), blow=blows)
def test_a_roll_leaves_every_rule_and_twins_apart(fleet: Fleet, blow: Blow) -> None:
    told = asyncio.run(tell(fleet, blow, "roll"))
    check(told)
    stand_apart(fleet, told)


@some
@given(fleet=fleets.fleets(), blow=blows)
def test_a_resize_is_undone_or_done_and_leaves_every_rule(fleet: Fleet, blow: Blow) -> None:
    told = asyncio.run(tell(fleet, blow, "resize", offering="ILB large"))
    check(told)
    stand_apart(fleet, told)


@some
@given(fleet=fleets.fleets(paired=False), wanted=fleets.any_lines(), blow=blows)
def test_provisioning_never_bares_a_vip(fleet: Fleet, wanted: tuple[Line, ...], blow: Blow) -> None:
    spec = fleets.spec_of(wanted)
    check(asyncio.run(tell(fleet, blow, "provision", spec=spec, overwrite="True")))


@settings(some, max_examples=20)
@given(fleet=fleets.fleets(), wanted=fleets.any_lines())
def test_no_planner_plans_what_the_topology_forbids(fleet: Fleet, wanted: tuple[Line, ...]) -> None:
    asyncio.run(_forbid_nothing_planned(fleet, wanted))


async def _forbid_nothing_planned(fleet: Fleet, wanted: tuple[Line, ...]) -> None:
    async with house(named=True) as home:
        fleets.sow(home, fleet)
        for name, runbook in RUNBOOKS.items():
            target = f"shop-prod/{fleets.TIER}" if name == "provision" else VIP
            given_ = {
                "provision": (("spec", fleets.spec_of(wanted)), ("overwrite", "True")),
                "resize": (("offering", "ILB large"),),
            }
            wish = Wish(name, target, given_.get(name, ()))
            with suppress(Refused):
                seen = await runbook.find(home.fleet, wish)
                planned = runbook.plan(seen, wish)
                if isinstance(planned, Plan):
                    no = runbook.subject.forbids(seen, runbook.acts(planned))
                    assert no is None, f"{name} plans {runbook.acts(planned)}: {no}"
