"""What the bot needs to move traffic and to see whether it came through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.clients import SPAN_S
from bot.domain.counted import Drain, Span
from bot.domain.names import DirectoryKind, Record
from bot.domain.probing import Evidence, Pacing, Sample, Watched
from bot.errors import Refused


class Directory(Protocol):
    """Where clients look up the names of services."""

    @property
    def kind(self) -> DirectoryKind:
        """Who changes records there."""
        ...

    async def look(self, name: str) -> Record:
        """Return what the servers that answer for a name publish, no address where it is not."""
        ...

    async def replace(self, before: Record, after: Record) -> bool:
        """Replace a record in one update, only while it is `before`; False where it is not.

        A directory that people change raises `Refused`.
        """
        ...


class Probe(Protocol):
    """Watches services from where clients are, while something is changed."""

    async def vantage_points(self) -> tuple[str, ...]:
        """Return the names of those that look now; without one nothing is proven."""
        ...

    async def watch(self, run_id: str, watched: Sequence[Watched]) -> None:
        """Probe these for a run from now on, instead of what it had probed before.

        Said again after a restart it goes on; what nobody saw meanwhile is part of the evidence.
        """
        ...

    async def answered_in_a_row(self, run_id: str, vip: str) -> int:
        """Return how many attempts in a row were answered at every watched port of a VIP."""
        ...

    async def drain(self, run_id: str, vip: str, ports: Sequence[int] = ()) -> Drain:
        """Say how far the other clients of a VIP have gone since it is watched as it is now.

        That is by what HAProxy itself counts there, at these ports, or at all that are watched.
        """
        ...

    async def evidence(self, run_id: str) -> Evidence:
        """Return what was seen for a run until now."""
        ...

    async def count(
        self, vip: str, ports: Sequence[int], least_s: float = SPAN_S
    ) -> Mapping[int, Span]:
        """Return what HAProxy counts at a VIP within some seconds, by port; nothing is tried there.

        `Refused` where nobody looks, `Transient` where nobody sees HAProxy's stats page.
        """
        ...


class Vantage(Protocol):
    """A prober inside this process: it looks when told to, and tells when asked."""

    @property
    def name(self) -> str:
        """What its samples are filed under."""
        ...

    def set_places(self, places: Sequence[Watched], pacing: Pacing) -> None:
        """Probe just these from now on; one that stops counting lets go of what it holds.

        Of one that is not tried only what HAProxy says is told.
        """
        ...

    def collect(self, now: float) -> tuple[Sample, ...]:
        """Return each second that is over and whose attempts have all ended, once."""
        ...


@dataclass(frozen=True, slots=True)
class NobodyLooks:
    """A `Probe` without a vantage point: with it nothing is ever proven."""

    async def vantage_points(self) -> tuple[str, ...]:
        """Return none."""
        return ()

    async def watch(self, run_id: str, watched: Sequence[Watched]) -> None:
        """Nobody hears of it."""

    async def answered_in_a_row(self, run_id: str, vip: str) -> int:
        """Nothing was tried."""
        return 0

    async def drain(self, run_id: str, vip: str, ports: Sequence[int] = ()) -> Drain:
        """Nobody can tell."""
        return Drain()

    async def evidence(self, run_id: str) -> Evidence:
        """Nothing was seen."""
        return Evidence()

    async def count(
        self, vip: str, ports: Sequence[int], least_s: float = SPAN_S
    ) -> Mapping[int, Span]:
        """Nobody can tell."""
        raise Refused(
            f"Count connections at {vip}: nobody looks from where its clients are.",
            instead="Run a probe agent there (`ilbot probe`), or set probe.from_bot.",
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What a change must show before it is done.

    `budget` connections may be lost, and `blind_s` seconds unseen. A service is proven by
    `in_a_row` answered attempts at each of its ports from every vantage point, within
    `deadline_s`; after a change it is watched for `bake_s` more. An address that was withdrawn is
    left for at most `drain_s` to the clients that still use it.
    """

    budget: int = 0
    blind_s: float = 10.0
    in_a_row: int = 20
    deadline_s: float = 120.0
    bake_s: float = 60.0
    drain_s: float = 60.0
