"""Every runbook survives a death at every step, at every point, with nothing done twice."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome
from tests.workflows.harness import RUNBOOKS
from tests.workflows.resizes import ALIKE
from tests.workflows.scenarios import ALL, FIRST, LONG, WHOLE, every_scenario
from tests.workflows.sweep import (
    DEATHS_IN_A_CALL,
    Scenario,
    call_crash_sweep,
    crash_sweep,
    play,
)
from tests.workflows.wire import CHANGES, READS, Trouble


def test_every_runbook_is_swept() -> None:
    assert {scenario.runbook for scenario in ALL} == set(RUNBOOKS)


@every_scenario
async def test_undisturbed_it_is_done(scenario: Scenario) -> None:
    story = await play(scenario)
    assert story.ended.outcome is Outcome.DONE, story.ended.reason
    assert story.is_as_planned


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_scenario
async def test_a_death_at_any_step_changes_nothing(scenario: Scenario) -> None:
    every = 2 if scenario in ALIKE else 1
    assert await crash_sweep(scenario, in_turn=scenario in LONG, every=every) > 10


@pytest.mark.timeout(300)
@every_scenario
async def test_a_death_around_a_change_changes_nothing(scenario: Scenario) -> None:
    every = 5 if scenario in ALIKE else 1
    assert await call_crash_sweep(scenario, CHANGES, every=every) >= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_scenario
async def test_a_death_in_any_read_changes_nothing(scenario: Scenario) -> None:
    deaths_in = (Trouble.DIES_AFTER,) if scenario in LONG else DEATHS_IN_A_CALL
    begun = scenario not in FIRST
    every = 7 if scenario in LONG else 1 if scenario in WHOLE else 3
    sweep = call_crash_sweep(scenario, READS, begun=begun, every=every, deaths_in=deaths_in)
    assert await sweep > 2
