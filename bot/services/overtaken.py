"""Withdraws proposals that nobody decided on and whose reason is gone.

Their incident is over, or another one of the same target came: what was planned for the first would
be stale when somebody approved it, and must not make a repair wait until then.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from bot.domain.operation import Operation, State
from bot.services.cpu_ending import FOR_LOADS
from bot.services.incident_desk import Desk
from bot.services.schema import operation as table


@dataclass(frozen=True, slots=True)
class News:
    """An incident that something is to be opened for; `key` is what that happens once by.

    Keys of the same matter begin with `about`. `began_at` is in unix seconds, 0 where it is not
    known. `repairs` is whether what is opened needs nobody.
    """

    target_id: str
    runbook: str
    about: str
    key: str
    words: str
    began_at: float = 0.0
    repairs: bool = False


async def waiting_for(desk: Desk, abouts: Collection[str]) -> tuple[Operation, ...]:
    """Return the proposals that wait and whose keys begin with one of these and a colon."""
    begins = sa.or_(*(table.c.dedupe.startswith(f"{one}:", autoescape=True) for one in abouts))
    return await desk.journal.operations(table.c.state == State.WAITING.value, begins)


async def what_is_in_the_way(desk: Desk, news: News) -> Operation | None:
    """Return the operation that news must wait for; withdraw what they overtake where none is.

    A repair that needs nobody overtakes whatever a policy proposed for its target, and what a
    person wished of that runbook before it began. What is approved is never withdrawn, nor what a
    repair ends nothing of: a machine that is back may be as busy as before.
    """
    same = {one.id for one in await _keyed(desk, news.about)}
    repairs = news.repairs and not await _keyed(desk, news.key)
    there = await desk.operations.open_ones(news.target_id)
    for_loads = await desk.journal.operations(table.c.target_id == news.target_id, FOR_LOADS)
    kept = same | {one.id for one in for_loads if one.wish.runbook != news.runbook}
    overtaken = [
        one for one in there if one.id not in kept and _is_overtaken(one, news, repairs=repairs)
    ]
    for one in there:
        if one.wish.runbook == news.runbook and one not in overtaken:
            return one
    by_itself = ", which is repaired without anybody's approval" if repairs else ""
    for one in overtaken:
        if not await desk.operations.withdraw(one, f"overtaken: {news.words}{by_itself}"):
            return one  # somebody decided on it meanwhile
    return None


async def _keyed(desk: Desk, about: str) -> tuple[Operation, ...]:
    begins = table.c.dedupe.startswith(f"{about}:", autoescape=True)
    return await desk.journal.operations((table.c.dedupe == about) | begins)


def _is_overtaken(one: Operation, news: News, *, repairs: bool) -> bool:
    if one.state is not State.WAITING:
        return False
    is_same = one.wish.runbook == news.runbook
    if one.requested_by.is_person:
        return repairs and is_same and one.created_at < news.began_at
    return repairs or is_same
