"""Turns a straight-line async runbook into checkpoints, retries, undo and a cooperative stop.

The rules live here once, for every engine. An engine provides only `Checkpoints`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, get_type_hints

import structlog
from pydantic import TypeAdapter

from bot.engine.report import StepReport
from bot.engine.tally import counting
from bot.errors import IlbotError, Permanent, Refused, Transient
from bot.ports import Intents, World

Json = Any
P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step tries again after a `Transient`, and the doubling waits between."""

    attempts: int = 5
    first_wait_s: float = 1.0
    max_wait_s: float = 30.0

    def wait_s(self, attempt: int, asked_s: float = 0.0) -> float:
        """Return the wait after that attempt (from 1); never less than the other side asked for."""
        return max(asked_s, min(self.max_wait_s, self.first_wait_s * 2.0 ** (attempt - 1)))


_TELLING = Retry(attempts=8)
"""About a minute and a half for a journal that is away after a step was done."""


@dataclass(frozen=True, slots=True)
class Settled(Generic[R]):
    """What a look at the world says of a call in doubt: it took effect, with this result."""

    value: R


@dataclass(frozen=True, slots=True)
class Verb(Generic[P, R]):
    """One checkpointed act. With `settle` it is not idempotent: an intent goes before the call,
    and a call in doubt is settled by looking before it is made again."""

    name: str
    act: Callable[Concatenate[World, P], Awaitable[R]]
    result: TypeAdapter[R]
    retry: Retry
    timeout_s: float
    settle: Callable[..., Awaitable[Settled[Any] | None]] | None = None
    waits: bool = False
    """Whether its time is no work of ours: CloudStack works, or the plan states the wait."""


def verb(
    *,
    retry: Retry | None = None,
    timeout_s: float = 60.0,
    settle: Callable[..., Awaitable[Settled[Any] | None]] | None = None,
    waits: bool = False,
) -> Callable[[Callable[Concatenate[World, P], Awaitable[R]]], Verb[P, R]]:
    """Make a verb of an async function `(world, *json_arguments)`; its name is the function's.

    `settle` takes the same arguments and returns None where the call had no effect.
    """

    def make(act: Callable[Concatenate[World, P], Awaitable[R]]) -> Verb[P, R]:
        hints = get_type_hints(inspect.unwrap(act))
        name = act.__name__
        result = TypeAdapter(hints["return"])
        return Verb(name, act, result, retry or Retry(), timeout_s, settle, waits)

    return make


