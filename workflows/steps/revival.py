"""Brings back an ILB VM that died by itself while a change was under way that relies on it.

Nobody else does meanwhile: CloudStack starts a dead ILB VM never again, and `recover` leaves alone
what another operation works on.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.cause import asked_for, restarting
from bot.domain.cloud import CloudEvent, VmState
from bot.domain.plan import Plan
from bot.domain.view import is_move
from bot.engine.api import Retry, Run, StepFailed, verb
from bot.errors import Permanent
from bot.ports import World
from bot.services.moves import events_of, restarts_around
from workflows.steps import ilb_vm, probe, twin
from workflows.steps.jobs import PATIENT, until


@dataclass(frozen=True, slots=True)
class _Restarts:
    read_at: float
    restarts: tuple[CloudEvent, ...]


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def seen_down(world: World, vm_id: str, wait: bool) -> VmState:
    """Return the state of an ILB VM; with `wait` once it is another than Running.

    CloudStack sees that a guest has no power at the third ping that is missed (`ping.timeout` times
    `ping.interval`, 150 s by default), and shows it as Running until then.
    """

    async def state() -> VmState | None:
        found = await world.cloud.ilb_vms(vm_id=vm_id)
        if not found:
            raise Permanent(f"look at ILB VM {vm_id}: CloudStack no longer has it")
        return None if wait and found[0].state is VmState.RUNNING else found[0].state

    return await until(world, world.pace.settle_deadline_s, state) or VmState.RUNNING


@verb(retry=PATIENT)
async def why_left_down(world: World, vm_id: str, tier_id: str, vpc_id: str) -> str:
    """Say why an ILB VM that is down must stay so, `""` where it died by itself."""
    events = await events_of(world.cloud, vm_id)
    restarts = await restarts_around(world.cloud, tier_id, vpc_id)
    newest = next((one for one in events if is_move(one)), None)
    return asked_for(newest) or restarting(_Restarts(world.clock.now(), restarts))


async def see_it_serve(run: Run, planned: Plan, vip: str) -> bool:
    """Go on only while the ILB of a plan serves; say whether it had died, and was started."""
    target, what = planned.target, f"see {planned.target.name} serve {vip}"
    if await probe.proven(run, vip):
        return False
    is_looked_at = planned.parameter("proof") != "none"
    state = await run.step(seen_down, target.id, is_looked_at)
    if state is VmState.RUNNING and is_looked_at:
        raise _failed(f"{what}: CloudStack shows it as Running, and it was not seen to answer")
    if state is VmState.RUNNING:
        return False
    if why := await run.step(why_left_down, target.id, target.tier_id, target.vpc_id):
        raise _failed(f"{what}: it is {state} and left alone: {why}")
    run.stage(f"Start {target.name}, which died meanwhile")
    await ilb_vm.bring_back(run, target.id, target.name)
    await twin.prove(run, planned, vip)
    return True


def _failed(text: str) -> StepFailed:
    return StepFailed("see_it_serve", "permanent", text, in_doubt=False)
