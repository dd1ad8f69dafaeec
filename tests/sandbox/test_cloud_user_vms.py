"""Tenants' VMs come, go, move and get busy in the pretend cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.cloud.model import Host
from tests.sandbox.cloud_caller import Caller, demo_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def test_a_destroyed_vm_is_no_member_any_more(cloud: Caller) -> None:
    vm = cloud.world.machine("app-1")
    await cloud.job("destroyVirtualMachine", id=vm.id)
    members = (await cloud.rule("app-http"))["loadbalancerinstance"]
    assert vm.id not in [one["id"] for one in members]
    assert await cloud.call("listVirtualMachines", name="app-1", listall="true") == {}


async def test_a_reboot_keeps_a_vm_where_its_rules_expect_it(cloud: Caller) -> None:
    vm = cloud.world.machine("app-1")
    done = await cloud.job("rebootVirtualMachine", id=vm.id)
    assert done["jobresult"]["virtualmachine"]["state"] == "Running"
    assert "vm.stopped i-2-10-VM" in cloud.effects()


async def test_a_vm_moves_only_to_a_host_of_its_cluster(cloud: Caller) -> None:
    vm = cloud.world.machine("app-1")
    assert vm.host is not None
    [target] = (await cloud.call("findHostsForMigration", virtualmachineid=vm.id))["host"]
    assert (target["clusterid"], target["requiresStorageMotion"]) == (vm.host.cluster_id, False)
    await cloud.job("migrateVirtualMachine", virtualmachineid=vm.id, hostid=target["id"])
    assert vm.host.id == target["id"]


async def test_no_tenant_command_finds_an_ilb_vm(cloud: Caller) -> None:
    ilb = cloud.world.machine("b-31-VM")
    for command in ("rebootVirtualMachine", "destroyVirtualMachine"):
        refused = await cloud.job(command, id=ilb.id)
        assert refused["jobresult"]["errorcode"] == 431
    assert await cloud.call("listVirtualMachinesMetrics", id=ilb.id) == {}
    assert ilb.state == "Running"


async def test_who_is_busy_shows_in_metrics_and_history(cloud: Caller) -> None:
    cloud.world.set_cpu("app-1", 88.0)
    cloud.world.set_cpu("kvm-a1", 91.0)
    body = await cloud.call("listVirtualMachinesMetrics", name="app-1", listall="true")
    assert [one["cpuused"] for one in body["virtualmachine"]] == ["88%"]
    host = cloud.world.one(Host, "kvm-a1")
    [shown] = (await cloud.call("listHostsMetrics", id=host.id))["host"]
    assert (shown["cpuused"], shown["cpuusedghz"]) == ("91%", "58.24 Ghz")


async def test_an_offering_for_ilb_vms_can_be_made_and_given(cloud: Caller) -> None:
    made = await cloud.call(
        "createServiceOffering",
        name="ILB huge",
        cpunumber="4",
        cpuspeed="2000",
        memory="4096",
        issystem="true",
        systemvmtype="internalloadbalancervm",
    )
    vm = cloud.world.machine("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=vm.id)
    offering = made["serviceoffering"]["id"]
    await cloud.call("changeServiceForRouter", id=vm.id, serviceofferingid=offering)
    assert (await cloud.ilb_vm("b-31-VM"))["serviceofferingname"] == "ILB huge"
    assert vm.offering.default is False
