"""The whole fleet is read in bulk pages, at a cost that tiers hardly change, and says its age."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client, Limits
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.domain.fleet import RECREATE_CHECKS, Use
from bot.engine.memory import VirtualClock
from bot.errors import IlbotError
from bot.sandbox.cloud import READ_ONLY, World, create_app, seed_demo
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Rule, Tier
from bot.sandbox.cloud.seed import seed_basics
from bot.services.snapshot import KEPT_S, Snapshots, read_snapshot

PAGE = 500
CONSTANT = 6
"""Lists that stay on one page here (routers, zones, hosts, offerings, providers), the version."""


@asynccontextmanager
async def cloud_of(world: World, clock: VirtualClock) -> AsyncIterator[CloudStackCloud]:
    keys = Keys(SecretStr(READ_ONLY.api_key), SecretStr(READ_ONLY.secret_key))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(world))) as http:
        limits = Limits(page_size=PAGE, repeat_after_s=())
        yield CloudStackCloud(
            Client("http://cloud.test/client/api", keys, None, http, clock, limits)
        )


def many_tiers(world: World, tiers: int) -> None:
    """Sow VPCs of 10 tiers, each tier with one ILB VM, two rules and two members."""
    build, basics = seed_basics(world)
    for number in range(tiers):
        if number % 10 == 0:
            vpc = build.vpc(f"vpc-{number // 10}", "10.0.0.0/16")
        tier = build.tier(vpc, f"tier-{number}", f"10.0.{number % 10}.0/24", basics.internal_lb)
        vip = f"10.0.{number % 10}.10"
        members = [build.member(tier, f"vm-{number}-{one}", 20 + one) for one in range(2)]
        for port in (80, 443):
            build.rule(tier, f"rule-{number}-{port}", vip, (port, port), members)
        build.ilb_vm(tier, vip, disk=basics.new)


def pages(rows: int, size: int = PAGE) -> int:
    return max(1, math.ceil(rows / size))


@pytest.mark.parametrize("tiers", [50, 600])
async def test_calls_grow_with_pages_and_not_with_tiers(tiers: int) -> None:
    clock = VirtualClock()
    world = World(clock.now)
    many_tiers(world, tiers)
    async with cloud_of(world, clock) as cloud:
        found = await read_snapshot(cloud, clock)
    assert len(found.ilbs) == len(found.tiers) == tiers
    counted = Counter(call.command for call in world.calls)
    assert counted.pop("listNetworks") == pages(tiers) + 1  # and the isolated networks
    assert counted.pop("listInternalLoadBalancerVMs") == pages(tiers)
    assert counted.pop("listLoadBalancers") == pages(2 * tiers)
    assert counted.pop("listVPCs") == pages(tiers // 10, 50)
    assert counted.pop("listConfigurations") == 2  # in one zone
    assert counted.pop("listTemplates") == 2
    assert set(counted.values()) == {1}
    assert len(counted) == CONSTANT


async def test_what_projects_own_is_in_it_and_nothing_was_changed() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    async with cloud_of(world, clock) as cloud:
        found = await read_snapshot(cloud, clock)
    assert {"shop-prod", "shop-stage", "payments"} == {vpc.name for vpc in found.vpcs}
    assert "ledger-tier" in {ilb.tier.name for ilb in found.ilbs}
    assert {router.vpc_name for router in found.routers} >= {"shop-prod", "payments"}
    assert {host.takes_machines for host in found.hosts} == {True}
    assert {"internalloadbalancervm", "domainrouter"} <= {one.for_type for one in found.offerings}
    assert [provider.state for provider in found.providers] == ["Enabled"]
    assert found.version.startswith("4.")
    assert found.not_read == ()
    assert not world.effects


async def test_hidden_rules_make_an_ilb_unknown_and_never_unused() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    world.one(Rule, "ledger").display = False
    async with cloud_of(world, clock) as cloud:
        found = await read_snapshot(cloud, clock)
    [ilb] = [one for one in found.ilbs if one.tier.name == "ledger-tier"]
    assert ilb.vm is not None
    assert ilb.use is Use.UNKNOWN
    assert "unused" not in {use.value for use in Use}


async def test_a_role_that_lacks_a_list_is_told_and_the_rest_is_read() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    world.fail_next(Fault("listHosts", FaultKind.ERROR, status=432, times=9))
    async with cloud_of(world, clock) as cloud:
        found = await read_snapshot(cloud, clock)
    assert found.hosts == ()
    [told] = found.not_read
    assert told.startswith("hosts: list the hosts")
    assert found.ilbs


async def test_the_recreate_setting_is_known_for_each_zone() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    world.settings[RECREATE_CHECKS].value = "haproxy_check.py"
    async with cloud_of(world, clock) as cloud:
        found = await read_snapshot(cloud, clock)
    assert found.setting(RECREATE_CHECKS, found.tiers[0].zone_id) == "haproxy_check.py"
    assert found.setting(RECREATE_CHECKS, "elsewhere") == ""


async def test_a_tier_made_while_it_was_read_leaves_nothing_dangling() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    async with cloud_of(world, clock) as cloud:
        found = await read_snapshot(cloud, clock)
    commands = [call.command for call in world.calls]
    last_reference = max(
        commands.index(one) for one in ("listInternalLoadBalancerVMs", "listLoadBalancers")
    )
    assert commands.index("listNetworks") > last_reference
    assert {ilb.tier.id for ilb in found.ilbs} <= {tier.id for tier in world.all(Tier)}


async def test_people_who_ask_at_once_share_one_reading() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    async with cloud_of(world, clock) as cloud:
        snapshots = Snapshots(cloud, clock)
        first = await snapshots.newest()
        assert await snapshots.newest() is first
        clock.advance(KEPT_S + 1)
        assert await snapshots.newest() is not first


async def test_where_the_cloud_does_not_answer_the_last_one_is_shown_with_its_age() -> None:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    async with cloud_of(world, clock) as cloud:
        snapshots = Snapshots(cloud, clock)
        world.fail_next(Fault("listNetworks", FaultKind.ERROR, status=503, times=2))
        with pytest.raises(IlbotError):
            await snapshots.newest()
        world.faults.clear()
        first = await snapshots.newest()
        clock.advance(60.0)
        world.fail_next(Fault("listNetworks", FaultKind.ERROR, status=503, times=9))
        again = await snapshots.newest()
    assert again.ilbs == first.ilbs
    assert again.age_s(clock.now()) == 60.0
    assert "list the VPC tiers" in again.trouble
