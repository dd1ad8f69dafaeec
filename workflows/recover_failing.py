"""recover, for an ILB VM that runs and whose health checks fail.

CloudStack's results are read again, never run afresh; those that mean nothing on an ILB VM are left
out (`bot.domain.health`). What persists is shown with its rules and members, and a restart is
proposed: only a person can tell whether what serves now should be cut for it.

1. One of twins: see its twin answer, withdraw its address from the names, and wait until clients
   have looked again.
2. Stop it, pass the point of no return (a start may replace its disk), and start it.
3. Expect its rules, and the checks that failed to pass when they are collected again.
4. One of twins: as `workflows.recover_twin` brings it back to its clients.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.cause import restarting
from bot.domain.exposure import outage
from bot.domain.health import CheckResult
from bot.domain.names import DirectoryKind
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.twin_view import TwinView, withdrawals
from bot.domain.view import View, ports_in
from bot.engine.api import Run, StepFailed
from bot.errors import Refused
from bot.services.runbooks import Probing
from workflows import recover_ilb, recover_twin
from workflows.steps import checks, directory, ilb_vm, probe, twin

MOST_DETAILS = 200
"""So many letters of what a guest says about itself are shown."""


def plan(seen: View | TwinView) -> Plan | NothingToDo:
    """Plan a restart for a person to decide on, or say that nothing fails."""
    view = seen.ilb if isinstance(seen, TwinView) else seen
    vm, failing = view.vm, view.failing_checks
    assert vm is not None
    if not failing:
        return NothingToDo(f"{vm.name} is Running.", (f"host {vm.host_name or 'not shown'}",))
    if left_alone := _why_left_alone(view):
        return left_alone
    recover_ilb.refuse_two_repairs(view)
    names = in_words([one.name for one in failing])
    single = Plan(
        runbook=recover_ilb.NAME,
        target=view.target,
        summary=f"Restart {vm.name}: it fails {names}",
        facts=view.facts(),
        steps=_steps(vm.name, names),
        exposure=outage(view),
        blast_radius=_blast_radius(view),
        warnings=(*_evidence(view), "Requests in flight and open connections through it are cut, "
                  "and its disk is renewed where its template is a newer one."),
        parameters=(*recover_ilb.parameters(view), ("restart", "yes"),
                    ("checks", " ".join(one.name for one in failing))),
        by_person=f"{vm.name} is Running: whether it is cut for a failing check, a person decides",
    )  # fmt: skip
    return _of_twins(seen, single) if isinstance(seen, TwinView) else single


def _of_twins(seen: TwinView, single: Plan) -> Plan:
    """Return the plan for one of twins: its twin serves meanwhile."""
    if not seen.twin_serves:
        raise Refused(
            f"Its twin {seen.twin.name} is {seen.twin.state}: nothing would serve while "
            f"{seen.ilb.name} is restarted.",
            instead=f"`recover {seen.twin.vip}` first.",
        )
    if seen.trouble:
        raise Refused(
            f"What {in_words(seen.names)} leads to is not known, so {seen.ilb.vip} cannot be "
            f"withdrawn first: {seen.trouble}.",
            instead="Bring the directory back, then recover.",
        )
    names, twin_vip = in_words(seen.leads_to_it), seen.twin.vip
    stuck = _only_to_it(seen)
    if stuck:
        raise Refused(
            f"{in_words(stuck)} leads to {seen.ilb.vip} alone, not to its twin at {twin_vip}.",
            instead=f"`pair {seen.ilb.name}` publishes both.",
        )
    out = () if not names else (
        PlannedStep(f"See {twin_vip} answer, where a vantage point looks"),
        PlannedStep(f"Withdraw {seen.ilb.vip} from {names}, and wait until clients have looked "
                    "again", undo="publish it again"),
    )  # fmt: skip
    is_cut = not seen.names
    return replace(
        single,
        facts=seen.facts(),
        steps=(*out, *single.steps, *recover_twin.return_steps(seen)),
        exposure=single.exposure if is_cut
        else Exposure("nothing", 0.0, f"its twin at {twin_vip} serves meanwhile"),
        warnings=(*_evidence(seen.ilb), *recover_twin.unproven(seen)),
        parameters=(*recover_twin.parameters(seen), ("restart", "yes"),
                    ("checks", single.parameter("checks")), ("published", names)),
    )  # fmt: skip


async def apply(run: Run, planned: Plan) -> None:
    """Restart it as the module's docstring numbers it."""
    target, what = planned.target, f"restart ILB VM {planned.target.name}"
    was_ours = await _withdraw(run, planned) if planned.parameter("twin") else ()
    run.stage(f"Stop and start {target.name}" if planned.parameter("twin") else "")
    run.undo(f"start {target.name} again", lambda: ilb_vm.put_back(run, target.id, target.name))
    await ilb_vm.stop(run, target.id, target.name)
    run.commit()
    await ilb_vm.start(run, target.id, target.name)
    await ilb_vm.rules_as_planned(run, planned)
    names = planned.parameter("checks").split()
    if said := await run.step(checks.ilb_checked_again, target.id, names):
        raise StepFailed("ilb_checked_again", "permanent", f"{what}: {said}", in_doubt=False)
    if planned.parameter("twin"):
        run.commit(f"{target.name} was restarted")
        await recover_twin.come_back(run, planned, target.id, was_ours)


