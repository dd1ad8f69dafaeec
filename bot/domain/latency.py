"""How long answers took, as a fixed histogram: histograms of many seconds add up exactly."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from operator import add

BOUNDS_S = (
    0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07,
    0.1, 0.15, 0.25, 0.4, 0.6, 0.9, 1.5, 3.0, 10.0,
)  # fmt: skip
"""Upper ends of the buckets; one more bucket takes what is longer. A figure read from them is
too long by half at most, and never by more than the longest answer there was."""

_NONE = (0,) * (len(BOUNDS_S) + 1)


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

    def __add__(self, other: Latency) -> Latency:
        buckets = tuple(map(add, self.buckets, other.buckets))
        return Latency(buckets, max(self.longest_s, other.longest_s))

    @property
    def answers(self) -> int:
        """How many answers there were."""
        return sum(self.buckets)

    def quantile_s(self, share: float) -> float:
        """Return a time within which that share (0 to 1) of the answers came, 0 without any."""
        wanted, seen = math.ceil(share * self.answers), 0
        for bound, count in zip((*BOUNDS_S, math.inf), self.buckets, strict=True):
            seen += count
            if seen and seen >= wanted:
                return min(bound, self.longest_s)
        return 0.0
