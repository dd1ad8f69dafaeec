"""Twins that are no longer equal are found by looking for drift, whoever made them so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.services.drift import DriftWatch
from tests.workflows.harness import House, house
from tests.workflows.paired import TWIN, VIP, drifted, paired


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True) as opened:
        yield opened


async def lines(home: House) -> tuple[str, ...]:
    (found,) = await DriftWatch(home.fleet, home.journal).of()
    assert (found.tier.name, found.trouble) == ("app-tier", "")
    return found.lines


async def test_equal_twins_are_watched_and_do_not_differ(home: House) -> None:
    paired(home)
    assert await lines(home) == ()


async def test_rules_and_offerings_that_differ_are_told(home: House) -> None:
    drifted(home)
    assert await lines(home) == (
        f"{TWIN}:80 is not as at its twin {VIP}: algorithm source → roundrobin",
        f"the ILB VM of {TWIN} has the offering ILB large, "
        f"its twin at {VIP} System Offering For Internal LB VM",
    )


@pytest.mark.parametrize(
    ("vip", "line"),
    [
        (VIP, f"{TWIN}:9090: its twin at {VIP} has no such rule"),
        (TWIN, f"{TWIN}:9090 is gone: its twin at {VIP} has it"),
    ],
)
async def test_a_rule_that_one_of_them_lacks_is_told(home: House, vip: str, line: str) -> None:
    paired(home)
    rules = home.cloud.rules_of(home.tier("app-tier"))
    gone = next(one for one in rules if (one.vip, one.source_port) == (vip, 9090))
    home.cloud.drift_rule(gone.name, removed=True)
    assert await lines(home) == (line,)
