"""An engine in memory on a virtual clock, which dies where it is told: where runbooks are tested.

What outlives a death is `Store`; everything else is the process that died.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.engine.api import Checkpoints, Json


class VirtualClock:
    """Unix seconds that pass only when somebody sleeps or a test moves them."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._moved = asyncio.Event()

    def now(self) -> float:
        """Return the virtual unix seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Let that much virtual time pass at once."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Move the time and wake who waits for a deadline."""
        self._now += max(0.0, seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    def moved(self) -> Coroutine[None, None, object]:
        """Return a wait until the time moves, from this call on: not from when it is begun."""
        return self._moved.wait()


class Point(StrEnum):
    """Where in a step the process dies."""

    BEFORE_EFFECT = "before the effect"
    BEFORE_RECORD = "after the effect and before the record"
    AFTER_RECORD = "after the record"


class Died(BaseException):
    """The process is gone; nothing may catch this."""


@dataclass(slots=True)
class Death:
    """The step (counted from 0 over the life of a store) and the point at which to die, once."""

    step: int
    point: Point

    def strike(self, step: int, point: Point) -> None:
        """Raise `Died` where this is the moment."""
        if step == self.step and point is self.point:
            self.step = -1
            raise Died(f"at step {step}, {point}")


@dataclass(slots=True)
class StoredRun:
    """What is kept of one run."""

    kind: str
    lane: str
    journal: list[tuple[str, str]] = field(default_factory=list)
    mail: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    patches: set[str] = field(default_factory=set)
    over: bool = False


@dataclass(slots=True)
class Store:
    """What a database would hold: runs by id in the order of their start, and intents."""

    runs: dict[str, StoredRun] = field(default_factory=dict)
    intents: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    recorded: int = 0

    async def intend(
        self, run_id: str, step: str, note: Mapping[str, str]
    ) -> Mapping[str, str] | None:
        """Keep an intent; return the earlier one where there is one."""
        earlier = self.intents.get((run_id, step))
        if earlier is None:
            self.intents[(run_id, step)] = dict(note)
        return earlier


class ReplayMismatch(AssertionError):
    """A replay asked for another step than the one recorded: the body is not deterministic."""


Entry = Callable[[str, Checkpoints], Awaitable[None]]


class MemoryEngine:
    """`Engine` on a `Store`. `entry(kind, checkpoints)` is the body of every run."""

    def __init__(
        self, store: Store, clock: VirtualClock, entry: Entry, death: Death | None = None
    ) -> None:
        self.store = store
        self.clock = clock
        self.death = death
        self.died = asyncio.Event()
        self._entry = entry
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._post = asyncio.Event()

    async def launch(self) -> None:
        """Take up every run that is not over."""
        for run_id, run in self.store.runs.items():
            if not run.over:
                self._begin(run_id)

    async def close(self) -> None:
        """Cancel what runs; the store keeps it as it is."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def start(self, kind: str, run_id: str, lane: str = "") -> None:
        """Start a run, once per id; a lane takes one at a time."""
        if run_id not in self.store.runs:
            self.store.runs[run_id] = StoredRun(kind, lane)
            self._begin(run_id)

    async def notify(self, run_id: str, topic: str, message: Json) -> None:
        """Leave a message; it waits until it is received."""
        self.store.runs[run_id].mail[topic].append(json.dumps(message))
        self.signal()

    async def is_over(self, run_id: str) -> bool | None:
        """Whether a run has ended; None where there is no such run."""
        run = self.store.runs.get(run_id)
        return None if run is None else run.over

    async def join(self) -> None:
        """Wait until every run is over; raise what ended one badly."""
        for run_id in list(self._tasks):
            await self._tasks[run_id]

    def signal(self) -> None:
        """Wake who waits for mail, a lane or an end."""
        self._post.set()
        self._post = asyncio.Event()

    def changed(self) -> Coroutine[None, None, object]:
        """Return a wait for mail or for the end of some run, from this call on."""
        return self._post.wait()

    def _begin(self, run_id: str) -> None:
        self._tasks[run_id] = asyncio.create_task(self._live(run_id), name=run_id)

    async def _live(self, run_id: str) -> None:
        run = self.store.runs[run_id]
        while self._lane_is_taken(run_id, run.lane):
            await self.changed()
        try:
            await self._entry(run.kind, MemoryCheckpoints(run_id, run, self))
            run.over = True
        except Died:
            self.died.set()
        finally:
            self.signal()

    def _lane_is_taken(self, run_id: str, lane: str) -> bool:
        for other_id, other in self.store.runs.items():
            if other_id == run_id:
                return False
            if lane and other.lane == lane and not other.over:
                return True
        return False


class MemoryCheckpoints:
    """`Checkpoints` of one run; checks that a replay asks for the recorded steps, in order."""

    def __init__(self, run_id: str, run: StoredRun, engine: MemoryEngine) -> None:
        self.run_id = run_id
        self._run = run
        self._engine = engine
        self._at = 0

    async def record(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """Run the body or replay its record; die where told."""
        return await self._once(name, body)

    async def sleep(self, seconds: float) -> None:
        """Let the time until the recorded deadline pass."""
        until = await self._once("sleep", lambda: self._deadline(seconds))
        await self._engine.clock.sleep(max(0.0, until - self._engine.clock.now()))

    async def receive(self, topic: str, timeout_s: float) -> Json | None:
        """Wait for mail or for the virtual clock to pass the deadline."""
        until = await self._once(f"deadline of {topic}", lambda: self._deadline(timeout_s))
        return await self._once(f"receive {topic}", lambda: self._mail(topic, until))

    async def patched(self, name: str) -> bool:
        """Whether this run began with the change, or first asks for it now at its end."""
        if name in self._run.patches:
            return True
        if self._at < len(self._run.journal):
            return False
        self._run.patches.add(name)
        return True

    async def _deadline(self, seconds: float) -> float:
        return self._engine.clock.now() + seconds

    async def _mail(self, topic: str, until: float) -> Json | None:
        box = self._run.mail[topic]
        while not box:
            if self._engine.clock.now() >= until:
                return None
            waits = [
                asyncio.ensure_future(self._engine.changed()),
                asyncio.ensure_future(self._engine.clock.moved()),
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return json.loads(box.pop(0))

    async def _once(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        if self._at < len(self._run.journal):
            recorded, text = self._run.journal[self._at]
            if recorded != name:
                raise ReplayMismatch(f"recorded {recorded!r}, replay asks for {name!r}")
            self._at += 1
            return json.loads(text)
        store, death = self._engine.store, self._engine.death
        if death:
            death.strike(store.recorded, Point.BEFORE_EFFECT)
        text = json.dumps(await body())
        if death:
            death.strike(store.recorded, Point.BEFORE_RECORD)
        self._run.journal.append((name, text))
        self._at += 1
        store.recorded += 1
        if death:
            death.strike(store.recorded - 1, Point.AFTER_RECORD)
        return json.loads(text)
