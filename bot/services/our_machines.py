"""Turns CloudStack's lists into the Kafka keys under which records about our machines come."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.cpu_case import machines_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """The ids and the names of all our machines, as they were `at` that time (unix seconds)."""

    keys: frozenset[bytes]
    at: float


class OurMachines:
    """Knows all ILB VMs and routers, as last listed."""

    def __init__(self, cloud: CloudReader, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._known: Known | None = None

    def known(self) -> Known | None:
        """Return them as last listed, None before that."""
        return self._known

    def keys(self) -> frozenset[bytes] | None:
        """Return their keys alone."""
        return self._known.keys if self._known else None

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
