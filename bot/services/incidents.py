"""Turns a hint about a target into a stored decision, and perhaps into a wish.

Nothing is done for what a hint says: the target is read again, a cause is computed, and the
policy for that incident decides how far to go. Decisions not to act are kept with their reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import structlog

from bot.domain.cause import Cause, why_not_running
from bot.domain.cloud import IlbVm, VmState
from bot.domain.fleet import Ilb
from bot.domain.observation import Hint, Observation, TargetType
from bot.domain.operation import Mode, Source, Wish
from bot.domain.policy import IncidentKind, Scope
from bot.domain.view import View
from bot.errors import Refused
from bot.services.breaker import mode_now
from bot.services.failing import Failing
from bot.services.incident_desk import Desk, decide_once, ilb_vm_named
from bot.services.operations import standing
from bot.services.overtaken import News, waiting_for, what_is_in_the_way

__all__ = ["Desk", "Incidents"]

log = structlog.get_logger(__name__)
STUCK_AFTER_S = 120.0
"""How long a VM may be Stopping before that is an incident: power sync takes about a minute."""

_OURS = frozenset({TargetType.ILB_VM, TargetType.MACHINE})
_KINDS = (
    IncidentKind.ILB_MISSING.value,
    IncidentKind.ILB_STUCK_STOPPING.value,
    IncidentKind.ILB_STOPPED.value,
)
_WORTH_A_LOOK = frozenset({Hint.MACHINE_STOPPED, Hint.MACHINE_GONE})


class Incidents:
    """The sink of every source of hints."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._failing = Failing(desk)
        self._stopping_since: dict[str, float] = {}

    async def hear(self, seen: Observation) -> None:
        """Decide on one hint from the bus; returns when the decision is stored."""
        if seen.kind is Hint.CLOUD_RESTARTED:
            await self._desk.watch.hear(seen)
        if seen.kind is Hint.HEALTH_FAILED or seen.target_type is TargetType.ROUTER:
            await self._failing.hear(seen)
        elif seen.kind in _WORTH_A_LOOK and seen.target_type in _OURS:
            find = partial(ilb_vm_named, self._desk.cloud, seen)
            await decide_once(self._desk, seen, find, self._look_at)

    async def _look_at(self, vm: IlbVm, because: str) -> str:
        return await self.look(vm.id, Source.KAFKA, because=because)

    async def sweep(self) -> None:
        """Look at every ILB: what the bus never says, or said while nobody listened."""
        await self._desk.watch.look()
        ilbs, _ = await self._desk.fleet.ilbs()
        await self._desk.watch.count_outdated([ilb.vm for ilb in ilbs if ilb.vm is not None])
        await self._withdraw_what_is_over(ilbs)
        for ilb in ilbs:
            if ilb.vm is not None and ilb.vm.state is VmState.RUNNING:
                self._stopping_since.pop(ilb.vm.id, None)
                continue
            try:
                await self.look(ilb.target_id, Source.POLL, because="seen by looking at all ILBs")
            except Refused as no:
                log.info("incident_not_decided", target=ilb.target_id, reason=str(no))
        await self._failing.sweep([ilb.vm for ilb in ilbs if ilb.vm is not None])

    async def _withdraw_what_is_over(self, ilbs: Iterable[Ilb]) -> None:
        """Nobody need bring back what runs, however it came to.

        What was proposed while the machine was missing is about the place of its VIP.
        """
        running = {
            target_id: ilb.vm.name
            for ilb in ilbs
            if ilb.vm is not None and ilb.vm.state is VmState.RUNNING
            for target_id in (ilb.vm.id, ilb.place)
        }
        for one in await waiting_for(self._desk, _KINDS):
            if one.target_id in running:
                over = f"{running[one.target_id]} is Running again"
                await self._desk.operations.withdraw(one, over)

    async def _withdraw(self, target_id: str, reason: str) -> None:
        for one in await waiting_for(self._desk, [f"{kind}:{target_id}" for kind in _KINDS]):
            await self._desk.operations.withdraw(one, reason)

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
            await self._withdraw(view.target.id, cause.reason)
            return f"left alone: {cause.reason}"
        policy = self._desk.policies().for_incident(kind, _scope(view))
        if policy is None:
            return f"no policy for {kind.value}: {cause.reason}"
        mode, why = await mode_now(self._desk, policy, view.target.id)
        news = News(
            view.target.id, policy.runbook, key, key, cause.reason, _began_at(view),
            repairs=mode is Mode.AUTOMATIC,
        )  # fmt: skip
        if one := await what_is_in_the_way(self._desk, news):
            # A second one would be refused, and the incident with it: its key counts once.
            return f"{cause.reason}; operation {one.id} on it {standing(one)}"
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


def _key(kind: IncidentKind, view: View) -> str:
    """One incident: this target in this state since that start or stop."""
    since = view.last_move.id if view.last_move else "?"
    return f"{kind.value}:{view.target.id}:{since}"


def _began_at(view: View) -> float:
    return view.last_move.created.timestamp() if view.last_move else 0.0


def _scope(view: View) -> Scope:
    return Scope.of(view.tier, view.vm)
