"""Follows a CloudStack job to its end, over lost connections and restarts of its server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.domain.cloud import JobStatus, VmState
from bot.engine.api import Retry, Run, Settled, verb
from bot.errors import Permanent, Transient
from bot.ports import World

T = TypeVar("T")
PATIENT = Retry(attempts=12, first_wait_s=1.0, max_wait_s=30.0)
"""About 3.5 minutes: a management server may restart in the middle of a change."""


LATE = 0.03
"""The part of a job's time by which its end may be seen late."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job ended. `is_known` is false where only the state of its target can tell:
    its server died under it, or its id never reached us."""

    succeeded: bool
    is_known: bool
    text: str

    @property
    def is_refused(self) -> bool:
        """Whether CloudStack says it failed; its target may show the effect all the same."""
        return self.is_known and not self.succeeded


UNKNOWN = JobEnd(False, False, "how the job ended is not known")


async def taken(world: World, shows: Callable[[], Awaitable[bool]]) -> Settled[str] | None:
    """Say whether a submission in doubt had its effect, given a moment: its job may be queued.

    Raises `Transient` while CloudStack is away: then nobody knows.
    """
    deadline = world.clock.now() + world.pace.again_s
    while not await shows():
        if world.clock.now() >= deadline:
            return None
        await world.clock.sleep(world.pace.poll_s)
    return Settled("")


async def until(
    world: World, seconds: float, look: Callable[[], Awaitable[T | None]], every_s: float = 0.0
) -> T | None:
    """Look at least once, and again until there is an answer or the time is over.

    A CloudStack that is away is no answer: it may be coming back.
    """
    deadline = world.clock.now() + seconds
    while True:
        try:
            if (seen := await look()) is not None:
                return seen
        except Transient:
            pass
        if world.clock.now() >= deadline:
            return None
        await world.clock.sleep(every_s or world.pace.poll_s)


async def at_rest(world: World, look: Callable[[], Awaitable[VmState]], wanted: str) -> VmState:
    """Look until a machine is in the wanted state, or at rest in another, or the deadline passed.

    A state at rest counts once it has been seen for as long as CloudStack takes to begin a job.
    """
    deadline = world.clock.now() + world.pace.settle_deadline_s
    rest_since: float | None = None
    state = VmState.OTHER
    while world.clock.now() < deadline:
        try:
            state = await look()
        except Transient:
            rest_since = None
        else:
            if state == wanted:
                return state
            if state.is_moving:
                rest_since = None
            elif rest_since is None:
                rest_since = world.clock.now()
            elif world.clock.now() - rest_since >= world.pace.again_s:
                return state
        await world.clock.sleep(world.pace.poll_s)
    return state


def next_poll_s(waited_s: float, poll_s: float) -> float:
    """Return when to ask for a job again: the longer it takes, the less often.

    An end is seen at most `LATE` of the job's own time after it, or half of `poll_s`; so nothing
    serves for a little longer than it must, and a job of an hour is not asked for 1,800 times.
    """
    return min(5.0 * poll_s, max(poll_s / 2.0, LATE * waited_s))


async def end_of(run: Run, job_id: str) -> JobEnd:
    """Wait for the end of a job, and hear no stop before it.

    Taking an act back whose job is still queued would find everything as it was, and the job would
    change it afterwards.
    """
    return await run.step_anyway(await_job, job_id)


@verb(retry=Retry(attempts=1), timeout_s=2 * 3600.0, waits=True)
async def await_job(world: World, job_id: str) -> JobEnd:
    """Poll a job until it ended; with no id, say at once that nobody knows."""
    if not job_id:
        return UNKNOWN
    began = world.clock.now()
    deadline = began + world.pace.job_deadline_s
    while world.clock.now() < deadline:
        try:
            job = await world.cloud.job(job_id)
        except Transient as error:
            wait_s = max(error.retry_after_s, world.pace.poll_s)
        except Permanent:
            return UNKNOWN  # a job CloudStack does not know any more
        else:
            if job.status is not JobStatus.PENDING:
                text = job.error_text or job.status.value
                return JobEnd(job.status is JobStatus.SUCCEEDED, not job.was_interrupted, text)
            wait_s = next_poll_s(world.clock.now() - began, world.pace.poll_s)
        await world.clock.sleep(wait_s)
    raise Transient(
        f"job {job_id} has not ended after {world.pace.job_deadline_s / 60:.0f} min; "
        "CloudStack may still finish or cancel it",
        in_doubt=True,
    )
