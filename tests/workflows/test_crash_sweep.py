"""Every runbook survives a death at every step, at every point, with nothing done twice."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome
from tests.workflows.harness import RUNBOOKS
from tests.workflows.paces import pace_of
from tests.workflows.scenarios import ALL, every_scenario
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
    pace = pace_of(scenario)
    deaths = await crash_sweep(scenario, in_turn=pace.in_turn, every=pace.steps)
    assert deaths > (10 if pace.steps < 4 else 1)


@pytest.mark.timeout(300)
@every_scenario
async def test_a_death_around_a_change_changes_nothing(scenario: Scenario) -> None:
    pace = pace_of(scenario)
    assert await call_crash_sweep(scenario, CHANGES, every=pace.changes) >= min(2, pace.deaths)


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_scenario
async def test_a_death_in_any_read_changes_nothing(scenario: Scenario) -> None:
    pace = pace_of(scenario)
    deaths_in = (Trouble.DIES_AFTER,) if pace.in_turn else DEATHS_IN_A_CALL
    sweep = call_crash_sweep(
        scenario, READS, begun=not pace.planned, every=pace.dying_reads, deaths_in=deaths_in
    )
    assert await sweep >= pace.deaths
