"""Turn generators that yield delays and turns into work that happens as the world's time passes."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Take:
    """Yielded by a work: wait until nobody else has the turn of `key`, then go on holding it."""

    key: str


FOREVER = math.inf

Step = float | Take
Work = Generator[Step, None, Any]


@dataclass(slots=True, eq=False)
class Process:
    """One piece of work under way; a dead one is never resumed."""

    work: Work
    alive: bool = True


@dataclass(slots=True)
class Turn:
    holder: Process | None = None
    waiting: deque[Process] = field(default_factory=deque)


class Processes:
    """A heap of due moments and the works that wait for them or for each other.

    Nothing here reads a clock: `run_until` is told how far time has come, and while a work runs
    `at` is the moment it was due, so that what it stamps does not depend on who looked when.
    `after` is called at each moment at which something may have changed: before time goes on,
    for what was changed by hand, and after each action.
    """

    def __init__(self, start: float, after: Callable[[], None] | None = None) -> None:
        self.at = start
        self._after = after or (lambda: None)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._turns: dict[str, Turn] = {}
        self._alive: set[Process] = set()

    def call_at(self, moment: float, action: Callable[[], None]) -> None:
        if moment == FOREVER:
            return
        self._sequence += 1
        heapq.heappush(self._due, (moment, self._sequence, action))

    def run_until(self, now: float) -> None:
        """Do everything due up to `now`, in order; a work may make more things due on the way."""
        if now <= self.at and not (self._due and self._due[0][0] <= now):
            return  # at the moment that is being lived; it is looked at before time goes on
        self._after()
        while self._due and self._due[0][0] <= now:
            moment, _, action = heapq.heappop(self._due)
            self.at = max(self.at, moment)
            action()
            self._after()
        self.at = max(self.at, now)

    def next_due(self) -> float | None:
        """Return the moment at which something happens next, or None if nothing will."""
        return self._due[0][0] if self._due else None

    def spawn(self, work: Work) -> Process:
        """Begin `work` at the present moment, at the next `run_until`."""
        process = Process(work)
        self._alive.add(process)
        self.call_at(self.at, lambda: self._resume(process))
        return process

    def give(self, key: str) -> None:
        """Let the next one waiting for `key` go on. The holder calls it in a `finally`."""
        turn = self._turns[key]
        if turn.holder is None or not turn.holder.alive:
            return  # `kill_all` is closing the works: nobody goes on
        turn.holder = turn.waiting.popleft() if turn.waiting else None
        if turn.holder is not None:
            holder = turn.holder
            self.call_at(self.at, lambda: self._resume(holder))

    def kill_all(self) -> None:
        """Stop every work where it stands: what a SIGKILL of the management server does."""
        killed, self._alive = self._alive, set()
        for process in killed:
            process.alive = False
        for process in killed:
            process.work.close()  # now, not whenever Python collects it: its `finally` gives turns
        self._turns.clear()

    def _resume(self, process: Process) -> None:
        while process.alive:
            try:
                step = next(process.work)
            except StopIteration:
                process.alive = False
                self._alive.discard(process)
                return
            if not isinstance(step, Take):
                self.call_at(self.at + step, lambda: self._resume(process))
                return
            turn = self._turns.setdefault(step.key, Turn())
            if turn.holder is not None:
                turn.waiting.append(process)
                return
            turn.holder = process


def in_turn(processes: Processes, key: str, work: Work) -> Work:
    """Do `work` while holding the turn of `key`, and hand the turn on whatever comes of it."""
    yield Take(key)
    try:
        return (yield from work)
    finally:
        processes.give(key)
