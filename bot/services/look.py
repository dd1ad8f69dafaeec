"""Looks at the cloud at one moment: finds what a name means and reads it into views.

A view holds what planners rely on and nothing else is read for it: docs/FLEET.md counts the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.domain.cloud import CloudEvent, IlbVm, Tier, VmState
from bot.domain.demand import Cpu
from bot.domain.fleet import (
    MINIMUM_VERSION,
    RECREATE_CHECKS,
    Ilb,
    Snapshot,
    find_ilb,
    find_tier,
    ilbs_of,
)
from bot.domain.placing import Placing
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.site import Site, twin_in
from bot.domain.topology import Target, find_target
from bot.domain.twin_view import TwinView
from bot.domain.view import View
from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.demand import DemandReader, Wanting
from bot.services.lists import Lists
from bot.services.moves import events_of, restarts_around
from bot.services.placing import read_placing
from bot.services.release import Release
from bot.services.routers import Place, read_routers
from bot.services.scope import EVERYTHING, Scope
from bot.services.service_view import (
    Outlook,
    read_service,
    read_twin,
    with_loads,
    with_others,
)
from bot.services.site import read_site
from bot.services.snapshot import Allowed


class History(Protocol):
    """What our own operations say of a target."""

    async def __call__(
        self, target_id: str, ours: str, tier_id: str = "", vip: str = ""
    ) -> tuple[tuple[float, ...], str]:
        """Given our own operation's id: outages we measured on it, newest first, and the id of
        another operation that is being carried out on it, of an ILB also by its tier and VIP."""
        ...


@dataclass(frozen=True, slots=True)
class Senses:
    """What looks are made with."""

    cloud: CloudReader
    clock: Clock
    history: History
    outlook: Outlook
    release: Release


class Look:
    """One look: what it reads twice it asks CloudStack once. The next one is another `Look`."""

    def __init__(self, senses: Senses) -> None:
        self._cloud = senses.cloud
        self._senses = senses
        self._lists = Lists(senses.cloud)

    async def ilbs(self) -> tuple[tuple[Ilb, ...], tuple[Tier, ...]]:
        """Return every ILB (machines, and VIPs whose machine is missing) and every tier."""
        vms, rules = await asyncio.gather(self._lists.ilb_vms(), self._lists.rules())
        tiers = await self._lists.tiers()  # last: a machine's tier is then among them
        return ilbs_of(tiers, vms, rules), tiers

    async def find(self, named: str) -> Ilb:
        """Return the one ILB that a name means; `Refused` with the choices otherwise."""
        ilbs, tiers = await self.ilbs()
        return find_ilb(ilbs, tiers, named)

    async def find_target(self, named: str) -> Target:
        """Return the one ILB, router or pair of routers that a name means; `Refused` otherwise.

        A role that may not see routers finds ILBs alone.
        """
        allowed, read_at = Allowed(), self._senses.clock.now()
        vms, rules, routers = await asyncio.gather(
            self._lists.ilb_vms(), self._lists.rules(), allowed("routers", self._lists.routers())
        )
        tiers = await self._lists.tiers()  # last: a machine's tier is then among them
        seen = Snapshot(read_at, tiers, ilbs_of(tiers, vms, rules), routers=routers)
        return find_target(seen, named)

    async def find_tier(self, named: str) -> Tier:
        """Return the one tier that a name means; `Refused` with choices otherwise."""
        return find_tier(await self._lists.tiers(), named)

    async def view(
        self, target_id: str, *, ours: str = "", tier_id: str = "", scope: Scope = EVERYTHING
    ) -> View:
        """Read everything about one ILB by its target id (a machine's id, or `tier/vip`).

        `ours` is the operation that looks: it is not busy with itself. Who knows the `tier_id`
        of a machine spares asking for it.
        """
        ilb = await self._ilb(target_id, tier_id)
        tier, vip, vm = ilb.tier, ilb.vip, ilb.vm
        vms, rules, templates, minimum, recreate = await asyncio.gather(
            self._lists.ilb_vms(tier.id),
            self._lists.rules(tier.id),
            scope.if_templates(self._cloud.system_templates),
            self._cloud.setting(MINIMUM_VERSION, zone_id=tier.zone_id),
            self._cloud.setting(RECREATE_CHECKS, zone_id=tier.zone_id),
        )
        vm = next((other for other in vms if other.vip == vip), vm)
        events, restarts = await asyncio.gather(self._events(vm), self._restarts(tier, vm))
        key = vm.id if vm else f"{tier.id}/{vip}"
        outages, busy = await self._senses.history(key, ours, tier.id, vip)
        return View(
            read_at=self._senses.clock.now(), tier=tier, vip=vip, vm=vm, tier_vms=vms,
            tier_rules=tuple(rule for rule in rules if rule.tier_id == tier.id),
            templates=templates, events=events, restarts=restarts,
            minimum_version=minimum or "", recreate_checks=recreate or "",
            own_outages_s=outages, busy_with=busy,
        )  # fmt: skip

    async def service(
        self, target_id: str, *, ours: str = "", tier_id: str = "", scope: Scope = EVERYTHING
    ) -> ServiceView:
        """Read an ILB as `view` does, with its twin, its names, the hosts and who watches it."""
        view = await self.view(target_id, ours=ours, tier_id=tier_id, scope=scope)
        twin_vip = twin_in(view.rules)
        twin = await self._twin(view, twin_vip, ours) if twin_vip else None
        senses = self._senses
        return await read_service(self._cloud, self._lists, senses.outlook, (view, twin), scope)

    async def counted(self, seen: ServiceView) -> ServiceView:
        """Add what the clients of an ILB do by port, where HAProxy's page shows all of them."""
        return await with_loads(self._senses.outlook, seen)

    async def beyond(
        self, seen: ServiceView, names: Sequence[str], vips: Sequence[str]
    ) -> ServiceView:
        """Add what is published for other names, and what rules on other VIPs do beyond their
        list."""
        return await with_others(self._cloud, self._senses.outlook, seen, names, vips)

    async def demand(self, named: str, cpu: Cpu | None, busy: tuple[str, ...] = ()) -> Wanting:
        """Read what surrounds a machine under load, or of routers the one that was named.

        Without a `cpu` that was measured, what its own check said last is taken. `busy` are other
        machines of its host that are known to be busy.
        """
        target = await self.find_target(named)
        return await DemandReader(self._cloud, self._senses.outlook).read(target, named, cpu, busy)

    async def repairable(
        self, target_id: str, *, ours: str = "", tier_id: str = "", scope: Scope = EVERYTHING
    ) -> View | TwinView:
        """Read an ILB as `view` does, with the checks of what runs, and with its twin if it is one
        of twins."""
        view = await self.view(target_id, ours=ours, tier_id=tier_id, scope=scope)
        twin_vip = twin_in(view.rules)
        twin = await self._twin(view, twin_vip, ours) if twin_vip else None
        if view.vm is not None and view.vm.state is VmState.RUNNING:
            view = replace(view, checks=await self._cloud.ilb_checks(view.vm.id))
        if view.failing_checks:
            view = replace(view, restarts=await self._restarts(view.tier, None))
        if twin is None:
            return view
        return await read_twin(self._cloud, self._lists, self._senses.outlook, view, twin)

    async def site(self, tier_id: str, *, ours: str = "") -> Site:
        """Read everything about the load balancing of one tier; `ours` is who looks."""
        _, busy = await self._senses.history(tier_id, ours)
        clock = self._senses.clock
        return await read_site(self._cloud, self._lists, clock, tier_id, busy_with=busy)

    async def router_view(
        self, place: Place, *, ours: str = "", scope: Scope = EVERYTHING
    ) -> RouterView:
        """Read everything about the routers of one VPC or isolated network; `ours` is who looks."""
        outages, busy = await self._senses.history(place.id, ours)
        version = await self._senses.release.version()
        found = await read_routers(self._cloud, self._lists, self._senses.clock, place, scope)
        return replace(found, version=version, own_outages_s=outages, busy_with=busy)

    async def placing(self, view: View | RouterView, router_id: str = "") -> Placing:
        """Read where the machine of an ILB, or one router of a place, runs and may move."""
        return await read_placing(self._cloud, view, router_id)

    async def _ilb(self, target_id: str, tier_id: str) -> Ilb:
        wanted_tier, _, vip = target_id.partition("/")
        vm = None
        if not vip:
            vms = await self._lists.ilb_vms(tier_id) if tier_id else ()
            vms = vms or await self._cloud.ilb_vms(vm_id=target_id)
            vm = next((one for one in vms if one.id == target_id), None)
            if vm is None:
                raise Refused(f"ILB VM {target_id} no longer exists.", instead="Ask again by VIP.")
            wanted_tier, vip = vm.tier_id, vm.vip
        tier = next((one for one in await self._lists.tiers() if one.id == wanted_tier), None)
        if tier is None:
            raise Refused(f"The tier of {target_id} no longer exists.")
        return Ilb(tier, vip, vm)

    async def _twin(self, view: View, vip: str, ours: str) -> View:
        """Look at the twin of an ILB by what was read of their tier."""
        vm = next((one for one in view.tier_vms if one.vip == vip), None)
        target_id = vm.id if vm else f"{view.tier.id}/{vip}"
        outages, busy = await self._senses.history(target_id, ours, view.tier.id, vip)
        return replace(
            view, vip=vip, vm=vm, events=await self._events(vm), own_outages_s=outages,
            busy_with=busy,
        )  # fmt: skip

    async def _events(self, vm: IlbVm | None) -> tuple[CloudEvent, ...]:
        if vm is None:
            return ()
        return await events_of(self._cloud, vm.id)

    async def _restarts(self, tier: Tier, vm: IlbVm | None) -> tuple[CloudEvent, ...]:
        """Read them where they may be why it is down; of one that runs nobody asks."""
        if vm is not None and vm.state is VmState.RUNNING:
            return ()
        return await restarts_around(self._cloud, tier.id, tier.vpc_id)
