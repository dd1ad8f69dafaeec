"""A vantage point that sees what the pretend cloud's traffic does, on the virtual clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.domain.probing import Attempt, Failure, Held, Sample, Watched, sample_of
from bot.sandbox.cloud import World
from bot.sandbox.cloud.traffic import Behaviour
from tests.services.vantage import Scripted

HELD = 5
MEETS = {
    Behaviour.ANSWERS: None,
    Behaviour.CLOSES: Failure.CLOSED,
    Behaviour.RESETS: Failure.CLOSED,
    Behaviour.REFUSES: Failure.REFUSED,
    Behaviour.HANGS: Failure.TIMED_OUT,
}


@dataclass
class Seeing(Scripted):
    """Ten attempts a second and five held connections at each place, against one cloud."""

    cloud: World = field(kw_only=True)

    def collect(self, now: float) -> tuple[Sample, ...]:
        """Let the cloud come as far as the clock, and tell what was seen meanwhile."""
        self.cloud.advance()
        return super().collect(now)

    def second(self, place: Watched, second: int) -> Sample:
        """Return one second at one place."""
        traffic = self.cloud.traffic
        dues = (second + n / 10 for n in range(10))
        attempts = [
            Attempt(due, 0.002, MEETS[traffic.connect(place.vip, place.port, due)]) for due in dues
        ]
        cuts = traffic.cuts(place.vip, place.port, float(second), second + 1.0)
        held = Held(HELD * place.counts, HELD * len(cuts) * place.counts)
        return sample_of(self.name, place, second, attempts, held, self.lag_s)
