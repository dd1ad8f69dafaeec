"""Keeps incidents of the CPU as notes of the journal: begun, not known any more, over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from bot.domain.detect import Edge, Moment
from bot.domain.spelling import one_line
from bot.services.audit import Entry
from bot.services.journal import Journal

log = structlog.get_logger(__name__)
BUSY, UNKNOWN, OVER = "cpu busy", "cpu unknown", "cpu over"
CALM, GONE = "calm again", "the machine is gone"
_LOOKED_AT = 2_000
"""So many notes back an open incident is found."""


class CpuNotes:
    """What the journal knows of busy machines; each note is about an incident, once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def open(self) -> Mapping[str, Entry]:
        """Return the notes that began the incidents which are open, by incident, newest first."""
        notes = await self._journal.newest_notes(BUSY, OVER, limit=_LOOKED_AT)
        over = {note.operation for note in notes if note.kind == OVER}
        return {
            note.operation: note
            for note in notes
            if note.kind == BUSY and note.operation not in over
        }

    async def newest(self) -> Mapping[str, Entry]:
        """Return for each machine the newest note of its newest incident, by what it is known by.

        That is what ended it, or what began it where it is open.
        """
        notes = await self._journal.newest_notes(BUSY, OVER, limit=_LOOKED_AT)
        over = {note.operation: note for note in notes if note.kind == OVER}
        found: dict[str, Entry] = {}
        for note in notes:
            if note.kind == BUSY:
                found.setdefault(str(note.data["id"]), over.get(note.operation, note))
        return found

    async def busy(self, edge: Edge) -> None:
        """Note that it began."""
        data = {
            "id": edge.target_id, "target": called(edge), "host": one_line(edge.host),
            "since": edge.since, "cpu_percent": edge.cpu_percent,
        }  # fmt: skip
        if await self._journal.note(edge.incident, "", BUSY, data):
            log.warning("cpu_busy", incident=edge.incident, **data)

    async def unknown(self, edge: Edge) -> None:
        """Note that nothing is heard of the machine any more."""
        if not await self._journal.has_note(edge.incident, "", BUSY):
            return
        data = {"target": called(edge), "at": edge.at}
        if await self._journal.note(edge.incident, f"at {edge.at:.0f}", UNKNOWN, data):
            log.warning("cpu_not_known", incident=edge.incident, **data)

    async def over(self, edge: Edge) -> None:
        """Note the end of an incident that was noted; of others nobody was told."""
        if not await self._journal.has_note(edge.incident, "", BUSY):
            return
        left = edge.moment is Moment.LEFT
        words = CALM if left else "no samples for long: not known whether it is over"
        data = {
            "target": called(edge), "at": edge.at, "cpu_percent": edge.cpu_percent, "words": words,
        }  # fmt: skip
        if await self._journal.note(edge.incident, "", OVER, data):
            log.info("cpu_over", incident=edge.incident, **data)

    async def gone(self, began: Entry, at: float) -> None:
        """Note the end of an incident whose machine is no longer there: no sample will end it."""
        data = {
            "target": began.data["target"], "at": at, "cpu_percent": began.data["cpu_percent"],
            "words": GONE,
        }  # fmt: skip
        if await self._journal.note(began.operation, "", OVER, data):
            log.info("cpu_over", incident=began.operation, **data)


def utc(at: float) -> str:
    """Show a time in unix seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def called(edge: Edge) -> str:
    """Name the machine of an incident by what its samples say: anybody may have written them."""
    return one_line(edge.target_name) or edge.target_id
