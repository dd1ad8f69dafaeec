"""Stops, starts and looks at an ILB VM; what counts is its state afterwards, never a job's word."""

from __future__ import annotations

from bot.domain.cloud import IlbVm, VmState
from bot.domain.offerings import ILB_TYPE
from bot.domain.plan import Plan
from bot.domain.version import is_same
from bot.domain.view import rules_digest
from bot.engine.api import Retry, Run, Settled, verb
from bot.errors import Permanent, Refused, Transient
from bot.ports import World
from workflows.steps import power
from workflows.steps.jobs import PATIENT, at_rest
from workflows.steps.power import Power

STOP = "INTERNALLBVM.STOP"
START = "INTERNALLBVM.START"


async def _vm(world: World, vm_id: str) -> IlbVm:
    found = await world.cloud.ilb_vms(vm_id=vm_id)
    if not found:
        raise Permanent(f"look at ILB VM {vm_id}: CloudStack no longer has it")
    return found[0]


async def _last_event(world: World, vm_id: str, event_type: str) -> str:
    events = await world.cloud.events(
        resource_id=vm_id, resource_type="InternalLbVm", event_type=event_type, limit=1
    )
    return events[0].id if events else ""


async def _taken(
    world: World, vm_id: str, event_type: str, since: str, states: frozenset[VmState]
) -> Settled[str] | None:
    """Say whether a start or stop in doubt was taken: by its state, else by a newer event."""
    vm = await _vm(world, vm_id)
    if vm.state in states or await _last_event(world, vm_id, event_type) != since:
        return Settled("")
    return None


async def _stop_taken(world: World, vm_id: str, since: str) -> Settled[str] | None:
    return await _taken(world, vm_id, STOP, since, frozenset({VmState.STOPPING, VmState.STOPPED}))


async def _start_taken(world: World, vm_id: str, since: str) -> Settled[str] | None:
    return await _taken(world, vm_id, START, since, frozenset({VmState.STARTING, VmState.RUNNING}))


@verb(retry=PATIENT)
async def newest(world: World, vm_id: str, event_type: str) -> str:
    """Return the id of the newest such event, by which an act of ours is told from older ones."""
    return await _last_event(world, vm_id, event_type)


@verb(settle=_stop_taken, retry=PATIENT)
async def submit_stop(world: World, vm_id: str, since: str) -> str:
    """Submit a plain stop and return its job id, `""` where it was taken before but not told."""
    vm = await _vm(world, vm_id)
    if vm.state is VmState.STOPPED:
        return ""
    if vm.state not in {VmState.RUNNING, VmState.STOPPING}:
        raise Refused(f"stop ILB VM {vm.name}: it is {vm.state}, not Running")
    return await world.cloud.stop_ilb_vm(vm_id)


@verb(settle=_start_taken, retry=PATIENT)
async def submit_start(world: World, vm_id: str, since: str) -> str:
    """Submit a start and return its job id, `""` where it is running or was taken before."""
    vm = await _vm(world, vm_id)
    if vm.state is VmState.RUNNING:
        return ""
    if vm.state is not VmState.STOPPED:
        raise Refused(f"start ILB VM {vm.name}: it is {vm.state}, not Stopped")
    return await world.cloud.start_ilb_vm(vm_id)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def settled(world: World, vm_id: str, wanted: str) -> VmState:
    """Wait until it is in the wanted state, or at rest in another, or the deadline passed.

    A state at rest counts once it has been seen for as long as CloudStack takes to begin a job.
    """

    async def state() -> VmState:
        return (await _vm(world, vm_id)).state

    return await at_rest(world, state, wanted)


POWER = Power("ILB VM", ILB_TYPE, STOP, START, newest, submit_stop, submit_start, settled)


async def stop(run: Run, vm_id: str, name: str) -> None:
    """Bring an ILB VM to Stopped."""
    await power.stop(run, POWER, vm_id, name)


async def start(run: Run, vm_id: str, name: str) -> None:
    """Bring an ILB VM to Running."""
    await power.start(run, POWER, vm_id, name)


async def put_back(run: Run, vm_id: str, name: str) -> None:
    """Undo a stop of an ILB VM, also one that is still under way."""
    await power.put_back(run, POWER, vm_id, name)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def power_synced(world: World, vm_id: str) -> VmState:
    """Wait as long as power sync may take for a VM to leave Stopping; return its state."""
    deadline = world.clock.now() + world.pace.power_sync_s
    state = VmState.STOPPING
    while state is VmState.STOPPING and world.clock.now() < deadline:
        await world.clock.sleep(world.pace.poll_s)
        try:
            state = (await _vm(world, vm_id)).state
        except Transient:
            continue  # CloudStack itself may be coming back
    return state


async def bring_back(run: Run, vm_id: str, name: str) -> None:
    """Bring an ILB VM from Stopped or Stopping to Running."""
    state = await run.step(power_synced, vm_id)
    if state is VmState.STOPPING:
        await stop(run, vm_id, name)
    if state is not VmState.RUNNING:
        await start(run, vm_id, name)


@verb(retry=PATIENT)
async def expect_version(world: World, vm_id: str, version: str) -> str:
    """Fail unless the guest reports that template version: a job's success says nothing of it."""
    vm = await _vm(world, vm_id)
    if not is_same(vm.version, version):
        raise Permanent(
            f"roll ILB VM {vm.name}: CloudStack's jobs succeeded, but it still reports version "
            f"{vm.version or 'none'} and not {version}; its disk was not renewed"
        )
    return vm.version


@verb(retry=PATIENT)
async def expect_rules(world: World, tier_id: str, vip: str, digest: str) -> str:
    """Fail unless the rules on the VIP are those of the plan."""
    rules = tuple(r for r in await world.cloud.rules(tier_id=tier_id) if r.vip == vip)
    if rules_digest(rules) != digest:
        raise Permanent(
            f"compare the rules on {vip}: they are not those the plan saw; somebody changed them "
            "meanwhile, or CloudStack lost some"
        )
    return digest


async def rules_as_planned(run: Run, planned: Plan) -> None:
    """Expect the rules on the planned VIP to be those the plan saw."""
    await run.step(
        expect_rules,
        planned.parameter("tier"),
        planned.parameter("vip"),
        planned.parameter("rules"),
    )
