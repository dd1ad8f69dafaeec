"""Whatever the cloud fails at, an operation ends, says truly how, and does nothing twice."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome
from tests.workflows.paces import pace_of
from tests.workflows.scenarios import ROLL, every_scenario
from tests.workflows.sweep import CALL_TROUBLES, Scenario, fault_sweep, journal_sweep
from tests.workflows.wire import CHANGES, JOB_TROUBLES, READS, Trouble

pytestmark = pytest.mark.slow

PASSING = tuple(
    trouble
    for trouble in (*CALL_TROUBLES, *JOB_TROUBLES)
    if trouble not in {Trouble.FAILED, Trouble.JOB_FAILS}
)


@pytest.mark.timeout(600)
@every_scenario
async def test_a_trouble_that_passes_is_outlasted(scenario: Scenario) -> None:
    ends = await fault_sweep(scenario, PASSING, CHANGES, every=pace_of(scenario).passing)
    assert set(ends) == {Outcome.DONE}


@pytest.mark.timeout(600)
@every_scenario
async def test_a_change_that_fails_is_told_as_it_is(scenario: Scenario) -> None:
    pace, troubles = pace_of(scenario), [Trouble.FAILED, Trouble.JOB_FAILS]
    ends = await fault_sweep(scenario, troubles, CHANGES, every=pace.failing)
    assert ends.total() >= min(2, pace.deaths)


@pytest.mark.slow
async def test_a_failing_poll_is_no_failure() -> None:
    ends = await fault_sweep(ROLL, CALL_TROUBLES, {"queryAsyncJobResult"})
    assert set(ends) == {Outcome.DONE}


async def test_a_journal_that_refuses_once_costs_no_operation_its_end() -> None:
    ends = await journal_sweep(ROLL, every=4)
    assert ends[Outcome.DONE] > 0
    assert ends[Outcome.PARKED] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_scenario
async def test_a_journal_that_refuses_anything_costs_no_operation_its_end(
    scenario: Scenario,
) -> None:
    ends = await journal_sweep(scenario, every=pace_of(scenario).statements)
    assert ends[Outcome.DONE] > 0


@pytest.mark.slow
async def test_a_roll_outlasts_a_restart_of_the_management_server_at_any_call() -> None:
    ends = await fault_sweep(ROLL, [Trouble.RESTART])
    assert set(ends) <= {Outcome.DONE, Outcome.FAILED}  # failed: while planning or looking again


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_scenario
async def test_any_failing_read_ends_truthfully(scenario: Scenario) -> None:
    pace = pace_of(scenario)
    troubles = [Trouble.FAILED] if pace.in_turn else CALL_TROUBLES
    ends = await fault_sweep(
        scenario, troubles, READS, begun=not pace.planned, every=pace.failing_reads
    )
    assert ends[Outcome.DONE] > 0
