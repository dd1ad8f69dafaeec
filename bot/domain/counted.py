"""What HAProxy itself counted of a rule, and what is left of it without our own connections."""

from __future__ import annotations

from dataclasses import dataclass

QUIET_S = 5
"""Seconds without another client's connection, new or open, after which a place is quiet."""
_MOST = 10**7
_MOST_TOTAL = 2**53


@dataclass(frozen=True, slots=True)
class MemberTimes:
    """Means over the newest 1,024 requests of a rule, in seconds (HAProxy management guide, 9.1).

    `connect_s` is until a member's kernel took the connection, `response_s` until its first byte:
    None where HAProxy does not look into what it carries (mode tcp). Both include what HAProxy
    itself waits for CPU. `queued` requests wait in HAProxy now for a member to be free.
    """

    queue_s: float = 0.0
    connect_s: float = 0.0
    response_s: float | None = None
    queued: int = 0

    @property
    def member_s(self) -> float | None:
        """What the member alone takes: both times have met the same HAProxy and network."""
        return None if self.response_s is None else max(0.0, self.response_s - self.connect_s)

    @property
    def is_possible(self) -> bool:
        """Whether these can be the times of an HAProxy, where somebody sent them."""
        times = (self.queue_s, self.connect_s, self.response_s or 0.0)
        return all(0.0 <= one <= _MOST for one in times) and 0 <= self.queued <= _MOST


@dataclass(frozen=True, slots=True)
class Counted:
    """What the stats page showed of one rule at one moment; everybody's connections, also ours.

    `open` is FRONTEND's `scur`, `rate` its `rate` (sessions in the last second) and `total` its
    `stot`, which begins again with every HAProxy process: a reload starts one (HAProxy management
    guide, 9.1). `up` and `down` count the rule's servers. `bytes` are those of both directions
    since the process began; `times` is None where the page has none, or none yet.
    """

    open: int = 0
    rate: int = 0
    total: int = 0
    up: int = 0
    down: int = 0
    bytes: int = 0
    times: MemberTimes | None = None

    @property
    def is_possible(self) -> bool:
        """Whether these can be the numbers of an HAProxy, where somebody sent them."""
        counts = (self.open, self.rate, self.up, self.down)
        return (
            all(0 <= one <= _MOST for one in counts)
            and all(0 <= one <= _MOST_TOTAL for one in (self.total, self.bytes))
            and (self.times is None or self.times.is_possible)
        )


@dataclass(frozen=True, slots=True)
class Span:
    """What was counted of one rule from one moment to another, so many seconds later."""

    first: Counted
    last: Counted
    seconds: float

    @property
    def per_s(self) -> float:
        """New connections a second; where a reload began to count anew, those of the last one."""
        return self._rate(self.first.total, self.last.total, float(self.last.rate))

    @property
    def bits_per_s(self) -> float:
        """Bits a second in both directions, 0 where a reload began to count anew."""
        return 8 * self._rate(self.first.bytes, self.last.bytes, 0.0)

    def _rate(self, first: int, last: int, otherwise: float) -> float:
        is_same = self.last.total >= self.first.total and self.last.bytes >= self.first.bytes
        return (last - first) / self.seconds if is_same and self.seconds > 0 else otherwise


@dataclass(frozen=True, slots=True)
class Period:
    """What other clients did at a place in a row of seconds in which it was watched alike.

    `counts` and `tried` are those of the watch. Of `known_s` seconds it is known that `new`
    connections were not ours; `open` ones were there at its end, and for `quiet_s` seconds until
    then there was nobody.
    """

    counts: bool
    tried: bool
    since: int
    known_s: int = 0
    new: int = 0
    open: int = 0
    quiet_s: int = 0

    @property
    def per_s(self) -> float:
        """New connections a second."""
        return self.new / self.known_s if self.known_s else 0.0


@dataclass(frozen=True, slots=True)
class Clients:
    """What HAProxy says of the other clients of one place; without periods its page was not seen.

    `restarts` is how often it was seen to count from zero: its process was a new one. `down` is how
    many of the rule's members it saw down at most at once.
    """

    vip: str
    port: int
    periods: tuple[Period, ...] = ()
    restarts: int = 0
    down: int = 0

    def __str__(self) -> str:
        return f"{self.vip}:{self.port}"

    @property
    def drain(self) -> Period | None:
        """Return the last wait for its clients to go, None where there was none that was seen."""
        return next((one for one in reversed(self.periods) if not one.tried), None)


@dataclass(frozen=True, slots=True)
class Load:
    """What clients do at one port of a VIP, counted for `known_s` seconds: new connections a second
    in that time, and open ones at its end."""

    port: int
    known_s: float
    per_s: float
    open: int


@dataclass(frozen=True, slots=True)
class Drain:
    """How far the other clients of a VIP have gone; `is_visible` says whether anybody can tell."""

    is_visible: bool = False
    quiet_s: int = 0
    open: int = 0

    @property
    def is_quiet(self) -> bool:
        """Whether nobody was there for long enough."""
        return self.is_visible and self.quiet_s >= QUIET_S
