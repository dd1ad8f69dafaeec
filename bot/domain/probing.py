"""What probing a service during a change saw: samples of one second, added up into evidence."""

from __future__ import annotations

from dataclasses import dataclass

SLOW_S = 0.9
"""From here an attempt is slow: it was saved by the kernel's second SYN (RFC 6298: 1 s), and a
client with a connect timeout of a second would have failed."""


@dataclass(frozen=True, slots=True, order=True)
class Watched:
    """One VIP and port that is probed for a run.

    `counts` says whether clients are sent there, so that a loss is a loss; one that has been
    withdrawn from its name is still tried, to see it come back, and its losses are told apart.
    """

    vip: str
    port: int
    counts: bool = True

    def __str__(self) -> str:
        return f"{self.vip}:{self.port}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What all vantage points saw for one run, added up; only what `counts` is in the losses.

    `attempts` opened a connection each, `failed` of them were refused, reset or unanswered,
    `slow` took `SLOW_S` or longer. `resets` are held connections that were cut.
    `not_valid` says why this proves nothing (the prober itself lagged), `""` where it does.
    """

    vantage_points: tuple[str, ...] = ()
    attempts: int = 0
    failed: int = 0
    slow: int = 0
    resets: int = 0
    longest_gap_s: float = 0.0
    not_valid: str = ""

    @property
    def lost(self) -> int:
        """How many connections were lost, new ones and held ones."""
        return self.failed + self.resets
