"""Which of a project's things the lists of the pretend cloud show, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.cloud.seed import DOMAIN_ADMIN
from tests.sandbox.cloud_caller import Caller, demo_cloud

# command: (list key, things outside projects, things of projects)
LISTS = {
    "listLoadBalancers": ("loadbalancer", 10, 1),
    "listInternalLoadBalancerVMs": ("internalloadbalancervm", 7, 1),
    "listNetworks": ("network", 8, 1),
    "listVPCs": ("vpc", 2, 1),
    "listRouters": ("router", 3, 1),
    "listVirtualMachines": ("virtualmachine", 16, 2),
}


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


@pytest.mark.parametrize("command", LISTS)
async def test_listall_hides_what_projects_own_and_minus_one_shows_it(
    cloud: Caller, command: str
) -> None:
    key, own, of_projects = LISTS[command]

    async def count(**parameters: str) -> int:
        return len((await cloud.call(command, **parameters)).get(key, []))

    assert await count(listall="true") == own
    assert await count(listall="true", projectid="-1") == own + of_projects
    # Recorded: networks show the caller's own beside the projects', the others do not.
    with_own = own if command == "listNetworks" else 0
    assert await count(projectid="-1") == of_projects + with_own


@pytest.mark.parametrize("command", [one for one in LISTS if "Internal" not in one])
async def test_a_domain_admin_sees_its_own_domain_only(cloud: Caller, command: str) -> None:
    assert await cloud.call(command, keys=DOMAIN_ADMIN, listall="true", projectid="-1") == {}


async def test_a_projects_thing_is_found_by_its_id(cloud: Caller) -> None:
    vm_id = cloud.world.machine("ledger-1").id
    body = await cloud.call("listVirtualMachines", id=vm_id)
    [found] = body["virtualmachine"]
    assert (found["project"], "account" in found) == ("payments", False)


async def test_a_tier_without_lb_has_no_lb_service(cloud: Caller) -> None:
    body = await cloud.call("listNetworks", listall="true")
    with_lb = {
        one["name"]
        for one in body["network"]
        if any(service["name"] == "Lb" for service in one["service"])
    }
    assert {one["name"] for one in body["network"]} - with_lb == {"tools-tier"}
    filtered = await cloud.call("listNetworks", listall="true", supportedservices="Lb")
    assert {one["name"] for one in filtered["network"]} == with_lb


async def test_a_tier_that_is_not_implemented_has_no_vlan(cloud: Caller) -> None:
    body = await cloud.call("listNetworks", listall="true", keyword="batch")
    [tier] = body["network"]
    assert (tier["state"], "vlan" in tier, "broadcasturi" in tier) == ("Allocated", False, False)


async def test_a_setting_can_be_read_and_changed_by_root_only(cloud: Caller) -> None:
    name = "router.health.checks.failures.to.recreate.vr"
    body = await cloud.call("listConfigurations", name=name)
    assert body["configuration"][0]["value"] == ""
    changed = await cloud.call("updateConfiguration", name=name, value="haproxy_check.py")
    assert changed["configuration"]["value"] == "haproxy_check.py"
    assert cloud.effects() == [f"setting.changed {name}"]
    assert (await cloud.refused("updateConfiguration", keys=DOMAIN_ADMIN, name=name))[0] == 432
