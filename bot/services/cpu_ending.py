"""Says how incidents of busy machines ended, and withdraws what was proposed for those that did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.operation import Operation, State
from bot.domain.plan import in_words
from bot.domain.relief import Before, Busyness, Ending
from bot.services.audit import Entry
from bot.services.cpu_case import Hosts
from bot.services.cpu_notes import CALM, GONE, OVER, CpuNotes
from bot.services.incident_desk import Desk
from bot.services.relief import relief_in
from bot.services.schema import operation as table

FOR_LOADS = table.c.dedupe.startswith("cpu:") | table.c.dedupe.startswith("host:")
"""Operations that were opened for busy machines: they are opened under the incident's own id."""
_ENDS = {CALM: Ending.CALM, GONE: Ending.GONE}


@dataclass(frozen=True, slots=True)
class MachineEnd:
    """How the incident of one machine stands; `note` is what ended it, None where it goes on."""

    machine: Busyness
    note: Entry | None

    @property
    def ending(self) -> Ending:
        """What the note says: silence is no end that anybody saw."""
        if self.note is None:
            return Ending.GOES_ON
        return _ENDS.get(str(self.note.data["words"]), Ending.NOT_KNOWN)


class CpuEnding:
    """Reads the notes of incidents; the end of a host's is that of each of its machines."""

    def __init__(self, desk: Desk, hosts: Hosts) -> None:
        self._desk = desk
        self._hosts = hosts
        self._notes = CpuNotes(desk.journal)

    async def of_each(self, before: Before) -> tuple[MachineEnd, ...]:
        """Return how the incident of each machine of a load stands."""
        if not before.host:
            notes = await self._desk.journal.notes(before.incident)
            over = next((note for note in notes if note.kind == OVER), None)
            return tuple(MachineEnd(one, over) for one in before.machines)
        newest = await self._notes.newest()
        return tuple(_newest_of(one, newest) for one in before.machines)

    async def withdraw_what_is_over(self) -> None:
        """Withdraw what waits for a decision and whose load is seen to be over."""
        waiting = table.c.state == State.WAITING.value
        for found in await self._desk.journal.operations(waiting, FOR_LOADS):
            relief = relief_in(await self._desk.journal.notes(found.id))
            if relief and (over := await self._over(found, relief.before)):
                await self._desk.operations.withdraw(found, over)

    async def _over(self, found: Operation, before: Before) -> str:
        """Say why nobody need decide any more, `""` where somebody should.

        What moves one machine off a host helps nobody once that one is calm, or once too few of
        them may be busy still to be a matter of their host.
        """
        each = await self.of_each(before)
        ends = {one.machine.id: end for one in each if (end := _end_of(one))}
        still = len(each) - len(ends)
        if not before.host:
            return "" if still else in_words(list(ends.values()))
        for own in (found.target_id, found.wish.target):
            if own in ends:
                return ends[own]
        if still >= self._hosts.enough:
            return ""
        too_few = f"too few to be a matter of host {before.host}"
        return f"{in_words(list(ends.values()))}: {still} of {len(each)} are left, {too_few}"


def _newest_of(machine: Busyness, newest: Mapping[str, Entry]) -> MachineEnd:
    """Take its newest note: it may be known by its id or by its name."""
    notes = [newest[key] for key in (machine.id, machine.name) if key in newest]
    last = max(notes, key=lambda note: note.seq, default=None)
    return MachineEnd(machine, last if last is not None and last.kind == OVER else None)


def _end_of(one: MachineEnd) -> str:
    if one.note is not None and one.ending is Ending.CALM:
        was, now = one.machine.cpu_percent, one.note.data["cpu_percent"]
        before = f", and it was {was:.0f} %" if was is not None else ""
        return f"{one.machine.name} is calm again: CPU {now:.0f} %{before}"
    return f"{one.machine.name} is gone" if one.ending is Ending.GONE else ""