class Checkpoints(Protocol):
    """What an engine gives to one run; the only durable calls there are."""

    @property
    def run_id(self) -> str:
        """The run's id, the same after every restart."""
        ...

    async def record(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """Run the body once and keep its JSON; on replay return what was kept."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait, by a deadline that survives a restart."""
        ...

    async def receive(self, topic: str, timeout_s: float) -> Json | None:
        """Wait for a message, by a deadline that survives a restart; None when it passed."""
        ...

    async def patched(self, name: str) -> bool:
        """Whether this run was started by code that has the named change."""
        ...


class Engine(Protocol):
    """Starts runs and speaks to them."""

    async def launch(self) -> None:
        """Open the store and take up what was running."""
        ...

    async def close(self) -> None:
        """Stop running steps without recording an outcome."""
        ...

    async def start(self, kind: str, run_id: str, lane: str = "") -> None:
        """Start a run, once per id; runs of one lane go one at a time, in order."""
        ...

    async def notify(self, run_id: str, topic: str, message: Json) -> None:
        """Leave a message for a run."""
        ...

    async def is_over(self, run_id: str) -> bool | None:
        """Whether a run has ended; None where there is no such run."""
        ...


class Watcher(Protocol):
    """Told of each step, at least once each."""

    async def step_began(self, run_id: str, key: str, name: str) -> None:
        """Called inside the step, before its act."""
        ...

    async def step_ended(self, report: StepReport) -> None:
        """Called inside the step, after its act and before it is recorded."""
        ...


class Stops(Protocol):
    """The stop switch as steps read it."""

    async def reason(self, run_id: str) -> str:
        """Return why this run must stop, `""` to go on; an unreadable switch raises `Refused`."""
        ...


class StepFailed(IlbotError):
    """A step gave up; the same after a replay as it was live."""

    def __init__(self, step: str, kind: str, text: str, *, in_doubt: bool) -> None:
        super().__init__(text)
        self.step = step
        self.kind = kind
        self.in_doubt = in_doubt


class Stopped(IlbotError):
    """Somebody asked this run to stop, and it is at a safe point."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a run works with beside its checkpoints; bound by the app."""

    world: World
    intents: Intents
    watcher: Watcher
    stops: Stops


@dataclass(slots=True)
class Run:
    """One runbook's hold on the engine. Steps are sequential; nothing else in a body may do I/O."""

    checkpoints: Checkpoints
    hands: Hands
    _undo: list[tuple[str, Callable[[], Awaitable[object]]]] = field(default_factory=list)
    _count: int = 0
    _deaf: bool = False
    _stage: str = ""
    _stands: list[str] = field(default_factory=list)
    _rested: bool = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self.checkpoints.run_id

    @property
    def next_step(self) -> int:
        """The number of the step to come, the same after every restart."""
        return self._count + 1

    async def step(self, verb: Verb[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do one verb, once: recorded, retried while `Transient`, settled where in doubt.

        Raises `StepFailed` when it gives up, `Stopped` where a stop was asked for before it.
        """
        return await self._do(self._deaf, verb, *args, **kwargs)

    async def step_anyway(self, verb: Verb[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do one verb though a stop was asked for: only what changes nothing but our own notes."""
        return await self._do(True, verb, *args, **kwargs)

    async def _do(self, deaf: bool, verb: Verb[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        self._count += 1
        key = f"{self._count:03d}.{verb.name}"
        rested, self._rested = self._rested, False
        attempt = _Attempt(self.hands, self.id, key, deaf, self._stage, rested)
        entry = await self.checkpoints.record(key, lambda: attempt.body(verb, args, kwargs))
        if reason := entry.get("stop"):
            raise Stopped(reason)
        if error := entry.get("error"):
            raise StepFailed(verb.name, error["kind"], error["text"], in_doubt=error["in_doubt"])
        return verb.result.validate_python(entry["value"])

    async def sleep(self, seconds: float) -> None:
        """Wait that long, restarts included."""
        self._rested = True
        await self.checkpoints.sleep(seconds)

    async def wait_for(self, topic: str, timeout_s: float) -> Json | None:
        """Wait for a message on a topic; None once the deadline passed."""
        self._rested = True
        return await self.checkpoints.receive(topic, timeout_s)

    async def patched(self, name: str) -> bool:
        """Whether this run has the named change of its runbook."""
        return await self.checkpoints.patched(name)

    def undo(self, words: str, act: Callable[[], Awaitable[object]]) -> None:
        """Register how to take back what the next steps do; half-done steps are taken back too.

        An act that returns False found nothing to take back, and is not told as an undoing.
        """
        self._undo.append((words, act))

    def stage(self, words: str) -> None:
        """Say what the next steps are for, to whoever watches."""
        self._stage = words

    def commit(self, stands: str = "") -> None:
        """Pass the point of no return: no undo of what came before, and a stop waits.

        `stands` says what is done by then and stays, whatever becomes of the rest.
        """
        self._undo.clear()
        self._deaf = True
        if stands:
            self._stands.append(stands)

    def reopen(self) -> None:
        """Come to a safe point after a commit: from here a stop counts again."""
        self._deaf = False

    @property
    def stands(self) -> tuple[str, ...]:
        """What was done for good until now."""
        return tuple(self._stands)

    async def compensate(self) -> tuple[tuple[str, ...], str]:
        """Undo in reverse; return what was undone and, where an undo failed, why it did."""
        self._deaf = True
        undone: list[str] = []
        while self._undo:
            words, act = self._undo.pop()
            try:
                was_there = await act()
            except StepFailed as failure:
                return tuple(undone), f"{words}: {failure}"
            if was_there is not False:
                undone.append(words)
        return tuple(undone), ""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The inside of one step: everything here happens at least once, its record once."""

    hands: Hands
    run_id: str
    key: str
    deaf: bool
    stage: str
    rested: bool

    async def body(self, verb: Verb[Any, R], args: Any, kwargs: Any) -> Json:
        started = self.hands.world.clock.now()
        watcher = self.hands.watcher
        try:
            if not self.deaf and (reason := await self.hands.stops.reason(self.run_id)):
                return {"stop": reason}
            await self._patiently(lambda: watcher.step_began(self.run_id, self.key, verb.name))
        except IlbotError as error:
            return {"error": _as_json(error)}
        with counting() as tally:
            attempts, entry = await self._tries(verb, args, kwargs)
        failure = entry.get("error")
        report = StepReport(
            self.run_id,
            self.key,
            verb.name,
            tuple(str(a) for a in args),
            attempts,
            self.hands.world.clock.now() - started,
            "failed" if failure else "ok",
            failure["text"] if failure else "",
            self.stage,
            verb.waits,
            self.rested,
            tally.calls,
            entry.get("value") is False,
        )
        await self._patiently(lambda: watcher.step_ended(report))
        return entry

    async def _patiently(self, tell: Callable[[], Awaitable[None]]) -> None:
        """Tell the watcher, again while it is away: what was done must not be lost over it."""
        for attempt in range(1, _TELLING.attempts):
            try:
                return await tell()
            except Transient:
                await self.hands.world.clock.sleep(_TELLING.wait_s(attempt))
        return await tell()

    async def _tries(
        self, verb: Verb[Any, R], args: Any, kwargs: Any
    ) -> tuple[int, dict[str, Json]]:
        in_doubt = False
        for attempt in range(1, verb.retry.attempts + 1):
            try:
                value = await self._once(verb, args, kwargs)
                return attempt, {"value": verb.result.dump_python(value, mode="json")}
            except Transient as error:
                in_doubt = in_doubt or error.in_doubt
                if attempt == verb.retry.attempts:
                    return attempt, {"error": _as_json(error) | {"in_doubt": in_doubt}}
                await self.hands.world.clock.sleep(verb.retry.wait_s(attempt, error.retry_after_s))
            except (Refused, Permanent) as error:
                return attempt, {"error": _as_json(error)}
            except Exception as bug:
                log.exception("step_had_a_bug", run=self.run_id, step=self.key)
                return attempt, {
                    "error": {"kind": "bug", "text": _bug(verb, bug), "in_doubt": True}
                }
        raise AssertionError("a retry policy allows at least one attempt")

    async def _once(self, verb: Verb[Any, R], args: Any, kwargs: Any) -> R:
        world = self.hands.world
        try:
            async with asyncio.timeout(verb.timeout_s):
                if verb.settle is not None:
                    note = {"verb": verb.name}
                    earlier = await self.hands.intents.intend(self.run_id, self.key, note)
                    if earlier is not None and (found := await verb.settle(world, *args, **kwargs)):
                        return cast("R", found.value)
                return await verb.act(world, *args, **kwargs)
        except TimeoutError as late:
            text = f"{verb.name} gave no answer within {verb.timeout_s:g} s"
            raise Transient(text, in_doubt=verb.settle is not None) from late


def _as_json(error: IlbotError) -> dict[str, Json]:
    in_doubt = isinstance(error, Transient) and error.in_doubt
    return {"kind": type(error).__name__.lower(), "text": str(error), "in_doubt": in_doubt}


def _bug(verb: Verb[Any, Any], bug: Exception) -> str:
    return f"{verb.name}: a bug in ilbot ({type(bug).__name__}); the log has the details"
