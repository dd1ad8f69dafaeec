"""What probing a service during a change sees: attempts, added up to samples of one second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address

from bot.domain.counted import Clients, Counted
from bot.domain.latency import Latency
from bot.domain.stretch import Stretch

SLOW_S = 0.9
"""From here an attempt is slow: it was saved by the kernel's second SYN (RFC 6298: 1 s), and a
client with a connect timeout of a second would have failed."""
GOOD_S = 0.25
"""An answer within this is good: it needed no second SYN and no prober that came late."""
TIMEOUT_S = 10.0
"""After this an attempt that has not connected has failed."""
LAG_S = 0.15
"""A prober that came later than this to its own attempts has measured itself. With load on two
shared cores, a client that stalled for 1 s showed 328 slow connections that nobody else had."""
MOST_PER_VIP = 50.0
"""New connections a second at one VIP, all ports and vantage points together. An ILB VM has by
default one vCPU at a 256 MHz share, and HAProxy took 1000 a second on one core of a laboratory."""

_MOST = 10_000
"""No prober counts more of anything in a second, nor looks at anything for so long."""


class Failure(StrEnum):
    """Why an attempt failed."""

    REFUSED = "refused"
    """Refused, or unreachable by the word of a router or firewall."""
    CLOSED = "closed"
    """Reset, or closed at once: HAProxy without a server accepts and closes."""
    TIMED_OUT = "timed out"
    """Not connected within `TIMEOUT_S`."""
    UNABLE = "unable"
    """The prober's own machine could not make it (no file descriptor, no port): no attempt."""


@dataclass(frozen=True, slots=True, order=True)
class Watched:
    """One VIP and port that is probed for a run.

    `counts` says whether clients are sent there, so that a loss is a loss; one that has been
    withdrawn from its name is still tried, to see it come back, and its losses are told apart.
    One that is not `tried` is left alone, so that what HAProxy counts there is other clients'.
    """

    vip: str
    port: int
    counts: bool = True
    tried: bool = True

    def __str__(self) -> str:
        return f"{self.vip}:{self.port}"

    @property
    def at(self) -> tuple[str, int]:
        """The place alone."""
        return self.vip, self.port


@dataclass(frozen=True, slots=True)
class Pacing:
    """How a place is probed: new connections a second, connections held open, and for how long.

    A held connection carries no data, so it is renewed before somebody tires of it: Tomcat and
    Apache close a silent one after 20 s, HAProxy on an ILB VM after 50 s (HAProxyConfigurator).
    """

    rate: float = 10.0
    held: int = 5
    hold_s: float = 15.0

    def within_limits(self, places: Sequence[Watched], vantage_points: int) -> Pacing:
        """Return it with a rate that takes no VIP over `MOST_PER_VIP` from all vantage points."""
        ports = Counter(place.vip for place in places)
        most = max(ports.values(), default=1) * max(1, vantage_points)
        return Pacing(min(self.rate, MOST_PER_VIP / most), self.held, self.hold_s)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One new connection: when it was due (unix seconds) and how long its answer took from then,
    or why it failed."""

    due: float
    answer_s: float = 0.0
    failure: Failure | None = None

    @property
    def is_good(self) -> bool:
        """Whether it was answered without any delay a client would notice."""
        return self.failure is None and self.answer_s <= GOOD_S


@dataclass(frozen=True, slots=True)
class Seen:
    """What was counted, wherever and whenever: any two add up, in any order.

    `attempts` that were made opened a connection each; `resets` are held connections that were
    cut; `unable` attempts could not be made. `lag_s` is the worst delay of the prober itself.
    """

    attempts: int = 0
    refused: int = 0
    closed: int = 0
    timed_out: int = 0
    slow: int = 0
    resets: int = 0
    unable: int = 0
    lag_s: float = 0.0
    latency: Latency = field(default_factory=Latency)

    @classmethod
    def total(cls, parts: Sequence[Seen]) -> Seen:
        """Add up many at once."""
        return cls(
            sum(one.attempts for one in parts),
            sum(one.refused for one in parts),
            sum(one.closed for one in parts),
            sum(one.timed_out for one in parts),
            sum(one.slow for one in parts),
            sum(one.resets for one in parts),
            sum(one.unable for one in parts),
            max((one.lag_s for one in parts), default=0.0),
            Latency.total([one.latency for one in parts]),
        )

    def __add__(self, other: Seen) -> Seen:
        return Seen.total((self, other))

    @property
    def failed(self) -> int:
        """How many new connections failed."""
        return self.refused + self.closed + self.timed_out

    @property
    def lost(self) -> int:
        """How many connections were lost, new ones and held ones."""
        return self.failed + self.resets


@dataclass(frozen=True, slots=True)
class Sample:
    """What one vantage point saw at one place of what was due in one second (unix seconds).

    `held` connections were open at its end, `renewed` ones of them were opened in it; the last
    `in_a_row` attempts of it were answered. `counted` is what HAProxy said at its end, None where
    its stats page was not read.
    """

    vantage: str
    vip: str
    port: int
    second: int
    seen: Seen
    held: int = 0
    in_a_row: int = 0
    stretch: Stretch | None = None
    renewed: int = 0
    counted: Counted | None = None

    @property
    def at(self) -> tuple[str, int]:
        """Its place."""
        return self.vip, self.port


@dataclass(frozen=True, slots=True)
class Watching:
    """What a run has watched from a moment on (unix seconds); nothing ends it."""

    since: float
    places: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """What one vantage point saw at one place, while it counted or while it did not.

    `sure` of its losses were seen while the prober itself was on time.
    """

    vantage: str
    vip: str
    port: int
    counts: bool
    seen: Seen
    seconds: int
    held: int
    longest_gap_s: float
    sure: int = 0

    def __str__(self) -> str:
        return f"{self.vip}:{self.port} from {self.vantage}"


@dataclass(frozen=True, slots=True)
class Second:
    """One second of all that counts, for a plot."""

    second: int
    attempts: int
    failed: int
    resets: int
    p50_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all vantage points saw for one run, added up; only what `counts` is in the losses.

    `attempts` opened a connection each, `failed` of them were refused, reset or unanswered,
    `slow` took `SLOW_S` or longer. `resets` are held connections that were cut.
    `not_valid` says why this proves nothing (the prober itself lagged), `""` where it does.
    Of `watched_s` seconds nobody saw `blind_s`; what was due before `seen_until` (unix seconds) is
    known as far as it ever will be. `clients` is what others than us did, as HAProxy counts.
    """

    vantage_points: tuple[str, ...] = ()
    attempts: int = 0
    failed: int = 0
    slow: int = 0
    resets: int = 0
    longest_gap_s: float = 0.0
    not_valid: str = ""
    held: int = 0
    p50_s: float = 0.0
    p99_s: float = 0.0
    lag_s: float = 0.0
    watched_s: int = 0
    blind_s: int = 0
    seen_until: float = 0.0
    tallies: tuple[Tally, ...] = ()
    clients: tuple[Clients, ...] = ()
    series: tuple[Second, ...] = field(default=(), repr=False)

    @property
    def lost(self) -> int:
        """How many connections were lost, new ones and held ones."""
        return self.failed + self.resets

    @property
    def surely_lost(self) -> int:
        """How many of them are no fault of a prober that was late, or short of means."""
        return sum(one.sure for one in self.tallies if one.counts)

    @property
    def worst(self) -> Tally | None:
        """Where most was lost, else where the longest gap was; None where nothing was seen."""
        counted = [one for one in self.tallies if one.counts]
        return max(
            counted, key=lambda one: (one.sure, one.seen.lost, one.longest_gap_s), default=None
        )

    def without_series(self) -> Evidence:
        """Return what is kept for good."""
        return replace(self, series=())


