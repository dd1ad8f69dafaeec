"""Opens operations that are parts of another one's change, and says what its approval covers.

A child is planned and looked at again like any other operation. Its approval is that of its
parent, which was of a plan that promised what each child would cost: more than that is not done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.domain.operation import Mode, Operation, State, Wish
from bot.domain.plan import Plan
from bot.domain.waves import Ended
from bot.engine.api import Engine
from bot.errors import Transient
from bot.ports import Clock, Standing
from bot.services.journal import Journal
from bot.services.operations import PLANNING_DEADLINE_S, plan_of, standing
from bot.services.runbooks import Runbooks
from bot.services.schema import operation as table

TOPIC = "children"
"""On it a run that waits for its children is woken."""
LATE_S = 300.0
"""How long after its deadline a child may take to be ended by whoever sees to deadlines."""
AFTER_S = 4 * 3600.0
"""How long a change may go on after the last of its children."""


@dataclass(frozen=True, slots=True)
class JournalChildren:
    """`bot.ports.Children` on the journal; `changed` wakes whoever starts what is stored."""

    journal: Journal
    clock: Clock
    changed: Callable[[str], None]

    async def open(self, run_id: str, number: str, wish: Wish, name: str) -> str:
        """Store one in the name of whoever asked for its parent."""
        parent = await _operation(self.journal, run_id.removesuffix(":apply"))
        now = self.clock.now()
        wanted = Operation(
            id=f"{parent.id}-{number}", wish=wish, source=parent.source,
            requested_by=parent.requested_by, state=State.ASKED, created_at=now,
            deadline_at=now + PLANNING_DEADLINE_S, mode=Mode.APPROVE, parent=parent.id,
            target_name=name,
        )  # fmt: skip
        why = {"part_of": parent.id, "source": parent.source.value, "words": wish.because}
        stored, _ = await self.journal.open_operation(wanted, f"part of {wanted.id}", why)
        self.changed(stored.id)
        return stored.id

    async def standing(self, run_id: str, numbers: Sequence[str]) -> Standing:
        """Read them, and let their parent last longer than any of them may."""
        parent_id = run_id.removesuffix(":apply")
        found = {f"{parent_id}-{number}": number for number in numbers}
        children = [
            one
            for one in await self.journal.operations(table.c.parent == parent_id, limit=1000)
            if one.id in found
        ]
        open_ones = [one for one in children if one.is_open]
        latest = max((one.deadline_at for one in open_ones), default=0.0) + LATE_S
        if open_ones:
            await self.journal.defer(parent_id, latest + AFTER_S)
        return Standing(
            tuple(
                Ended(found[one.id], one.outcome, one.reason)
                for one in sorted(children, key=lambda one: one.id)
                if not one.is_open
            ),
            tuple(sorted(found[one.id] for one in open_ones)),
            latest if open_ones else 0.0,
        )


@dataclass(frozen=True, slots=True)
class Parents:
    """Says whose authority an operation has, and how far it goes."""

    journal: Journal
    runbooks: Runbooks

    async def runbook_of(self, found: Operation) -> str:
        """Return the runbook by whose policy an operation may be asked for and approved."""
        return (await self._parent(found)).wish.runbook if found.parent else found.wish.runbook

    async def approval(self, found: Operation, planned: Plan) -> tuple[Operation, str]:
        """Return the parent of a child, and why its approval is none of this plan."""
        parent = await self._parent(found)
        if reason := _orphaned(parent):
            return parent, reason
        covers = self.runbooks[parent.wish.runbook].covers
        if covers is None:
            return parent, f"approvals of {parent.wish.runbook} are of nothing but itself"
        return parent, covers(plan_of(parent), planned)

    async def orphaned(self, found: Operation) -> str:
        """Say why a child must not begin any more; `""` where it may, or is nobody's child."""
        return _orphaned(await self._parent(found)) if found.parent else ""

    async def _parent(self, found: Operation) -> Operation:
        return await _operation(self.journal, found.parent)


class Heralds:
    """Wakes runs that wait for their children when one more of them has ended.

    A run looks for itself once it is awake; waking it twice, as after a restart, costs one look.
    """

    def __init__(self, journal: Journal, engine: Engine) -> None:
        self._journal = journal
        self._engine = engine
        self._told: dict[str, int] = {}

    async def look(self, found: Operation) -> None:
        """Wake the run of an operation that is being carried out, where there is news for it."""
        over = (table.c.parent == found.id) & (table.c.state == State.ENDED.value)
        ended = len(await self._journal.operations(over, limit=1000))
        if ended > self._told.get(found.id, 0):
            await self._engine.notify(found.apply_run, TOPIC, {"ended": ended})
            self._told[found.id] = ended


def _orphaned(parent: Operation) -> str:
    if parent.state is State.APPLYING:
        return ""
    return f"operation {parent.id}, which it is a part of, {standing(parent)}"


async def _operation(journal: Journal, operation_id: str) -> Operation:
    found = await journal.operation(operation_id)
    if found is None:
        raise Transient(f"read operation {operation_id}: the journal does not have it")
    return found
