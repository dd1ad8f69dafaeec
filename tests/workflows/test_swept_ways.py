"""No runbook has a way that is not swept: what each scenario plans, against the ways there are."""

from __future__ import annotations

from itertools import product

import pytest

from bot.domain.plan import Plan
from bot.domain.router_view import ROUTER_KINDS
from tests.workflows.harness import RUNBOOKS, house
from tests.workflows.histories import HISTORIES
from tests.workflows.scenarios import ALL
from tests.workflows.sweep import Scenario
from workflows.ilb_way_plans import Way
from workflows.router_ways import LONE, PAIR

BY_COUNTERS, BY_A_PERSON = "by counters", "by a person"
WAYS = {
    "roll": {*Way, PAIR, LONE},
    "resize": {*Way, PAIR, LONE},
    "recover": {
        *product(("Stopped", "Stopping", "missing", "Running"), ("single", "twin")),
        *product(("start", "reboot"), (PAIR, LONE)),
    },
    "pair": {"ilb-twin", "equal", "vpc-router-pair", "router-pair"},
    "migrate": {"an ILB VM", "routers"},
    "split": {BY_COUNTERS, BY_A_PERSON},
}
"""The ways of those runbooks that have more than one."""


def way_of(scenario: Scenario, planned: Plan) -> object:
    """Return which way a plan takes."""
    value, is_of_routers = planned.parameter, planned.target.kind in ROUTER_KINDS
    if scenario.runbook == "recover" and is_of_routers:
        return ("start" if value("start") else "reboot", PAIR if value("pair") else LONE)
    ways: dict[str, object] = {
        "roll": value("way"),
        "resize": value("way"),
        "recover": (value("state"), "twin" if value("twin") else "single"),
        "pair": "equal" if value("act") == "equal" else value("strategy"),
        "migrate": "routers" if is_of_routers else "an ILB VM",
        "split": BY_A_PERSON if scenario.answered else BY_COUNTERS,
    }
    return ways.get(scenario.runbook, "")


@pytest.mark.slow
async def test_every_way_of_every_runbook_is_swept() -> None:
    gone: dict[str, set[object]] = {}
    for scenario in ALL:
        async with house(named=scenario.watched, watched=scenario.watched) as home:
            scenario.prepare(home)
            more = dict(scenario.parameters)
            asked = await home.ask(scenario.runbook, scenario.target, **more)
            way = way_of(scenario, await home.plan(asked))
        gone.setdefault(scenario.runbook, set()).add(way)
    assert gone == {name: WAYS.get(name, {""}) for name in RUNBOOKS}


def test_every_scenario_that_is_swept_has_a_recorded_history() -> None:
    assert set(HISTORIES.values()) == set(ALL)
