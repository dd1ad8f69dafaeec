"""Reads everything about the routers of one VPC or isolated network into one view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from bot.domain.cloud import CloudEvent, Tier, VmState
from bot.domain.fleet import MINIMUM_VERSION, RECREATE_CHECKS
from bot.domain.health import CheckResult
from bot.domain.router_view import RouterView
from bot.domain.zone import Network, Router, Vpc
from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.lists import Lists
from bot.services.scope import Scope

_EVENT_KINDS = ("DomainRouter", "VirtualMachine")
"""Resource types under which `listEvents` files a router's rows: what is asked of it under the
first, an out-of-band stop under the second (CloudStack `ApiCommandResourceType`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """The VPC or the isolated network whose routers are meant, by id."""

    vpc_id: str = ""
    network_id: str = ""

    @property
    def id(self) -> str:
        """The id by which plans name the routers there."""
        return self.vpc_id or self.network_id


async def read_routers(
    cloud: CloudReader, lists: Lists, clock: Clock, place: Place, scope: Scope
) -> RouterView:
    """Read a place and its routers; `Refused` where the place is gone, not where it is idle."""
    vpc, network, tiers = await _place(cloud, lists, place)
    zone_id = vpc.zone_id if vpc else network.zone_id if network else ""
    routers = await lists.routers(vpc_id=place.vpc_id, network_id=place.network_id)
    templates, offerings, hosts, minimum, recreate, is_empty = await asyncio.gather(
        scope.if_templates(cloud.system_templates),
        scope.if_offerings(lists.offerings),
        scope.if_hosts(cloud.hosts),
        cloud.setting(MINIMUM_VERSION, zone_id=zone_id),
        cloud.setting(RECREATE_CHECKS, zone_id=zone_id),
        _is_empty(cloud, [tier.id for tier in tiers] if vpc else [place.network_id]),
    )
    checks, events, restarts = await asyncio.gather(
        _checks(cloud, routers),
        _events(cloud, routers),
        _restarts(cloud, routers, {place.id, *(tier.id for tier in tiers)}),
    )
    return RouterView(
        read_at=clock.now(), vpc=vpc, network=network,
        routers=tuple(sorted(routers, key=lambda one: one.name)),
        tiers=tiers, checks=checks, is_empty=is_empty, templates=templates, offerings=offerings,
        hosts=tuple(host for host in hosts if host.zone_id == zone_id),
        events=events, restarts=restarts, minimum_version=minimum or "",
        recreate_checks=recreate or "",
    )  # fmt: skip


async def _place(
    cloud: CloudReader, lists: Lists, place: Place
) -> tuple[Vpc | None, Network | None, tuple[Tier, ...]]:
    if place.vpc_id:
        vpcs, tiers = await asyncio.gather(cloud.vpcs(vpc_id=place.vpc_id), lists.tiers())
        if not vpcs:
            raise Refused(f"VPC {place.vpc_id} no longer exists.")
        own = (tier for tier in tiers if tier.vpc_id == place.vpc_id)
        return vpcs[0], None, tuple(sorted(own, key=lambda tier: tier.name))
    networks = await cloud.isolated_networks(network_id=place.network_id)
    if not networks:
        raise Refused(f"Network {place.network_id} no longer exists.")
    return None, networks[0], ()


async def _is_empty(cloud: CloudReader, network_ids: Iterable[str]) -> bool:
    lists = await asyncio.gather(*(cloud.tier_vms(one) for one in network_ids))
    return not any(vm.state == "Running" for vms in lists for vm in vms)


async def _checks(cloud: CloudReader, routers: Iterable[Router]) -> tuple[CheckResult, ...]:
    lists = await asyncio.gather(*(cloud.router_checks(router.id) for router in routers))
    return tuple(check for checks in lists for check in checks)


async def _events(cloud: CloudReader, routers: Iterable[Router]) -> tuple[CloudEvent, ...]:
    return await _newest_first(
        cloud.events(resource_id=router.id, resource_type=kind)
        for router in routers
        for kind in _EVENT_KINDS
    )


async def _restarts(
    cloud: CloudReader, routers: Iterable[Router], here: set[str]
) -> tuple[CloudEvent, ...]:
    """Read them where they may be why a router is down; of those that run nobody asks."""
    if all(router.state is VmState.RUNNING for router in routers):
        return ()
    every = await _newest_first(
        cloud.events(event_type=kind, limit=20) for kind in ("VPC.RESTART", "NETWORK.RESTART")
    )
    return tuple(event for event in every if event.resource_id in here)


async def _newest_first(
    listings: Iterable[Awaitable[tuple[CloudEvent, ...]]],
) -> tuple[CloudEvent, ...]:
    unique = {event.id: event for events in await asyncio.gather(*listings) for event in events}
    return tuple(sorted(unique.values(), key=lambda event: event.created, reverse=True))
