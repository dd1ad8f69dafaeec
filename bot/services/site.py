"""Reads one tier and all of its load balancing from the cloud into a `Site`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bot.domain.cloud import LbRule, Tier
from bot.domain.fleet import RECREATE_CHECKS
from bot.domain.site import AclList, Site
from bot.domain.spec import Stickiness
from bot.domain.zone import Provider
from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.lists import Lists

STATS_PORT = "network.loadbalancer.haproxy.stats.port"
_DEFAULT_STATS_PORT = 8081

T = TypeVar("T")
U = TypeVar("U")


async def read_site(
    cloud: CloudReader, lists: Lists, clock: Clock, tier_id: str, *, busy_with: str = ""
) -> Site:
    """Read the tier; what a role may not see of provider, ACL or routers is left out."""
    read_at = clock.now()
    every = await lists.tiers()
    tier = next((one for one in every if one.id == tier_id), None)
    if tier is None:
        raise Refused(f"Tier {tier_id} no longer exists.", instead="`status` lists what there is.")
    rules, vms, machines, recreate, port = await asyncio.gather(
        lists.rules(tier_id),
        lists.ilb_vms(tier_id),
        cloud.tier_vms(tier_id),
        cloud.setting(RECREATE_CHECKS, zone_id=tier.zone_id),
        stats_port(cloud),
    )
    providers, acl_lists, routers = await asyncio.gather(
        seen(cloud.providers, ()),
        seen(partial(_lists, cloud, tier.vpc_id), ()),
        seen(lists.routers, ()),
    )
    own = tuple(rule for rule in rules if rule.tier_id == tier_id)
    return Site(
        read_at=read_at,
        tier=tier,
        tiers=tuple(one for one in every if one.vpc_id == tier.vpc_id),
        rules=own,
        vms=vms,
        machines=machines,
        taken=tuple(a for router in routers for net, a in router.addresses if net == tier_id),
        stickiness=await stickiness_of(cloud, own),
        provider=_provider(providers, tier),
        acl=next((one for one in acl_lists if one.id == tier.acl_id), None),
        acl_lists=acl_lists,
        stats_port=port,
        recreate_checks=recreate or "",
        busy_with=busy_with,
    )


def _provider(providers: tuple[Provider, ...], tier: Tier) -> Provider | None:
    """That of the tier's physical network, which only root admins see; else the only one."""
    if not tier.physical_network_id and len(providers) == 1:
        return providers[0]
    on_it = (one for one in providers if one.physical_network_id == tier.physical_network_id)
    return next(on_it, None)


async def seen(read: Callable[[], Awaitable[T]], otherwise: U) -> T | U:
    """Return what is read, or nothing where the key's role may not read it (432).

    The reading begins here: one that was begun for a look that is cancelled is never awaited.
    """
    try:
        return await read()
    except Refused:
        return otherwise


async def _lists(cloud: CloudReader, vpc_id: str) -> tuple[AclList, ...]:
    lists = await cloud.acl_lists(vpc_id)
    entries = await asyncio.gather(*(cloud.acl_rules(one.id) for one in lists))
    return tuple(replace(one, rules=rules) for one, rules in zip(lists, entries, strict=True))


async def stats_port(cloud: CloudReader) -> int:
    """Return the port of HAProxy's stats page, which no rule may have."""
    said = await cloud.setting(STATS_PORT)
    return int(said) if said and said.isdigit() else _DEFAULT_STATS_PORT


async def stickiness_of(
    cloud: CloudReader, rules: tuple[LbRule, ...]
) -> tuple[tuple[str, Stickiness], ...]:
    """Return the stickiness policies of rules by their ids."""
    found = await asyncio.gather(*(cloud.stickiness(rule.id) for rule in rules))
    return tuple((rule.id, one[1]) for rule, one in zip(rules, found, strict=True) if one)
