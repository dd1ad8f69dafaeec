"""How one name leads to an ILB or to the routers of a place, and what is read of routers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.acts import Act
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, Plan
from bot.domain.router_view import NETWORK_ROUTERS, VPC_ROUTERS, RouterView
from bot.domain.twin_view import TwinView
from bot.domain.view import View
from bot.domain.zone import Role
from bot.errors import Refused
from bot.services.routers import Place
from bot.services.subjects import EITHER
from tests.workflows.harness import House
from tests.workflows.networks import isolated_network
from tests.workflows.paired import TWIN, paired


async def found(home: House, name: str) -> View | TwinView | RouterView:
    return await EITHER.find(home.fleet, Wish("recover", name), "")


def plan_for(seen: View | TwinView | RouterView) -> Plan:
    exposure = Exposure("nothing", 0.0, "a test")
    return Plan("recover", seen.target, "test", seen.facts(), (), exposure, ())


@pytest.mark.parametrize("name", ["r-4-VM", "r-5-VM", "shop-prod", "R-4-vm"])
async def test_a_router_or_its_vpc_means_the_routers_of_the_vpc(home: House, name: str) -> None:
    seen = await found(home, name)
    assert isinstance(seen, RouterView)
    assert [router.name for router in seen.routers] == ["r-4-VM", "r-5-VM"]
    assert seen.is_healthy_pair
    assert seen.is_redundant


@pytest.mark.parametrize("name", ["b-31-VM", "10.20.1.10", "app-tier", "shop-prod/app-tier"])
async def test_an_ilb_vm_its_address_or_its_tier_means_the_ilb(home: House, name: str) -> None:
    seen = await found(home, name)
    assert isinstance(seen, View)
    assert seen.name == "b-31-VM"


async def test_one_of_twins_is_seen_with_its_twin(home: House) -> None:
    paired(home)
    seen = await found(home, "b-31-VM")
    assert isinstance(seen, TwinView)
    assert (seen.ilb.name, seen.twin.vip, seen.twin_serves) == ("b-31-VM", TWIN, True)


async def test_one_of_twins_that_was_deployed_again_is_the_same(home: House) -> None:
    paired(home)
    before = plan_for(await found(home, TWIN))
    home.cloud.lose_ilb_vm(home.vm_at(TWIN))
    planned = replace(before, parameters=(("vip", TWIN),))
    after = await EITHER.again(home.fleet, planned, "")
    assert isinstance(after, TwinView)
    assert (after.ilb.vip, after.ilb.vm) == (TWIN, None)


async def test_what_nothing_is_called_is_refused(home: House) -> None:
    with pytest.raises(Refused, match="No ILB, tier, router or VPC is called “nowhere”"):
        await found(home, "nowhere")


async def test_routers_of_a_vpc_are_a_target_of_its_lane(home: House) -> None:
    seen = await found(home, "r-4-VM")
    ilb = await found(home, "b-31-VM")
    target = seen.target
    assert (target.kind, target.name) == (VPC_ROUTERS, "the routers of VPC shop-prod")
    assert target.lane == ilb.target.lane == f"vpc:{target.id}"
    assert target.where == "VPC shop-prod, zone fra-1"


async def test_routers_of_an_isolated_network_are_a_target_of_their_own_lane(home: House) -> None:
    network = isolated_network(home)
    seen = await found(home, network.name)
    assert isinstance(seen, RouterView)
    target = seen.target
    assert (target.kind, target.id) == (NETWORK_ROUTERS, network.id)
    assert target.lane == f"network:{network.id}"
    assert target.where == f"network {network.name}, zone fra-1"
    assert (seen.vpc, seen.tiers, len(seen.routers)) == (None, (), 1)


async def test_what_was_planned_is_read_again_by_its_place(home: House) -> None:
    network = isolated_network(home)
    for name in ("r-4-VM", network.name, "b-31-VM"):
        seen = await found(home, name)
        again = await EITHER.again(home.fleet, plan_for(seen), "")
        assert again.facts() == seen.facts()
        assert again.changes(plan_for(seen)) == ()


async def test_a_changed_role_is_told(home: House) -> None:
    before = plan_for(await found(home, "r-4-VM"))
    home.cloud.set_role("r-5-VM", "FAULT")
    home.later(60.0)
    after = await EITHER.again(home.fleet, before, "")
    assert after.changes(before) == ("r-5-VM role: was BACKUP, is FAULT",)


async def test_a_view_of_routers_knows_hosts_versions_and_checks(home: House) -> None:
    home.cloud.set_check("r-4-VM", "haproxy_check.py", "FAILED", "down")
    home.cloud.set_check("r-5-VM", "gateways_check.py", "FAILED", "no gateway")
    seen = await found(home, "shop-prod")
    assert isinstance(seen, RouterView)
    first, second = seen.routers
    assert (first.role, second.role) == (Role.PRIMARY, Role.BACKUP)
    everything = await home.fleet.router_view(Place(vpc_id=seen.place.id))
    assert first.host_id in {host.id for host in everything.hosts}
    assert first.template_name == "systemvm-kvm-4.22.0-x86_64"
    assert (first.version, seen.minimum_version) == ("4.20.0", "4.22.0")
    assert [check.name for check in seen.failing(first)] == ["haproxy_check.py"]
    assert seen.failing(second) == (), "a backup has no gateway to reach"
    assert seen.peer_of(first) == second
    assert not seen.is_empty
    assert {tier.name for tier in seen.tiers} >= {"app-tier", "batch-tier"}


async def test_a_place_that_is_gone_is_refused(home: House) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(Refused, match=r"VPC .* no longer exists"):
        await home.fleet.router_view(Place(vpc_id=nobody))
    with pytest.raises(Refused, match=r"Network .* no longer exists"):
        await home.fleet.router_view(Place(network_id=nobody))


async def test_what_the_topology_forbids_goes_by_what_was_seen(home: House) -> None:
    pair, ilb = await found(home, "shop-prod"), await found(home, "b-31-VM")
    forbidden = EITHER.forbids(pair, (Act.MAKE_PAIR,))
    assert forbidden is not None
    assert forbidden.text == "It is a pair already."
    assert EITHER.forbids(await found(home, "shop-stage"), (Act.MAKE_PAIR,)) is None
    assert EITHER.forbids(ilb, (Act.ROLL,)) is None
