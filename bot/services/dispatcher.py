"""Sees to it that nothing stored is left lying: starts runs, ends what is overdue."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import sqlalchemy as sa
import structlog

from bot.domain.operation import Operation, Outcome, State
from bot.engine.api import Engine
from bot.errors import IlbotError
from bot.ports import Clock
from bot.services.cards import FINAL
from bot.services.journal import Journal
from bot.services.schema import audit
from bot.services.schema import operation as table

log = structlog.get_logger(__name__)
GRACE_S = 30.0
"""How long a run may still end its own operation before the dispatcher does."""
SILENT_S = 4 * 3600.0
"""How long a change that is late may end no step before it is given up; the longest wait in one
piece is a person's."""
FRESH_S = 86400.0
"""Cards that are not final are looked at again after a restart, unless they ended before this."""


class Dispatcher:
    """Looks at open operations at once when woken, and every few seconds anyway."""

    def __init__(
        self, journal: Journal, engine: Engine, clock: Clock, changed: Callable[[str], None]
    ) -> None:
        self._journal = journal
        self._engine = engine
        self._clock = clock
        self._changed = changed
        self._wake = asyncio.Event()

    def wake(self, _operation_id: str = "") -> None:
        """Look now."""
        self._wake.set()

    async def refresh_cards(self) -> None:
        """After a start: a card may be older than its operation."""
        since = self._clock.now() - FRESH_S
        final = sa.select(audit.c.operation).where(audit.c.kind == FINAL)
        fresh = (table.c.state != State.ENDED.value) | (
            (table.c.ended_at >= since) & table.c.id.not_in(final)
        )
        for found in await self._journal.operations(fresh, limit=200):
            self._changed(found.id)

    async def run(self, interval_s: float = 2.0) -> None:
        """Dispatch for ever."""
        while True:
            try:
                await self.once()
            except IlbotError as error:
                log.warning("dispatch_failed", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._wake.wait()
            self._wake.clear()

    async def once(self) -> None:
        """Bring every open operation one move forward where nothing else does, oldest first."""
        still_open = await self._journal.operations(table.c.state != State.ENDED.value, limit=500)
        for found in reversed(still_open):
            try:
                await self._dispatch(found)
            except IlbotError as error:
                log.warning("dispatch_failed", operation=found.id, error=str(error))
            except Exception:
                # Whatever is wrong with one operation, the others must still start and end.
                log.exception("dispatch_has_a_bug", operation=found.id)

    async def _dispatch(self, found: Operation) -> None:
        late = self._clock.now() > found.deadline_at + GRACE_S
        match found.state:
            case State.ASKED if late:
                await self._end(found, Outcome.FAILED, "it could not be planned in time")
            case State.ASKED:
                await self._engine.start("ask", found.ask_run)
            case State.WAITING if late:
                await self._end(found, Outcome.EXPIRED, "nobody decided in time")
            case State.APPROVED:
                await self._engine.start("apply", found.apply_run, found.lane)
                await self._end_if_its_run_did(found)
            case State.APPLYING:
                await self._end_if_its_run_did(found, late=late)

    async def _end_if_its_run_did(self, found: Operation, *, late: bool = False) -> None:
        """End what no run will end; its state is kept if the run ended it while we looked."""
        is_over = await self._engine.is_over(found.apply_run)
        if is_over and found.state is State.APPROVED:
            text = "its run ended before it changed anything; the log of that time has the reason"
            await self._end(found, Outcome.FAILED, text)
        elif is_over:
            text = "its run ended without a result; the log of that time has the reason"
            await self._end(found, Outcome.PARKED, text)
        elif is_over is None and found.state is State.APPLYING:
            text = "the engine has no run of it any more; what it did so far is not known"
            await self._end(found, Outcome.PARKED, text)
        elif late and not await self._goes_on(found):
            text = "it did not end in its time; its run may still be at work"
            await self._end(found, Outcome.PARKED, text)

    async def _goes_on(self, found: Operation) -> bool:
        """Give a change that is late, yet ended a step lately, the time from that step on."""
        steps = [row.at for row in await self._journal.notes(found.id) if row.kind == "step"]
        until = max(steps, default=0.0) + SILENT_S
        if until < self._clock.now():
            return False
        await self._journal.defer(found.id, until)
        return True

    async def _end(self, found: Operation, outcome: Outcome, reason: str) -> None:
        ended = await self._journal.move(
            found.id, (found.state,), "ended",
            state=State.ENDED, outcome=outcome, reason=reason, ended_at=self._clock.now(),
        )  # fmt: skip
        if ended:
            self._changed(found.id)
