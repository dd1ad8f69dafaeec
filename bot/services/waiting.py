"""Wakes changes that wait: for a person who answered elsewhere, for a stop, for their children.

A run looks for itself once it is awake; waking it twice costs one look.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from bot.domain.operation import Operation, State
from bot.domain.question import TOPIC
from bot.engine.api import Engine
from bot.errors import IlbotError
from bot.services.children import Heralds
from bot.services.journal import Journal
from bot.services.questions import Questions
from bot.services.schema import operation as table
from bot.services.switch import KillSwitch

log = structlog.get_logger(__name__)


class Waiting:
    """Looks every few seconds at the changes that wait."""

    def __init__(
        self, journal: Journal, questions: Questions, engine: Engine, switch: KillSwitch
    ) -> None:
        self._journal = journal
        self._questions = questions
        self._engine = engine
        self._switch = switch
        self._heralds = Heralds(journal, engine)
        self._woken: set[tuple[str, str, str]] = set()
        self._wake = asyncio.Event()

    def wake(self, _operation_id: str = "") -> None:
        """Look now."""
        self._wake.set()

    async def run(self, interval_s: float = 2.0) -> None:
        """Look for ever."""
        while True:
            try:
                await self.once()
            except IlbotError as error:
                log.warning("waking_failed", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._wake.wait()
            self._wake.clear()

    async def once(self) -> None:
        """Wake every waiting run for which there is news, once for each."""
        applying = table.c.state == State.APPLYING.value
        for found in await self._journal.operations(applying, limit=500):
            await self._look(found)
            await self._heralds.look(found)

    async def _look(self, found: Operation) -> None:
        asked = await self._questions.newest(found.id)
        if asked is None or asked.is_over:
            return
        if asked.answer is not None:
            news = "answered"
        elif await self._switch.reason():
            news = "stopped"
        else:
            return
        once = (found.id, asked.question.key, news)
        if once not in self._woken:
            await self._engine.notify(found.apply_run, TOPIC, {"news": news})
            self._woken.add(once)
