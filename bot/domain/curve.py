"""What probing saw of a change second by second, and what was done when, as one value to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

MOST_WORDS = 1000
"""What Slack takes as the words of a picture (files.getUploadURLExternal, `alt_txt`)."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was seen in one second, or in `width_s` of them from `second` (unix seconds) on.

    `p50_s` and `p99_s` are of the attempts that were answered, None where none was.
    """

    second: int
    attempts: int
    failed: int = 0
    resets: int = 0
    p50_s: float | None = None
    p99_s: float | None = None
    width_s: int = 1

    @property
    def lost(self) -> int:
        """How many connections were lost, new ones and held ones."""
        return self.failed + self.resets


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when (unix seconds) a place was withdrawn from its name."""

    since: float
    until: float
    place: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A step of the change and the moment (unix seconds) at which it began, in plain words."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Curve:
    """All of it; a second that nobody looked at has no point."""

    points: tuple[Point, ...]
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def since(self) -> int:
        """The first second of it."""
        return min(one.second for one in self.points)

    @property
    def until(self) -> int:
        """The end of its last second."""
        return max(one.second + one.width_s for one in self.points)

    @property
    def blind(self) -> tuple[tuple[int, int], ...]:
        """From when until when nobody looked, between the first second and the last."""
        ordered = sorted(self.points, key=lambda one: one.second)
        ends = ((one.second + one.width_s, other.second) for one, other in pairwise(ordered))
        return tuple((end, start) for end, start in ends if start > end)

    def at_most(self, count: int) -> Curve:
        """Return it with so many points at most: of seconds put together the worst p99 is kept,
        and the median of the medians."""
        start = self.since
        width = -(-(self.until - start) // count)
        if width <= 1:
            return self
        ordered = sorted(self.points, key=lambda one: one.second)
        bins = groupby(ordered, key=lambda one: (one.second - start) // width)
        merged = (_merged(list(some), start + at * width, width) for at, some in bins)
        return Curve(tuple(merged), self.spans, self.marks)

    def in_words(self) -> str:
        """Say what it shows, within `MOST_WORDS`."""
        attempts = sum(one.attempts for one in self.points)
        failed = sum(one.failed for one in self.points)
        resets = sum(one.resets for one in self.points)
        said = [
            f"New connections per second over {self.until - self.since} seconds: "
            f"{attempts} attempts, {failed or 'none'} failed; "
            f"{resets or 'no'} held connections were cut."
        ]
        if lossy := _ranges(one for one in self.points if one.lost):
            said.append(f"Lost {self._when(lossy)}.")
        if slow := [one.p99_s for one in self.points if one.p99_s is not None]:
            said.append(f"The slowest second had a 99th percentile of {max(slow) * 1000:.0f} ms.")
        if self.blind:
            said.append(f"Nobody looked {self._when(self.blind)}.")
        said += [
            f"{one.place} was withdrawn {self._when([(one.since, one.until)])}."
            for one in self.spans
        ]
        said += [f"{one.words} at {one.at - self.since:.0f} s." for one in self.marks]
        text = " ".join(said)
        return text if len(text) <= MOST_WORDS else f"{text[: MOST_WORDS - 1]}…"

    def _when(self, ranges: Sequence[tuple[float, float]]) -> str:
        shown = [f"{a - self.since:.0f} to {b - self.since:.0f} s" for a, b in ranges[:5]]
        more = f" and {len(ranges) - 5} more times" if len(ranges) > 5 else ""
        return f"from {', '.join(shown)}{more}"


def _merged(some: list[Point], second: int, width: int) -> Point:
    return Point(
        second,
        attempts=sum(one.attempts for one in some),
        failed=sum(one.failed for one in some),
        resets=sum(one.resets for one in some),
        p50_s=median(known) if (known := _known(one.p50_s for one in some)) else None,
        p99_s=max(known) if (known := _known(one.p99_s for one in some)) else None,
        width_s=width,
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [one for one in values if one is not None]


def _ranges(points: Iterable[Point]) -> list[tuple[int, int]]:
    """Return the stretches that points cover, those that touch as one."""
    found: list[tuple[int, int]] = []
    for one in sorted(points, key=lambda one: one.second):
        end = one.second + one.width_s
        if found and found[-1][1] == one.second:
            found[-1] = (found[-1][0], end)
        else:
            found.append((one.second, end))
    return found
