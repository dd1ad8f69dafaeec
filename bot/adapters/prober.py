"""Opens and holds connections to VIPs at a stated rate, and counts what becomes of each.

Open loop: an attempt is made when it is due, whatever became of those before it; a prober that
waited for answers would not see the ones it kept from being asked.
"""

from __future__ import annotations

import asyncio
import math
import time
import zlib
from collections.abc import Coroutine, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from bot.adapters.probe_connections import AGAIN_S, Connect, Line, attempt, hold
from bot.adapters.stats_reading import Read, Reading
from bot.adapters.steady_time import Now, SteadyTime
from bot.domain.address_map import AddressMap
from bot.domain.probing import TIMEOUT_S, Attempt, Held, Pacing, Sample, Watched, sample_of

KEEP_S = 900
"""Seconds of a place that wait to be collected; older ones are let go and are blind time then."""
SKIP_S = 1.0
"""A prober that is later than this leaves out what was due: a burst would be load of its own."""


@dataclass(slots=True)
class _Second:
    """What was due in one second at one place, as far as it has ended."""

    attempts: list[Attempt] = field(default_factory=list)
    pending: int = 0
    resets: int = 0
    held: int = 0
    opened: int = 0
    lag_s: float = 0.0


class Prober:
    """`bot.ports.Vantage` on real sockets.

    `now` gives the unix seconds that samples are filed under: an agent has those of the bot, so
    that two clocks need not agree. `close` ends what is under way. With `read` it reads HAProxy's
    stats page of each VIP once a second.
    """

    def __init__(
        self,
        name: str,
        reach: AddressMap,
        connect: Connect = asyncio.open_connection,
        now: Now = time.time,
        timeout_s: float = TIMEOUT_S,
        *,
        read: Read | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._read = read
        self._readings: dict[str, Reading] = {}
        self._name = name
        self._reach = reach
        self._connect = connect
        self._now = now
        self._lives: dict[tuple[str, int], _Life] = {}
        self._ending: list[_Life] = []

    @property
    def name(self) -> str:
        """What its samples are filed under."""
        return self._name

    def set_places(self, places: Sequence[Watched], pacing: Pacing) -> None:
        """Probe just these from now on; what is under way elsewhere is still counted."""
        wanted = {one.at: one for one in places}
        for at, life in list(self._lives.items()):
            if at not in wanted or life.differs(wanted[at], pacing) or life.is_astray:
                life.end()
                self._ending.append(self._lives.pop(at))
        for at, one in wanted.items():
            if at not in self._lives:
                line = Line(self._reach.reach(*at), self._connect, self._timeout_s)
                self._lives[at] = _Life(self._name, one, pacing, line, self._now)
            self._lives[at].let_hold(counts=one.counts and one.tried)
        self._set_readings({one.vip for one in wanted.values()})

    def _set_readings(self, vips: Set[str]) -> None:
        """Read the pages of just these VIPs, each once for all its ports."""
        for vip, reading in list(self._readings.items()):
            if vip not in vips or reading.is_astray:
                self._readings.pop(vip).close()
        if self._read is not None:
            for vip in vips - self._readings.keys():
                self._readings[vip] = Reading(vip, self._read, SteadyTime(self._now))

    def collect(self, now: float) -> tuple[Sample, ...]:
        """Return each second that is over and whose attempts have all ended, once and in order.

        By its own time and not by `now`: what is over is known only here.
        """
        lives = [*self._ending, *self._lives.values()]
        told = tuple(
            sample for life in lives for sample in life.collect(self._readings.get(life.vip))
        )
        self._ending = [life for life in self._ending if not life.is_told]
        return told

    async def close(self) -> None:
        """Let go of every connection."""
        lives = [*self._ending, *self._lives.values()]
        self._ending, self._lives = [], {}
        for life in lives:
            life.end()
        tasks = [task for life in lives for task in life.tasks]
        tasks += [reading.close() for reading in self._readings.values()]
        self._readings = {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Life:
    """The probing of one place at one rate, from the next whole second to its end."""

    def __init__(self, vantage: str, place: Watched, pacing: Pacing, line: Line, now: Now) -> None:
        self.pacing = pacing
        self._vantage, self._place, self._line = vantage, place, line
        self._time = SteadyTime(now)
        self._seconds: dict[int, _Second] = {}
        self._began = self._due_from = math.floor(self._time()) + 1.0
        """No attempt will be made any more that is due before this."""
        self._open: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._holds: list[asyncio.Task[None]] = []
        self._due = self._start(self._keep_up())

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """All that is under way."""
        return tuple(self._tasks)

    @property
    def vip(self) -> str:
        """The address of its place."""
        return self._place.vip

    @property
    def is_astray(self) -> bool:
        """Whether the clock was set since, so that its seconds are no longer anybody's."""
        return self._time.is_astray

    def differs(self, place: Watched, pacing: Pacing) -> bool:
        """Whether the same place is to be probed in another way."""
        return (place.tried, pacing) != (self._place.tried, self.pacing)

    @property
    def is_told(self) -> bool:
        """Whether it has ended and everything it saw was collected."""
        return math.isinf(self._due_from) and not self._seconds

    def end(self) -> None:
        """Make no new attempt and let go of what is held; those under way are still counted."""
        self._due.cancel()
        self._due_from = math.inf
        self.let_hold(counts=False)

    def let_hold(self, *, counts: bool) -> None:
        """Hold connections while clients are sent here; closing them is ours, and no reset."""
        if counts and not self._holds:
            self._holds = [self._start(self._hold(n)) for n in range(self.pacing.held)]
        elif not counts:
            for task in self._holds:
                task.cancel()
            self._holds = []

    def collect(self, reading: Reading | None) -> Iterator[Sample]:
        """Tell what is over, in order: a second that hangs keeps back those after it."""
        over = min(self._time(), self._due_from, reading.settled if reading else math.inf)
        for second in sorted(self._seconds):
            one = self._seconds[second]
            if second < self._time() - KEEP_S:
                del self._seconds[second]
            elif second + 1 > over or one.pending:
                return
            else:
                del self._seconds[second]
                held = Held(one.held, one.resets, one.opened)
                name, place = self._vantage, self._place
                told = sample_of(name, place, second, one.attempts, held, one.lag_s)
                counted = reading.counted(second, place.port) if reading else None
                yield replace(told, counted=counted)

    async def _keep_up(self) -> None:
        """Make each attempt when it is due, at a phase of this place's own."""
        if not self._place.tried:
            await self._stand_by()
        step = 1.0 / self.pacing.rate
        phase = zlib.crc32(f"{self._vantage} {self._place}".encode()) % 1000 / 1000 * min(step, 1.0)
        due = self._due_from + phase
        while True:
            await asyncio.sleep(due - self._time())
            late_s = self._time() - due
            if late_s > SKIP_S:
                due += math.floor(late_s / step) * step
            second = self._second(due)
            second.lag_s = max(second.lag_s, late_s)
            second.pending += 1
            self._start(self._try(second, due))
            earlier, due = due, due + step
            for between in range(math.floor(earlier) + 1, math.floor(due)):
                self._second(between)  # slower than one a second, nothing is due in some
            self._due_from = due

    async def _stand_by(self) -> None:
        """Let seconds pass without an attempt, so that what HAProxy counted in them is told."""
        while True:
            await asyncio.sleep(self._due_from - self._time())
            self._second(self._due_from)
            self._due_from += 1.0

    async def _try(self, second: _Second, due: float) -> None:
        try:
            made = await attempt(self._line, self._time.on_the_loop(due), due)
            second.attempts.append(made)
        finally:
            second.pending -= 1

    async def _hold(self, number: int) -> None:
        """Keep one connection open, renewed before somebody tires of it, each at its own time."""
        hold_s = self.pacing.hold_s * (number + 1) / self.pacing.held
        while True:
            try:
                if await hold(self._line, hold_s, lambda: self._opened(number)):
                    self._second(self._time()).resets += 1
                    await asyncio.sleep(AGAIN_S)
            except OSError as error:
                if isinstance(error, ConnectionResetError):  # HAProxy took it, and counted it
                    self._second(max(self._time(), self._began)).opened += 1
                await asyncio.sleep(AGAIN_S)  # not counted: new attempts find the same
            finally:
                self._open.discard(number)
            hold_s = self.pacing.hold_s

    def _opened(self, number: int) -> None:
        self._open.add(number)
        self._second(max(self._time(), self._began)).opened += 1

    def _second(self, at: float) -> _Second:
        one = self._seconds.setdefault(math.floor(at), _Second())
        one.held = len(self._open)
        return one

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
