"""Router pairs take over, are replaced backup first, and are watched as the real server does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox.cloud.build import Builder
from bot.sandbox.cloud.model import Host, Refusal, Tier, Vpc
from tests.sandbox.cloud_caller import Caller, demo_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def routers(cloud: Caller, vpc: str = "shop-prod") -> dict[str, dict[str, Any]]:
    found = cloud.world.one(Vpc, vpc)
    body = await cloud.call("listRouters", vpcid=found.id, listall="true", projectid="-1")
    return {one["name"]: one for one in body["router"]}


async def roles(cloud: Caller) -> dict[str, str]:
    return {name: one["redundantstate"] for name, one in (await routers(cloud)).items()}


async def test_the_backup_takes_over_and_the_old_primary_comes_back_as_backup(
    cloud: Caller,
) -> None:
    primary = (await routers(cloud))["r-4-VM"]["id"]
    await cloud.job("stopRouter", id=primary)
    assert await roles(cloud) == {"r-4-VM": "PRIMARY", "r-5-VM": "BACKUP"}  # until the next check
    cloud.clock.now += 31.0
    assert await roles(cloud) == {"r-4-VM": "UNKNOWN", "r-5-VM": "PRIMARY"}
    alert = (await cloud.call("listAlerts", type=9))["alert"][0]["description"]
    assert alert == "Redundant virtual router r-5-VM just switch from BACKUP to PRIMARY"
    await cloud.job("startRouter", id=primary)
    cloud.clock.now += 31.0
    assert await roles(cloud) == {"r-4-VM": "BACKUP", "r-5-VM": "PRIMARY"}


async def test_a_primary_without_power_is_shown_as_one_until_the_next_check(cloud: Caller) -> None:
    cloud.world.power_off("r-4-VM")
    assert await roles(cloud) == {"r-4-VM": "PRIMARY", "r-5-VM": "BACKUP"}
    cloud.clock.now += 31.0
    assert await roles(cloud) == {"r-4-VM": "UNKNOWN", "r-5-VM": "PRIMARY"}
    assert (await routers(cloud))["r-4-VM"]["state"] == "Running"
    cloud.clock.now += 240.0
    assert await roles(cloud) == {"r-4-VM": "BACKUP", "r-5-VM": "PRIMARY"}


async def test_two_primaries_raise_an_alert_and_a_fault_none(cloud: Caller) -> None:
    cloud.world.set_role("r-5-VM", "FAULT")
    cloud.clock.now += 31.0
    assert await roles(cloud) == {"r-4-VM": "PRIMARY", "r-5-VM": "FAULT"}
    assert "alert" not in await cloud.call("listAlerts", type=9)
    cloud.world.set_role("r-5-VM", "PRIMARY")
    cloud.clock.now += 31.0
    told = (await cloud.call("listAlerts", type=9))["alert"][0]["description"]
    assert told.endswith("is in PRIMARY state! Router r-4-VM and router r-5-VM")


async def test_a_clean_restart_replaces_the_backup_first_and_no_ilb_vm(cloud: Caller) -> None:
    before = await cloud.call("listInternalLoadBalancerVMs", listall="true")
    vpc = cloud.world.one(Vpc, "shop-prod")
    done = await cloud.job("restartVPC", id=vpc.id, cleanup="true")
    assert done["jobresult"] == {"success": True}
    happened = [one for one in cloud.effects() if one.startswith("router.")]
    order = [one for one in happened if "destroyed" in one or "deployed" in one]
    assert [one.split("-")[0] for one in order] == [
        "router.destroyed r",
        "router.deployed r",
        "router.destroyed r",
        "router.deployed r",
    ]
    assert order[0] == "router.destroyed r-5-VM"
    assert order[2] == "router.destroyed r-4-VM"
    assert await cloud.call("listInternalLoadBalancerVMs", listall="true") == before


async def test_makeredundant_is_for_good_and_changes_the_offering(cloud: Caller) -> None:
    vpc = cloud.world.one(Vpc, "shop-stage")
    await cloud.job("restartVPC", id=vpc.id, makeredundant="true")
    assert len(await routers(cloud, "shop-stage")) == 2
    [shown] = (await cloud.call("listVPCs", id=vpc.id))["vpc"]
    assert (shown["redundantvpcrouter"], shown["vpcofferingname"]) == (
        True,
        "Redundant VPC offering",
    )
    names = set(await routers(cloud, "shop-stage"))
    done = await cloud.job("restartVPC", id=vpc.id, makeredundant="false")
    assert done["jobstatus"] == 1
    assert set(await routers(cloud, "shop-stage")) == names


async def test_an_isolated_network_becomes_redundant_and_keeps_its_offering(cloud: Caller) -> None:
    build = Builder(cloud.world, cloud.world.at)
    offering = build.network_offering("isolated", None, for_vpc=False)
    tier = build.tier(None, "office", "10.90.1.0/24", offering)
    build.router(tier, 2, version=cloud.world.machine("r-4-VM").disk, public="192.0.2.60")
    await cloud.job("restartNetwork", id=tier.id, makeredundant="true")
    [shown] = (await cloud.call("listNetworks", id=tier.id))["network"]
    assert (shown["redundantrouter"], shown["networkofferingname"]) == (True, "isolated")
    assert "vpcid" not in shown
    found = (await cloud.call("listRouters", networkid=tier.id))["router"]
    assert [one["isredundantrouter"] for one in found] == [True, True]


async def test_a_tier_cannot_be_cleaned_up_alone(cloud: Caller) -> None:
    tier = next(one for one in cloud.world.all(Tier) if one.name == "app-tier")
    refused = await cloud.job("restartNetwork", id=tier.id, cleanup="true")
    assert refused["jobresult"]["errorcode"] == 431


async def test_a_failing_check_of_an_ilb_vm_replaces_the_routers_of_its_vpc(cloud: Caller) -> None:
    name = "router.health.checks.failures.to.recreate.vr"
    await cloud.call("updateConfiguration", name=name, value="haproxy_check.py")
    before = set(await routers(cloud))
    cloud.world.set_check("b-31-VM", "haproxy_check.py", "FAILED")
    cloud.clock.now += 120.0
    after = set(await routers(cloud))
    assert (len(after), before & after) == (2, set())
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Running"


async def test_one_call_reboots_both_routers_of_an_outdated_pair(cloud: Caller) -> None:
    pod = (await routers(cloud))["r-4-VM"]["podid"]
    for name in ("r-4-VM", "r-5-VM"):
        machine = cloud.world.machine(name)
        machine.pod = cloud.world.machine("r-4-VM").pod
        machine.version = "4.20.0"
    body = await cloud.call("upgradeRouterTemplate", podid=pod)
    for one in body["asyncjobs"]:
        await cloud.ended(one["jobid"])
    started = [one for one in cloud.effects() if one.startswith("router.started")]
    assert sorted(started) == ["router.started r-4-VM", "router.started r-5-VM"]
    assert await cloud.call("upgradeRouterTemplate", podid=pod) == {}
    assert await cloud.call("upgradeRouterTemplate") == {}


async def test_a_system_vm_moves_to_the_host_named_or_to_another(cloud: Caller) -> None:
    vm = cloud.world.machine("b-31-VM")
    home = vm.host
    assert home is not None
    await cloud.job("migrateSystemVm", virtualmachineid=vm.id, autoselect="true")
    assert vm.host is not home
    target = next(one for one in cloud.world.all(Host) if one not in (home, vm.host))
    done = await cloud.job("migrateSystemVm", virtualmachineid=vm.id, hostid=target.id)
    assert (done["jobresult"], vm.host) == ({"systemvm": {}}, target)


async def test_a_stopped_ilb_vm_can_be_scaled_a_running_one_not(cloud: Caller) -> None:
    vm = cloud.world.machine("b-31-VM")
    system = await cloud.call("listServiceOfferings", issystem="true", name="ILB large")
    [large] = system["serviceoffering"]
    refused = await cloud.job("scaleSystemVm", id=vm.id, serviceofferingid=large["id"])
    assert refused["jobresult"]["errortext"].startswith("Dynamically scaling")
    await cloud.job("stopInternalLoadBalancerVM", id=vm.id)
    await cloud.job("scaleSystemVm", id=vm.id, serviceofferingid=large["id"])
    assert (await cloud.ilb_vm("b-31-VM"))["serviceofferingname"] == "ILB large"


async def test_a_dead_router_that_no_host_starts_stays_down_until_it_is_tried_again(
    cloud: Caller,
) -> None:
    cloud.world.refuse_next(Refusal.START)
    cloud.world.power_off("r-5-VM")
    cloud.clock.now += 190.0
    cloud.world.advance()
    assert cloud.world.machine("r-5-VM").state == "Stopped"
    cloud.clock.now += 600.0
    cloud.world.advance()
    assert cloud.world.machine("r-5-VM").state == "Running"


@pytest.mark.parametrize(("heals", "status"), [(True, "SUCCESS"), (False, "FAILED")])
async def test_a_start_mends_a_check_at_its_next_collection_or_does_not(
    cloud: Caller, heals: bool, status: str
) -> None:
    cloud.world.set_check("r-5-VM", "haproxy_check.py", "FAILED", "down", heals=heals)
    router = cloud.world.machine("r-5-VM")
    await cloud.job("rebootRouter", id=router.id)
    [check] = router.checks
    assert check.status == "FAILED", "what was collected before the start stays until the next one"
    before = check.updated
    cloud.clock.now += 620.0
    cloud.world.advance()
    assert check.status == status
    assert check.updated > before


async def test_only_a_running_machine_has_hosts_to_move_to(cloud: Caller) -> None:
    router = cloud.world.machine("r-5-VM")
    found = (await cloud.call("findHostsForMigration", virtualmachineid=router.id))["host"]
    assert router.host is not None
    assert router.host.id not in {one["id"] for one in found}
    await cloud.job("stopRouter", id=router.id)
    status, text = await cloud.refused("findHostsForMigration", virtualmachineid=router.id)
    assert (status, text[:21]) == (431, "VM is not running, ca")
