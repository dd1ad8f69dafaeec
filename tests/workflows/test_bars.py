"""A change costs little beside what it waits for: the bars are in `bench`, counts are exact."""

from __future__ import annotations

import pytest

from bench.bars import CALLS_BAR, CASES, SHARE_BAR, Cost, cost_of
from bench.least import Least
from tests.workflows import scenarios
from tests.workflows.harness import House, house
from tests.workflows.paired import VM
from tests.workflows.sweep import Scenario

EACH = [
    pytest.param(one, id=one.name, marks=[] if one is scenarios.ROLL else [pytest.mark.slow])
    for one in CASES
]


@pytest.mark.parametrize("scenario", EACH)
async def test_a_change_holds_the_bars(scenario: Scenario) -> None:
    cost = await cost_of(scenario)
    assert cost.calls_ratio <= CALLS_BAR, cost
    assert cost.own_share <= SHARE_BAR, cost
    assert cost.jobs_s >= 30.0
    assert cost.changes == cost.least.changes, "each change is made once"
    assert cost.planning >= cost.least.reads, "the arithmetic asks for what nobody reads"


def a_cost(**other: object) -> Cost:
    usual: dict[str, object] = {
        "name": "roll", "least": Least(12, 2, 12), "planning": 12, "again": (10, 10), "looks": 6,
        "changes": 2, "polls": 30, "waits": 2, "own_s": 1.0, "jobs_s": 60.0,
    }  # fmt: skip
    return Cost(**(usual | other))  # type: ignore[arg-type]  # the values are those of the fields


def test_waiting_and_looking_again_are_counted_apart() -> None:
    assert a_cost().calls_ratio == 1.0
    assert a_cost(polls=900, waits=90, again=(12, 12)).calls_ratio == 1.0


@pytest.mark.parametrize(
    "waste", [{"planning": 19}, {"changes": 9}, {"again": (19, 12)}, {"looks": 13}]
)
def test_what_is_asked_twice_counts_against_the_bot(waste: dict[str, object]) -> None:
    assert a_cost(**waste).calls_ratio == 1.5


async def test_a_receipt_counts_every_call_from_the_wish_to_the_end(home: House) -> None:
    before = len(home.wire.calls)
    ended = await home.do("roll", VM)
    share = await home.progress.share(ended)
    assert share is not None
    calls = home.wire.calls[before:]
    assert share.calls.total == len(calls)
    assert share.calls.polls == calls.count("queryAsyncJobResult")
    assert share.calls.changes == 2


async def test_time_in_which_nobody_waits_is_the_bots_own(home: House) -> None:
    home.wire.before = lambda command: home.clock.advance(command == "listEvents")
    ended = await home.do("roll", VM)
    share = await home.progress.share(ended)
    assert share is not None
    looks = 3 + 1 + 1 + 3  # again, before the stop, before the start, at the end
    assert share.own_s == pytest.approx(looks, abs=0.01)
    assert share.whole_s > share.own_s + 4.0, "the jobs took their time"


async def test_an_operation_under_way_has_no_share_yet(home: House) -> None:
    asked = await home.ask("roll", VM)
    assert await home.progress.share(asked) is None


async def test_what_a_plan_lets_pass_is_not_the_bots_own() -> None:
    async with house(named=True, watched=True) as home:
        ended = await home.do("pair", VM)
        share = await home.progress.share(ended)
        steps = await home.progress.steps(ended.id)
    assert share is not None
    assert any(step.rested for step in steps), "the TTL and the watching afterwards"
    assert share.whole_s > 60.0
    assert share.own_s < 5.0
