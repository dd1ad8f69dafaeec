"""A vantage point that sees what the pretend cloud's traffic does, on the virtual clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bot.adapters.haproxy_stats import counted_of
from bot.domain.counted import Counted, MemberTimes
from bot.domain.probing import Attempt, Failure, Held, Sample, Watched, sample_of
from bot.sandbox.cloud import World
from bot.sandbox.cloud.counters import IDLE
from bot.sandbox.cloud.traffic import Behaviour
from bot.sandbox.stats_page import page
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
    _held: dict[tuple[str, int], int] = field(default_factory=dict)
    _ours: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def collect(self, now: float) -> tuple[Sample, ...]:
        """Let the cloud come as far as the clock, and tell what was seen meanwhile."""
        self.cloud.advance()
        self.cloud.traffic.watch()
        self.cloud.counters.watch()
        with self.cloud.still():
            return super().collect(now)

    def second(self, place: Watched, second: int) -> Sample:
        """Return one second at one place."""
        traffic = self.cloud.traffic
        dues = [second + n / 10 for n in range(10 * place.tried)]
        met = traffic.connect_each(place.vip, place.port, dues)
        attempts = [Attempt(due, 0.002, MEETS[how]) for due, how in zip(dues, met, strict=True)]
        cuts = traffic.cuts(place.vip, place.port, float(second), second + 1.0)
        held = HELD * (place.counts and place.tried)
        renewed = held if cuts or not self._held.get(place.at) else 0
        self._held[place.at] = held
        told = sample_of(
            self.name, place, second, attempts, Held(held, held * len(cuts), renewed), self.lag_s
        )
        return replace(told, counted=self._count(place, told))

    def _count(self, place: Watched, told: Sample) -> Counted | None:
        """Return what the page shows of a place at the end of a second, our connections too."""
        moment, counters = told.second + 1.0, self.cloud.counters
        ours = told.seen.latency.answers + told.seen.closed + told.renewed
        number, before = counters.number(place.vip, moment), self._ours.get(place.at, (0, 0))
        total = ours + (before[1] if number == before[0] else 0)
        self._ours[place.at] = number, total
        rows = counters.page(place.vip, moment) or {}
        if (row := rows.get(place.port)) is None:
            return None
        servers = row.servers
        return Counted(
            row.open + told.held, row.rate + ours, row.total + total, sum(servers),
            len(servers) - sum(servers), row.bytes,
            None if row.load is IDLE else self._times(place),
        )  # fmt: skip

    def _times(self, place: Watched) -> MemberTimes | None:
        rows = self.cloud.counters.page(place.vip, self.cloud.at) or {}
        read = counted_of(place.vip, page(place.vip, rows)).get(place.port)
        return read.times if read else None
