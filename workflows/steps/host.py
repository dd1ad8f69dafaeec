"""Moves a running system VM to a host that is named, away from the hosts of its twin or peer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.cloud import IlbVm, VmState
from bot.domain.zone import Router
from bot.engine.api import Retry, Run, Settled, StepFailed, verb
from bot.errors import Permanent
from bot.ports import World
from workflows.steps.jobs import PATIENT, end_of, until

TRIES = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a machine runs; `is_apart` is false where no other host would take it."""

    host_id: str
    host_name: str
    is_apart: bool


async def _machine(world: World, vm_id: str) -> IlbVm | Router:
    found = await _found(world, vm_id)
    if not found:
        raise Permanent(f"look at machine {vm_id}: CloudStack no longer has it")
    return found[0]


async def _found(world: World, vm_id: str) -> Sequence[IlbVm | Router]:
    return await world.cloud.ilb_vms(vm_id=vm_id) or await world.cloud.routers(router_id=vm_id)


async def _moved(world: World, vm_id: str, host_id: str) -> Settled[str] | None:
    """A job begins some seconds after it was accepted, and no event names the machine it is for."""

    async def taken() -> Settled[str] | None:
        machine = await _machine(world, vm_id)
        moving = machine.state is VmState.MIGRATING
        return Settled("") if moving or machine.host_id == host_id else None

    return await until(world, world.pace.again_s, taken)


@verb(retry=PATIENT)
async def stands(world: World, vm_id: str, avoid: Sequence[str]) -> Standing:
    """Look where a machine runs, and whether that is apart from the hosts to avoid."""
    machine = await _machine(world, vm_id)
    if machine.state is not VmState.RUNNING:
        raise Permanent(f"look at the host of {machine.name}: it is {machine.state}, not Running")
    return Standing(machine.host_id, machine.host_name, machine.host_id not in avoid)


@verb(retry=PATIENT)
async def host_apart(world: World, vm_id: str, avoid: Sequence[str]) -> str:
    """Return the first suitable host by name that is none of those, `""` where there is none.

    One that would need its disk moved as well is not suitable: that takes long and can fail.
    """
    choices = [
        one
        for one in await world.cloud.hosts_for_migration(vm_id)
        if one.is_suitable and not one.moves_storage and one.id not in avoid
    ]
    return min(choices, key=lambda one: one.name).id if choices else ""


@verb(settle=_moved, retry=PATIENT)
async def submit_migration(world: World, vm_id: str, host_id: str) -> str:
    """Submit a migration and return its job id, `""` where the machine is there already."""
    machine = await _machine(world, vm_id)
    return "" if machine.host_id == host_id else await world.cloud.migrate(vm_id, host_id)


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def runs_on(world: World, vm_id: str, host_id: str) -> bool:
    """Wait until a machine is Running on a host; False where it is at rest elsewhere, or never."""
    rest_since: float | None = None

    async def there() -> bool | None:
        nonlocal rest_since
        machine, now = await _machine(world, vm_id), world.clock.now()
        if machine.state is VmState.RUNNING and machine.host_id == host_id:
            return True
        if machine.state.is_moving:
            rest_since = None
        elif rest_since is None:
            rest_since = now
        elif now - rest_since >= world.pace.again_s:
            return False
        return None

    return await until(world, world.pace.settle_deadline_s, there) or False


@verb(retry=PATIENT)
async def peer_on(world: World, peer_ids: Sequence[str], host_id: str) -> str:
    """Name the first of some machines that is on a host, `""` where none is; one may be gone."""
    for peer_id in peer_ids:
        for peer in await _found(world, peer_id):
            if peer.host_id == host_id:
                return peer.name
    return ""


async def to_host(run: Run, vm_id: str, name: str, to: Standing) -> bool:
    """Move a machine to a host and see it run there; whether anything had to be called for it."""
    what = f"migrate {name} to {to.host_name}"
    is_called = False
    for _ in range(TRIES):
        job = await run.step(submit_migration, vm_id, to.host_id)
        is_called = is_called or bool(job)
        end = await end_of(run, job)
        if await run.step(runs_on, vm_id, to.host_id):
            return is_called
        if end.is_refused:
            raise StepFailed("to_host", "permanent", f"{what}: {end.text}", in_doubt=False)
    text = f"{what}: after {TRIES} tries it runs elsewhere"
    raise StepFailed("to_host", "permanent", text, in_doubt=False)


async def apart(run: Run, vm_id: str, name: str, avoid: Sequence[str]) -> Standing:
    """Move a machine away from the hosts to avoid and return where it runs afterwards.

    Where no other host takes it, it stays, and what is returned says so. To be asked again after
    every start and redeploy: CloudStack chooses the host of those (`DeploymentPlanningManager`).
    """
    what = f"migrate {name}"
    for _ in range(TRIES):
        standing = await run.step(stands, vm_id, avoid)
        if standing.is_apart:
            return standing
        host_id = await run.step(host_apart, vm_id, avoid)
        if not host_id:
            return standing
        job = await run.step(submit_migration, vm_id, host_id)
        end = await end_of(run, job)
        if not await run.step(runs_on, vm_id, host_id) and end.is_refused:
            raise StepFailed("apart", "permanent", f"{what}: {end.text}", in_doubt=False)
    standing = await run.step(stands, vm_id, avoid)
    if not standing.is_apart:
        text = f"{what}: after {TRIES} tries it still runs on {standing.host_name}"
        raise StepFailed("apart", "permanent", text, in_doubt=False)
    return standing
