"""The two runs of every operation: `ask` plans and waits, `apply` changes and proves.

A runbook's body is the middle of `apply`; everything around it is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from bot.domain.operation import Mode, Operation, Outcome, Source, State
from bot.domain.plan import NothingToDo, Plan, Target
from bot.domain.policy import CAUTION, Denied, Policies, Scope
from bot.domain.probing import Evidence
from bot.engine import tally
from bot.engine.api import Retry, Run, StepFailed, Stopped, Verb, verb
from bot.errors import IlbotError, Refused, Transient
from bot.ports import Clock, World
from bot.services import proof, traffic
from bot.services.children import Parents
from bot.services.cloud_watch import Pause
from bot.services.failure import Failure, reading, weighed
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.operations import Operations, plan_of, scope_of, standing
from bot.services.progress import ENDED_WITH
from bot.services.runbooks import Probing, Runbook, Runbooks
from bot.services.switch import KillSwitch

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_READ_RETRY = Retry(attempts=6, first_wait_s=1.0, max_wait_s=20.0)
_PROOF_RETRY = Retry(attempts=12, first_wait_s=1.0, max_wait_s=30.0)
"""About 3.5 minutes: a change is proven after a restart of the management server too."""
_LOOK_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Office:
    """What the lifecycle works with."""

    journal: Journal
    operations: Operations
    fleet: Fleet
    policies: Callable[[], Policies]
    runbooks: Runbooks
    switch: KillSwitch
    clock: Clock
    changed: Callable[[str], None]
    can_write: bool
    pause: Pause


class Lifecycle:
    """Binds the house into the steps of `ask` and `apply`."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._parents = Parents(office.journal, office.runbooks)
        self._consider: Verb[[str], float] = verb(retry=_READ_RETRY, timeout_s=300.0)(self.consider)
        self._expire: Verb[[str], float] = verb()(self.expire)
        self._begin: Verb[[str], str] = verb(retry=_READ_RETRY, timeout_s=300.0)(self.begin)
        self._finish: Verb[[str, str], str] = verb(retry=_PROOF_RETRY, timeout_s=300.0)(self.finish)
        self._give_up: Verb[[str, str, str], bool] = verb()(self.give_up)

    async def ask(self, run: Run) -> None:
        """Plan, tell, and wait for a decision until its deadline."""
        operation_id = run.id.removesuffix(":ask")
        run.commit()  # a stop is looked at inside; it must not leave an operation without an end
        try:
            wait_s = await run.step(self._consider, operation_id)
        except StepFailed as no:
            text = f"it could not be planned: {no}"
            await run.step(self._give_up, operation_id, Outcome.FAILED.value, text)
            return
        while wait_s > 0:
            await run.wait_for("decision", wait_s)
            wait_s = await run.step(self._expire, operation_id)

    async def apply(self, run: Run) -> None:
        """Look again, change, undo where it failed, prove, and write the receipt."""
        operation_id = run.id.removesuffix(":apply")
        try:
            planned_text = await run.step(self._begin, operation_id)
        except (StepFailed, Stopped) as no:
            run.commit()
            outcome = Outcome.REJECTED if isinstance(no, Stopped) else Outcome.FAILED
            text = f"{_clause(no)}; nothing was changed"
            await run.step(self._give_up, operation_id, outcome.value, text)
            return
        if planned_text:
            failure = await self._carry_out(run, _PLAN.validate_json(planned_text))
            run.commit()
            await self._prove(run, operation_id, failure)

    async def _prove(self, run: Run, operation_id: str, failure: Failure) -> None:
        failure_text = _FAILURE.dump_json(failure).decode()
        try:
            await run.step(self._finish, operation_id, failure_text)
        except StepFailed:
            await run.sleep(_LOOK_AGAIN_S)
            try:
                await run.step(self._finish, operation_id, failure_text)
            except StepFailed as unseen:
                done = failure.text or "every step succeeded"
                outcome = Outcome.PARKED if failure.kind else Outcome.UNVERIFIED
                text = f"{done}; what it left could not be looked at: {unseen}"
                await run.step(self._give_up, operation_id, outcome.value, text)

    async def _carry_out(self, run: Run, planned: Plan) -> Failure:
        try:
            await self._office.runbooks[planned.runbook].apply(run, planned)
        except Stopped as stop:
            return await self._taken_back(run, Failure("stopped", _clause(stop)))
        except StepFailed as error:
            return await self._taken_back(run, Failure(error.kind, _clause(error), error.in_doubt))
        return Failure()

    async def _taken_back(self, run: Run, failure: Failure) -> Failure:
        undone, undo_failed = await run.compensate()
        return replace(failure, undone=undone, undo_failed=undo_failed, stands=run.stands)

    async def consider(self, world: World, operation_id: str) -> float:
        """Plan and decide how far to go; return how long to wait for a person, 0 for not at all."""
        found = await self._operation(operation_id)
        if found.state is State.ASKED:
            try:
                with reading():
                    await self._plan(found)
            except Refused as no:
                await self._end(found, (State.ASKED,), Outcome.REFUSED, str(no))
            self._office.changed(operation_id)
            found = await self._operation(operation_id)
        if found.state is not State.WAITING:
            return 0.0
        return max(1.0, found.deadline_at - world.clock.now())

    async def expire(self, world: World, operation_id: str) -> float:
        """End an operation that nobody decided on in time; return how long to wait on, or 0."""
        found = await self._operation(operation_id)
        if found.state is not State.WAITING:
            return 0.0
        if world.clock.now() < found.deadline_at:
            return max(1.0, found.deadline_at - world.clock.now())
        await self._end(found, (State.WAITING,), Outcome.EXPIRED, "nobody decided in time")
        return 0.0

    async def give_up(self, world: World, operation_id: str, outcome: str, reason: str) -> bool:
        """End an operation without a look at the cloud: nobody waits for what never comes."""
        found = await self._operation(operation_id)
        if found.state is State.APPLYING:
            await self._measured(world, found, self._runbook(found).probed(plan_of(found)))
        still_open = tuple(state for state in State if state is not State.ENDED)
        return await self._end(found, still_open, Outcome(outcome), reason)

    async def begin(self, world: World, operation_id: str) -> str:
        """Check that everything still holds and return the plan as JSON, `""` to end here."""
        found = await self._operation(operation_id)
        if found.state is State.APPLYING:
            return found.plan
        if found.state is not State.APPROVED:
            return ""
        if reason := await self._office.switch.reason():
            await self._end(found, (State.APPROVED,), Outcome.REJECTED, f"stopped: {reason}")
            return ""
        if world.clock.now() > found.deadline_at:
            text = "its turn did not come while the approval held; nothing was changed"
            await self._end(found, (State.APPROVED,), Outcome.EXPIRED, text)
            return ""
        with reading():
            outcome, reason = await self._still_holds(found)
        if outcome is not None:
            await self._end(found, (State.APPROVED,), outcome, reason)
            return ""
        if places := self._runbook(found).probed(plan_of(found)).places:
            await proof.begin_to_watch(world, found.apply_run, places)
        now = world.clock.now()
        await self._office.journal.move(
            operation_id, (State.APPROVED,), "applying",
            state=State.APPLYING, started_at=now, deadline_at=now + 4 * 3600.0,
        )  # fmt: skip
        self._office.changed(operation_id)
        return found.plan

    async def finish(self, world: World, operation_id: str, failure_text: str) -> str:
        """Prove the change or weigh its failure, and end the operation; return the outcome."""
        found = await self._operation(operation_id)
        if not found.is_open:
            return str(found.outcome)
        failure = _FAILURE.validate_json(failure_text)
        with reading():
            outcome, reason = await self._judge(world, found, failure)
        data = {"calls": asdict(tally.until_now())}
        await self._office.journal.note(found.id, "", ENDED_WITH, data)
        await self._end(found, (State.APPLYING,), outcome, reason)
        return outcome.value

    async def _plan(self, found: Operation) -> None:
        runbook = self._office.runbooks[found.wish.runbook]
        seen = await runbook.find(self._office.fleet, found.wish, found.id)
        target: Target = seen.target
        await self._refuse_unless_allowed(found, Scope.of_target(target))
        await self._refuse_a_second(found, target.id)
        planned = runbook.plan_for(seen, found.wish)
        about: dict[str, object] = {"target_id": target.id, "target_name": target.name}
        if isinstance(planned, NothingToDo):
            text = "\n• ".join((planned.reason, *planned.evidence))
            await self._end(found, (State.ASKED,), Outcome.NOTHING_TO_DO, text, **about)
            return
        mode, why = await self._mode(found, Scope.of_target(target))
        if planned.by_person and mode is Mode.AUTOMATIC:
            mode, why = Mode.APPROVE, planned.by_person
        changes: dict[str, object] = about | {
            "lane": planned.target.lane, "fingerprint": planned.fingerprint, "mode": mode,
            "plan": _PLAN.dump_json(planned).decode(),
        }  # fmt: skip
        await self._go_on(found, planned, mode, changes, why)

    async def _go_on(
        self, found: Operation, planned: Plan, mode: Mode, changes: dict[str, object], why: str
    ) -> None:
        now = self._office.clock.now()
        if mode in {Mode.OBSERVE, Mode.SUGGEST}:
            await self._end(found, (State.ASKED,), Outcome.OBSERVED, why, **changes)
        elif found.parent:
            await self._by_its_parent(found, planned, changes)
        elif mode is Mode.AUTOMATIC:
            by = f"policy {self._office.policies().version}"
            await self._office.journal.move(
                found.id, (State.ASKED,), "approved",
                state=State.APPROVED, decided_by=by, decided_at=now,
                deadline_at=now + 900.0, reason=why, **changes,
            )  # fmt: skip
        else:
            expiry_s = self._office.policies().runbook(planned.runbook).expiry_s
            await self._office.journal.move(
                found.id, (State.ASKED,), "planned",
                state=State.WAITING, deadline_at=now + expiry_s, reason=why, **changes,
            )  # fmt: skip

    async def _by_its_parent(
        self, found: Operation, planned: Plan, changes: dict[str, object]
    ) -> None:
        parent, why_not = await self._parents.approval(found, planned)
        if why_not:
            await self._end(
                found, (State.ASKED,), Outcome.FAILED, f"not begun: {why_not}", **changes
            )
            return
        await self._office.journal.move(
            found.id, (State.ASKED,), "approved",
            state=State.APPROVED, decided_by=parent.decided_by, decided_at=parent.decided_at,
            deadline_at=self._office.clock.now() + 900.0, **changes,
        )  # fmt: skip

    async def _mode(self, found: Operation, scope: Scope) -> tuple[Mode, str]:
        """How far this operation may go: the least of the policy, the keys and the wish's own."""
        policies = self._office.policies()
        if found.requested_by.is_person:
            mode = policies.mode_for(found.wish.runbook, Source.SLACK, scope)
            if mode is Mode.AUTOMATIC:
                mode = Mode.APPROVE  # what a person asks for, another person approves
        else:
            mode = found.mode
        why = "" if mode is Mode.APPROVE else f"the policy says {mode}"
        if not self._office.can_write and CAUTION.index(mode) > CAUTION.index(Mode.OBSERVE):
            return Mode.OBSERVE, "there is no write key, so the bot observes"
        if mode is Mode.AUTOMATIC and (reason := await self._office.switch.reason()):
            return Mode.OBSERVE, f"nothing starts now: {reason}"
        if mode is Mode.AUTOMATIC and (reason := await self._why_people_decide()):
            return Mode.APPROVE, reason
        return mode, why

    async def _why_people_decide(self) -> str:
        office = self._office
        return await office.pause() or await office.fleet.release.why_people_decide()

    async def _refuse_unless_allowed(self, found: Operation, scope: Scope) -> None:
        if not found.requested_by.is_person:
            return
        runbook = await self._parents.runbook_of(found)
        answer = self._office.policies().may_request(found.requested_by.id, runbook, scope)
        if isinstance(answer, Denied):
            raise Refused(str(answer))

    async def _refuse_a_second(self, found: Operation, target_id: str) -> None:
        for other in await self._office.operations.open_ones(target_id):
            same = other.wish.runbook == found.wish.runbook or other.state is State.APPLYING
            if other.id != found.id and same:
                raise Refused(
                    f"Operation {other.id} ({other.wish.runbook}) on {other.target_name} "
                    f"{standing(other)}.",
                    until="it ends",
                    instead=f"`why {other.id}` shows it.",
                )
        parked = await self._office.operations.parked(target_id)
        if parked is not None and (found.parent or not found.requested_by.is_person):
            raise Refused(
                f"Operation {parked.id} on {parked.target_name} is parked: nothing automatic "
                "touches it until a person has looked.",
                instead="A person may ask for a runbook on it.",
            )

    async def _still_approved(self, found: Operation) -> tuple[Outcome | None, str]:
        if reason := await self._parents.orphaned(found):
            return Outcome.STALE, reason
        if found.requested_by.is_person or not found.decided_by.startswith("policy"):
            asked_by = found.requested_by.id if found.requested_by.is_person else ""
            answer = self._office.policies().may_decide(
                found.decided_by, asked_by, await self._parents.runbook_of(found), scope_of(found)
            )
            if isinstance(answer, Denied):
                return Outcome.REFUSED, f"the approval no longer counts: {answer}"
        elif reason := await self._why_people_decide():
            return Outcome.STALE, f"nobody approved it, and {reason}"
        return None, ""

    async def _still_holds(self, found: Operation) -> tuple[Outcome | None, str]:
        outcome, reason = await self._still_approved(found)
        if outcome is not None:
            return outcome, reason
        planned = plan_of(found)
        try:
            runbook = self._office.runbooks[planned.runbook]
            seen = await runbook.subject.again(self._office.fleet, planned, found.id)
            again = runbook.plan_for(seen, found.wish)
        except Refused as no:
            return Outcome.STALE, f"the plan no longer holds: {no}"
        if isinstance(again, NothingToDo):
            return Outcome.NOTHING_TO_DO, again.reason
        if again.fingerprint != planned.fingerprint:
            changed = "; ".join(seen.changes(planned)) or "what would be done has changed"
            return Outcome.STALE, f"the world changed since the plan: {changed}"
        return None, ""

    async def _judge(self, world: World, found: Operation, failure: Failure) -> tuple[Outcome, str]:
        planned, runbook = plan_of(found), self._runbook(found)
        seen = await runbook.subject.again(self._office.fleet, planned, found.id)
        probing = runbook.probed(planned)
        measured = await self._measured(world, found, probing)
        unsafe = runbook.unsafe(seen, planned)
        if failure.kind:
            return weighed(failure, unsafe)
        if left := runbook.left_to_do(seen, planned):
            return (Outcome.PARKED if unsafe else Outcome.FAILED), "; ".join(left)
        if probing.must_prove:
            return proof.judge(measured, world.proof, unsafe)
        if probing.judged and (lost := proof.loss(measured, world.proof)):
            return proof.judge_loss(lost, unsafe)
        if why := runbook.unproven(seen, planned):
            return Outcome.UNVERIFIED, f"it is as planned, but not proven: {why}"
        return Outcome.DONE, ""

    async def _measured(self, world: World, found: Operation, probing: Probing) -> Evidence:
        """Keep what the probes saw, right before the end; a repetition is judged by the same."""
        if not probing.places and not probing.must_prove:
            return Evidence()
        seen = await proof.evidence_until_now(world, found.apply_run)
        return await traffic.keep(self._office.journal, found.id, seen) if seen.attempts else seen

    def _runbook(self, found: Operation) -> Runbook[Any]:
        return self._office.runbooks[found.wish.runbook]

    async def _end(
        self,
        found: Operation,
        expected: tuple[State, ...],
        outcome: Outcome,
        reason: str,
        **changes: object,
    ) -> bool:
        ended = await self._office.journal.move(
            found.id, expected, "ended",
            state=State.ENDED, outcome=outcome, reason=reason,
            ended_at=self._office.clock.now(), **changes,
        )  # fmt: skip
        self._office.changed(found.id)
        return ended

    async def _operation(self, operation_id: str) -> Operation:
        found = await self._office.journal.operation(operation_id)
        if found is None:
            raise Transient(f"read operation {operation_id}: the journal does not have it")
        return found


_FAILURE: TypeAdapter[Failure] = TypeAdapter(Failure)


def _clause(error: IlbotError) -> str:
    """Return what an error says so that a sentence can go on after it."""
    return str(error).rstrip(".")
