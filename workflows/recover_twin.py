"""recover, for one of twins that is not running and that nobody stopped on purpose.

1. Where its twin serves: withdraw its address from the names, so that nobody new is sent to a dead
   one. No name loses its last address. Nothing is waited for: the machine is dead meanwhile. A
   directory that does not answer, and people who change names, do not keep it down.
2. Bring the machine back as a single one; a new one gets the offering of its twin.
3. Expect its rules, move it off its twin's host, and see it answer, where somebody looks.
4. Publish its address again, and watch it. Where nobody can look, it is published again only if
   this repair withdrew it.

What it finds around the ILB is looked up when it acts: its twin may be repaired at the same time.
A repair that fails leaves the address withdrawn, and says so.
"""

from __future__ import annotations

from bot.domain.names import DirectoryKind, Record
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.twin_view import TwinView, publications, withdrawals
from bot.domain.view import ports_in
from bot.engine.api import Run, StepFailed
from workflows import recover_ilb
from workflows.steps import directory, host, ilb_vm, probe, twin


def plan(seen: TwinView) -> Plan | NothingToDo:
    """Plan what brings one of twins back, or say why it is left alone."""
    view = seen.ilb
    if left_alone := recover_ilb.why_left_alone(view):
        return left_alone
    return Plan(
        runbook=recover_ilb.NAME,
        target=seen.target,
        summary=recover_ilb.summary(view),
        facts=seen.facts(),
        steps=(*_withdrawal(seen), *recover_ilb.machine_steps(view), *_offering(seen),
               *return_steps(seen)),
        exposure=Exposure(view.services(), 0.0, _meanwhile(seen)),
        blast_radius=recover_ilb.blast_radius(view),
        warnings=_warnings(seen),
        parameters=parameters(seen),
    )  # fmt: skip


async def apply(run: Run, planned: Plan) -> None:
    """Withdraw, repair, prove and publish, as the module's docstring numbers it."""
    vip = planned.parameter("vip")
    run.stage(f"Withdraw {vip}")
    was_ours = await _withdraw(run, planned)
    run.stage(f"Bring back the machine of {vip}")
    run.commit()  # from here a stop would leave one of two down
    vm_id = await recover_ilb.bring_back(run, planned)
    await ilb_vm.rules_as_planned(run, planned)
    if planned.parameter("offering"):
        await _fit(run, planned)
    run.commit(f"the machine of {vip} runs again")
    await come_back(run, planned, vm_id, was_ours)


async def _withdraw(run: Run, planned: Plan) -> tuple[str, ...]:
    """Take a dead address out of its names at once, and return which; a failure stops no repair."""
    vip, twin_vip, done = planned.parameter("vip"), planned.parameter("twin"), list[str]()
    try:
        if not await run.step(twin.stands_in, planned.parameter("tier"), twin_vip):
            return ()
        if await run.step(directory.directory_kind) is DirectoryKind.RFC2136:
            for move in withdrawals(await _published(run, planned), vip, twin_vip):
                done.append(move.after.name)  # before it is done: in doubt, it was
                await directory.change(run, move.before, move.after)
        await run.step(probe.looked_at, run.id, _places(planned, twin_vip))
    except StepFailed:
        pass  # the step has told it; what is dead is brought back all the same
    return tuple(done)


async def _published(run: Run, planned: Plan) -> tuple[Record, ...]:
    names = tuple(planned.parameter("names").split())
    return await run.step(directory.published, names) if names else ()


async def _fit(run: Run, planned: Plan) -> None:
    """Give a new machine its twin's offering, while its twin carries the traffic."""
    tier_id, vip = planned.parameter("tier"), planned.parameter("vip")
    if await run.step(twin.stands_in, tier_id, planned.parameter("twin")):
        machine = await twin.machine(run, tier_id, vip)
        await twin.fit(run, machine, planned.parameter("offering"))


async def come_back(run: Run, planned: Plan, vm_id: str, was_ours: tuple[str, ...]) -> None:
    """Part it from its twin, see it answer, publish it and watch it.

    `was_ours` are the names from which this run withdrew it. A host that it shares with its twin
    is told as a failure at the end: it must not keep an address withdrawn.
    """
    vip, twin_vip = planned.parameter("vip"), planned.parameter("twin")
    peer = await run.step(twin.stands_in, planned.parameter("tier"), twin_vip)
    trouble = await _part(run, vm_id, planned.target.name, peer.host_id) if peer else None
    run.stage(f"Prove {vip}")
    lookers = await run.step(probe.watched, run.id, both(planned, own=False, peer=bool(peer)))
    is_proven = await probe.proven(run, vip)
    if lookers and not is_proven:
        text = f"prove {vip}: it was not seen to answer at each of its ports from everywhere"
        raise StepFailed("prove", "permanent", text, in_doubt=False)
    run.reopen()
    run.stage(f"Publish {vip} again")
    for move in publications(await _published(run, planned), vip, twin_vip):
        if is_proven or move.after.name in was_ours:
            await twin.publish(run, move)
    run.stage(f"Watch {vip}")
    await probe.watch(run, both(planned, own=True, peer=bool(peer)))
    await probe.bake_at(run, vip)
    run.commit(f"{vip} is served and published again")
    if trouble is not None:
        raise trouble


async def _part(run: Run, vm_id: str, name: str, host_id: str) -> StepFailed | None:
    try:
        await host.apart(run, vm_id, name, (host_id,))
    except StepFailed as failure:
        return failure
    return None


