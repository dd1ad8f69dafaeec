"""Calls what tells the news when it is rung, and now and then: another replica notes some too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bot.errors import IlbotError

log = structlog.get_logger(__name__)
AGAIN_S = 30.0


class Telling:
    """Tells what is not told yet, for ever; what could not be told is tried again."""

    def __init__(self, name: str, tell: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._tell = tell
        self._wake = asyncio.Event()

    def changed(self) -> None:
        """Note that there may be something to tell."""
        self._wake.set()

    async def run(self) -> None:
        """Tell, wait until there may be more, tell again."""
        while True:
            self._wake.clear()
            try:
                await self._tell()
            except IlbotError as error:
                log.warning("news_delayed", name=self._name, error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._wake.wait()
