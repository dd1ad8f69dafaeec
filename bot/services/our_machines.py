"""Turns CloudStack's lists into the Kafka keys under which records about our machines come."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.cpu_case import machines_of

log = structlog.get_logger(__name__)
_STORED_S = 60.0
"""A record may come before CloudStack has stored what it tells, and clocks differ."""


@dataclass(frozen=True, slots=True)
class Known:
    """The ids and the names of all our machines, as they were `at` that time (unix seconds)."""

    keys: frozenset[bytes]
    at: float

    @property
    def settled(self) -> float:
        """The time until which it is complete: what was there by then and is not in it is not ours.

        A uuid names one thing for as long as there is a cloud.
        """
        return self.at - _STORED_S

    def lacks(self, named: str, since: float) -> bool:
        """Whether what has been there since that time (unix seconds) is none of ours."""
        return since < self.settled and named.encode() not in self.keys


class OurMachines:
    """Knows all ILB VMs and routers, as last listed."""

    def __init__(self, cloud: CloudReader, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._known: Known | None = None
        self._listing = asyncio.Lock()

    def known(self) -> Known | None:
        """Return them as last listed; None before that, and where the key may not list them."""
        return self._known

    def keys(self) -> frozenset[bytes] | None:
        """Return their keys alone."""
        return self._known.keys if self._known else None

    async def since(self, at: float) -> Known | None:
        """Return them as listed at that time or later; they are listed again where need be."""
        async with self._listing:
            if self._known is None or self._known.at < at:
                await self.refresh()
        return self._known

    async def refresh(self) -> None:
        """Read which machines there are; a key that may not list them all knows none."""
        at = self._clock.now()
        try:
            found = await machines_of(self._cloud)
        except Refused as no:
            self._known = None
            log.info("machines_not_listed", reason=str(no))
            return
        keys = frozenset(text.encode() for one in found for text in (one.id, one.name))
        self._known = Known(keys, at)