def withdrawn(seen: TwinView) -> tuple[str, ...]:
    """Say from which names it is withdrawn, and that they could not be looked up."""
    if seen.trouble:
        return (f"what {in_words(seen.names)} leads to is not known: {seen.trouble}",)
    vip, carries = seen.ilb.vip, seen.twin.vip
    return tuple(
        f"{name} does not lead to {vip}: {carries} alone carries its traffic"
        for name in seen.leads_only_to_its_twin
    )


def unsafe(seen: TwinView) -> str:
    """Say why a failed repair must not be left alone: clients are sent to a dead one, or one of
    two carries all."""
    dead = recover_ilb.unsafe(seen.ilb)
    if not dead:
        return "; ".join(withdrawn(seen))
    if seen.leads_to_it or not seen.twin_serves:
        return dead
    return f"{seen.ilb.name} is {seen.ilb.state}; {seen.twin.vip} alone carries its traffic"


def both(planned: Plan, *, own: bool, peer: bool = True) -> tuple[Watched, ...]:
    """Return both addresses to look at, and whether what each loses counts."""
    vip, twin_vip = planned.parameter("vip"), planned.parameter("twin")
    return (*_places(planned, vip, counts=own), *_places(planned, twin_vip, counts=peer))


def _places(planned: Plan, vip: str, *, counts: bool = True) -> tuple[Watched, ...]:
    return tuple(Watched(vip, port, counts) for port in ports_in(planned))


def return_steps(seen: TwinView) -> tuple[PlannedStep, ...]:
    """Say how it comes back to its clients."""
    vip, names = seen.ilb.vip, in_words(seen.names)
    check = PlannedStep("Check that it has its rules and runs on another host than its twin")
    prove = PlannedStep("See it answer at each of its ports, where a vantage point looks")
    if not names:
        return (check, prove)
    again = PlannedStep(f"Publish {vip} under {names} again, and watch it", undo="withdraw it")
    return (check, prove, again)


def parameters(seen: TwinView) -> tuple[tuple[str, str], ...]:
    """Return what the repair of one of twins goes by."""
    return (
        *recover_ilb.parameters(seen.ilb),
        ("twin", seen.twin.vip),
        ("names", " ".join(seen.names)),
        ("offering", _twins_offering(seen)),
    )


def unproven(seen: TwinView) -> tuple[str, ...]:
    """Warn where nobody can see it answer."""
    if seen.vantage_points:
        return ()
    return (
        "No vantage point looks at it now. While none does, nothing is proven: only what this "
        "repair withdraws is published again, and the outcome will be unverified.",
    )


def _withdrawal(seen: TwinView) -> tuple[PlannedStep, ...]:
    if not seen.names or seen.directory is not DirectoryKind.RFC2136:
        return ()
    vip, twin_vip = seen.ilb.vip, seen.twin.vip
    return (
        PlannedStep(f"Withdraw {vip} from {in_words(seen.names)}, unless its twin at {twin_vip} "
                    "does not serve: no name loses its last address"),
    )  # fmt: skip


def _twins_offering(seen: TwinView) -> str:
    """The offering of its twin, where a new machine would come with another one."""
    model, default = seen.twin.vm, seen.default_offering
    if seen.ilb.vm is not None or model is None or default is None:
        return ""
    return model.offering_id if model.offering_id != default.id else ""


def _offering(seen: TwinView) -> tuple[PlannedStep, ...]:
    if not _twins_offering(seen):
        return ()
    name = seen.twin.vm.offering_name if seen.twin.vm else ""
    return (PlannedStep(f"Give the new machine its twin's offering {name}, by a stop and a start"),)


def _meanwhile(seen: TwinView) -> str:
    if seen.twin_serves:
        return f"it is not served now; its twin at {seen.twin.vip} serves"
    return "it is not served now; the repair cuts nothing"


def _warnings(seen: TwinView) -> tuple[str, ...]:
    missing = seen.ilb.vm is None and not _twins_offering(seen)
    return (
        *(_of_its_names(seen)),
        *unproven(seen),
        *((recover_ilb.NEW_MACHINE,) if missing else ()),
    )


def _of_its_names(seen: TwinView) -> tuple[str, ...]:
    """Tell how its names stand now; what is done about them is decided when it is done."""
    vip, peer = seen.ilb.vip, seen.twin
    if not seen.names:
        return ("No name leads to it, so it cannot be withdrawn: clients that know both addresses "
                "go on with the other one.",)  # fmt: skip
    if seen.trouble:
        return (f"What {in_words(seen.names)} leads to is not known ({seen.trouble}): it is "
                "repaired all the same.",)  # fmt: skip
    told = []
    if seen.leads_only_to_its_twin:
        told.append(f"{in_words(seen.leads_only_to_its_twin)} leads to {peer.vip} alone already.")
    if seen.leads_to_it and not seen.twin_serves:
        told.append(f"Its twin {peer.name} is {peer.state}: while nothing else serves, {vip} is "
                    f"not withdrawn from {in_words(seen.leads_to_it)}.")  # fmt: skip
    elif seen.leads_to_it and seen.directory is DirectoryKind.MANUAL:
        told.append(f"People change names here, so {vip} is not withdrawn: it is back sooner than "
                    "somebody could.")  # fmt: skip
    return tuple(told)
