"""Reads the cloud into views that planners can look at, and finds what a person named."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from bot.domain.cloud import CloudEvent, IlbVm, LbRule, PendingJob, Tier
from bot.domain.fleet import (
    MINIMUM_VERSION,
    RECREATE_CHECKS,
    Ilb,
    Snapshot,
    find_ilb,
    find_tier,
    ilbs_of,
)
from bot.domain.names import Record
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.site import Site, twin_in
from bot.domain.topology import Target, find_target
from bot.domain.view import View
from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.release import Release
from bot.services.routers import Place, read_routers
from bot.services.service_view import Outlook, read_service
from bot.services.site import read_site
from bot.services.snapshot import Allowed, Snapshots

_EVENT_KINDS = ("InternalLbVm", "DomainRouter", "VirtualMachine")
"""Resource types under which `listEvents` files an ILB VM's rows: what the router commands do to it
under the second, an out-of-band stop under the third (CloudStack `ApiCommandResourceType`)."""

History = Callable[[str, str], Awaitable[tuple[tuple[float, ...], str]]]
"""Given a target id and our own operation's id: outages we measured on it, newest first, and the
id of another operation that is being carried out on it, `""` for none."""


class Fleet:
    """The read model of the cloud; only `snapshot` is kept, and for a moment."""

    def __init__(
        self, cloud: CloudReader, clock: Clock, history: History, outlook: Outlook
    ) -> None:
        self._cloud = cloud
        self._clock = clock
        self._history = history
        self._outlook = outlook
        self._snapshots = Snapshots(cloud, clock)
        self.release = Release(cloud, clock)

    async def snapshot(self) -> Snapshot:
        """Return the whole fleet for people to look at; plans are made of a `view`."""
        return await self._snapshots.newest()

    def age_s(self, snapshot: Snapshot) -> float:
        """Return how old a snapshot is by now."""
        return snapshot.age_s(self._clock.now())

    async def find(self, named: str) -> Ilb:
        """Resolve what a person typed to exactly one ILB; `Refused` with the choices otherwise.

        Takes an ILB VM's name or id, a VIP, a tier's name or id, or `vpc/tier`.
        """
        ilbs, tiers = await self.ilbs()
        return find_ilb(ilbs, tiers, named)

    async def ilbs(self) -> tuple[tuple[Ilb, ...], tuple[Tier, ...]]:
        """Return every ILB (machines, and VIPs whose machine is missing) and every tier."""
        vms, rules = await asyncio.gather(self._cloud.ilb_vms(), self._cloud.rules())
        tiers = await self._cloud.tiers()  # last: a machine's tier is then among them
        return ilbs_of(tiers, vms, rules), tiers

    async def view(self, target_id: str, *, ours: str = "") -> View:
        """Read everything about one ILB by its target id (a machine's id, or `tier/vip`).

        `ours` is the operation that looks: it is not busy with itself.
        """
        tiers = {tier.id: tier for tier in await self._cloud.tiers()}
        tier_id, _, vip = target_id.partition("/")
        if vip:
            vm = None
        else:
            found = await self._cloud.ilb_vms(vm_id=target_id)
            if not found:
                raise Refused(f"ILB VM {target_id} no longer exists.", instead="Ask again by VIP.")
            vm, tier_id, vip = found[0], found[0].tier_id, found[0].vip
        if tier_id not in tiers:
            raise Refused(f"The tier of {target_id} no longer exists.")
        return await self._around(Ilb(tiers[tier_id], vip, vm), ours)

    async def service(self, target_id: str, *, ours: str = "") -> ServiceView:
        """Read an ILB as `view` does, with its twin, its names, the hosts and who watches it."""
        view = await self.view(target_id, ours=ours)
        twin_vip = twin_in(view.rules)
        twin = await self._twin(view, twin_vip, ours) if twin_vip else None
        return await read_service(self._cloud, self._outlook, view, twin)

    async def _twin(self, view: View, vip: str, ours: str) -> View:
        """Look at the twin of an ILB by what was read of their tier."""
        vm = next((one for one in view.tier_vms if one.vip == vip), None)
        outages, busy = await self._history(vm.id if vm else f"{view.tier.id}/{vip}", ours)
        return replace(
            view, vip=vip, vm=vm, events=await self._events(vm), own_outages_s=outages,
            busy_with=busy,
        )  # fmt: skip

    async def find_tier(self, named: str) -> Tier:
        """Return the one tier that a name means; `Refused` with choices otherwise."""
        return find_tier(await self._cloud.tiers(), named)

    async def site(self, tier_id: str, *, ours: str = "") -> Site:
        """Read everything about the load balancing of one tier; `ours` is who looks."""
        _, busy = await self._history(tier_id, ours)
        return await read_site(self._cloud, self._clock, tier_id, busy_with=busy)

    async def find_target(self, named: str) -> Target:
        """Return the one ILB, router or pair of routers that a name means; `Refused` otherwise.

        A role that may not see routers finds ILBs alone.
        """
        allowed, read_at = Allowed(), self._clock.now()
        vms, rules, routers = await asyncio.gather(
            self._cloud.ilb_vms(), self._cloud.rules(), allowed("routers", self._cloud.routers())
        )
        tiers = await self._cloud.tiers()  # last: a machine's tier is then among them
        seen = Snapshot(read_at, tiers, ilbs_of(tiers, vms, rules), routers=routers)
        return find_target(seen, named)

    async def router_view(self, place: Place, *, ours: str = "") -> RouterView:
        """Read everything about the routers of one VPC or isolated network; `ours` is who looks."""
        outages, busy = await self._history(place.id, ours)
        return await read_routers(
            self._cloud, self._clock, place, own_outages_s=outages, busy_with=busy
        )

    async def record(self, name: str) -> Record:
        """Read what the directory publishes for a name; `Refused` where there is no directory."""
        return await self._outlook.directory.look(name)

    async def unfinished_jobs(self) -> tuple[PendingJob, ...]:
        """Return what CloudStack is still at work on, whoever asked for it."""
        return await self._cloud.pending_jobs()

    async def _around(self, ilb: Ilb, ours: str) -> View:
        tier, vip, vm = ilb.tier, ilb.vip, ilb.vm
        vms, rules, templates, minimum, recreate = await asyncio.gather(
            self._cloud.ilb_vms(tier_id=tier.id),
            self._cloud.rules(tier_id=tier.id),
            self._cloud.system_templates(),
            self._cloud.setting(MINIMUM_VERSION, zone_id=tier.zone_id),
            self._cloud.setting(RECREATE_CHECKS, zone_id=tier.zone_id),
        )
        vm = next((other for other in vms if other.vip == vip), vm)
        events, restarts = await asyncio.gather(self._events(vm), self._restarts(tier))
        outages, busy = await self._history(vm.id if vm else f"{tier.id}/{vip}", ours)
        return View(
            read_at=self._clock.now(), tier=tier, vip=vip, vm=vm, tier_vms=vms,
            tier_rules=_of_tier(rules, tier), templates=templates, events=events,
            restarts=restarts, minimum_version=minimum or "", recreate_checks=recreate or "",
            own_outages_s=outages, busy_with=busy,
        )  # fmt: skip

    async def _events(self, vm: IlbVm | None) -> tuple[CloudEvent, ...]:
        if vm is None:
            return ()
        lists = await asyncio.gather(
            *(self._cloud.events(resource_id=vm.id, resource_type=kind) for kind in _EVENT_KINDS)
        )
        return _newest_first([event for events in lists for event in events])

    async def _restarts(self, tier: Tier) -> tuple[CloudEvent, ...]:
        vpc, network = await asyncio.gather(
            self._cloud.events(event_type="VPC.RESTART", limit=20),
            self._cloud.events(event_type="NETWORK.RESTART", limit=20),
        )
        here = {tier.vpc_id, tier.id}
        return _newest_first([event for event in (*vpc, *network) if event.resource_id in here])


def _newest_first(events: Sequence[CloudEvent]) -> tuple[CloudEvent, ...]:
    unique = {event.id: event for event in events}
    return tuple(sorted(unique.values(), key=lambda event: event.created, reverse=True))


def _of_tier(rules: tuple[LbRule, ...], tier: Tier) -> tuple[LbRule, ...]:
    return tuple(rule for rule in rules if rule.tier_id == tier.id)
