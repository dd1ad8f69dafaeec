"""Looks at what runs and fails its checks, and at routers that CloudStack did not bring back.

A record of the bus says which machine; results are read again, never made afresh, and what is known
to mean nothing is left out. A poll looks as well: a record may never come, and none says that it is
over.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from functools import partial

import structlog

from bot.domain.cloud import IlbVm, VmState
from bot.domain.episode import Reading
from bot.domain.finding import about, dead_routers, failing_ilb, failing_routers
from bot.domain.health import CheckResult, failing, failing_of_ilb
from bot.domain.observation import Hint, Observation
from bot.domain.operation import Source
from bot.domain.policy import IncidentKind
from bot.domain.twin_view import TwinView
from bot.domain.zone import Role, Router
from bot.errors import Refused
from bot.ports.world import Pace
from bot.services.episodes import SWEPT, Episodes, checks_of
from bot.services.incident_desk import Desk, decide_once, ilb_vm_named, router_named
from bot.services.routers import Place
from bot.services.scope import Scope

log = structlog.get_logger(__name__)
GRACE_S = Pace().grace_s
LOOK_AGAIN_S = 300.0
"""How long results that are as they were are not looked into again: CloudStack collects new ones
every 10 min, and most checks that fail for ever mean nothing."""
_OF_ROUTERS = (IncidentKind.ROUTER_STOPPED, IncidentKind.ROUTER_FAILING)
_HINTS = frozenset({Hint.HEALTH_FAILED, Hint.MACHINE_STOPPED, Hint.MACHINE_GONE})
_BARE = Scope()
Checks = tuple[CheckResult, ...]


class Failing:
    """Decides on what fails while it runs, and on routers that CloudStack did not bring back."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._episodes = Episodes(desk)
        self._down_since: dict[str, float] = {}
        self._seen: dict[str, tuple[object, float]] = {}
        self._of_ilbs: dict[str, Checks] = {}
        self._of_routers: dict[str, Checks] = {}
        self._read_at = -math.inf

    async def hear(self, seen: Observation) -> None:
        """Decide on one hint from the bus; returns when the decision is stored."""
        if seen.kind not in _HINTS:
            return
        if seen.kind is Hint.HEALTH_FAILED:
            find = partial(ilb_vm_named, self._desk.cloud, seen)
            if await decide_once(self._desk, seen, find, self._hear_of_ilb):
                return
        find_router = partial(router_named, self._desk.cloud, seen)
        await decide_once(self._desk, seen, find_router, self._hear_of_router)

    async def sweep(self, vms: Sequence[IlbVm]) -> None:
        """Look at what fails, and at what failed: nobody tells that it passes."""
        going_on = await self._episodes.going_on()
        is_due = self._desk.clock.now() - self._read_at >= self._desk.health_every_s
        if is_due:
            self._of_ilbs = _by_machine(await self._desk.cloud.ilb_checks())
        await self._sweep_ilbs(vms, going_on)
        try:
            routers = await self._desk.cloud.routers()
            if is_due:
                self._of_routers = _by_machine(await self._desk.cloud.router_checks())
        except Refused as no:
            log.info("routers_not_looked_at", reason=str(no))
        else:
            await self._sweep_routers(routers, going_on)
        if is_due:
            self._read_at = self._desk.clock.now()

    async def _sweep_ilbs(self, vms: Sequence[IlbVm], going_on: Set[str]) -> None:
        for vm in vms:
            own = self._of_ilbs.get(vm.id, ())
            fails = vm.state is VmState.RUNNING and failing_of_ilb(own)
            if fails or about(IncidentKind.ILB_FAILING, vm.id) in going_on:
                look = partial(self.look_at_ilb, vm.id, Source.POLL, SWEPT)
                await self._glance(vm.id, (vm.state, own), look)
        await self._episodes.forget(IncidentKind.ILB_FAILING, {vm.id for vm in vms}, going_on)

    async def _sweep_routers(self, routers: Sequence[Router], going_on: Set[str]) -> None:
        checks = self._of_routers
        places: dict[Place, list[Router]] = {}
        for one in routers:
            places.setdefault(_place_of(one), []).append(one)
        for place, own in places.items():
            down = [s >= GRACE_S for s in self._down_s(own).values()]
            fails = [
                failing(checks.get(one.id, ()), is_backup=one.role is Role.BACKUP) for one in own
            ]
            is_open = any(about(kind, place.id) in going_on for kind in _OF_ROUTERS)
            if any(down) or any(fails) or is_open:
                seen = (down, [(one.id, one.state, checks.get(one.id, ())) for one in own])
                look = partial(self.look_at_routers, place, Source.POLL, SWEPT)
                await self._glance(place.id, seen, look)
        for kind in _OF_ROUTERS:
            await self._episodes.forget(kind, {place.id for place in places}, going_on)

    async def look_at_ilb(self, vm_id: str, source: Source, because: str) -> str:
        """Read an ILB VM and its checks again and decide; return the decision in words."""
        seen = await self._desk.fleet.look().repairable(vm_id, scope=_BARE)
        view = seen.ilb if isinstance(seen, TwinView) else seen
        last = await self._episodes.last(IncidentKind.ILB_FAILING, vm_id)
        found = failing_ilb(view, checks_of(last))
        return await self._episodes.decide(found, last, source, because)

    async def look_at_routers(self, place: Place, source: Source, because: str) -> str:
        """Read the routers of a place and their checks again and decide; return it in words.

        One repair mends all that is wrong with them, so what is dead comes before what fails.
        """
        view = await self._desk.fleet.look().router_view(place, scope=_BARE)
        last = await self._episodes.last(IncidentKind.ROUTER_STOPPED, place.id)
        dead = dead_routers(view, self._down_s(view.routers), GRACE_S)
        decision = await self._episodes.decide(dead, last, source, because)
        if dead.reading is not Reading.PASSES:
            return decision
        last = await self._episodes.last(IncidentKind.ROUTER_FAILING, place.id)
        found = failing_routers(view, checks_of(last))
        return await self._episodes.decide(found, last, source, because)

    async def _hear_of_ilb(self, vm: IlbVm, because: str) -> str:
        return await self.look_at_ilb(vm.id, Source.KAFKA, because)

    async def _hear_of_router(self, router: Router, because: str) -> str:
        return await self.look_at_routers(_place_of(router), Source.KAFKA, because)

    async def _glance(
        self, target_id: str, seen: object, look: Callable[[], Awaitable[str]]
    ) -> None:
        """Look closer, unless all is as it was when that was done a moment ago."""
        now = self._desk.clock.now()
        before, at = self._seen.get(target_id, (None, 0.0))
        if before == seen and now - at < LOOK_AGAIN_S:
            return
        try:
            await look()
        except Refused as no:
            log.info("incident_not_decided", target=target_id, reason=str(no))
        self._seen[target_id] = (seen, now)

    def _down_s(self, routers: Sequence[Router]) -> dict[str, float]:
        """Say for how long routers that are down were seen so, by their ids."""
        now = self._desk.clock.now()
        for one in routers:
            if one.state is VmState.RUNNING:
                self._down_since.pop(one.id, None)
        return {
            one.id: now - self._down_since.setdefault(one.id, now)
            for one in routers
            if one.state is not VmState.RUNNING
        }


def _by_machine(checks: Iterable[CheckResult]) -> dict[str, Checks]:
    found: dict[str, Checks] = {}
    for one in checks:
        found[one.machine_id] = (*found.get(one.machine_id, ()), one)
    return found


def _place_of(router: Router) -> Place:
    return Place(router.vpc_id, "" if router.vpc_id else router.network_id)
