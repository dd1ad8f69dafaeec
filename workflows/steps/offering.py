"""Gives a system VM another system offering, of the type that is made for it, and the old one back.

CloudStack changes only one that is Stopped (`changeServiceForRouter`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bot.domain.cloud import IlbVm, VmState
from bot.domain.offerings import ILB_TYPE, ROUTER_TYPE, Fitted
from bot.domain.zone import Router
from bot.engine.api import Run, verb
from bot.errors import Permanent, Refused
from bot.ports import World
from workflows.steps import ilb_vm, router
from workflows.steps.jobs import PATIENT


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


@dataclass(frozen=True, slots=True)
class Power:
    """How a kind of machine is stopped, started, and waited for until it is at rest."""

    kind: str
    stop: Callable[[Run, str, str], Awaitable[None]]
    start: Callable[[Run, str, str], Awaitable[None]]
    rest: Callable[[Run, str], Awaitable[object]]


def _ilb_vm_rests(run: Run, vm_id: str) -> Awaitable[object]:
    return run.step(ilb_vm.settled, vm_id, ilb_vm.AT_REST)


def _router_rests(run: Run, router_id: str) -> Awaitable[object]:
    return run.step(router.router_settled, router_id, router.AT_REST)


OF_ILB_VMS = Power(ILB_TYPE, ilb_vm.stop, ilb_vm.start, _ilb_vm_rests)
OF_ROUTERS = Power(ROUTER_TYPE, router.stop, router.start, _router_rests)


async def give(run: Run, power: Power, machine: Fitted, offering_id: str) -> None:
    """Stop a machine, give it an offering, and start it."""
    await power.stop(run, machine.id, machine.name)
    await change(run, machine.id, offering_id, power.kind)
    await power.start(run, machine.id, machine.name)


async def exchange(
    run: Run, power: Power, machine: Fitted, offering_id: str, back: Callable[[], None]
) -> None:
    """Do as `give`, to a machine that is in use.

    Until it is Stopped an undo starts it again. From then on a stop waits, and `back` registers
    what an undo does instead.
    """
    run.undo(f"start {machine.name} again", partial(_put_back, run, power, machine))
    await power.stop(run, machine.id, machine.name)
    run.commit()
    back()
    await change(run, machine.id, offering_id, power.kind)
    await power.start(run, machine.id, machine.name)


async def _put_back(run: Run, power: Power, machine: Fitted) -> None:
    await power.rest(run, machine.id)
    await power.start(run, machine.id, machine.name)


async def take_back(run: Run, power: Power, machine: Fitted) -> None:
    """Bring a machine back to the offering that it had, wherever its change was left."""
    await power.rest(run, machine.id)
    if await run.step(offering_of, machine.id, power.kind) == machine.offering_id:
        await power.start(run, machine.id, machine.name)
    else:
        await give(run, power, machine, machine.offering_id)


def taken_back(run: Run, power: Power, machine: Fitted) -> None:
    """Let an undo give a machine the offering back that it has now."""
    words = f"{machine.name} running with {machine.offering_name} again"
    run.undo(words, partial(take_back, run, power, machine))
