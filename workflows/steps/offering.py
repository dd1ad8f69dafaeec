"""Gives a stopped system VM another system offering, of the type that is made for it."""

from __future__ import annotations

from bot.domain.cloud import IlbVm, VmState
from bot.domain.zone import Router
from bot.engine.api import Run, verb
from bot.errors import Permanent, Refused
from bot.ports import World
from workflows.steps.jobs import PATIENT

ILB_TYPE = "internalloadbalancervm"
ROUTER_TYPE = "domainrouter"
"""Values of `systemvmtype` (CloudStack `VirtualMachine.Type`); the API takes either for either."""


@verb(retry=PATIENT)
async def has_offering(world: World, vm_id: str, offering_id: str) -> str:
    """Give a machine an offering, and return its id as read again.

    Doing it twice changes nothing, so that one whose answer was lost is looked at and repeated.
    """
    machine, kind = await _machine(world, vm_id)
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
    again, _ = await _machine(world, vm_id)
    if again.offering_id != offering_id:
        raise Permanent(f"{what}: CloudStack took the call, but it still has {again.offering_name}")
    return again.offering_id


@verb(retry=PATIENT)
async def offering_of(world: World, vm_id: str) -> str:
    """Return the id of the offering that a machine has."""
    return (await _machine(world, vm_id))[0].offering_id


async def _machine(world: World, vm_id: str) -> tuple[IlbVm | Router, str]:
    if vms := await world.cloud.ilb_vms(vm_id=vm_id):
        return vms[0], ILB_TYPE
    if routers := await world.cloud.routers(router_id=vm_id):
        return routers[0], ROUTER_TYPE
    raise Permanent(f"look at machine {vm_id}: CloudStack no longer has it")


async def change(run: Run, vm_id: str, offering_id: str) -> None:
    """Give a Stopped ILB VM or router another offering; a redeploy of an ILB VM loses it again."""
    await run.step(has_offering, vm_id, offering_id)
