"""Reads what surrounds an ILB where its traffic may be moved: twin, names, hosts, watchers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from bot.domain.cloud import LbRule
from bot.domain.counted import Load
from bot.domain.names import DirectoryKind, Record
from bot.domain.service_view import ServiceView
from bot.domain.site import Site, names_in
from bot.domain.twin_view import TwinView
from bot.domain.view import View
from bot.domain.zone import Offering
from bot.errors import IlbotError, Refused, Transient
from bot.ports import CloudReader, Directory, Probe
from bot.services.lists import Lists
from bot.services.scope import Scope
from bot.services.site import seen, stats_port, stickiness_of

OFFERING_SETTING = "internallbvm.service.offering"
DEFAULT_OFFERING = "System Offering For Internal LB VM"
"""What a new ILB VM gets, unless the setting names another one by id
(`InternalLoadBalancerVMManagerImpl.configure`)."""

COUNT_S = 5.0
"""So long at least it is counted what each service carries, where a partition rests on that."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where clients look names up, who watches services for us, and how long clients get to go."""

    directory: Directory
    probe: Probe
    drain_s: float = 60.0


async def read_service(
    cloud: CloudReader,
    lists: Lists,
    outlook: Outlook,
    twins: tuple[View, View | None],
    scope: Scope,
) -> ServiceView:
    """Read it around an ILB and its twin; what a role may not see of hosts is left out."""
    view, twin = twins
    hosts, offerings, vantage_points = await asyncio.gather(
        seen(partial(scope.if_hosts, cloud.hosts), ()),
        scope.if_offerings(lists.offerings),
        outlook.probe.vantage_points(),
    )
    site = Site(
        read_at=view.read_at,
        tier=view.tier,
        tiers=(view.tier,),
        rules=view.tier_rules,
        vms=view.tier_vms,
        recreate_checks=view.recreate_checks,
        busy_with=view.busy_with,
    )
    found = ServiceView(
        view, site, twin, hosts, directory=outlook.directory.kind, vantage_points=vantage_points,
        drain_s=outlook.drain_s, offerings=offerings,
    )  # fmt: skip
    found = replace(found, records=await _records(outlook.directory, found.names))
    builds = scope.builds(found)
    if builds or (scope.twins and twin):
        found = await _with_its_rules(cloud, found, (*view.rules, *(twin.rules if twin else ())))
    return await _with_room(cloud, lists, found) if builds else found


async def _with_its_rules(
    cloud: CloudReader, found: ServiceView, rules: tuple[LbRule, ...]
) -> ServiceView:
    """Add what makes rules equal beyond what their list says."""
    machines, sticky = await asyncio.gather(
        cloud.tier_vms(found.ilb.tier.id), stickiness_of(cloud, rules)
    )
    site = replace(found.site, machines=machines, stickiness=sticky)
    if found.twin is not None:  # one of its rules may have to be held by another on a free port
        site = replace(site, stats_port=await stats_port(cloud))
    return replace(found, site=site)


async def _with_room(cloud: CloudReader, lists: Lists, found: ServiceView) -> ServiceView:
    """Add what tells which addresses are free, and what a new ILB VM comes with."""
    routers, offering = await asyncio.gather(
        seen(lists.routers, ()), seen(partial(_default_offering, cloud, lists), None)
    )
    tier_id = found.ilb.tier.id
    taken = tuple(a for router in routers for net, a in router.addresses if net == tier_id)
    return replace(found, site=replace(found.site, taken=taken), default_offering=offering)


async def with_loads(outlook: Outlook, found: ServiceView) -> ServiceView:
    """Count for a while what its clients do; nothing is added where nobody sees every port."""
    ports = [rule.source_port for rule in found.ilb.rules]
    try:
        spans = await outlook.probe.count(found.ilb.vip, ports, COUNT_S) if ports else {}
    except (Refused, Transient):
        return found
    loads = (Load(port, one.seconds, one.per_s, one.last.open) for port, one in spans.items())
    return replace(found, loads=tuple(sorted(loads, key=lambda one: one.port)))


async def with_others(
    cloud: CloudReader,
    outlook: Outlook,
    found: ServiceView,
    names: Sequence[str],
    vips: Sequence[str],
) -> ServiceView:
    """Add the records of names that its rules may no longer have, and rules of other VIPs."""
    more = tuple(name for name in names if name not in found.names)
    others = tuple(rule for rule in found.site.rules if rule.vip in vips)
    records, sticky = await asyncio.gather(
        _records(outlook.directory, more), stickiness_of(cloud, others)
    )
    every = tuple(sorted((*found.records, *records), key=lambda one: one.name))
    site = replace(found.site, stickiness=(*found.site.stickiness, *sticky))
    return replace(found, site=site, records=every)


async def read_twin(
    cloud: CloudReader, lists: Lists, outlook: Outlook, view: View, twin: View
) -> TwinView:
    """Read what is around one of twins; a directory that does not answer is told, not raised."""
    offering = None if view.vm else await seen(partial(_default_offering, cloud, lists), None)
    records: tuple[Record, ...] = ()
    trouble = ""
    try:
        records = await _records(outlook.directory, names_in(view.rules))
    except IlbotError as error:
        trouble = str(error)
    lookers = await outlook.probe.vantage_points()
    return TwinView(view, twin, outlook.directory.kind, records, trouble, offering, lookers)


async def _records(directory: Directory, names: tuple[str, ...]) -> tuple[Record, ...]:
    if directory.kind is DirectoryKind.NONE:
        return ()
    return tuple(await asyncio.gather(*(directory.look(name) for name in names)))


async def _default_offering(cloud: CloudReader, lists: Lists) -> Offering | None:
    offerings, chosen = await asyncio.gather(lists.offerings(), cloud.setting(OFFERING_SETTING))
    wanted = (one for one in offerings if chosen in (one.id, one.name))
    default = (one for one in offerings if one.name == DEFAULT_OFFERING)
    return next(wanted if chosen else default, None)
