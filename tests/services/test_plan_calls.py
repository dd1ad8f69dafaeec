"""What a plan asks of CloudStack does not grow with the fleet, but for the pages of its lists."""

from __future__ import annotations

import pytest

from bench.plan import plan_in


@pytest.mark.slow
async def test_a_plan_in_a_larger_fleet_makes_the_same_calls() -> None:
    _, few = await plan_in(10)
    _, many = await plan_in(100)
    assert many == few