async def _withdraw(run: Run, planned: Plan) -> tuple[str, ...]:
    """Take an address that serves out of its names; it goes back where the change is undone."""
    vip, twin_vip = planned.parameter("vip"), planned.parameter("twin")
    run.stage(f"Withdraw {vip}")
    if not await run.step(twin.stands_in, planned.parameter("tier"), twin_vip):
        text = f"withdraw {vip}: its twin at {twin_vip} does not serve"
        raise StepFailed("stands_in", "permanent", text, in_doubt=False)
    lookers = await run.step(probe.watched, run.id, recover_twin.both(planned, own=False))
    if lookers and not await probe.proven(run, twin_vip):
        text = f"prove {twin_vip}: it was not seen to answer, so it cannot carry the traffic alone"
        raise StepFailed("prove", "permanent", text, in_doubt=False)
    records = await run.step(directory.published, tuple(planned.parameter("names").split()))
    moves = withdrawals(records, vip, twin_vip)
    for move in moves:
        await twin.publish(run, move)
    await probe.within_budget(run)
    return tuple(move.after.name for move in moves)


def still_failing(view: View) -> tuple[str, ...]:
    """Say which checks fail."""
    return tuple(f"{view.name}: {one.name} fails" for one in view.failing_checks)


def probed(planned: Plan) -> Probing:
    """Measure an outage that the plan states; where a twin serves meanwhile, without loss.

    One of twins is looked at and does not count: it fails already.
    """
    if planned.parameter("twin"):
        places = recover_twin.both(planned, own=False)
        return Probing(places, must_prove=bool(planned.parameter("names")))
    return Probing(tuple(Watched(planned.parameter("vip"), one) for one in ports_in(planned)))


def _only_to_it(seen: TwinView) -> tuple[str, ...]:
    if seen.directory is DirectoryKind.NONE:
        return ()
    return tuple(
        one.name for one in seen.records
        if seen.ilb.vip in one.addresses and seen.twin.vip not in one.addresses
    )  # fmt: skip


def _why_left_alone(view: View) -> NothingToDo | None:
    if view.busy_with:
        reason = f"operation {view.busy_with} of ours is at work on it"
    elif not view.tier.is_implemented:
        reason = f"tier {view.tier.name} is {view.tier.state}, not Implemented"
    else:
        reason = restarting(view)
    return NothingToDo(f"Left alone: {reason}.", _evidence(view)) if reason else None


def _steps(name: str, checks_named: str) -> tuple[PlannedStep, ...]:
    return (
        PlannedStep(f"Stop {name}", undo="start it again"),
        PlannedStep(f"Start {name}", no_return=True),
        PlannedStep(f"Check that it has its rules, and wait until {checks_named} passes again"),
    )


def _blast_radius(view: View) -> tuple[str, ...]:
    mine = f"{view.services()}: not served from the stop to the end of the start"
    return (mine, *(f"{one}: same tier, not touched" for one in view.neighbours()))


def _evidence(view: View) -> tuple[str, ...]:
    """Say what fails in the words of the guest, and what it carries."""
    rules = [
        f"port {rule.source_port} to {in_words([one.name for one in rule.members]) or 'nobody'}"
        for rule in view.rules
    ]
    carries = f"It carries {'; '.join(rules)}." if rules else "No rule is visible on it."
    return (*(_said(one) for one in view.failing_checks), carries)


def _said(check: CheckResult) -> str:
    when = f" (collected {check.updated:%Y-%m-%d %H:%M:%S} UTC)" if check.updated else ""
    details = " ".join(check.details.split())[:MOST_DETAILS] or "no details"
    return f"{check.name} fails: {details}{when}"
