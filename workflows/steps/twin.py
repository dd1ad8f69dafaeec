"""Builds, fits and marks an ILB's twin, keeps clients off it meanwhile, and takes it away again."""

from __future__ import annotations

from bot.domain.absence import Absence
from bot.domain.cloud import IlbVm, VmState
from bot.domain.offerings import fitted
from bot.domain.plan import Plan
from bot.domain.probing import Watched
from bot.domain.rule_state import Place
from bot.domain.twins import Move, Pairing
from bot.engine.api import Retry, Run, StepFailed, verb
from bot.ports import World
from workflows.steps import directory, ilb_vm, lb_rule, offering, probe
from workflows.steps.jobs import PATIENT, until


@verb(retry=Retry(attempts=1), timeout_s=3600.0, waits=True)
async def running_at(world: World, tier_id: str, vip: str) -> IlbVm | None:
    """Wait until an ILB VM with that VIP is Running and return it, None at the deadline."""

    async def running() -> IlbVm | None:
        vms = await world.cloud.ilb_vms(tier_id=tier_id)
        return next((v for v in vms if v.vip == vip and v.state is VmState.RUNNING), None)

    return await until(world, world.pace.settle_deadline_s, running)


@verb(retry=PATIENT)
async def stands_in(world: World, tier_id: str, vip: str) -> IlbVm | None:
    """Return the Running ILB VM of a VIP whose rules carry traffic, None where nothing serves."""
    vms = await world.cloud.ilb_vms(tier_id=tier_id)
    rules = await world.cloud.rules(tier_id=tier_id)
    if not any(rule.is_active for rule in rules if rule.vip == vip):
        return None
    return next((v for v in vms if v.vip == vip and v.state is VmState.RUNNING), None)


async def carries(run: Run, planned: Plan, vip: str, what: str) -> None:
    """Go on only while a VIP serves: `what` would take away the only other one that does.

    It may have died in the wait before, and where nobody looks only CloudStack knows of it.
    """
    if not await run.step(stands_in, planned.parameter("tier"), vip):
        text = f"{what}: {vip}, which is to serve meanwhile, does not serve"
        raise StepFailed("stands_in", "permanent", text, in_doubt=False)


async def build(run: Run, found: Pairing) -> None:
    """Bring the rules of the twin to those of the model; its machine comes with a member."""
    for change in found.changes:
        await lb_rule.carry_out(run, found.tier_id, change)


async def mark(run: Run, found: Pairing) -> None:
    """Let the model's rules name the twin."""
    for change in found.marks:
        await lb_rule.mark(run, found.tier_id, change)


async def machine(run: Run, tier_id: str, vip: str) -> IlbVm:
    """Return the machine of a VIP; it counts when it is Running."""
    found = await run.step(running_at, tier_id, vip)
    if found is None:
        text = f"serve {vip}: its rules are in place, and no ILB VM with it became Running"
        raise StepFailed("running_at", "permanent", text, in_doubt=False)
    return found


async def fit(run: Run, vm: IlbVm, offering_id: str) -> None:
    """Give a new machine an offering, by a stop, the change and a start.

    Nobody is sent to it yet. Undone by a start alone: what built it takes it away.
    """
    if not offering_id or vm.offering_id == offering_id:
        return
    run.undo(f"start {vm.name} again", lambda: ilb_vm.put_back(run, vm.id, vm.name))
    await offering.give(run, offering.OF_ILB_VMS, fitted(vm), offering_id)


async def refit(run: Run, vm: IlbVm, offering_id: str) -> None:
    """Give a machine that stays another offering as `fit` does; undone by giving the old one.

    Whoever calls it has led its clients away.
    """
    if not offering_id or vm.offering_id == offering_id:
        return
    offering.taken_back(run, offering.OF_ILB_VMS, fitted(vm))
    await offering.give(run, offering.OF_ILB_VMS, fitted(vm), offering_id)


async def withdraw(
    run: Run, planned: Plan, found: Pairing, away: Absence, places: tuple[Watched, ...]
) -> None:
    """Keep clients off a published twin until `come_back`, while the other one is seen to serve.

    `places` are what is watched meanwhile, without the twin's counting. An undo publishes it as
    before: where something was done to it, only once it answers.
    """
    if not away.out:
        return
    run.stage(f"Withdraw {found.twin_vip}")
    await _expect_to_stand_in(run, planned, found)
    for move in away.out:
        await publish(run, move)
    await probe.watch(run, places)
    await probe.within_budget(run)
    await probe.quiet(run, planned, found.twin_vip, places)
    await _expect_to_stand_in(run, planned, found)
    goes_back(run, planned, found.twin_vip, tuple(move.back for move in away.out))


async def come_back(
    run: Run, planned: Plan, found: Pairing, away: Absence, places: tuple[Watched, ...]
) -> None:
    """Publish a twin that was withdrawn; an undo leaves it to its clients first, as `withdraw`."""

    async def leave() -> None:
        await probe.watch(run, places)
        await probe.quiet(run, planned, found.twin_vip, places)

    if not away.back:
        return
    run.undo(f"{found.twin_vip} left by its clients", leave)
    run.stage(f"Publish {found.twin_vip} again")
    for move in away.back:
        await publish(run, move)


async def _expect_to_stand_in(run: Run, planned: Plan, found: Pairing) -> None:
    if await run.step(stands_in, found.tier_id, found.vip) is None:
        text = f"prove {found.vip}: it does not serve, so {found.twin_vip} cannot be spared"
        raise StepFailed("stands_in", "permanent", text, in_doubt=False)
    await prove(run, planned, found.vip)


async def publish(run: Run, move: Move) -> None:
    """Publish a name anew; undone by publishing what it was, only while nobody else changed it."""
    was = f"{move.before.name} published as before"
    run.undo(was, lambda: directory.publish(run, move.after, move.before))
    await directory.publish(run, move.before, move.after)


async def prove(run: Run, planned: Plan, vip: str) -> None:
    """Go on only when a VIP was seen to answer, where the plan says that somebody looks."""
    if not await probe.proven(run, vip) and planned.parameter("proof") != "none":
        text = f"prove {vip}: it was not seen to answer at each of its ports from everywhere"
        raise StepFailed("prove", "permanent", text, in_doubt=False)


def goes_back(run: Run, planned: Plan, vip: str, moves: tuple[Move, ...]) -> None:
    """Let an undo publish a VIP again, once it answers: a dead one stays withdrawn."""

    async def back() -> None:
        await carries(run, planned, vip, f"publish {vip} again")
        await prove(run, planned, vip)
        for move in moves:
            await directory.publish(run, move.before, move.after)

    if moves:
        run.undo(f"publish {vip} again", back)


async def take_away(run: Run, found: Pairing) -> None:
    """Take a temporary twin away: marks first, then its rules; its machine goes with the last."""
    for change in found.marks:
        assert change.before is not None
        place = Place(found.tier_id, change.vip, change.port)
        await lb_rule.set_tags(run, place, change.before.tags)
    for change in reversed(found.changes):
        await lb_rule.bring(run, Place(found.tier_id, change.vip, change.port), change.before)
