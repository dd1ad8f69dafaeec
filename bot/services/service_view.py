"""Reads what surrounds an ILB where its traffic may be moved: twin, names, hosts, watchers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from bot.domain.names import DirectoryKind, Record
from bot.domain.service_view import ServiceView
from bot.domain.site import Site
from bot.domain.view import View
from bot.domain.zone import Offering
from bot.ports import CloudReader, Directory, Probe
from bot.services.site import seen, stats_port, stickiness_of

OFFERING_SETTING = "internallbvm.service.offering"
DEFAULT_OFFERING = "System Offering For Internal LB VM"
"""What a new ILB VM gets, unless the setting names another one by id
(`InternalLoadBalancerVMManagerImpl.configure`)."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where clients look names up, and who watches services for us."""

    directory: Directory
    probe: Probe


async def read_service(
    cloud: CloudReader, outlook: Outlook, view: View, twin: View | None
) -> ServiceView:
    """Read it around an ILB and its twin; what a role may not see of hosts is left out."""
    rules = (*view.rules, *(twin.rules if twin else ()))
    machines, routers, port, sticky = await asyncio.gather(
        cloud.tier_vms(view.tier.id),
        seen(cloud.routers(), ()),
        stats_port(cloud),
        stickiness_of(cloud, rules),
    )
    hosts, offering, vantage_points = await asyncio.gather(
        seen(cloud.hosts(), ()),
        seen(_default_offering(cloud), None),
        outlook.probe.vantage_points(),
    )
    tier_id = view.tier.id
    site = Site(
        read_at=view.read_at,
        tier=view.tier,
        tiers=(view.tier,),
        rules=view.tier_rules,
        vms=view.tier_vms,
        machines=machines,
        taken=tuple(a for router in routers for net, a in router.addresses if net == tier_id),
        stickiness=sticky,
        stats_port=port,
        recreate_checks=view.recreate_checks,
        busy_with=view.busy_with,
    )
    found = ServiceView(
        view, site, twin, hosts, offering, outlook.directory.kind, (), vantage_points
    )
    return replace(found, records=await _records(outlook.directory, found.names))


async def _records(directory: Directory, names: tuple[str, ...]) -> tuple[Record, ...]:
    if directory.kind is DirectoryKind.NONE:
        return ()
    return tuple(await asyncio.gather(*(directory.look(name) for name in names)))


async def _default_offering(cloud: CloudReader) -> Offering | None:
    offerings, chosen = await asyncio.gather(
        cloud.system_offerings(), cloud.setting(OFFERING_SETTING)
    )
    wanted = (one for one in offerings if chosen in (one.id, one.name))
    default = (one for one in offerings if one.name == DEFAULT_OFFERING)
    return next(wanted if chosen else default, None)
