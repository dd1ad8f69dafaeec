"""Looks at things at intervals: CloudStack publishes nothing when many things go wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from bot.errors import IlbotError

log = structlog.get_logger(__name__)


class Poller:
    """Looks for ever and knows how it went; `name` is what it is called in the health."""

    def __init__(
        self,
        name: str,
        look: Callable[[], Awaitable[object]],
        interval_s: float,
        *,
        longest_look_s: float = 120.0,
    ) -> None:
        self._name = name
        self._look = look
        self._interval_s = interval_s
        self._overdue_s = interval_s + longest_look_s
        self._looked_at = time.monotonic()
        self._trouble = "has not looked yet"

    async def run(self) -> None:
        """Look, wait, look again; a cloud that does not answer is reported and asked again."""
        while True:
            try:
                await self._look()
                self._looked_at, self._trouble = time.monotonic(), ""
            except IlbotError as error:
                self._trouble = str(error)
                log.warning("poll_failed", name=self._name, error=str(error))
            await asyncio.sleep(self._interval_s)

    def health(self) -> tuple[bool, str]:
        """Return whether the last look worked and is not overdue, and when that was."""
        if self._trouble:
            return False, f"{self._name}: {self._trouble}"
        return self.age_s() <= self._overdue_s, f"{self._name}: looked {self.age_s():.0f} s ago"

    def age_s(self) -> float:
        """Return the seconds since the last look that worked, or since the start."""
        return time.monotonic() - self._looked_at
