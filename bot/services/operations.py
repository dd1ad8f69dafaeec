"""The one door: every wish becomes an operation here, or is refused with a reason."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from bot.domain.operation import Actor, Mode, Operation, Outcome, Source, State, Wish
from bot.domain.plan import Plan
from bot.domain.policy import Denied, Person, Policies, Scope
from bot.domain.question import TOPIC
from bot.engine.api import Engine
from bot.errors import IlbotError, Refused, Transient
from bot.ports import Clock
from bot.services.journal import Journal
from bot.services.questions import Questions
from bot.services.runbooks import Runbooks
from bot.services.schema import operation as table
from bot.services.switch import KillSwitch

PLANNING_DEADLINE_S = 900.0
"""How long an operation may stay `asked`: planning needs a few reads."""

SEEN_LENGTH = 12
"""So much of a plan's fingerprint a card shows; who saw less has not seen the plan."""

Changed = Callable[[str], None]
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a click: whether it counted, and the sentence for who clicked."""

    counted: bool
    text: str


@dataclass(frozen=True, slots=True)
class Door:
    """What the door works with."""

    journal: Journal
    engine: Engine
    policies: Callable[[], Policies]
    runbooks: Runbooks
    clock: Clock
    switch: KillSwitch
    changed: Changed


class Operations:
    """Opens operations and takes decisions on them."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._questions = Questions(door.journal, door.changed)

    async def open_for_person(
        self, wish: Wish, source: Source, actor: Actor, *, dedupe: str, channel: str = ""
    ) -> tuple[Operation, bool]:
        """Store a person's wish; `Refused` where they may not, or everything is stopped.

        Whether they may on this target is looked at when the target is known.
        """
        self._known_runbook(wish)
        person = self.person(actor.id)
        if reason := await self._door.switch.reason():
            raise Refused(
                f"Nothing starts now: {reason}.",
                until="somebody resumes",
                instead="Questions (`status`, `why`) still work.",
            )
        known = Actor(actor.id, person.name)
        evidence = {"asked_by": person.name, "source": source.value, "words": wish.because}
        wanted = self._new(wish, source, known, Mode.APPROVE, channel)
        return await self._store(wanted, dedupe, evidence)

    async def open_for_incident(
        self, wish: Wish, source: Source, mode: Mode, *, dedupe: str, evidence: Mapping[str, Any]
    ) -> tuple[Operation, bool]:
        """Store what a policy wishes because of an incident, under that policy's mode."""
        self._known_runbook(wish)
        name = f"policy {self._door.policies().version}"
        actor = Actor("policy", name, is_person=False)
        return await self._store(self._new(wish, source, actor, mode, ""), dedupe, evidence)

    async def decide(
        self, operation_id: str, person_id: str, *, approve: bool, seen: str = ""
    ) -> Verdict:
        """Take a person's decision; it counts once, and only for the plan that was seen."""
        found = await self._door.journal.operation(operation_id)
        if found is None:
            return Verdict(False, f"There is no operation {operation_id}.")
        refusal = self._not_decidable(found, seen) or self._may_not_decide(
            found, person_id, approve=approve
        )
        if not refusal and approve and (reason := await self._door.switch.reason()):
            refusal = f"Nothing starts now: {reason}."
        if refusal:
            return Verdict(False, refusal)
        name = self.person(person_id).name
        if not await self._settle(found, person_id, name, approve=approve):
            return Verdict(False, f"Somebody else decided on {found.id} first.")
        self._door.changed(found.id)
        with contextlib.suppress(IlbotError):  # it is decided: the dispatcher carries it on
            await self._door.engine.notify(found.ask_run, "decision", {"approved": approve})
        word = "approved" if approve else "rejected"
        return Verdict(True, f"You {word} {found.id}.")

    async def withdraw(self, found: Operation, reason: str) -> bool:
        """End what nobody decided on, since its reason is gone; whether it was still so."""
        withdrawn = await self._door.journal.move(
            found.id, (State.WAITING,), "withdrawn",
            state=State.ENDED, outcome=Outcome.STALE, reason=reason,
            ended_at=self._door.clock.now(),
        )  # fmt: skip
        if withdrawn:
            self._door.changed(found.id)
            with contextlib.suppress(IlbotError):  # it is stored: the run sees it at its deadline
                await self._door.engine.notify(found.ask_run, "decision", {"approved": False})
        return withdrawn

    async def answer(self, operation_id: str, person_id: str, key: str = "") -> Verdict:
        """Take a person's word that what a running change asked for is done.

        It is stored before this returns; the first one counts. `key` is the question that was
        seen, by default the open one. Whoever may ask for the runbook or decide on it may answer.
        """
        found = await self._door.journal.operation(operation_id)
        if found is None:
            return Verdict(False, f"There is no operation {operation_id}.")
        person = self.person(person_id)
        asked = await self._questions.newest(found.id) if found.state is State.APPLYING else None
        if asked is None:
            return Verdict(
                False, f"Operation {found.id} {standing(found)} and asks nobody anything."
            )
        if refusal := self._may_not_answer(found, person_id):
            return Verdict(False, refusal)
        if not asked.is_open or key not in {"", asked.question.key}:
            return Verdict(False, f"That question of {found.id} is over; look at its card again.")
        if not await self._questions.take(found.id, asked.question.key, person):
            return Verdict(False, f"Somebody else answered {found.id} first.")
        with contextlib.suppress(IlbotError):  # it is stored: the running bot wakes the change
            await self._door.engine.notify(found.apply_run, TOPIC, {"news": "answered"})
        return Verdict(True, f"Thank you. {found.id} looks whether it is so, and goes on.")

    def person(self, person_id: str) -> Person:
        """Return who that is; `Refused` where the policies know nobody of that id."""
        person = self._door.policies().person(person_id)
        if person is None:
            raise Refused(
                f"The policies do not know you ({person_id}), so you can only look.",
                instead="An admin adds you under `people` in policies.yaml.",
            )
        return person

    async def open_ones(self, target_id: str) -> tuple[Operation, ...]:
        """Return the operations on a target that have not ended, newest first."""
        open_states = [state.value for state in State if state is not State.ENDED]
        return await self._door.journal.operations(
            table.c.target_id == target_id, table.c.state.in_(open_states)
        )

    async def parked(self, target_id: str) -> Operation | None:
        """Return the newest operation on a target if it was parked and nothing good followed."""
        last = await self._door.journal.operations(
            table.c.target_id == target_id, table.c.outcome.is_not(None), limit=1
        )
        return last[0] if last and last[0].outcome is Outcome.PARKED else None

    def _known_runbook(self, wish: Wish) -> None:
        if wish.runbook not in self._door.runbooks:
            raise Refused(
                f"There is no runbook {wish.runbook!r}.",
                instead=f"There is {', '.join(sorted(self._door.runbooks))}.",
            )

    def _new(self, wish: Wish, source: Source, actor: Actor, mode: Mode, channel: str) -> Operation:
        now = self._door.clock.now()
        return Operation(
            id=new_id(now), wish=wish, source=source, requested_by=actor, state=State.ASKED,
            created_at=now, deadline_at=now + PLANNING_DEADLINE_S, mode=mode, channel=channel,
        )  # fmt: skip

    async def _store(
        self, wanted: Operation, dedupe: str, evidence: Mapping[str, Any]
    ) -> tuple[Operation, bool]:
        stored, is_new = await self._door.journal.open_operation(wanted, dedupe, evidence)
        if is_new:
            with contextlib.suppress(Transient):  # it is stored: the dispatcher starts it
                await self._door.engine.start("ask", stored.ask_run)
        return stored, is_new

    def _not_decidable(self, found: Operation, seen: str) -> str:
        if found.state is not State.WAITING:
            return f"Operation {found.id} {standing(found)}; this changes nothing."
        if seen and (len(seen) < SEEN_LENGTH or not found.fingerprint.startswith(seen)):
            return f"The plan of {found.id} has changed; look at its card again."
        if self._door.clock.now() > found.deadline_at:
            return f"The time to decide on {found.id} is over."
        return ""

    def _may_not_decide(self, found: Operation, person_id: str, *, approve: bool) -> str:
        if not approve and person_id == found.requested_by.id:
            return ""  # whoever asked may always withdraw
        asked_by = found.requested_by.id if found.requested_by.is_person else ""
        answer = self._door.policies().may_decide(
            person_id, asked_by, found.wish.runbook, scope_of(found)
        )
        return str(answer) if isinstance(answer, Denied) else ""

    def _may_not_answer(self, found: Operation, person_id: str) -> str:
        policies, runbook, scope = self._door.policies(), found.wish.runbook, scope_of(found)
        asks = policies.may_request(person_id, runbook, scope)
        decides = policies.may_decide(person_id, "", runbook, scope)
        return str(asks) if isinstance(asks, Denied) and isinstance(decides, Denied) else ""

    async def _settle(self, found: Operation, person_id: str, name: str, *, approve: bool) -> bool:
        now = self._door.clock.now()
        decided = {"decided_by": person_id, "decided_at": now}
        if approve:
            return await self._door.journal.move(
                found.id, (State.WAITING,), "approved",
                state=State.APPROVED, deadline_at=now + PLANNING_DEADLINE_S, **decided,
            )  # fmt: skip
        by = "withdrawn" if person_id == found.requested_by.id else "rejected"
        return await self._door.journal.move(
            found.id, (State.WAITING,), "rejected",
            state=State.ENDED, outcome=Outcome.REJECTED, reason=f"{by} by {name}",
            ended_at=now, **decided,
        )  # fmt: skip


def plan_of(found: Operation) -> Plan:
    """Return the plan of an operation that has one."""
    return _PLAN.validate_json(found.plan)


def scope_of(found: Operation) -> Scope:
    """Return a planned operation's target as policies look at it."""
    return Scope.of_target(plan_of(found).target)


def standing(found: Operation) -> str:
    """Say where an operation stands, to follow its id in a sentence."""
    match found.state:
        case State.ENDED:
            ended = f"has ended: {found.outcome}"
            reason = found.reason.partition("\n")[0].rstrip(".")
            return f"{ended} ({reason})" if reason else ended
        case State.WAITING:
            return "waits for a decision"
        case State.ASKED:
            return "is being planned"
        case State.APPROVED:
            return "is approved and starts in its turn"
        case State.APPLYING:
            return "is being carried out"


def new_id(now: float) -> str:
    """Return an operation id that sorts by time: `1122-224013-k3fz` in UTC."""
    moment = time.strftime("%y%m%d-%H%M%S", time.gmtime(now))
    letters = "".join(secrets.choice("23456789abcdefghjkmnpqrstuvwxyz") for _ in range(4))
    return f"{moment}-{letters}"
