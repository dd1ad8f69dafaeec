"""Follows up on what was proposed for busy machines: was it needed still, and did it help?

The load before is kept with the operation when it is opened. The load after is a note about the
operation, from CloudStack's first samples that can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import replace

import structlog

from bot.domain.operation import Operation
from bot.domain.relief import After, Before, Busyness, Ending
from bot.errors import IlbotError
from bot.ports import CloudReader
from bot.services.advising import RUNBOOKS
from bot.services.audit import Entry
from bot.services.cpu_case import Hosts
from bot.services.cpu_ending import CpuEnding, MachineEnd
from bot.services.cpu_notes import CpuNotes
from bot.services.incident_desk import Desk
from bot.services.relief import LOAD_BEFORE, keep_after, keep_before, relief_in
from bot.services.saturation import ADVICE
from bot.services.schema import operation as table

log = structlog.get_logger(__name__)
GIVE_UP_S = 3_600.0
"""Without a sample for so long after a change, the load after it is told to be not known."""
_LOOK_BACK_S = 86_400.0
_LOOKED_AT = 2_000
"""So many notes back the advice of an open incident is found."""


class CpuAfter:
    """Looks again and again; `changed` hears of operations of which there is more to tell."""

    def __init__(
        self, desk: Desk, changed: Callable[[str], None], hosts: Hosts | None = None
    ) -> None:
        self._journal = desk.journal
        self._operations = desk.operations
        self._ending = CpuEnding(desk, hosts or Hosts())
        self._cloud: CloudReader = desk.cloud
        self._clock = desk.clock
        self._notes = CpuNotes(desk.journal)
        self._changed = changed

    async def look(self) -> None:
        """Withdraw what is no longer needed, and measure what was done."""
        await self._follow_advices()
        await self._ending.withdraw_what_is_over()
        since = self._clock.now() - _LOOK_BACK_S
        done = (table.c.started_at > 0) & (table.c.ended_at >= since)
        for found in await self._journal.operations(done, limit=200):
            try:
                await self._measure(found)
            except IlbotError as error:
                log.warning("load_not_measured", operation=found.id, error=str(error))

    async def _follow_advices(self) -> None:
        """Keep the load with what people ask for while the incident of an advice goes on."""
        opened = await self._notes.open()
        busy = {str(note.data["id"]) for note in opened.values()}
        for advice in await self._journal.newest_notes(ADVICE, limit=_LOOKED_AT) if opened else ():
            found = relief_in([replace(advice, kind=LOAD_BEFORE)])
            if found and (advice.operation in opened or _is_of_a_host(found.before, busy)):
                await self._follow(advice)

    async def _follow(self, advice: Entry) -> None:
        """Keep its load with what was asked for since: what came before was for something else."""
        for one in await self._operations.open_ones(str(advice.data["about"])):
            is_a_persons = one.requested_by.is_person and one.created_at >= advice.at
            if is_a_persons and one.wish.runbook in RUNBOOKS.values():
                await keep_before(self._journal, one.id, advice)

    async def _measure(self, found: Operation) -> None:
        relief = relief_in(await self._journal.notes(found.id))
        if relief is None or relief.is_final:
            return
        waited_s = self._clock.now() - found.ended_at
        each = await self._ending.of_each(relief.before)
        ending = _together(each)
        is_early = relief.after is not None or waited_s < relief.before.follow_s
        if ending is Ending.GOES_ON and is_early:
            return
        gone = tuple(one.machine.name for one in each if one.ending is Ending.GONE)
        seen, newest = [], found.ended_at
        for one in relief.before.machines:
            if one.name in gone:  # no sample will come
                seen.append(Busyness(one.id, one.name, None))
                continue
            samples = await self._cloud.cpu_samples(since=found.ended_at, vm_id=one.id)
            last = samples[-1] if samples and samples[-1].at > found.ended_at else None
            seen.append(Busyness(one.id, one.name, last.cpu_percent if last else None))
            newest = max(newest, last.at if last else newest)
        is_known = all(one.cpu_percent is not None or one.name in gone for one in seen)
        if not is_known and waited_s < GIVE_UP_S:
            return
        after_s = newest - found.ended_at if newest > found.ended_at else waited_s
        after = After(tuple(seen), after_s, ending, gone)
        if await keep_after(self._journal, found.id, after):
            log.info("load_measured", operation=found.id, after=[str(one) for one in seen])
        self._changed(found.id)


def _is_of_a_host(before: Before, busy: Set[str]) -> bool:
    """Whether it is a load of a host that a machine of these ids or names is part of."""
    known = {key for one in before.machines for key in (one.id, one.name)}
    return bool(before.host and known & busy)


def _together(each: Iterable[MachineEnd]) -> Ending:
    """Say how the incident of all of them stands: it is as open as the most open of them."""
    endings = {one.ending for one in each}
    order = (Ending.GOES_ON, Ending.NOT_KNOWN, Ending.GONE)
    return next((one for one in order if one in endings), Ending.CALM)
