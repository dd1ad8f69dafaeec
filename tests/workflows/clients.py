"""Clients of a name in the pretend world: they look it up, keep the answer for its TTL, connect.

What they met is computed afterwards, from what the nameserver answered and what each place did.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.sandbox.cloud.traffic import Behaviour
from bot.sandbox.dns.nameserver import Nameserver
from bot.sandbox.dns.seed import demo_nameserver
from tests.workflows.harness import House

CLIENTS = 10
"""How many clients a name has; their lookups are spread over its TTL."""
PER_S = 10
"""How many new connections each of them opens in a second."""


@dataclass
class Remembering(Nameserver):
    """A nameserver that knows what it would have answered at any moment."""

    now: Callable[[], float] = lambda: 0.0
    moments: dict[str, list[tuple[float, tuple[str, ...]]]] = field(default_factory=dict)

    def watch(self, name: str, now: Callable[[], float]) -> None:
        """Remember what a name leads to from now on."""
        self.now = now
        self.moments[name] = [(now(), self.zone.record(name)[1])]

    def answer(self, wire: bytes, *, tcp: bool = False) -> bytes:
        """Answer, and remember where that changed a name."""
        told = super().answer(wire, tcp=tcp)
        for name, known in self.moments.items():
            addresses = self.zone.record(name)[1]
            if addresses != known[-1][1]:
                known.append((self.now(), addresses))
        return told

    def at(self, name: str, moment: float) -> tuple[str, ...]:
        """Return what it answered then."""
        known = self.moments[name]
        index = bisect_right(known, moment, key=lambda one: one[0])
        return known[max(0, index - 1)][1]


def remembering() -> Remembering:
    """Return the demo's nameserver, with a memory."""
    made = demo_nameserver()
    return Remembering(made.zone, made.writers, made.readers)


def refused_s(home: House, name: str, port: int, since: float) -> float:
    """Return for how many seconds the unluckiest client of a name was not answered since then.

    Each keeps an answer for the TTL that the name has now, and uses its first address.
    """
    server, now = home.nameserver, home.clock.now()
    assert isinstance(server, Remembering)
    ttl_s = server.zone.record(name)[0]
    with home.cloud.still():
        return (
            max(
                sum(
                    home.cloud.traffic.at(server.at(name, looked)[0], port, moment)
                    is not Behaviour.ANSWERS
                    for looked, moment in _attempts(since + ttl_s * client / CLIENTS, now, ttl_s)
                )
                for client in range(CLIENTS)
            )
            / PER_S
        )


def _attempts(first: float, until: float, ttl_s: float) -> Iterator[tuple[float, float]]:
    """Yield when a client connects, and when it looked the name up for that."""
    for number in range(int((until - first) * PER_S)):
        moment = first + number / PER_S
        yield first + number // (ttl_s * PER_S) * ttl_s, moment
