"""A vantage point whose answers a test sets, on whatever clock the test has."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.counted import Counted
from bot.domain.probing import Attempt, Failure, Held, Pacing, Sample, Watched, sample_of

Answer = Callable[[Watched, float], Failure | None]
"""What becomes of an attempt at a place that is due at a moment, None where it is answered."""


def answered(_place: Watched, _due: float) -> Failure | None:
    """Everything works."""
    return None


Count = Callable[[Watched, int], Counted | None]
"""What HAProxy's stats page shows at the end of a second, None where it is not visible."""


def not_shown(_place: Watched, _second: int) -> Counted | None:
    """Nobody sees the page."""
    return None


@dataclass
class Scripted:
    """Ten attempts a second at each place; `cut` held connections are lost in a given second."""

    name: str = "bot"
    answer: Answer = answered
    cut: dict[int, int] = field(default_factory=dict)
    lag_s: float = 0.0
    places: tuple[Watched, ...] = ()
    pacing: Pacing = field(default_factory=Pacing)
    blind_until: float = 0.0
    counted: Count = not_shown
    _next: int | None = None

    def set_places(self, places: Sequence[Watched], pacing: Pacing) -> None:
        """Try these from now on."""
        self.places, self.pacing = tuple(places), pacing

    def collect(self, now: float) -> tuple[Sample, ...]:
        """Return every second that is over since the last time."""
        last = math.floor(now)
        first = last if self._next is None else self._next
        self._next = max(first, last)
        return tuple(
            self.second(place, second)
            for second in range(first, last)
            for place in self.places
            if second >= self.blind_until
        )

    def second(self, place: Watched, second: int) -> Sample:
        """Return one second at one place."""
        dues = (second + n / 10 for n in range(10 * place.tried))
        attempts = [Attempt(due, 0.002, self.answer(place, due)) for due in dues]
        counts = place.counts and place.tried
        held = Held(5 * counts, self.cut.get(second, 0) * counts)
        one = sample_of(self.name, place, second, attempts, held, self.lag_s)
        return replace(one, counted=self.counted(place, second))


def refused_between(start: float, end: float, vip: str = "") -> Answer:
    """Refuse what is due in a time, at one VIP or at all."""

    def answer(place: Watched, due: float) -> Failure | None:
        return Failure.REFUSED if start <= due < end and vip in {"", place.vip} else None

    return answer
