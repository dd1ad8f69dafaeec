"""What happens to the pretend cloud without an API call: outages, people, a dying server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.sandbox.cloud import Latencies
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.model import Tier
from tests.sandbox.cloud_caller import Caller, demo_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Caller]:
    async with demo_cloud() as caller:
        yield caller


async def events_of(cloud: Caller, vm_id: str, resource_type: str) -> list[str]:
    body = await cloud.call(
        "listEvents", resourceid=vm_id, resourcetype=resource_type, listall="true"
    )
    return [f"{one['type']} {one['state']} {one['account']}" for one in body.get("event", [])]


async def test_an_ilb_vm_that_lost_its_power_stays_down(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    cloud.world.power_off("b-31-VM")
    cloud.clock.now += 179.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Running"
    cloud.clock.now += 2.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Stopped"
    assert await events_of(cloud, vm["id"], "VirtualMachine") == ["VM.STOP Completed system"]
    states = [one["new-state"] for _, one in cloud.bus.records if "new-state" in one]
    assert states == ["Stopped", "Stopped"]
    cloud.clock.now += 3600.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Stopped"
    assert "ilb_vm.started b-31-VM" not in cloud.effects()


async def test_a_machine_started_again_before_the_third_ping_was_not_missed(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    cloud.world.power_off("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
    await cloud.job("startInternalLoadBalancerVM", id=vm["id"])
    cloud.clock.now += 600.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Running"
    assert await events_of(cloud, vm["id"], "VirtualMachine") == []


async def test_a_router_that_lost_its_power_is_restarted_by_cloudstack(cloud: Caller) -> None:
    cloud.world.power_off("r-4-VM")
    cloud.clock.now += 181.0
    await cloud.call("listZones")
    cloud.clock.now += 3.0
    [router] = [
        one
        for one in (await cloud.call("listRouters", listall="true"))["router"]
        if one["name"] == "r-4-VM"
    ]
    assert router["state"] == "Running"
    assert await events_of(cloud, router["id"], "DomainRouter") == [
        "VM.STOP Completed system",
        "ROUTER.START Started system",
        "ROUTER.START Completed system",
    ]


async def test_a_stop_by_hand_is_an_event_of_the_administrator(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-34-VM")
    await cloud.ended(cloud.world.stop_by_hand("b-34-VM"))
    assert (await cloud.ilb_vm("b-34-VM"))["state"] == "Stopped"
    assert await events_of(cloud, vm["id"], "InternalLbVm") == [
        "INTERNALLBVM.STOP Scheduled admin",
        "INTERNALLBVM.STOP Started admin",
        "INTERNALLBVM.STOP Completed admin",
    ]


async def test_earlier_restarts_are_remembered_where_there_were_any(cloud: Caller) -> None:
    restarted, other = await cloud.ilb_vm("b-31-VM"), await cloud.ilb_vm("b-34-VM")
    assert len(await events_of(cloud, restarted["id"], "InternalLbVm")) == 6
    assert await events_of(cloud, other["id"], "InternalLbVm") == []
    assert cloud.bus.records == []


async def test_a_killed_server_leaves_a_job_failed_and_a_vm_stopping(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    job = (await cloud.call("stopInternalLoadBalancerVM", id=vm["id"]))["jobid"]
    cloud.clock.now += 2.5
    cloud.world.restart_server(10.0)
    assert (await cloud.send("listZones")).status_code == 503
    cloud.clock.now += 11.0
    lost = await cloud.poll(job)
    assert (lost["jobstatus"], lost["jobresultcode"], "jobresult" in lost) == (2, 530, False)
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Stopping"
    assert await cloud.call("listAsyncJobs") == {}
    cloud.clock.now += 40.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Running"
    assert cloud.effects() == [
        "server.killed management server",
        "server.started management server",
    ]


async def test_a_restart_happens_when_it_was_due_not_when_somebody_looked(cloud: Caller) -> None:
    cloud.world.restart_server(10.0)
    due = cloud.clock.now + 10.0
    cloud.clock.now += 3600.0
    await cloud.call("listZones")
    assert cloud.world.server_started == due


async def test_a_failing_check_is_told_to_those_who_ask_for_everything(cloud: Caller) -> None:
    details = "Missing load balancing for 10.20.1.21:8080. "
    cloud.world.set_check("b-31-VM", "haproxy_check.py", "FAILED", details)
    mine = await cloud.call("listEvents", type="ROUTER.HEALTH.CHECKS")
    everybodys = await cloud.call("listEvents", type="ROUTER.HEALTH.CHECKS", listall="true")
    assert (mine, everybodys["event"][0]["account"]) == ({}, "system")
    alert = (await cloud.call("listAlerts", type=9))["alert"][0]
    assert alert["description"].startswith("Health checks failed: 1 failing checks on router b-31")
    keys = [key for key, one in cloud.bus.records if one["event"].startswith("ALERT.")]
    assert keys == [None]
    shown = await cloud.call(
        "listInternalLoadBalancerVMs", name="b-31-VM", fetchhealthcheckresults="true"
    )
    [vm] = shown["internalloadbalancervm"]
    assert vm["healthchecksfailed"] is False  # what 4.22 says, whatever the results are
    assert [one["details"] for one in vm["healthcheckresults"] if not one["success"]] == [details]


async def test_the_newest_page_of_events_comes_first_with_its_oldest_on_top(cloud: Caller) -> None:
    async def page(number: int) -> list[str]:
        body = await cloud.call("listEvents", page=number, pagesize=4)
        assert body["count"] == 12
        return [one["created"] for one in body["event"]]

    newest, middle, oldest = [await page(number) for number in (1, 2, 3)]
    assert newest == sorted(newest)
    assert oldest + middle + newest == sorted(oldest + middle + newest)
    since = await cloud.call("listEvents", startdate=newest[0])
    assert since["count"] == 4


async def test_a_server_that_is_down_may_refuse_connections(cloud: Caller) -> None:
    cloud.world.kill_server(refuses_connections=True)
    with pytest.raises(httpx.ConnectError):
        await cloud.send("listZones")
    cloud.world.start_server()
    assert (await cloud.send("listZones")).status_code == 200


async def test_a_stuck_machine_refuses_a_start_until_a_plain_stop(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    cloud.world.stick_in_stopping("b-31-VM")
    failed = await cloud.job("startInternalLoadBalancerVM", id=vm["id"])
    assert failed["jobresult"]["errortext"].startswith("Unable to orchestrate the start of VM")
    assert (await cloud.job("stopInternalLoadBalancerVM", id=vm["id"]))["jobstatus"] == 1
    assert (await cloud.job("startInternalLoadBalancerVM", id=vm["id"]))["jobstatus"] == 1


async def test_a_lost_ilb_vm_leaves_its_rules_active(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-34-VM")
    cloud.world.lose_ilb_vm("b-34-VM")
    assert await cloud.call("listInternalLoadBalancerVMs", id=vm["id"]) == {}
    assert (await cloud.rule("db-read"))["loadbalancerrule"][0]["state"] == "Active"


async def test_a_new_template_is_pointed_to_but_not_yet_booted(cloud: Caller) -> None:
    cloud.world.publish_template("systemvm-kvm-4.23.0-x86_64", "4.23.0")
    vm = await cloud.ilb_vm("b-34-VM")
    assert (vm["templatename"], vm["version"]) == ("systemvm-kvm-4.23.0-x86_64", "4.22.0")


async def test_an_idle_tier_hangs_a_vm_start(cloud: Caller) -> None:
    tier = cloud.world.one(Tier, "batch-tier")
    job = (await cloud.call("startVirtualMachine", id=cloud.world.machine("batch-1").id))["jobid"]
    cloud.clock.now += 3600.0
    assert (await cloud.poll(job))["jobstatus"] == 0
    body = await cloud.call("listNetworks", id=tier.id)
    assert body["network"][0]["state"] == "Shutdown"


async def test_the_last_vm_stopped_collects_the_tier_but_not_its_rules(cloud: Caller) -> None:
    for name in ("db-1", "db-2"):
        await cloud.job("stopVirtualMachine", id=cloud.world.machine(name).id)
    cloud.clock.now += 300.0
    await cloud.call("listZones")
    cloud.clock.now += 300.0
    tier = cloud.world.one(Tier, "db-tier")
    assert (await cloud.call("listNetworks", id=tier.id))["network"][0]["state"] == "Allocated"
    assert await cloud.call("listInternalLoadBalancerVMs", networkid=tier.id) == {}
    assert (await cloud.rule("db-read"))["loadbalancerrule"][0]["state"] == "Active"


@pytest.mark.parametrize(
    ("kind", "status", "stopped"),
    [
        (FaultKind.JOB_FAILS, 2, False),
        (FaultKind.JOB_FAILS_AFTER, 2, True),
        (FaultKind.JOB_SLOW, 1, True),
    ],
)
async def test_a_spoiled_job(cloud: Caller, kind: FaultKind, status: int, stopped: bool) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    cloud.world.fail_next(Fault("stopInternalLoadBalancerVM", kind, seconds=60.0))
    began = cloud.clock.now
    job = await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
    assert job["jobstatus"] == status
    assert ("ilb_vm.stopped b-31-VM" in cloud.effects()) is stopped
    assert (cloud.clock.now - began >= 60.0) is (kind is FaultKind.JOB_SLOW)


async def test_a_lost_answer_is_a_change_that_nobody_heard_of(cloud: Caller) -> None:
    vm = await cloud.ilb_vm("b-31-VM")
    cloud.world.fail_next(Fault("stopInternalLoadBalancerVM", FaultKind.LOSE_ANSWER))
    with pytest.raises(httpx.RemoteProtocolError):
        await cloud.send("stopInternalLoadBalancerVM", id=vm["id"])
    cloud.clock.now += 10.0
    assert (await cloud.ilb_vm("b-31-VM"))["state"] == "Stopped"


async def test_an_error_and_a_proxys_page_come_as_often_as_asked(cloud: Caller) -> None:
    cloud.world.fail_next(Fault("listZones", FaultKind.ERROR, times=2, status=530, text="no"))
    cloud.world.fail_next(Fault("listZones", FaultKind.BODY, status=502, text="<html>bad</html>"))
    assert await cloud.refused("listZones") == (530, "no")
    assert await cloud.refused("listZones") == (530, "no")
    page = await cloud.send("listZones")
    assert (page.status_code, page.headers["content-type"]) == (502, "text/html;charset=utf-8")
    assert (await cloud.send("listZones")).status_code == 200


async def test_a_reset_is_the_seed_again(cloud: Caller) -> None:
    before = await cloud.ilb_vm("b-31-VM")
    await cloud.job("stopInternalLoadBalancerVM", id=before["id"])
    cloud.world.reset()
    after = await cloud.ilb_vm("b-31-VM")
    assert (after["id"], after["state"], cloud.effects()) == (before["id"], "Running", [])


async def test_scaled_latencies_make_the_same_world_faster() -> None:

    async with demo_cloud(Latencies().scaled(0.01)) as cloud:
        vm = await cloud.ilb_vm("b-31-VM")
        began = cloud.clock.now
        await cloud.job("stopInternalLoadBalancerVM", id=vm["id"])
        assert cloud.clock.now - began == pytest.approx(0.03, abs=0.001)
