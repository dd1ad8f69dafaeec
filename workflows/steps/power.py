"""Stops and starts a machine of either kind; what counts is its state afterwards, no job's word."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.cloud import VmState
from bot.engine.api import Run, StepFailed, Verb
from workflows.steps.jobs import end_of

TRIES = 3
"""How often a stop or start is submitted before a person is asked: once more after a job that a
restart of the management server cut off, and once more after that."""
AT_REST = ""
"""Instead of a state to wait for: whatever it stays in."""
AGAIN_S = 10.0
"""The wait before a start that failed is tried again."""


@dataclass(frozen=True, slots=True)
class Power:
    """How one kind of machine, `called` so and of that `systemvmtype`, is stopped and started.

    `newest` and both submissions take the machine's id, and an event type or the id of the newest
    such event; `settled` takes the state to wait for, or `AT_REST`.
    """

    called: str
    kind: str
    stop_event: str
    start_event: str
    newest: Verb[[str, str], str]
    submit_stop: Verb[[str, str], str]
    submit_start: Verb[[str, str], str]
    settled: Verb[[str, str], VmState]


async def stop(run: Run, power: Power, vm_id: str, name: str) -> None:
    """Bring a machine to Stopped; submitted again where a restart of CloudStack undid it."""
    what = f"stop {power.called} {name}"
    for _ in range(TRIES):
        since = await run.step(power.newest, vm_id, power.stop_event)
        job = await run.step(power.submit_stop, vm_id, since)
        end = await end_of(run, job)
        state = await run.step(power.settled, vm_id, VmState.STOPPED.value)
        if state is VmState.STOPPED:
            return
        if end.is_refused:
            raise StepFailed("stop", "permanent", f"{what}: {end.text}", in_doubt=False)
    text = f"{what}: after {TRIES} tries it is {state}"
    raise StepFailed("stop", "permanent", text, in_doubt=state.is_moving)


async def start(run: Run, power: Power, vm_id: str, name: str) -> None:
    """Bring a machine to Running; whatever fails is tried again: nothing serves meanwhile."""
    for tries_left in reversed(range(TRIES)):
        try:
            state, text = await _try_to_start(run, power, vm_id)
        except StepFailed:
            if not tries_left:
                raise
            await run.sleep(AGAIN_S)
        else:
            if state is VmState.RUNNING:
                return
    text = f"start {power.called} {name}: after {TRIES} tries it is {state}: {text}"
    raise StepFailed("start", "permanent", text, in_doubt=state.is_moving)


async def _try_to_start(run: Run, power: Power, vm_id: str) -> tuple[VmState, str]:
    since = await run.step(power.newest, vm_id, power.start_event)
    job = await run.step(power.submit_start, vm_id, since)
    end = await end_of(run, job)
    return await run.step(power.settled, vm_id, VmState.RUNNING.value), end.text


async def rest(run: Run, power: Power, vm_id: str) -> VmState:
    """Wait until a machine is at rest, and return in which state."""
    return await run.step(power.settled, vm_id, AT_REST)


async def put_back(run: Run, power: Power, vm_id: str, name: str) -> None:
    """Undo a stop, also one that is still under way: it would win over a start made too soon."""
    await rest(run, power, vm_id)
    await start(run, power, vm_id, name)
