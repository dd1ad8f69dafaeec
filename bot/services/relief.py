"""The load before and after a change as it is kept in the audit journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from bot.domain.relief import After, Before, Busyness, Relief
from bot.services.audit import Entry
from bot.services.cpu_case import Case
from bot.services.journal import Journal

LOAD = "load"
"""Where the load before is, in the row with which an operation was asked for."""
LOAD_BEFORE = "load before"
"""The audit row that holds it for an operation that a person asked for because of an advice."""
LOAD_AFTER = "load after"
"""The audit row that holds the load after it."""
_BEFORE: TypeAdapter[Before] = TypeAdapter(Before)
_AFTER: TypeAdapter[After] = TypeAdapter(After)


def load_before(case: Case, incident: str, follow_s: float, *, is_host: bool) -> dict[str, Any]:
    """Return what is kept of a load with the operation that is opened for it."""
    machine = case.machine
    if is_host:
        seen = [Busyness(one.target_id, one.target_name, one.cpu_percent) for one in case.beside]
    else:
        seen = [Busyness(machine.id, machine.name, case.now_percent)]
    host = machine.host_name if is_host else ""
    before = Before(incident, tuple(seen), host, follow_s)
    return {LOAD: _BEFORE.dump_python(before, mode="json")}


async def keep_after(journal: Journal, operation_id: str, after: After) -> bool:
    """Keep the load after an operation, once before its incident is over and once then."""
    data = _AFTER.dump_python(after, mode="json")
    return await journal.note(operation_id, "over" if after.is_over else "", LOAD_AFTER, data)


async def keep_before(journal: Journal, operation_id: str, advice: Entry) -> bool:
    """Keep the load that an advice was given for with what a person asked for then."""
    return await journal.note(operation_id, "", LOAD_BEFORE, {LOAD: advice.data[LOAD]})


def relief_in(notes: Iterable[Entry]) -> Relief | None:
    """Return what an operation's audit rows tell of the load that it was opened for."""
    before: Before | None = None
    after: After | None = None
    earlier: After | None = None
    for note in notes:
        if note.kind in {"asked", LOAD_BEFORE} and LOAD in note.data:
            before = _BEFORE.validate_python(note.data[LOAD])
        elif note.kind == LOAD_AFTER:
            earlier, after = after, _AFTER.validate_python(note.data)
    return Relief(before, after, earlier) if before else None