@dataclass(frozen=True, slots=True)
class Held:
    """The held connections of a place in one second: open at its end, cut and opened during it."""

    open: int = 0
    resets: int = 0
    opened: int = 0


def sample_of(
    vantage: str,
    place: Watched,
    second: int,
    attempts: Sequence[Attempt],
    held: Held = Held(),
    lag_s: float = 0.0,
) -> Sample:
    """Add up one second at one place; an attempt counts where it was due, however long it took."""
    ordered = sorted(attempts, key=lambda one: one.due)
    made = [one for one in ordered if one.failure is not Failure.UNABLE]
    kinds = Counter(one.failure for one in ordered)
    answered = [one.answer_s for one in made if one.failure is None]
    seen = Seen(
        attempts=len(made),
        refused=kinds[Failure.REFUSED],
        closed=kinds[Failure.CLOSED],
        timed_out=kinds[Failure.TIMED_OUT],
        slow=sum(answer_s >= SLOW_S for answer_s in answered),
        resets=held.resets,
        unable=kinds[Failure.UNABLE],
        lag_s=lag_s,
        latency=Latency.of(answered),
    )
    stretch = Stretch.of((one.due, one.is_good) for one in made)
    row = _in_a_row(ordered)
    return Sample(
        vantage, place.vip, place.port, second, seen, held.open, row, stretch, held.opened
    )


def is_possible(one: Sample) -> bool:
    """Whether the numbers of a sample that somebody sent can be those of one second."""
    seen, counts = one.seen, _numbers(one)
    return (
        all(0 <= count <= _MOST for count in counts)
        and 0 < one.port < 65536
        and _is_address(one.vip)
        and len(seen.latency.buckets) == len(Latency().buckets)
        and seen.failed + seen.latency.answers == seen.attempts
        and max(seen.slow, one.in_a_row) <= seen.attempts
        and (one.stretch is None or 0.0 <= one.stretch.longest_s <= _MOST)
        and (one.counted is None or one.counted.is_possible)
    )


def _numbers(one: Sample) -> list[float]:
    seen = one.seen
    moments = () if one.stretch is None else (
        one.stretch.first_due - one.second, one.stretch.last_due - one.second,
        (one.stretch.first_good or one.second) - one.second,
        (one.stretch.open_since or one.second) - one.second, one.stretch.inner_s,
    )  # fmt: skip
    return [
        seen.attempts, seen.refused, seen.closed, seen.timed_out, seen.slow, seen.resets,
        seen.unable, seen.lag_s, seen.latency.longest_s, one.held, one.in_a_row, one.renewed,
        *seen.latency.buckets, *moments,
    ]  # fmt: skip


def _is_address(text: str) -> bool:
    try:
        return str(IPv4Address(text)) == text
    except ValueError:
        return False


def _in_a_row(attempts: Sequence[Attempt]) -> int:
    row = 0
    for one in attempts:
        row = row + 1 if one.failure is None else 0
    return row


def answered_in_a_row(samples: Sequence[Sample], last_second: int) -> int:
    """Return how many attempts in a row were answered at one place, seen from one vantage point.

    A second that nobody saw ends the row, and so does a newest sample before `last_second`: an
    attempt that hangs keeps its second from being told.
    """
    row, expected = 0, None
    for one in sorted(samples, key=lambda one: one.second, reverse=True):
        if one.second < last_second if expected is None else one.second != expected:
            break
        row += one.in_a_row
        if one.in_a_row < one.seen.attempts + one.seen.unable:
            break
        expected = one.second - 1
    return row
