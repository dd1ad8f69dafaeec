"""recover: bring back an ILB VM that is not running and that nobody stopped on purpose.

What it does to routers is in `workflows.recover_router`; a name decides which of them is meant.

1. Where it is Stopping: wait for CloudStack's power sync, which usually frees it by itself.
   Running again: done. Still Stopping: a plain stop.
2. Where it is Stopped: start it; CloudStack re-sends all rules of its VIP.
3. Where it is missing though rules on its VIP are Active: restart its tier without clean-up.
4. Expect the rules on its VIP to be those of the plan.

CloudStack starts a dead router again by itself, and a dead ILB VM never (its `haEnabled` is
false, `InternalLoadBalancerVMManagerImpl`): it stays down until somebody starts it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.cause import why_not_running
from bot.domain.cloud import VmState
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep
from bot.domain.router_view import ROUTER_KINDS, RouterView
from bot.domain.view import View, rules_digest
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.runbooks import Runbook
from bot.services.subjects import EITHER
from workflows import recover_router
from workflows.steps import ilb_vm, tier

NAME = "recover"


class RecoverRequest(BaseModel):
    """What a person or an incident may ask of `recover`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM or VIP; router, VPC or isolated network")


def plan(seen: View | RouterView, wish: Wish) -> Plan | NothingToDo:
    """Plan what brings it back, or say why it is left alone; the reason comes before the act."""
    return _plan(seen) if isinstance(seen, View) else recover_router.plan(seen)


def _plan(view: View) -> Plan | NothingToDo:
    vm = view.vm
    if vm is not None and vm.state is VmState.RUNNING:
        return NothingToDo(f"{vm.name} is Running.", (f"host {vm.host_name or 'not shown'}",))
    cause = why_not_running(view)
    if cause.on_purpose:
        return NothingToDo(f"Left alone: {cause.reason}.", cause.evidence)
    if vm is not None and vm.state in {VmState.STARTING, VmState.MIGRATING}:
        return NothingToDo(f"{vm.name} is {vm.state}: CloudStack is at work on it.", cause.evidence)
    if vm is not None and vm.state not in {VmState.STOPPED, VmState.STOPPING}:
        raise Refused(
            f"{vm.name} is {vm.state}, which neither a start nor a stop repairs.",
            instead="A person must look at it in CloudStack.",
        )
    if view.recreate_checks:
        raise Refused(
            "CloudStack is set to replace routers by itself when a check fails "
            f"(router.health.checks.failures.to.recreate.vr = {view.recreate_checks}): two would "
            "repair at once.",
            instead="Empty that setting for the zone, then recover.",
        )
    return Plan(
        runbook=NAME,
        target=view.target,
        summary=f"Bring it back: {cause.reason}",
        facts=view.facts(),
        steps=_steps(view),
        exposure=Exposure(view.services(), 0.0, "it is not served now; the repair cuts nothing"),
        blast_radius=_blast_radius(view),
        warnings=_warnings(view),
        parameters=(
            ("state", view.state),
            ("tier", view.tier.id),
            ("vip", view.vip),
            ("rules", rules_digest(view.rules)),
        ),
    )


async def apply(run: Run, planned: Plan) -> None:
    """Repair by the state the plan saw, as the module's docstring numbers it."""
    if planned.target.kind in ROUTER_KINDS:
        await recover_router.apply(run, planned)
        return
    target, state = planned.target, planned.parameter("state")
    run.commit()  # nothing here makes it worse than it is; a half-done repair is not undone
    if state == "missing":
        await tier.redeploy(run, planned.parameter("tier"), planned.parameter("vip"))
    else:
        await ilb_vm.bring_back(run, target.id, target.name)
    await ilb_vm.rules_as_planned(run, planned)


def left_to_do(view: View | RouterView, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: it must be Running with the rules the plan saw."""
    if not isinstance(view, View):
        return recover_router.left_to_do(view, planned)
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        return (f"{planned.target.name} is {view.state}, not Running",)
    return tuple(c for c in view.changes(planned) if c.startswith(("rule on port", "tier state")))


def unsafe(view: View | RouterView, planned: Plan) -> str:
    """Say why a failed repair must not be left alone."""
    if not isinstance(view, View):
        return recover_router.unsafe(view)
    if view.vm is not None and view.vm.state is VmState.RUNNING:
        return ""
    return f"{view.name} is {view.state}: {view.services()} is not served"


def _steps(view: View) -> tuple[PlannedStep, ...]:
    check = PlannedStep("Check that it is Running and has its rules")
    if view.vm is None:
        restart = PlannedStep(f"Restart tier {view.tier.name} without clean-up: it deploys the VM")
        return (restart, check)
    if view.vm.state is VmState.STOPPING:
        wait = PlannedStep(f"Wait for CloudStack's power sync to free {view.name}")
        again = PlannedStep("If it is still Stopping, stop it plainly; then start it")
        return (wait, again, check)
    return (PlannedStep(f"Start {view.name}"), check)


def _blast_radius(view: View) -> tuple[str, ...]:
    mine = f"{view.services()}: served again"
    if view.vm is not None:
        return (mine, *(f"{other}: same tier, not touched" for other in view.neighbours()))
    return (
        mine,
        *(f"{other}: its rules are sent again, started if stopped" for other in view.neighbours()),
        f"the routers of VPC {view.tier.vpc_name} get the tier's configuration again",
    )


def _warnings(view: View) -> tuple[str, ...]:
    if view.vm is None:
        return ("The new machine has the default offering: a changed one is lost with the old.",)
    return ()


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the repair does, by the state the plan saw."""
    if planned.target.kind in ROUTER_KINDS:
        return recover_router.acts(planned)
    return (Act.REDEPLOY if planned.parameter("state") == "missing" else Act.START,)


RUNBOOK = Runbook(
    name=NAME,
    summary="bring back an ILB VM or a router that stopped or hangs, an ILB VM that is missing, "
    "a router whose checks fail",
    subject=EITHER,
    request=RecoverRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    not_measured="Traffic through the VIP was not measured.",
)
