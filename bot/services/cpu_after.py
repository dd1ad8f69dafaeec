"""Follows up on what was proposed for busy machines: was it needed still, and did it help?

The load before is kept with the operation when it is opened. The load after is a note about the
operation, from CloudStack's first samples that can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from bot.domain.operation import Operation, State
from bot.domain.relief import After, Before, Busyness
from bot.errors import IlbotError
from bot.ports import CloudReader
from bot.services.advising import RUNBOOKS
from bot.services.audit import Entry
from bot.services.cpu_notes import CALM, GONE, OVER, CpuNotes
from bot.services.incident_desk import Desk
from bot.services.relief import LOAD_BEFORE, keep_after, keep_before, relief_in
from bot.services.saturation import ADVICE
from bot.services.schema import operation as table

log = structlog.get_logger(__name__)
GIVE_UP_S = 3_600.0
"""Without a sample for so long after a change, the load after it is told to be not known."""
_LOOK_BACK_S = 86_400.0
_OURS = table.c.dedupe.startswith("cpu:") | table.c.dedupe.startswith("host:")


class CpuAfter:
    """Looks again and again; `changed` hears of operations of which there is more to tell."""

    def __init__(self, desk: Desk, changed: Callable[[str], None]) -> None:
        self._journal = desk.journal
        self._operations = desk.operations
        self._cloud: CloudReader = desk.cloud
        self._clock = desk.clock
        self._notes = CpuNotes(desk.journal)
        self._changed = changed

    async def look(self) -> None:
        """Withdraw what is no longer needed, and measure what was done."""
        for advice in await self._journal.newest_notes(ADVICE):
            await self._follow(advice)
        waiting = table.c.state == State.WAITING.value
        for found in await self._journal.operations(waiting, _OURS):
            relief = relief_in(await self._journal.notes(found.id))
            if relief and (over := await self._over(relief.before)):
                await self._operations.withdraw(found, over)
        since = self._clock.now() - _LOOK_BACK_S
        done = (table.c.started_at > 0) & (table.c.ended_at >= since)
        for found in await self._journal.operations(done, limit=200):
            try:
                await self._measure(found)
            except IlbotError as error:
                log.warning("load_not_measured", operation=found.id, error=str(error))

    async def _follow(self, advice: Entry) -> None:
        """Keep the load with what people ask for while the incident of an advice goes on."""
        found = relief_in([replace(advice, kind=LOAD_BEFORE)])
        if found is None or await self._over(found.before):
            return
        for one in await self._operations.open_ones(str(advice.data["about"])):
            if one.requested_by.is_person and one.wish.runbook in RUNBOOKS.values():
                await keep_before(self._journal, one.id, advice)

    async def _measure(self, found: Operation) -> None:
        relief = relief_in(await self._journal.notes(found.id))
        if relief is None or relief.is_final:
            return
        waited_s = self._clock.now() - found.ended_at
        is_over = bool(await self._over(relief.before))
        if not is_over and (relief.after is not None or waited_s < relief.before.follow_s):
            return
        seen, newest = [], found.ended_at
        for one in relief.before.machines:
            samples = await self._cloud.cpu_samples(since=found.ended_at, vm_id=one.id)
            last = samples[-1] if samples and samples[-1].at > found.ended_at else None
            seen.append(Busyness(one.id, one.name, last.cpu_percent if last else None))
            newest = max(newest, last.at if last else newest)
        is_known = all(one.cpu_percent is not None for one in seen)
        if not is_known and waited_s < GIVE_UP_S:
            return
        after_s = newest - found.ended_at if newest > found.ended_at else waited_s
        after = After(tuple(seen), after_s, is_over)
        if await keep_after(self._journal, found.id, after):
            log.info("load_measured", operation=found.id, after=[str(one) for one in seen])
        self._changed(found.id)

    async def _over(self, before: Before) -> str:
        """Say how its incident ended, `""` where it goes on or is not known to be over."""
        if before.host:
            known = {text for one in before.machines for text in (one.id, one.name)}
            still = {str(note.data["id"]) for note in (await self._notes.open()).values()}
            return "" if known & still else f"{before.whose} are calm again"
        for note in await self._journal.notes(before.incident):
            if note.kind == OVER and note.data["words"] == GONE:
                return f"{before.whose} is gone"
            if note.kind == OVER and note.data["words"] == CALM:
                was, now = before.machines[0].cpu_percent, note.data["cpu_percent"]
                return f"{before.whose} is calm again: CPU {now:.0f} %, and it was {was:.0f} %"
        return ""
