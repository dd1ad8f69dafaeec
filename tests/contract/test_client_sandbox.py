"""The cloud port against the pretend CloudStack, in process."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client, Limits
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.domain.cloud import IlbVm, Job, JobStatus, VmState
from bot.errors import Permanent, Refused, Transient
from bot.sandbox.cloud import ADMIN, DOMAIN_ADMIN, READ_ONLY, World, create_app, seed_demo
from bot.sandbox.cloud.build import KeyPair
from bot.sandbox.cloud.faults import Fault, FaultKind
from tests.contract.client_setup import ENDPOINT, StandingClock

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def world(clock: StandingClock) -> World:
    world = World(clock.now)
    seed_demo(world)
    return world


Dial = Callable[..., CloudStackCloud]


@pytest.fixture
def dial(world: World, clock: StandingClock) -> Dial:
    app = create_app(world)

    def connect(read: KeyPair = READ_ONLY, write: KeyPair = ADMIN) -> CloudStackCloud:
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        limits = Limits(timeout_s=0.5)
        return CloudStackCloud(Client(ENDPOINT, keys_of(read), keys_of(write), http, clock, limits))

    return connect


@pytest.fixture
def cloud(dial: Dial) -> CloudStackCloud:
    return dial()


def keys_of(pair: KeyPair) -> Keys:
    return Keys(SecretStr(pair.api_key), SecretStr(pair.secret_key))


async def machine(cloud: CloudStackCloud, name: str) -> IlbVm:
    [found] = [vm for vm in await cloud.ilb_vms() if vm.name == name]
    return found


async def end_of(cloud: CloudStackCloud, job_id: str, clock: StandingClock) -> Job:
    """Poll until the job is over, the pretend time passing between polls."""
    for _ in range(200):
        job = await cloud.job(job_id)
        if job.status is not JobStatus.PENDING:
            return job
        clock.at += 5.0
    raise AssertionError(f"job {job_id} does not end")


async def test_the_cloud_is_read_whole_with_a_read_only_key(cloud: CloudStackCloud) -> None:
    tiers = {tier.name: tier for tier in await cloud.tiers()}
    assert not tiers["batch-tier"].is_implemented
    assert tiers["ledger-tier"].vpc_name == "payments"
    vms = await cloud.ilb_vms()
    assert {vm.tier_name for vm in vms} >= {"app-tier", "web-tier", "ledger-tier"}
    rules = await cloud.rules()
    assert {rule.vip for rule in rules} >= {vm.vip for vm in vms}
    assert all(member.address for rule in rules for member in rule.members)
    assert {template.is_ready for template in await cloud.system_templates()} == {True}
    assert (await cloud.version()).startswith("4.22")
    assert await cloud.setting("default.page.size") == "500"
    assert await cloud.setting("no.such.setting") is None
    assert await cloud.pending_jobs() == ()


async def test_a_tier_and_a_machine_are_read_alone(cloud: CloudStackCloud) -> None:
    vm = await machine(cloud, "b-31-VM")
    assert await cloud.ilb_vms(vm_id=vm.id) == (vm,)
    in_tier = await cloud.ilb_vms(tier_id=vm.tier_id)
    assert {one.tier_name for one in in_tier} == {"app-tier"}
    of_tier = await cloud.rules(tier_id=vm.tier_id)
    assert of_tier
    assert set(of_tier) == {one for one in await cloud.rules() if one.tier_id == vm.tier_id}
    assert await cloud.ilb_vms(vm_id=NOBODY) == ()
    assert await cloud.rules(tier_id=NOBODY) == ()


async def test_a_stop_and_a_start_renew_the_version(
    cloud: CloudStackCloud, clock: StandingClock
) -> None:
    before = await machine(cloud, "b-31-VM")
    stop = await cloud.stop_ilb_vm(before.id)
    assert (await cloud.job(stop)).status is JobStatus.PENDING
    assert (await end_of(cloud, stop, clock)).status is JobStatus.SUCCEEDED
    stopped = await machine(cloud, "b-31-VM")
    assert (stopped.state, stopped.host_id) == (VmState.STOPPED, "")
    start = await cloud.start_ilb_vm(before.id)
    assert (await end_of(cloud, start, clock)).status is JobStatus.SUCCEEDED
    after = await machine(cloud, "b-31-VM")
    assert (before.version, after.version) == ("4.20.0", "4.22.0")
    assert (after.state, after.vip) == (VmState.RUNNING, before.vip)


async def test_events_tell_the_stop_before_the_start(
    cloud: CloudStackCloud, clock: StandingClock
) -> None:
    vm = await machine(cloud, "b-31-VM")
    for submit in (cloud.stop_ilb_vm, cloud.start_ilb_vm):
        await end_of(cloud, await submit(vm.id), clock)
    events = await cloud.events(resource_id=vm.id, resource_type="InternalLbVm", limit=6)
    assert [(event.type, event.state) for event in events] == [
        ("INTERNALLBVM.START", "Completed"),
        ("INTERNALLBVM.START", "Started"),
        ("INTERNALLBVM.START", "Scheduled"),
        ("INTERNALLBVM.STOP", "Completed"),
        ("INTERNALLBVM.STOP", "Started"),
        ("INTERNALLBVM.STOP", "Scheduled"),
    ]


async def test_a_restart_of_the_tier_brings_a_lost_machine_back(
    world: World, cloud: CloudStackCloud, clock: StandingClock
) -> None:
    lost = await machine(cloud, "b-31-VM")
    world.lose_ilb_vm("b-31-VM")
    assert await cloud.ilb_vms(vm_id=lost.id) == ()
    job = await end_of(cloud, await cloud.restart_tier(lost.tier_id), clock)
    assert job.status is JobStatus.SUCCEEDED
    [found] = [vm for vm in await cloud.ilb_vms(tier_id=lost.tier_id) if vm.vip == lost.vip]
    assert found.id != lost.id
    assert found.state is VmState.RUNNING


async def test_a_lost_answer_is_in_doubt_and_the_machine_stops_all_the_same(
    world: World, cloud: CloudStackCloud, clock: StandingClock
) -> None:
    vm = await machine(cloud, "b-31-VM")
    world.fail_next(Fault("stopInternalLoadBalancerVM", FaultKind.LOSE_ANSWER))
    with pytest.raises(Transient, match=r"^stop ILB VM b-31-VM: ") as caught:
        await cloud.stop_ilb_vm(vm.id)
    assert caught.value.in_doubt
    clock.at += 300.0
    assert (await machine(cloud, "b-31-VM")).state is VmState.STOPPED


async def test_a_change_that_nobody_answers_is_in_doubt(
    world: World, cloud: CloudStackCloud
) -> None:
    vm = await machine(cloud, "b-31-VM")
    world.fail_next(Fault("stopInternalLoadBalancerVM", FaultKind.HANG))
    with pytest.raises(Transient, match="within") as caught:
        await cloud.stop_ilb_vm(vm.id)
    assert caught.value.in_doubt


async def test_a_dropped_read_is_asked_again(
    world: World, cloud: CloudStackCloud, clock: StandingClock
) -> None:
    world.fail_next(Fault("listNetworks", FaultKind.DROP))
    assert await cloud.tiers()
    assert clock.slept == [0.2]


async def test_a_failed_job_says_why(
    world: World, cloud: CloudStackCloud, clock: StandingClock
) -> None:
    vm = await machine(cloud, "b-31-VM")
    why = "Unable to contact host kvm-a1"
    world.fail_next(Fault("stopInternalLoadBalancerVM", FaultKind.JOB_FAILS, text=why))
    job = await end_of(cloud, await cloud.stop_ilb_vm(vm.id), clock)
    assert (job.status, job.error_code, job.was_interrupted) == (JobStatus.FAILED, 530, False)
    assert job.error_text == f"CloudStack says “{why}”"


async def test_a_job_whose_server_dies_is_interrupted(
    world: World, cloud: CloudStackCloud, clock: StandingClock
) -> None:
    vm = await machine(cloud, "b-31-VM")
    job_id = await cloud.stop_ilb_vm(vm.id)
    world.kill_server()
    with pytest.raises(Transient, match="503") as down:
        await cloud.job(job_id)
    assert not down.value.in_doubt
    world.start_server()
    job = await cloud.job(job_id)
    assert (job.status, job.was_interrupted, job.error_text) == (JobStatus.FAILED, True, "")


async def test_a_change_while_no_connection_opens_is_not_in_doubt(
    world: World, cloud: CloudStackCloud
) -> None:
    vm = await machine(cloud, "b-31-VM")
    world.kill_server(refuses_connections=True)
    with pytest.raises(Transient, match="no connection to") as caught:
        await cloud.stop_ilb_vm(vm.id)
    assert not caught.value.in_doubt


async def test_pending_jobs_are_seen(cloud: CloudStackCloud) -> None:
    vm = await machine(cloud, "b-31-VM")
    job_id = await cloud.stop_ilb_vm(vm.id)
    pending = {job.id: job.command for job in await cloud.pending_jobs()}
    assert pending == {job_id: "StopInternalLBVMCmd"}


async def test_an_unknown_machine_and_an_unknown_job_are_told(cloud: CloudStackCloud) -> None:
    with pytest.raises(Refused, match=rf"^stop ILB VM {NOBODY}: refused \(431\)"):
        await cloud.stop_ilb_vm(NOBODY)
    with pytest.raises(Permanent, match="knows no such job"):
        await cloud.job(NOBODY)


async def test_a_domain_admin_is_told_what_the_role_lacks(dial: Dial) -> None:
    with pytest.raises(Refused, match="read key may not call listInternalLoadBalancerVMs"):
        await dial(read=DOMAIN_ADMIN).ilb_vms()


async def test_a_wrong_secret_is_told(dial: Dial) -> None:
    wrong = KeyPair(READ_ONLY.api_key, "not-the-secret")
    with pytest.raises(Refused, match="does not accept the read key"):
        await dial(read=wrong).tiers()


async def test_a_clock_that_goes_wrong_is_a_rejected_key(world: World, dial: Dial) -> None:
    behind = StandingClock(at=world.at - 3600.0)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(world)))
    late = CloudStackCloud(Client(ENDPOINT, keys_of(READ_ONLY), None, http, behind))
    with pytest.raises(Refused, match="clock"):
        await late.tiers()


async def test_how_busy_machines_were_is_read_since_a_moment(
    cloud: CloudStackCloud, world: World, clock: StandingClock
) -> None:
    vm = await machine(cloud, "b-31-VM")
    clock.at += 10
    world.set_cpu("b-31-VM", 97.5)
    since, clock.at = clock.at, clock.at + 180
    found = await cloud.cpu_samples(since=since, vm_id=vm.id)
    assert [(one.target_name, one.cpu_percent) for one in found] == [("b-31-VM", 97.5)] * 3
    everybody = {one.target_name for one in await cloud.cpu_samples(since=since)}
    assert {"b-31-VM", "b-32-VM"} <= everybody
    assert await cloud.cpu_samples(since=since, vm_id=NOBODY) == ()
