"""Stop and start, lists and jobs of the pretend cloud's ILB VMs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.cloud.seed import DOMAIN_ADMIN, READ_ONLY
from tests.sandbox.cloud_caller import Caller, demo_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def test_a_stop_passes_through_the_recorded_states(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    job = (await cloud.call("stopInternalLoadBalancerVM", id=vm["id"]))["jobid"]
    seen = []
    for seconds in (0.0, 1.5, 1.0, 1.0):
        cloud.clock.now += seconds
        seen.append((await cloud.ilb_vm("b-31-VM"))["state"])
    assert seen == ["Running", "Running", "Stopping", "Stopped"]
    assert (await cloud.poll(job))["jobstatus"] == 1


async def test_a_stopped_one_lacks_host_hypervisor_and_link_local_fields(cloud: Caller) -> None:
    running = await cloud.ilb_vm("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=running["id"])
    stopped = await cloud.ilb_vm("b-31-VM")
    assert set(running) - set(stopped) == {
        "hostid",
        "hostname",
        "hostcontrolstate",
        "hypervisor",
        "linklocalip",
        "linklocalmacaddress",
        "linklocalnetmask",
    }
    assert stopped["nic"][1].keys() == {"id", "networkid", "traffictype", "isdefault"}


async def test_stop_and_start_is_the_update(cloud: Caller) -> None:
    before = await cloud.ilb_vm("b-31-VM")
    assert (before["version"], before["requiresupgrade"]) == ("4.20.0", True)
    assert before["templatename"] == "systemvm-kvm-4.22.0-x86_64"
    await cloud.job("stopInternalLoadBalancerVM", id=before["id"])
    assert (await cloud.ilb_vm("b-31-VM"))["version"] == "4.20.0"
    await cloud.job("startInternalLoadBalancerVM", id=before["id"])
    after = await cloud.ilb_vm("b-31-VM")
    assert (after["version"], after["requiresupgrade"], after["id"]) == (
        "4.22.0",
        False,
        before["id"],
    )


async def test_a_guest_may_keep_its_version_though_the_job_succeeds(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    cloud.world.keep_version("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
    job = await cloud.job("startInternalLoadBalancerVM", id=vm["id"])
    assert job["jobstatus"] == 1
    assert (await cloud.ilb_vm("b-31-VM"))["version"] == "4.20.0"


async def test_success_says_little_about_a_running_or_stopped_one(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    assert (await cloud.job("startInternalLoadBalancerVM", id=vm["id"]))["jobstatus"] == 1
    await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
    assert (await cloud.job("stopInternalLoadBalancerVM", id=vm["id"]))["jobstatus"] == 1
    assert cloud.effects() == ["ilb_vm.stopped b-31-VM"]


async def test_what_is_submitted_during_a_stop_waits_and_runs_in_order(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    jobs = [
        (await cloud.call(command, id=vm["id"]))["jobid"]
        for command in (
            "stopInternalLoadBalancerVM",
            "startInternalLoadBalancerVM",
            "stopInternalLoadBalancerVM",
        )
    ]
    pending = await cloud.call("listAsyncJobs")
    assert [one["jobid"] for one in pending["asyncjobs"]] == jobs
    await cloud.ended(jobs[2])
    assert [(await cloud.poll(job))["jobstatus"] for job in jobs] == [1, 1, 1]
    assert cloud.effects() == [
        "ilb_vm.stopped b-31-VM",
        "ilb_vm.disk_renewed b-31-VM",
        "ilb_vm.started b-31-VM",
        "ilb_vm.stopped b-31-VM",
    ]
    assert await cloud.call("listAsyncJobs") == {}


async def test_a_reboot_during_a_stop_fails_at_once(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    await cloud.call("stopInternalLoadBalancerVM", id=vm["id"])
    cloud.clock.now += 2.5
    job = await cloud.job("rebootRouter", id=vm["id"])
    assert job["jobresult"]["errorcode"] == 530
    assert "it is not in right state Stopping" in job["jobresult"]["errortext"]


async def test_a_reboot_renews_an_ilb_vm_too(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    job = await cloud.job("rebootRouter", id=vm["id"])
    assert job["jobresult"]["internalloadbalancervm"]["version"] == "4.22.0"
    assert job["jobinstanceid"] == vm["id"]


async def test_a_destroyed_one_is_deployed_anew_by_a_restart_of_its_tier(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-34-VM")
    job = await cloud.job("destroyRouter", id=vm["id"])
    gone = job["jobresult"]["internalloadbalancervm"]
    assert (gone["state"], gone["nic"], "guestipaddress" in gone) == ("Destroyed", [], False)
    assert await cloud.call("listInternalLoadBalancerVMs", id=vm["id"]) == {}
    assert (await cloud.rule("db-read"))["loadbalancerrule"][0]["state"] == "Active"
    tier = vm["guestnetworkid"]
    refused = await cloud.job("restartNetwork", id=tier, cleanup="true")
    assert refused["jobresult"]["errorcode"] == 431
    assert (await cloud.job("restartNetwork", id=tier, cleanup="false"))["jobstatus"] == 1
    [new] = (await cloud.call("listInternalLoadBalancerVMs", networkid=tier))[
        "internalloadbalancervm"
    ]
    assert new["id"] != vm["id"]
    assert (new["guestipaddress"], new["version"]) == (vm["guestipaddress"], "4.22.0")


async def test_a_projects_vms_are_shown_only_with_projectid(cloud: Caller) -> None:
    async def names(**parameters: str) -> set[str]:
        body = await cloud.call("listInternalLoadBalancerVMs", **parameters)
        return {one["name"] for one in body["internalloadbalancervm"]}

    everything = await names(listall="true", projectid="-1")
    of_projects = await names(projectid="-1")
    assert len(of_projects) == 1
    assert await names(listall="true") == everything - of_projects


async def test_paging_counts_everything_and_past_the_end_has_no_list(cloud: Caller) -> None:
    page = await cloud.call("listInternalLoadBalancerVMs", page=2, pagesize=3)
    assert (page["count"], len(page["internalloadbalancervm"])) == (7, 3)
    assert await cloud.call("listInternalLoadBalancerVMs", page=9, pagesize=3) == {"count": 7}
    assert await cloud.refused("listInternalLoadBalancerVMs", page=1) == (
        431,
        '"pagesize" parameter is required when "page" is specified',
    )


@pytest.mark.parametrize("state", ["Running", "Stopped"])
async def test_the_state_filter(cloud: Caller, state: str) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
    body = await cloud.call("listInternalLoadBalancerVMs", state=state)
    assert {one["state"] for one in body["internalloadbalancervm"]} == {state}


async def test_roles_without_the_api_get_432(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    for keys, command in (
        (READ_ONLY, "stopInternalLoadBalancerVM"),
        (DOMAIN_ADMIN, "listInternalLoadBalancerVMs"),
    ):
        response = await cloud.send(command, keys=keys, id=vm["id"])
        assert response.status_code == 432
        assert response.json()["errorresponse"]["errortext"].startswith(
            f"The API [{command}] does not exist or is not available for the account for user id ["
        )
        assert response.headers["x-description"]
    seen = await cloud.call("listInternalLoadBalancerVMs", keys=READ_ONLY, listall="true")
    assert seen["count"] == 7


async def test_a_role_is_told_only_the_apis_it_may_use(cloud: Caller) -> None:
    for keys, command in (
        (READ_ONLY, "stopInternalLoadBalancerVM"),
        (DOMAIN_ADMIN, "listInternalLoadBalancerVMs"),
    ):
        assert (await cloud.refused("listApis", keys=keys, name=command))[0] == 530
        told = (await cloud.call("listApis", keys=keys))["api"]
        assert command not in {one["name"] for one in told}
        assert (await cloud.call("listApis", name=command))["count"] == 1
