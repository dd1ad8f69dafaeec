"""The pretend cloud can be an older CloudStack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.cloud.versions import VERSIONS, is_since
from tests.sandbox.cloud_caller import Caller, demo_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


@pytest.mark.parametrize(
    ("version", "stages"),
    [("4.20.1.0", ["Scheduled"]), ("4.20.2.0", ["Scheduled", "Started", "Completed"])],
)
async def test_before_4_20_2_an_ilb_vms_events_are_only_scheduled(
    cloud: Caller, version: str, stages: list[str]
) -> None:
    cloud.world.set_version(version)
    vm = await cloud.ilb_vm("b-34-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
    body = await cloud.call("listEvents", resourceid=vm["id"], resourcetype="InternalLbVm")
    assert [one["state"] for one in body["event"]] == stages
    told = [one["status"] for _, one in cloud.bus.records if one.get("entity") == "InternalLbVm"]
    assert told == stages


@pytest.mark.parametrize("version", ["4.18.0.0", "4.21.0.0", "4.22.0.0"])
async def test_results_have_a_status_since_4_22(cloud: Caller, version: str) -> None:
    cloud.world.set_version(version)
    cloud.world.set_check("b-31-VM", "haproxy_check.py", "FAILED")
    body = await cloud.call(
        "listInternalLoadBalancerVMs", name="b-31-VM", fetchhealthcheckresults="true"
    )
    [vm] = body["internalloadbalancervm"]
    newest = version == "4.22.0.0"
    assert all(("status" in one) is newest for one in vm["healthcheckresults"])
    assert vm["healthchecksfailed"] is not newest
    assert ("arch" in vm) is is_since(version, "4.20.1")


async def test_rules_show_their_domain_path_since_4_19_2(cloud: Caller) -> None:
    cloud.world.set_version("4.19.1.0")
    assert "domainpath" not in await cloud.rule("app-http")
    cloud.world.set_version("4.19.2.0")
    assert "domainpath" in await cloud.rule("app-http")


async def test_webhooks_are_unknown_before_4_20(cloud: Caller) -> None:
    cloud.world.set_version("4.19.3.0")
    assert (await cloud.send("listWebhooks")).status_code == 401
    apis = await cloud.call("listApis")
    assert "listWebhooks" not in {one["name"] for one in apis["api"]}


async def test_the_version_is_told_and_outlives_a_reset(cloud: Caller) -> None:
    cloud.world.set_version("4.18.2.5")
    cloud.world.reset()
    [server] = (await cloud.call("listManagementServers"))["managementserver"]
    assert server["version"] == "4.18.2.5"
    names = (await cloud.call("listConfigurations", keyword="enforce.post")).get("configuration")
    assert names is None


async def test_a_version_that_is_not_known_is_refused(cloud: Caller) -> None:
    with pytest.raises(ValueError, match=r"4\.17"):
        cloud.world.set_version("4.17.0.0")


def test_every_difference_is_told_in_order() -> None:
    assert list(VERSIONS) == sorted(VERSIONS, key=lambda one: [int(x) for x in one.split(".")])
