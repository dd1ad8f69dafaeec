"""The longest time without a good answer, kept so that it can be joined over many seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stretch:
    """Attempts of one prober at one place, in the order in which they were due (unix seconds).

    A gap begins when the first attempt that got no good answer was due, and ends when the next
    one that got one was. `open_since` is the beginning of a gap that has not ended, `inner_s` the
    longest one after the first good answer.
    """

    first_due: float
    last_due: float
    first_good: float | None = None
    open_since: float | None = None
    inner_s: float = 0.0

    @classmethod
    def of(cls, attempts: Iterable[tuple[float, bool]]) -> Stretch | None:
        """Join attempts, each with when it was due and whether it was good, in that order."""
        first_due = last_due = first_good = open_since = None
        inner_s = 0.0
        for due, is_good in attempts:
            first_due, last_due = due if first_due is None else first_due, due
            if not is_good:
                open_since = due if open_since is None else open_since
                continue
            if first_good is None:
                first_good = due
            elif open_since is not None:
                inner_s = max(inner_s, due - open_since)
            open_since = None
        if first_due is None or last_due is None:
            return None
        return cls(first_due, last_due, first_good, open_since, inner_s)

    def then(self, later: Stretch) -> Stretch:
        """Join what came later; a gap that was open goes on until the first good answer there."""
        since = later.first_due if self.open_since is None else self.open_since
        first_good, inner_s = self.first_good, max(self.inner_s, later.inner_s)
        open_since = later.open_since
        if later.first_good is None:
            open_since = since
        elif self.first_good is None:
            first_good = later.first_good
        else:
            inner_s = max(inner_s, later.first_good - since)
        return Stretch(self.first_due, later.last_due, first_good, open_since, inner_s)

    @property
    def longest_s(self) -> float:
        """The longest gap, those at both ends included; 0 where every answer was good."""
        if self.first_good is None:
            return self.last_due - self.first_due
        tail_s = 0.0 if self.open_since is None else self.last_due - self.open_since
        return max(self.inner_s, self.first_good - self.first_due, tail_s)
