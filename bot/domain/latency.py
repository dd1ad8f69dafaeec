"""How long answers took, as a fixed histogram: histograms of many seconds add up exactly."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BOUNDS_S = (
    0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07,
    0.1, 0.15, 0.25, 0.4, 0.6, 0.9, 1.5, 3.0, 10.0,
)  # fmt: skip
"""Upper ends of the buckets; one more bucket takes what is longer. A figure read from them is
too long by half at most, and never by more than the longest answer there was."""

_ENDS_S = (*BOUNDS_S, math.inf)
_NONE = (0,) * len(_ENDS_S)


@dataclass(frozen=True, slots=True)
class Latency:
    """How many answers fell into each bucket, and the longest of all."""

    buckets: tuple[int, ...] = _NONE
    longest_s: float = 0.0

    @classmethod
    def of(cls, answers_s: Iterable[float]) -> Latency:
        """Count answers by how long they took."""
        buckets, longest_s = list(_NONE), 0.0
        for answer_s in answers_s:
            buckets[bisect_left(BOUNDS_S, answer_s)] += 1
            longest_s = max(longest_s, answer_s)
        return cls(tuple(buckets), longest_s)

    @classmethod
    def total(cls, parts: Sequence[Latency]) -> Latency:
        """Add up many at once."""
        buckets = map(sum, zip(*(one.buckets for one in parts), strict=True))
        return cls(tuple(buckets) or _NONE, max((one.longest_s for one in parts), default=0.0))

    def __add__(self, other: Latency) -> Latency:
        return Latency.total((self, other))

    @property
    def answers(self) -> int:
        """How many answers there were."""
        return sum(self.buckets)

    def quantile_s(self, share: float) -> float:
        """Return a time within which that share (0 to 1) of the answers came, 0 without any."""
        wanted, seen = max(1, math.ceil(share * self.answers)), 0
        for bucket, count in enumerate(self.buckets):
            seen += count
            if seen >= wanted:
                return min(_ENDS_S[bucket], self.longest_s)
        return 0.0
