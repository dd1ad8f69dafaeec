"""Gives a system VM another system offering, of the type that is made for it, and the old one back.

CloudStack changes only one that is Stopped (`changeServiceForRouter`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.domain.cloud import IlbVm, VmState
from bot.domain.offerings import ILB_TYPE, Fitted
from bot.domain.zone import Router
from bot.engine.api import Run, verb
from bot.errors import Permanent, Refused
from bot.ports import World
from workflows.steps import ilb_vm, power, router
from workflows.steps.jobs import PATIENT
from workflows.steps.power import Power


@verb(retry=PATIENT)
async def has_offering(world: World, vm_id: str, offering_id: str, kind: str) -> str:
    """Give a machine of a kind (`systemvmtype`) an offering, and return its id as read again.

    Doing it twice changes nothing, so that one whose answer was lost is looked at and repeated.
    """
    machine = await _machine(world, vm_id, kind)
    what = f"change the offering of {machine.name}"
    if machine.offering_id == offering_id:
        return offering_id
    if machine.state is not VmState.STOPPED:
        raise Refused(f"{what}: it is {machine.state}, and only a Stopped one is changed")
    wanted = [one for one in await world.cloud.system_offerings() if one.id == offering_id]
    if not wanted:
        raise Refused(f"{what}: CloudStack has no system offering {offering_id}")
    if wanted[0].for_type != kind:
        raise Refused(
            f"{what}: {wanted[0].name} is made for {wanted[0].for_type or 'no type'}, not for "
            f"{kind}; CloudStack would take it all the same"
        )
    await world.cloud.change_offering(vm_id, offering_id)
    again = await _machine(world, vm_id, kind)
    if again.offering_id != offering_id:
        raise Permanent(f"{what}: CloudStack took the call, but it still has {again.offering_name}")
    return again.offering_id


@verb(retry=PATIENT)
async def offering_of(world: World, vm_id: str, kind: str) -> str:
    """Return the id of the offering that a machine has."""
    return (await _machine(world, vm_id, kind)).offering_id


async def _machine(world: World, vm_id: str, kind: str) -> IlbVm | Router:
    found = (
        await world.cloud.ilb_vms(vm_id=vm_id) if kind == ILB_TYPE
        else await world.cloud.routers(router_id=vm_id)
    )  # fmt: skip
    if found:
        return found[0]
    raise Permanent(f"look at machine {vm_id}: CloudStack no longer has it")


@verb(retry=PATIENT)
async def expect_offering(world: World, vm_id: str, offering_id: str, kind: str) -> str:
    """Fail unless a machine has that offering, as CloudStack shows it now."""
    machine = await _machine(world, vm_id, kind)
    if machine.offering_id != offering_id:
        raise Permanent(
            f"compare the offering of {machine.name}: it has {machine.offering_name}, and not the "
            "one it was given"
        )
    return machine.offering_id


async def change(run: Run, vm_id: str, offering_id: str, kind: str) -> None:
    """Give a Stopped ILB VM or router another offering; a redeploy of an ILB VM loses it again."""
    await run.step(has_offering, vm_id, offering_id, kind)


OF_ILB_VMS, OF_ROUTERS = ilb_vm.POWER, router.POWER


async def give(run: Run, of: Power, machine: Fitted, offering_id: str) -> None:
    """Stop a machine, give it an offering, and start it."""
    await power.stop(run, of, machine.id, machine.name)
    await change(run, machine.id, offering_id, of.kind)
    await power.start(run, of, machine.id, machine.name)


async def exchange(
    run: Run, of: Power, machine: Fitted, offering_id: str, back: Callable[[], None]
) -> None:
    """Do as `give`, to a machine that is in use.

    Until it is Stopped an undo starts it again. From then on a stop waits, and `back` registers
    what an undo does instead.
    """
    run.undo(
        f"start {machine.name} again", partial(power.put_back, run, of, machine.id, machine.name)
    )
    await power.stop(run, of, machine.id, machine.name)
    run.commit()
    back()
    await change(run, machine.id, offering_id, of.kind)
    await power.start(run, of, machine.id, machine.name)


async def take_back(run: Run, of: Power, machine: Fitted) -> None:
    """Bring a machine back to the offering that it had, wherever its change was left."""
    await power.rest(run, of, machine.id)
    if await run.step(offering_of, machine.id, of.kind) == machine.offering_id:
        await power.start(run, of, machine.id, machine.name)
    else:
        await give(run, of, machine, machine.offering_id)


def taken_back(run: Run, of: Power, machine: Fitted) -> None:
    """Let an undo give a machine the offering back that it has now."""
    words = f"{machine.name} running with {machine.offering_name} again"
    run.undo(words, partial(take_back, run, of, machine))
