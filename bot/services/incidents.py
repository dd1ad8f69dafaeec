"""Turns a hint about a target into a stored decision, and perhaps into a wish.

Nothing is done for what a hint says: the target is read again, a cause is computed, and the
policy for that incident decides how far to go. Decisions not to act are kept with their reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.domain.cause import Cause, why_not_running
from bot.domain.cloud import IlbVm, VmState
from bot.domain.observation import Hint, Observation, TargetType
from bot.domain.operation import Mode, Operation, Outcome, Source, State, Wish
from bot.domain.policy import IncidentKind, IncidentPolicy, Policies, Scope
from bot.domain.view import View
from bot.errors import Refused, Transient
from bot.ports import Clock, CloudReader
from bot.services.cloud_watch import CloudWatch
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.operations import Operations
from bot.services.schema import operation as table

log = structlog.get_logger(__name__)
STUCK_AFTER_S = 120.0
"""How long a VM may be Stopping before that is an incident: power sync takes about a minute."""
STORM_WINDOW_S = 600.0
STORM_SIZE = 3
"""So many automatic changes within the window, and the next ones ask a person (the breaker)."""

_OURS = frozenset({TargetType.ILB_VM, TargetType.MACHINE})
_WORTH_A_LOOK = frozenset({Hint.MACHINE_STOPPED, Hint.MACHINE_GONE})


@dataclass(frozen=True, slots=True)
class Desk:
    """What incidents are decided with."""

    journal: Journal
    operations: Operations
    fleet: Fleet
    cloud: CloudReader
    policies: Callable[[], Policies]
    clock: Clock
    watch: CloudWatch


class Incidents:
    """The sink of every source of hints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stopping_since: dict[str, float] = {}

    async def hear(self, seen: Observation) -> None:
        """Decide on one hint from the bus; returns when the decision is stored."""
        if seen.kind is Hint.CLOUD_RESTARTED:
            await self._desk.watch.hear(seen)
        if seen.kind not in _WORTH_A_LOOK or seen.target_type not in _OURS:
            return
        if await self._desk.journal.has_note(seen.dedupe, "", "decided"):
            return
        vm = await self._machine(seen)
        if vm is None:
            return  # a machine of somebody else's
        try:
            decision = await self.look(vm.id, Source.KAFKA, because=seen.words)
        except Refused as no:
            if await self._machine(seen) is not None:
                raise Transient(f"decide on {vm.name}: {no}") from no
            decision = f"gone while it was looked at: {no}"
        await self._desk.journal.note(
            seen.dedupe, "", "decided",
            {"target": vm.name, "hint": seen.words, "decision": decision},
        )  # fmt: skip

    async def _machine(self, seen: Observation) -> IlbVm | None:
        """Find the ILB VM a hint names, None where it is somebody else's.

        A key that CloudStack refuses is `Transient` here: the hint must wait until it is mended,
        and not be buried for what it does not say.
        """
        try:
            if seen.target_id and (found := await self._desk.cloud.ilb_vms(vm_id=seen.target_id)):
                return found[0]
            named = await self._desk.cloud.ilb_vms() if seen.target_name else ()
        except Refused as no:
            raise Transient(f"look at {seen.target_name or seen.target_id}: {no}") from no
        return next((vm for vm in named if vm.name == seen.target_name), None)

    async def sweep(self) -> None:
        """Look at every ILB: what the bus never says, or said while nobody listened."""
        await self._desk.watch.look()
        ilbs, _ = await self._desk.fleet.ilbs()
        await self._desk.watch.count_outdated([ilb.vm for ilb in ilbs if ilb.vm is not None])
        for ilb in ilbs:
            if ilb.vm is not None and ilb.vm.state is VmState.RUNNING:
                self._stopping_since.pop(ilb.vm.id, None)
                continue
            target_id = ilb.vm.id if ilb.vm else f"{ilb.tier.id}/{ilb.vip}"
            try:
                await self.look(target_id, Source.POLL, because="seen by looking at all ILBs")
            except Refused as no:
                log.info("incident_not_decided", target=target_id, reason=str(no))

    async def look(self, target_id: str, source: Source, *, because: str) -> str:
        """Read a target again and decide; return the decision in words."""
        view = await self._desk.fleet.view(target_id)
        kind = self._kind(view)
        if kind is None:
            return f"{view.name} is {view.state}: nothing to do"
        cause = why_not_running(view)
        key = _key(kind, view)
        if cause.on_purpose:
            await self._leave_alone(view, key, cause, because)
            return f"left alone: {cause.reason}"
        policy = self._desk.policies().for_incident(kind, _scope(view))
        if policy is None:
            return f"no policy for {kind.value}: {cause.reason}"
        mode, why = await self._mode(policy, view)
        wish = Wish(policy.runbook, target_id, because=cause.reason)
        evidence = {
            "incident": kind.value, "cause": cause.reason, "hint": because, "mode": why,
            "evidence": list(cause.evidence), "policy": self._desk.policies().version,
        }  # fmt: skip
        opened, is_new = await self._desk.operations.open_for_incident(
            wish, source, mode, dedupe=key, evidence=evidence
        )
        return f"{'opened' if is_new else 'same incident as'} operation {opened.id} ({why})"

    def _kind(self, view: View) -> IncidentKind | None:
        if view.vm is None:
            return IncidentKind.ILB_MISSING
        if view.vm.state is VmState.STOPPING:
            since = self._stopping_since.setdefault(view.vm.id, view.read_at)
            return (
                IncidentKind.ILB_STUCK_STOPPING if view.read_at - since >= STUCK_AFTER_S else None
            )
        self._stopping_since.pop(view.vm.id, None)
        return IncidentKind.ILB_STOPPED if view.vm.state is VmState.STOPPED else None

    async def _leave_alone(self, view: View, key: str, cause: Cause, because: str) -> None:
        data = {
            "target": view.name, "reason": cause.reason,
            "evidence": list(cause.evidence), "hint": because,
        }  # fmt: skip
        if await self._desk.journal.note(key, "", "left alone", data):
            log.info("incident_left_alone", target=view.name, reason=cause.reason)

    async def _mode(self, policy: IncidentPolicy, view: View) -> tuple[Mode, str]:
        """Automatic becomes a question after a repair of the same target, or in a storm."""
        if policy.mode is not Mode.AUTOMATIC:
            return policy.mode, f"the policy says {policy.mode}"
        now = self._desk.clock.now()
        cooldown_s = self._desk.policies().runbook(policy.runbook).cooldown_s
        recent = await self._recent(now - max(cooldown_s, STORM_WINDOW_S))
        on_it = [op for op in recent if op.target_id == view.target.id]
        if on_it and now - on_it[0].created_at < cooldown_s:
            ago = (now - on_it[0].created_at) / 60
            return Mode.APPROVE, f"repaired {ago:.0f} min ago already ({on_it[0].id}), so ask"
        storm = [op for op in recent if now - op.created_at < STORM_WINDOW_S]
        if len(storm) >= STORM_SIZE:
            return Mode.APPROVE, f"{len(storm)} automatic changes in 10 min, so ask"
        return Mode.AUTOMATIC, "the policy says automatic"

    async def _recent(self, since: float) -> tuple[Operation, ...]:
        found = await self._desk.journal.operations(table.c.created_at >= since, limit=100)
        return tuple(
            op
            for op in found
            if op.mode is Mode.AUTOMATIC
            and not op.requested_by.is_person
            and (op.state is not State.ENDED or op.outcome is not Outcome.NOTHING_TO_DO)
        )


def _key(kind: IncidentKind, view: View) -> str:
    """One incident: this target in this state since that start or stop."""
    since = view.last_move.id if view.last_move else "?"
    return f"{kind.value}:{view.target.id}:{since}"


def _scope(view: View) -> Scope:
    return Scope.of(view.tier, view.vm)
