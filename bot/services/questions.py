"""Keeps what a running change asks of people, and who answered; the journal is its only memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter

from bot.domain.policy import Person
from bot.domain.question import Answer, Question
from bot.services.audit import Entry
from bot.services.journal import Journal

ASKED, ANSWERED, CLOSED = "question", "answer", "question over"
"""The kinds of audit rows; their step is the question's key."""
AFTER_S = 4 * 3600.0
"""How long a change may go on after the deadline of its last question."""
_QUESTION: TypeAdapter[Question] = TypeAdapter(Question)


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest question of an operation and, once there is one, its answer."""

    question: Question
    answer: Answer | None = None
    is_over: bool = False

    @property
    def is_open(self) -> bool:
        """Whether people may still answer."""
        return self.answer is None and not self.is_over


class Questions:
    """`bot.ports.People` on the journal; the first answer counts."""

    def __init__(self, journal: Journal, changed: Callable[[str], None]) -> None:
        self._journal = journal
        self._changed = changed

    async def ask(self, run_id: str, question: Question) -> None:
        """Store a question; its operation lasts longer for it."""
        operation_id = _operation_of(run_id)
        data = _QUESTION.dump_python(question, mode="json")
        await self._journal.note(operation_id, question.key, ASKED, data)
        await self._journal.defer(operation_id, question.deadline_at + AFTER_S)
        self._changed(operation_id)

    async def answer(self, run_id: str, key: str) -> Answer | None:
        """Return who answered a question, None while nobody did."""
        rows = await self._journal.notes(_operation_of(run_id))
        return next((_answer(row) for row in rows if (row.step, row.kind) == (key, ANSWERED)), None)

    async def close(self, run_id: str, key: str, why: str) -> None:
        """Note that nobody need answer any more."""
        operation_id = _operation_of(run_id)
        await self._journal.note(operation_id, key, CLOSED, {"why": why})
        self._changed(operation_id)

    async def newest(self, operation_id: str) -> Asked | None:
        """Return the newest question of an operation, None where it never asked."""
        rows = await self._journal.notes(operation_id)
        asked = [row for row in rows if row.kind == ASKED]
        if not asked:
            return None
        question = _QUESTION.validate_python(asked[-1].data)
        after = {row.kind: row for row in rows if row.step == question.key}
        answered = after.get(ANSWERED)
        return Asked(question, _answer(answered) if answered else None, CLOSED in after)

    async def take(self, operation_id: str, key: str, person: Person) -> bool:
        """Store an answer; False where somebody answered before."""
        data = {"by": person.id, "name": person.name}
        is_new = await self._journal.note(operation_id, key, ANSWERED, data)
        if is_new:
            self._changed(operation_id)
        return is_new


def _operation_of(run_id: str) -> str:
    return run_id.removesuffix(":apply")


def _answer(row: Entry) -> Answer:
    return Answer(str(row.data["by"]), str(row.data["name"]), row.at)
