"""The time of this machine."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Unix seconds of this machine."""

    def now(self) -> float:
        """Return the time."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
