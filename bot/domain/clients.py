"""What HAProxy counted at a place less what probing did there itself: the other clients."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from bot.domain.counted import Clients, Counted, Drain, Period, Span
from bot.domain.probing import Sample

NEAR_S = 3
"""Readings further apart say nothing of the time between: HAProxy may have begun again in it."""
SPAN_S = 3
"""A rate is taken over at least so long."""
STALE_S = 10
"""A page whose newest reading is older is not visible any more."""

Place = tuple[str, int]
Kind = tuple[bool, bool]
"""Whether a place counted in a second, and whether it was tried."""


@dataclass(slots=True)
class _Seconds:
    """What all vantage points did at one place by second, and what each read there."""

    opened: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    read: dict[str, dict[int, Counted]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, one: Sample) -> None:
        self.opened[one.second] += one.seen.latency.answers + one.seen.closed + one.renewed
        self.held[one.second] += one.held
        if one.counted is not None:
            self.read[one.vantage][one.second] = one.counted

    def witness(self) -> list[tuple[int, Counted]]:
        """Return the readings of who read most: those of two are not of one moment."""
        most = max(sorted(self.read), key=lambda name: len(self.read[name]), default="")
        return sorted(self.read[most].items()) if most else []

    def ours(self, after: int, until: int) -> int:
        """Count the connections that probing opened later than one second and until another."""
        return sum(self.opened.get(second, 0) for second in range(after + 1, until + 1))


def clients(
    places: Iterable[Place], samples: Iterable[Sample], kind: Callable[[Place, int], Kind | None]
) -> tuple[Clients, ...]:
    """Tell of each place what its other clients did, in periods in which it was watched alike."""
    by_place = _by_place(samples)
    return tuple(
        _course(place, by_place[place], partial(kind, place)) for place in sorted(set(places))
    )


def spans(samples: Iterable[Sample], least_s: float = SPAN_S) -> dict[int, Span]:
    """Return what was counted on one VIP, by port, of each that was read for long enough."""
    found = {}
    for (_, port), seen in _by_place(samples).items():
        read = seen.witness()
        if read and read[-1][0] - read[0][0] >= least_s:
            (began, first), (ended, last) = read[0], read[-1]
            found[port] = Span(first, last, float(ended - began))
    return found


def drain(places: Iterable[Place], samples: Iterable[Sample], now: float) -> Drain:
    """Say how far the clients of some places, those of one VIP, have gone until now."""
    by_place = _by_place(samples)
    newest = []
    for place in sorted(set(places)):
        read = by_place[place].witness()
        if not read or read[-1][0] < now - STALE_S:
            return Drain()
        course = _course(place, by_place[place], lambda _: (False, False))
        newest.append(course.periods[-1])
    quiet_s = min((one.quiet_s for one in newest), default=0)
    return Drain(bool(newest), quiet_s, sum(one.open for one in newest))


def _by_place(samples: Iterable[Sample]) -> dict[Place, _Seconds]:
    found: dict[Place, _Seconds] = defaultdict(_Seconds)
    for one in samples:
        found[one.at].add(one)
    return found


@dataclass(slots=True)
class _Row:
    """A row of seconds in which a place was watched alike, as it grows."""

    kind: Kind
    since: int
    known_s: int = 0
    new: int = 0
    open: int = 0
    quiet_s: int = 0

    def add(self, new: tuple[int, int], open_: int) -> None:
        known_s, count = new
        is_quiet = known_s > 0 and count <= 0 and open_ == 0
        self.known_s += known_s
        self.new += count
        self.open = open_
        self.quiet_s = self.quiet_s + known_s if is_quiet else 0

    def period(self) -> Period:
        new = max(0, self.new)
        return Period(*self.kind, self.since, self.known_s, new, self.open, self.quiet_s)


def _course(place: Place, seen: _Seconds, kind: Callable[[int], Kind | None]) -> Clients:
    rows: list[_Row] = []
    restarts = 0
    read = seen.witness()
    for before, (second, now) in zip(itertools.chain([None], read), read, strict=False):
        restarts += before is not None and now.total < before[1].total
        how = kind(second)
        if how is None:
            continue
        if not rows or rows[-1].kind != how:
            rows.append(_Row(how, second))
        open_ = max(0, now.open - seen.held.get(second, 0))
        rows[-1].add(_new(seen, before, (second, now)), open_)
    down = max((one.down for _, one in read), default=0)
    return Clients(*place, tuple(row.period() for row in rows), restarts, down)


def _new(
    seen: _Seconds, before: tuple[int, Counted] | None, now: tuple[int, Counted]
) -> tuple[int, int]:
    """Return for how many seconds it is known how many new connections were not ours, and those.

    The latter may be below zero: a connection of ours is counted in the second in which it was
    due, and by HAProxy a moment later.
    """
    if before is None or now[0] - before[0] > NEAR_S or now[1].total < before[1].total:
        return 0, 0
    return now[0] - before[0], now[1].total - before[1].total - seen.ours(before[0], now[0])
