"""An ILB can be built from nothing in the pretend cloud, and the wrong way is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox.cloud.model import LbElement, NetworkOffering, Provider, Refusal
from bot.sandbox.cloud.seed import DOMAIN_ADMIN
from bot.sandbox.cloud.state import stable_id
from tests.sandbox.cloud_caller import Caller, demo_cloud

OFFERING = {
    "traffictype": "Guest",
    "guestiptype": "Isolated",
    "supportedservices": "Dhcp,Dns,SourceNat,Lb",
    "serviceproviderlist[0].service": "Lb",
    "serviceproviderlist[0].provider": "InternalLbVm",
    "servicecapabilitylist[0].service": "Lb",
    "servicecapabilitylist[0].capabilitytype": "SupportedLbIsolation",
    "servicecapabilitylist[0].capabilityvalue": "dedicated",
    "servicecapabilitylist[1].service": "Lb",
    "servicecapabilitylist[1].capabilitytype": "lbSchemes",
    "servicecapabilitylist[1].capabilityvalue": "internal",
    "conservemode": "false",
}


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def create_vpc(cloud: Caller, offering: str = "Default VPC offering") -> str:
    made = await cloud.call(
        "createVPC",
        name="new",
        cidr="10.60.0.0/16",
        vpcofferingid=stable_id(f"vpc-offering/{offering}"),
    )
    assert (await cloud.ended(made["jobid"]))["jobstatus"] == 1
    return str(made["id"])


async def create_tier(cloud: Caller, vpc: str, offering: str, third: int) -> dict[str, Any]:
    body = await cloud.call(
        "createNetwork",
        name=f"tier-{third}",
        zoneid=cloud.world.zone.id,
        networkofferingid=offering,
        vpcid=vpc,
        gateway=f"10.60.{third}.1",
        netmask="255.255.255.0",
    )
    tier: dict[str, Any] = body["network"]
    return tier


async def deploy(cloud: Caller, tier: str) -> str:
    [template] = (await cloud.call("listTemplates", templatefilter="featured"))["template"]
    [offering] = (await cloud.call("listServiceOfferings"))["serviceoffering"]
    made = await cloud.call(
        "deployVirtualMachine",
        zoneid=cloud.world.zone.id,
        templateid=template["id"],
        serviceofferingid=offering["id"],
        networkids=tier,
        displayname="member",
    )
    assert (await cloud.ended(made["jobid"]))["jobstatus"] == 1
    return str(made["id"])


async def create_offering(cloud: Caller, name: str = "ilb") -> str:
    made = await cloud.call("createNetworkOffering", name=name, **OFFERING)
    assert made["networkoffering"]["state"] == "Disabled"
    found = made["networkoffering"]["id"]
    await cloud.call("updateNetworkOffering", id=found, state="Enabled")
    return str(found)


async def test_from_an_offering_to_a_running_ilb_vm(cloud: Caller) -> None:
    offering = await create_offering(cloud)
    tier = await create_tier(cloud, await create_vpc(cloud), offering, 1)
    assert (tier["state"], tier["aclname"]) == ("Allocated", "default_deny")
    member = await deploy(cloud, tier["id"])
    rule = await cloud.call(
        "createLoadBalancer",
        name="web",
        networkid=tier["id"],
        sourceipaddressnetworkid=tier["id"],
        sourceport="80",
        instanceport="8080",
        algorithm="roundrobin",
        scheme="Internal",
    )
    await cloud.job("assignToLoadBalancerRule", id=rule["id"], virtualmachineids=member)
    shown = await cloud.call("listInternalLoadBalancerVMs", networkid=tier["id"])
    assert [one["state"] for one in shown["internalloadbalancervm"]] == ["Running"]
    [router] = (await cloud.call("listRouters", networkid=tier["id"]))["router"]
    assert (router["isredundantrouter"], router["state"]) == (False, "Running")


async def test_what_was_made_can_be_taken_away_from_the_inside_out(cloud: Caller) -> None:
    vpc = await create_vpc(cloud)
    tier = (await create_tier(cloud, vpc, await create_offering(cloud), 1))["id"]
    member = await deploy(cloud, tier)
    assert (await cloud.job("deleteVPC", id=vpc))["jobresult"]["errorcode"] == 431
    assert (await cloud.job("deleteNetwork", id=tier))["jobresult"]["errorcode"] == 530
    await cloud.job("destroyVirtualMachine", id=member, expunge="true")
    assert (await cloud.job("deleteNetwork", id=tier))["jobstatus"] == 1
    assert (await cloud.job("deleteVPC", id=vpc))["jobstatus"] == 1
    assert await cloud.call("listNetworks", vpcid=vpc, listall="true") == {}
    assert await cloud.call("listVPCs", id=vpc, listall="true") == {}
    assert await cloud.call("listRouters", vpcid=vpc, listall="true") == {}


async def test_a_redundant_vpc_comes_up_with_two_routers(cloud: Caller) -> None:
    vpc = await create_vpc(cloud, "Redundant VPC offering")
    tier = await create_tier(cloud, vpc, await create_offering(cloud), 1)
    await deploy(cloud, tier["id"])
    cloud.clock.now += 61.0
    routers = (await cloud.call("listRouters", vpcid=vpc))["router"]
    assert sorted(one["redundantstate"] for one in routers) == ["BACKUP", "PRIMARY"]


async def test_networks_beyond_the_limit_or_outside_the_vpc_are_refused(cloud: Caller) -> None:
    offering, vpc = await create_offering(cloud), await create_vpc(cloud)
    outside = await cloud.refused(
        "createNetwork",
        name="outside",
        zoneid=cloud.world.zone.id,
        networkofferingid=offering,
        vpcid=vpc,
        gateway="10.99.1.1",
        netmask="255.255.255.0",
    )
    assert outside == (431, "Network cidr 10.99.1.0/24 is not within vpc cidr 10.60.0.0/16")
    await cloud.call("updateConfiguration", name="vpc.max.networks", value="1")
    await create_tier(cloud, vpc, offering, 1)
    with pytest.raises(AssertionError, match=r"cannot surpass \[1\]"):
        await create_tier(cloud, vpc, offering, 2)


async def test_a_provider_cannot_be_enabled_before_its_element(cloud: Caller) -> None:
    provider = cloud.world.one(Provider, "InternalLbVm")
    [element] = cloud.world.all(LbElement)
    provider.state, element.enabled = "Disabled", False
    refused = await cloud.job("updateNetworkServiceProvider", id=provider.id, state="Enabled")
    assert refused["jobresult"]["errortext"].startswith("Provider is not ready")
    await cloud.job("configureInternalLoadBalancerElement", id=element.id, enabled="true")
    done = await cloud.job("updateNetworkServiceProvider", id=provider.id, state="Enabled")
    assert done["jobresult"]["networkserviceprovider"]["state"] == "Enabled"


async def test_keepalive_is_only_taken_when_an_offering_is_made(cloud: Caller) -> None:
    found = await create_offering(cloud)
    body = await cloud.call(
        "updateNetworkOffering", id=found, maxconnections="9000", keepaliveenabled="true"
    )
    assert body["networkoffering"]["maxconnections"] == 9000
    offering = cloud.world.find(NetworkOffering, found)
    assert offering is not None
    assert not offering.keep_alive


async def test_only_the_root_admin_makes_offerings(cloud: Caller) -> None:
    response = await cloud.send("createNetworkOffering", keys=DOMAIN_ADMIN, name="x", **OFFERING)
    assert response.status_code == 432


async def test_a_tier_gets_another_acl_and_a_used_list_stays(cloud: Caller) -> None:
    [tier] = (await cloud.call("listNetworks", keyword="qa-tier"))["network"]
    made = await cloud.call("createNetworkACLList", name="callers", vpcid=tier["vpcid"])
    await cloud.ended(made["jobid"])
    await cloud.job(
        "createNetworkACL", aclid=made["id"], protocol="tcp", startport=80, cidrlist="10.30.9.0/24"
    )
    await cloud.job("replaceNetworkACLList", aclid=made["id"], networkid=tier["id"])
    [item] = (await cloud.call("listNetworkACLs", networkid=tier["id"]))["networkacl"]
    assert (item["number"], item["action"], item["endport"]) == (1, "Allow", "80")
    used = await cloud.job("deleteNetworkACLList", id=made["id"])
    assert used["jobresult"]["errortext"].startswith("ACL is still associated with 1 tier(s).")


async def test_a_rule_moved_between_two_makes_room(cloud: Caller) -> None:
    made = await cloud.call("createNetworkACLList", name="three")
    await cloud.ended(made["jobid"])
    ids = []
    for port in (1, 2, 3):
        item = await cloud.call(
            "createNetworkACL", aclid=made["id"], protocol="tcp", startport=port
        )
        await cloud.ended(item["jobid"])
        ids.append(item["id"])
    await cloud.job("moveNetworkAclItem", id=ids[2], previousaclruleid=ids[0], nextaclruleid=ids[1])
    rows = (await cloud.call("listNetworkACLs", aclid=made["id"]))["networkacl"]
    in_order = sorted(rows, key=lambda row: int(row["number"]))
    assert [row["startport"] for row in in_order] == ["1", "3", "2"]


async def test_a_refused_remove_is_repaired_by_remove_and_assign(cloud: Caller) -> None:
    rule = await cloud.rule("app-http")
    member = rule["loadbalancerinstance"][0]["id"]
    both = {"id": rule["id"], "virtualmachineids": member}
    cloud.world.refuse_next(Refusal.RULES)
    refused = await cloud.job("removeFromLoadBalancerRule", **both)
    again = await cloud.job("assignToLoadBalancerRule", **both)
    assert refused["jobresult"]["errortext"].startswith("Failed to apply load balancing rules")
    assert again["jobresult"]["errortext"] == "Entity already exists "
    await cloud.job("removeFromLoadBalancerRule", **both)
    assert (await cloud.job("assignToLoadBalancerRule", **both))["jobstatus"] == 1
    assert len((await cloud.rule("app-http"))["loadbalancerinstance"]) == 3
