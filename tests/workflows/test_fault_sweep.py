"""Whatever the cloud fails at, an operation ends, says truly how, and does nothing twice."""

from __future__ import annotations

import pytest

from bot.domain.operation import Outcome
from tests.workflows.resizes import ALIKE
from tests.workflows.scenarios import FIRST, LONG, MANY_CHANGES, ROLL, WHOLE, every_scenario
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
    every = 5 if scenario in ALIKE else 3 if scenario in MANY_CHANGES else 1
    ends = await fault_sweep(scenario, PASSING, CHANGES, every=every)
    assert set(ends) == {Outcome.DONE}


@pytest.mark.timeout(600)
@every_scenario
async def test_a_change_that_fails_is_told_as_it_is(scenario: Scenario) -> None:
    ends = await fault_sweep(scenario, [Trouble.FAILED, Trouble.JOB_FAILS], CHANGES)
    assert ends.total() >= 2


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
    every = 1 if scenario in WHOLE else 7
    ends = await journal_sweep(scenario, every=40 if scenario in LONG else every)
    assert ends[Outcome.DONE] > 0


@pytest.mark.slow
async def test_a_roll_outlasts_a_restart_of_the_management_server_at_any_call() -> None:
    ends = await fault_sweep(ROLL, [Trouble.RESTART])
    assert set(ends) <= {Outcome.DONE, Outcome.FAILED}  # failed: while planning or looking again


@pytest.mark.slow
@pytest.mark.timeout(900)
@every_scenario
async def test_any_failing_read_ends_truthfully(scenario: Scenario) -> None:
    troubles = [Trouble.FAILED] if scenario in LONG else CALL_TROUBLES
    every = 7 if scenario in LONG else 1 if scenario in WHOLE else 5
    ends = await fault_sweep(scenario, troubles, READS, begun=scenario not in FIRST, every=every)
    assert ends[Outcome.DONE] > 0
