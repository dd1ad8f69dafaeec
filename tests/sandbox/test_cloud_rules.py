"""Rules and members of the pretend cloud, and what changing them does to a tier's ILB VMs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.cloud.model import Refusal, Tier
from bot.sandbox.cloud.seed import READ_ONLY
from tests.sandbox.cloud_caller import Caller, demo_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def create(cloud: Caller, tier_name: str, vip: str, port: int = 81) -> str:
    tier = cloud.world.one(Tier, tier_name).id
    made = await cloud.call(
        "createLoadBalancer",
        name="extra",
        networkid=tier,
        sourceipaddressnetworkid=tier,
        sourceipaddress=vip,
        sourceport=port,
        instanceport=8080,
        algorithm="roundrobin",
        scheme="Internal",
    )
    assert (await cloud.ended(made["jobid"]))["jobstatus"] == 1
    return str(made["id"])


async def test_the_first_member_of_a_new_vip_brings_its_ilb_vm(cloud: Caller) -> None:
    rule = await create(cloud, "app-tier", "10.20.1.50")
    assert "ilb_vm.deployed" not in " ".join(cloud.effects())
    member = cloud.world.machine("app-1").id
    assert (await cloud.job("assignToLoadBalancerRule", id=rule, virtualmachineids=member))[
        "jobresult"
    ] == {"success": True}
    [new] = [one for one in cloud.world.effects if one.kind == "ilb_vm.deployed"]
    assert new.detail["vip"] == "10.20.1.50"
    assert (await cloud.rule("extra"))["loadbalancerrule"][0]["state"] == "Active"


async def test_any_change_of_a_tier_starts_its_stopped_ilb_vms(cloud: Caller) -> None:
    stopped = await cloud.ilb_vm("b-32-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=stopped["id"])
    rule = await cloud.rule("web-admin")
    member = cloud.world.machine("web-3").id
    await cloud.job("assignToLoadBalancerRule", id=rule["id"], virtualmachineids=member)
    assert (await cloud.ilb_vm("b-32-VM"))["state"] == "Running"


async def test_an_assign_during_a_stop_waits_for_it_and_starts_the_vm_again(cloud: Caller) -> None:
    vm, rule = await cloud.ilb_vm("b-31-VM"), await cloud.rule("app-http")
    removed = cloud.world.machine("app-3").id
    await cloud.job("removeFromLoadBalancerRule", id=rule["id"], virtualmachineids=removed)
    stop = (await cloud.call("stopInternalLoadBalancerVM", id=vm["id"]))["jobid"]
    job = await cloud.job("assignToLoadBalancerRule", id=rule["id"], virtualmachineids=removed)
    assert ((await cloud.poll(stop))["jobstatus"], job["jobstatus"]) == (1, 1)
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Running"


async def test_two_assigns_of_one_tier_run_side_by_side(cloud: Caller) -> None:
    rule = await create(cloud, "app-tier", "10.20.1.10")
    began = cloud.clock.now
    jobs = [
        (
            await cloud.call(
                "assignToLoadBalancerRule",
                id=rule,
                virtualmachineids=cloud.world.machine(name).id,
            )
        )["jobid"]
        for name in ("app-1", "app-2")
    ]
    for job in jobs:
        assert (await cloud.ended(job))["jobstatus"] == 1
    assert cloud.clock.now - began < 2 * cloud.world.latencies.assign_s
    assert len((await cloud.rule("extra"))["loadbalancerinstance"]) == 2


async def test_the_last_rule_of_a_vip_takes_its_ilb_vm_with_it(cloud: Caller) -> None:
    for name, gone in (("app-grpc", False), ("app-http", True)):
        rule = await cloud.rule(name)
        assert (await cloud.job("deleteLoadBalancer", id=rule["id"]))["jobstatus"] == 1
        assert ("ilb_vm.destroyed b-31-VM" in cloud.effects()) is gone


async def test_members_come_and_go_on_a_rule_without_end(cloud: Caller) -> None:
    rule = await cloud.rule("db-read")
    members = [one["id"] for one in rule["loadbalancerinstance"]]
    await cloud.job(
        "removeFromLoadBalancerRule", id=rule["id"], virtualmachineids=",".join(members)
    )
    empty = await cloud.rule("db-read")
    assert (empty["loadbalancerinstance"], empty["loadbalancerrule"][0]["state"]) == ([], "Add")
    assert (await cloud.ilb_vm("b-34-VM"))["state"] == "Running"


async def test_a_refused_removal_leaves_the_member_and_the_rule_in_add(cloud: Caller) -> None:
    rule = await cloud.rule("app-http")
    member = cloud.world.machine("app-1").id
    cloud.world.refuse_next(Refusal.RULES)
    job = await cloud.job("removeFromLoadBalancerRule", id=rule["id"], virtualmachineids=member)
    assert job["jobresult"]["errortext"].startswith("Failed to apply load balancing rules for ip")
    half_done = await cloud.rule("app-http")
    assert half_done["loadbalancerrule"][0]["state"] == "Add"
    assert member in [one["id"] for one in half_done["loadbalancerinstance"]]


async def test_a_refused_deletion_leaves_the_rule_deleting_until_the_next(cloud: Caller) -> None:
    rule = await cloud.rule("app-grpc")
    cloud.world.refuse_next(Refusal.RULES)
    assert (await cloud.job("deleteLoadBalancer", id=rule["id"]))["jobstatus"] == 2
    assert (await cloud.rule("app-grpc"))["loadbalancerrule"][0]["state"] == "Deleting"
    assert (await cloud.job("deleteLoadBalancer", id=rule["id"]))["jobstatus"] == 1


async def test_a_first_assign_without_a_host_leaves_a_stopped_vm_and_no_member(
    cloud: Caller,
) -> None:
    rule = await create(cloud, "app-tier", "10.20.1.50")
    member = cloud.world.machine("app-1").id
    cloud.world.refuse_next(Refusal.START)
    job = await cloud.job("assignToLoadBalancerRule", id=rule, virtualmachineids=member)
    assert job["jobresult"]["errortext"] == "Failed to assign load balancer rule"
    [left] = (await cloud.call("listInternalLoadBalancerVMs", state="Stopped"))[
        "internalloadbalancervm"
    ]
    assert (left["guestipaddress"], "scriptsversion" in left) == ("10.20.1.50", False)
    assert (await cloud.rule("extra"))["loadbalancerinstance"] == []


async def test_listing_by_address_is_broken_as_upstream(cloud: Caller) -> None:
    assert await cloud.refused("listLoadBalancers", sourceipaddress="10.20.1.10") == (
        530,
        "Problem with condition: sourceIpAddress",
    )


async def test_tags_find_rules_and_cannot_be_set_twice(cloud: Caller) -> None:
    rule = await cloud.rule("web-http")
    tag = {"tags[0].key": "ilbot.service", "tags[0].value": "shop"}
    where = {"resourceids": rule["id"], "resourcetype": "LoadBalancer"}
    assert (await cloud.job("createTags", **where, **tag))["jobstatus"] == 1
    again = await cloud.job("createTags", **where, **tag)
    assert again["jobresult"]["errortext"].startswith("tag ilbot.service already on LoadBalancer")
    found = await cloud.call("listLoadBalancers", **tag)
    assert [one["id"] for one in found["loadbalancer"]] == [rule["id"]]
    assert (await cloud.job("deleteTags", **where, **tag))["jobstatus"] == 1
    assert await cloud.call("listTags", resourceid=rule["id"], listall="true") == {}


async def test_drift_is_a_change_that_no_job_made(cloud: Caller) -> None:
    cloud.world.drift_rule("app-http", algorithm="source", without="app-2")
    rule = await cloud.rule("app-http")
    assert (rule["algorithm"], len(rule["loadbalancerinstance"])) == ("source", 2)


async def test_a_reader_may_look_at_everything_and_change_nothing(cloud: Caller) -> None:
    cloud.keys = READ_ONLY
    rule = await cloud.rule("app-http")
    assert (await cloud.refused("deleteLoadBalancer", id=rule["id"]))[0] == 432
    assert (await cloud.call("listEvents", listall="true"))["count"] == 12
    assert await cloud.call("listEvents") == {}
