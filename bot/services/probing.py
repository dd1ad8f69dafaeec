"""The desk of the probes: tells vantage points what to watch, keeps what they saw, adds it up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from bot.domain.clients import SPAN_S, drain, spans
from bot.domain.counted import Drain, Span
from bot.domain.evidence import add_up
from bot.domain.probing import (
    Evidence,
    Pacing,
    Sample,
    Watched,
    Watching,
    answered_in_a_row,
)
from bot.errors import IlbotError, Refused, Transient
from bot.ports import Clock, NobodyLooks, Vantage
from bot.services import probe_store
from bot.services.journal import Journal

log = structlog.get_logger(__name__)
SEEN_S = 10.0
"""An agent that has not asked for work for this long does not look any more."""
FRESH_S = 5
"""The newest sample of a vantage point that looks is no older: a second, its delivery, the next."""
ROW_S = 120
"""How far back a row of answered attempts is looked for."""
COUNT_WITHIN_S = 15.0
"""Time for an agent to ask for work, to read the page for some seconds, and to deliver."""
_PACING = Pacing()
_FORGET_EVERY_S = 3600.0
_LATE_S = 3600.0
"""Samples may come this late, from an agent that could not reach us; of places we know."""
_EARLY_S = 5.0


@dataclass(frozen=True, slots=True)
class Work:
    """What an agent is to do from now on; `now` is our time, by which it files its seconds."""

    now: float
    places: tuple[Watched, ...]
    pacing: Pacing


class ProbeDesk:
    """`bot.ports.Probe` over the journal, one vantage point in this process and many agents.

    What is watched and what was seen is stored, so a crash costs only the seconds in between:
    at the next start the desk takes up the runs of all open operations.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        local: Vantage | None = None,
        pacing: Pacing = _PACING,
        keep_s: float = 7 * 86400.0,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._local = local
        self._pacing = pacing
        self._keep_s = keep_s
        self._agents: dict[str, float] = {}
        self._watched: tuple[Watched, ...] = ()
        self._glances: list[tuple[Watched, ...]] = []
        self._known: dict[tuple[str, int], float] = {}
        self._forgot_at = 0.0
        self._lock = asyncio.Lock()
        self._trouble = ""

    async def run(self, interval_s: float = 0.5) -> None:
        """Keep what is seen for ever; what an interval of trouble cost is collected later."""
        while True:
            try:
                await self.once()
                self._trouble = ""
            except IlbotError as error:
                self._trouble = str(error)
                log.warning("probing_delayed", error=str(error))
            await self._clock.sleep(interval_s)

    def health(self) -> tuple[bool, str]:
        """Return whether what is seen can be kept, and from where it is seen."""
        names = ", ".join(self._looking()) or "nowhere: changes stay unproven"
        return not self._trouble, f"probing: {self._trouble or f'from {names}'}"

    async def once(self) -> None:
        """Tell the vantage point here what is watched now, and keep what it saw."""
        async with self._lock:
            await self._look_up()
            if self._local is not None:
                self._local.set_places(self._watched, self._pace())
                seen = self._local.collect(self._clock.now())
                if seen:
                    await self._journal.transact(lambda c: probe_store.keep(c, seen))
            await self._forget()

    # the port

    async def vantage_points(self) -> tuple[str, ...]:
        """Return the names of those that look now."""
        return self._looking()

    async def watch(self, run_id: str, watched: Sequence[Watched]) -> None:
        """Keep what a run watches from now on, and tell the vantage point here."""
        await self.once()  # what was due before this moment is seen by the old rules
        now = self._clock.now()
        await self._journal.transact(lambda c: probe_store.watch(c, run_id, watched, now))
        await self.once()

    async def answered_in_a_row(self, run_id: str, vip: str) -> int:
        """Return the least row over every watched port of a VIP and every vantage point."""
        await self.once()
        now = self._clock.now()

        def look(connection: sa.Connection) -> tuple[list[tuple[str, int]], tuple[Sample, ...]]:
            newest = probe_store.history(connection, run_id)[-1:]
            places = [one.at for watching in newest for one in watching.places if one.vip == vip]
            return places, probe_store.samples(connection, places, now - ROW_S, now)

        places, seen = await self._journal.transact(look)
        last_second = math.floor(now) - FRESH_S
        rows = [
            answered_in_a_row(
                [one for one in seen if (one.vantage, one.at) == (name, place)], last_second
            )
            for name in self._looking()
            for place in places
        ]
        return min(rows, default=0)

    async def drain(self, run_id: str, vip: str, ports: Sequence[int] = ()) -> Drain:
        """Say how far the other clients of a VIP have gone since it is watched as it is now."""
        await self.once()
        now = self._clock.now()

        def look(connection: sa.Connection) -> Drain:
            newest = probe_store.history(connection, run_id)[-1:]
            places = [
                one.at for watching in newest for one in watching.places
                if one.vip == vip and (not ports or one.port in ports)
            ]  # fmt: skip
            since = max([now - ROW_S, *(watching.since for watching in newest)])
            return drain(places, probe_store.samples(connection, places, since, now), now)

        return await self._journal.transact(look)

    async def evidence(self, run_id: str) -> Evidence:
        """Add up what was seen for a run, until now or until its operation ended."""
        await self.once()
        now = self._clock.now()

        def look(connection: sa.Connection) -> Evidence:
            watched = probe_store.history(connection, run_id)
            if not watched:
                return Evidence()
            until = probe_store.ended_at(connection, run_id) or now
            places = {one.at for watching in watched for one in watching.places}
            seen = probe_store.samples(connection, places, watched[0].since, until)
            return add_up(watched, seen, until)  # here: the loop has probes to keep on time

        return await self._journal.transact(look)

    async def count(
        self, vip: str, ports: Sequence[int], least_s: float = SPAN_S
    ) -> Mapping[int, Span]:
        """Let all who look read HAProxy's stats page of a VIP for some seconds, and try nothing.

        `Refused` where nobody looks, `Transient` where nobody sees the page.
        """
        if not self._looking():
            return await NobodyLooks().count(vip, ports)
        glance = tuple(Watched(vip, port, counts=False, tried=False) for port in ports)
        self._glances.append(glance)
        since = self._clock.now()
        try:
            within_s = COUNT_WITHIN_S + least_s - SPAN_S
            while (now := self._clock.now()) < since + within_s:
                await self.once()
                places = [one.at for one in glance]
                seen = await self._seen(places, since, now)
                if len(found := spans(seen, least_s)) == len(ports):
                    return found
                await self._clock.sleep(0.5)
        finally:
            self._glances.remove(glance)
        raise Transient(
            f"count connections at {vip}: in {within_s:.0f} s nobody read HAProxy's stats "
            "page of each of its ports there"
        )

    async def _seen(
        self, places: Sequence[tuple[str, int]], since: float, until: float
    ) -> tuple[Sample, ...]:
        return await self._journal.transact(lambda c: probe_store.samples(c, places, since, until))

    async def history(self, run_id: str) -> tuple[Watching, ...]:
        """Return what a run has watched, oldest first."""
        return await self._journal.transact(lambda c: probe_store.history(c, run_id))

    # agents

    async def work_for(self, agent: str) -> Work:
        """Return what an agent is to watch; who asks is looking from now on."""
        self._agents[agent] = self._clock.now()
        await self.once()
        return Work(self._clock.now(), self._watched, self._pace())

    async def take(self, agent: str, seen: Iterable[Sample]) -> int:
        """Keep an agent's samples, once each; return how many were new.

        Of places that nobody asked for, or of seconds that cannot be, nothing is kept.
        """
        now = self._clock.now()
        self._agents[agent] = now
        told = tuple(seen)
        if any(one.vantage != agent for one in told):
            raise Refused(f"Keep samples of {agent}: some are filed under another name.")
        wanted = [
            one for one in told
            if one.at in self._known and now - _LATE_S <= one.second <= now + _EARLY_S
        ]  # fmt: skip
        return await self._journal.transact(lambda c: probe_store.keep(c, wanted))

    def _looking(self) -> tuple[str, ...]:
        since = self._clock.now() - SEEN_S
        agents = [name for name, at in self._agents.items() if at >= since]
        return tuple(sorted([*agents, *([self._local.name] if self._local else [])]))

    def _pace(self) -> Pacing:
        return self._pacing.within_limits(self._watched, len(self._looking()))

    async def _look_up(self) -> None:
        watched = await self._journal.transact(probe_store.watched_now)
        known_places = {one.at for one in watched}
        glanced = {one for glance in self._glances for one in glance if one.at not in known_places}
        self._watched = (*watched, *sorted(glanced))
        now = self._clock.now()
        known = {place: at for place, at in self._known.items() if at >= now - _LATE_S}
        self._known = known | dict.fromkeys((one.at for one in self._watched), now)

    async def _forget(self) -> None:
        now = self._clock.now()
        if now - self._forgot_at >= _FORGET_EVERY_S:
            self._forgot_at = now
            await self._journal.transact(lambda c: probe_store.forget(c, now - self._keep_s))
