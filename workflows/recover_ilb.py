"""recover, for an ILB VM that is not running and that nobody stopped on purpose.

1. Where it is Stopping: wait for CloudStack's power sync, which usually frees it by itself.
   Running again: done. Still Stopping: a plain stop.
2. Where it is Stopped: start it; CloudStack re-sends all rules of its VIP.
3. Where it is missing though rules on its VIP are Active: restart its tier without clean-up.
4. Expect the rules on its VIP to be those of the plan.

CloudStack starts a dead router again by itself, and a dead ILB VM never (its `haEnabled` is
false, `InternalLoadBalancerVMManagerImpl`): it stays down until somebody starts it.
"""

from __future__ import annotations

from bot.domain.cause import why_not_running
from bot.domain.cloud import VmState
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep
from bot.domain.view import View, rules_digest
from bot.engine.api import Run
from bot.errors import Refused
from workflows.steps import ilb_vm, tier

NAME = "recover"
NEW_MACHINE = "The new machine has the default offering: a changed one is lost with the old."


def plan(view: View) -> Plan | NothingToDo:
    """Plan what brings a single ILB back, or say why it is left alone."""
    if left_alone := why_left_alone(view):
        return left_alone
    return Plan(
        runbook=NAME,
        target=view.target,
        summary=summary(view),
        facts=view.facts(),
        steps=(*machine_steps(view), PlannedStep("Check that it is Running and has its rules")),
        exposure=Exposure(view.services(), 0.0, "it is not served now; the repair cuts nothing"),
        blast_radius=blast_radius(view),
        warnings=(NEW_MACHINE,) if view.vm is None else (),
        parameters=parameters(view),
    )


async def apply(run: Run, planned: Plan) -> None:
    """Repair by the state the plan saw, as the module's docstring numbers it."""
    run.commit()  # nothing here makes it worse than it is; a half-done repair is not undone
    await bring_back(run, planned)
    await ilb_vm.rules_as_planned(run, planned)


async def bring_back(run: Run, planned: Plan) -> str:
    """Bring back the machine by the state the plan saw, and return its id: a new one may differ."""
    target = planned.target
    if planned.parameter("state") == "missing":
        return await tier.redeploy(run, planned.parameter("tier"), planned.parameter("vip"))
    await ilb_vm.bring_back(run, target.id, target.name)
    return target.id


def left_to_do(view: View, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: it must be Running with the rules the plan saw."""
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        return (f"{planned.target.name} is {view.state}, not Running",)
    return tuple(c for c in view.changes(planned) if c.startswith(("rule on port", "tier state")))


def unsafe(view: View) -> str:
    """Say why a failed repair must not be left alone."""
    if view.vm is not None and view.vm.state is VmState.RUNNING:
        return ""
    return f"{view.name} is {view.state}: {view.services()} is not served"


def why_left_alone(view: View) -> NothingToDo | None:
    """Say why it is not repaired, None where it is; `Refused` where a start mends nothing."""
    vm, cause = view.vm, why_not_running(view)
    if cause.on_purpose:
        return NothingToDo(f"Left alone: {cause.reason}.", cause.evidence)
    if vm is not None and vm.state in {VmState.STARTING, VmState.MIGRATING}:
        return NothingToDo(f"{vm.name} is {vm.state}: CloudStack is at work on it.", cause.evidence)
    if vm is not None and vm.state not in {VmState.STOPPED, VmState.STOPPING}:
        raise Refused(
            f"{vm.name} is {vm.state}, which neither a start nor a stop repairs.",
            instead="A person must look at it in CloudStack.",
        )
    refuse_two_repairs(view)
    return None


def refuse_two_repairs(view: View) -> None:
    """Refuse where CloudStack would repair at the same time."""
    if view.recreate_checks:
        raise Refused(
            "CloudStack is set to replace routers by itself when a check fails "
            f"(router.health.checks.failures.to.recreate.vr = {view.recreate_checks}): two would "
            "repair at once.",
            instead="Empty that setting for the zone, then recover.",
        )


def summary(view: View) -> str:
    """Say what is brought back and why it is down."""
    return f"Bring it back: {why_not_running(view).reason}"


def machine_steps(view: View) -> tuple[PlannedStep, ...]:
    """Say what is done to the machine, by its state."""
    if view.vm is None:
        return (PlannedStep(f"Restart tier {view.tier.name} without clean-up: it deploys the VM"),)
    if view.vm.state is VmState.STOPPING:
        wait = PlannedStep(f"Wait for CloudStack's power sync to free {view.name}")
        return (wait, PlannedStep("If it is still Stopping, stop it plainly; then start it"))
    return (PlannedStep(f"Start {view.name}"),)


def blast_radius(view: View) -> tuple[str, ...]:
    """Name what the repair touches.

    In which state its neighbours are is left out: where several died at once, the repair of one
    must not make the plan for the next one stale.
    """
    mine = f"{view.services()}: served again"
    others = [one for one in sorted(view.tier_vms, key=lambda one: one.vip) if one.vip != view.vip]
    if view.vm is not None:
        return (mine, *(f"{one.name} ({one.vip}): same tier, not touched" for one in others))
    return (
        mine,
        *(f"{one.name} ({one.vip}): its rules are sent again, started if stopped"
          for one in others),
        f"the routers of VPC {view.tier.vpc_name} get the tier's configuration again",
    )  # fmt: skip


def parameters(view: View) -> tuple[tuple[str, str], ...]:
    """Return what the repair of the machine goes by."""
    return (
        ("state", view.state),
        ("tier", view.tier.id),
        ("vip", view.vip),
        ("rules", rules_digest(view.rules)),
    )
