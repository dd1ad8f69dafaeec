"""roll: renew a single ILB VM's disk from the current system VM template, by a stop and a start.

1. Stop the ILB VM; from here its VIP is not served (undo: start it again).
2. Pass the point of no return: a start replaces the disk.
3. Start it; CloudStack re-sends all rules of its VIP.
4. Expect it to report the template's version: a job's success says nothing of that.
5. Expect the rules on its VIP to be those of the plan.

An ILB VM is its VIP and is never redundant (CloudStack `InternalLoadBalancerVMManagerImpl`), so
this is the honest outage: the plan names what is cut and for how long, or that it is not known.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.cloud import IlbVm, VmState
from bot.domain.exposure import outage
from bot.domain.ilb_acts import SAFE_ORDER
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.version import is_same, named_in, number
from bot.domain.view import View, ports_in, rules_digest
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.runbooks import Probing, Runbook
from bot.services.subjects import ILB
from workflows.steps import ilb_vm

NAME = "roll"


class RollRequest(BaseModel):
    """What a person may ask of `roll`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM or VIP")
    version: str = Field(
        default="",
        description="template version to reach; default: the zone's minimum version",
        pattern=r"^(\d+(\.\d+){1,3})?$",
    )
    restart: bool = Field(default=False, description="stop and start even at that version")


def plan(view: View, wish: Wish) -> Plan | NothingToDo:
    """Plan the stop and start, or say why there is nothing to do; `Refused` where it must not be.

    Reads nothing but the view; planning again after the change finds nothing to do.
    """
    _refuse_dangers(view)
    vm = view.vm
    if vm is None:
        raise Refused(
            f"No ILB VM has {view.vip}, so there is nothing to roll.",
            instead=f"`recover {view.vip}` finds out why.",
        )
    if vm.state is not VmState.RUNNING:
        raise Refused(
            f"{vm.name} is {vm.state}, not Running.",
            instead=f"`recover {vm.name}` says why and what can be done.",
        )
    version, where_from = _target_version(view, wish)
    restart = wish.parameter("restart") == "True"
    if is_same(vm.version, version) and not restart:
        return NothingToDo(
            f"{vm.name} already reports version {version}.",
            (f"target version {version}: {where_from}", "to stop and start it anyway: `restart`"),
        )
    if not is_same(vm.version, version):
        _refuse_wrong_template(view, version)
    return Plan(
        runbook=NAME,
        target=view.target,
        summary=_summary(vm, version),
        facts=view.facts(),
        steps=(
            PlannedStep(
                f"Stop {vm.name}",
                undo="start it again (CloudStack then renews its disk all the same)",
            ),
            PlannedStep(f"Start {vm.name} from template {vm.template_name}", no_return=True),
            PlannedStep(f"Check that it reports version {version} and has its rules"),
        ),
        exposure=outage(view),
        blast_radius=_blast_radius(view),
        warnings=_warnings(view),
        parameters=(
            ("version", version),
            ("version from", where_from),
            ("template", vm.template_name),
            ("restart", str(restart)),
            ("tier", view.tier.id),
            ("vip", view.vip),
            ("rules", rules_digest(view.rules)),
        ),
    )


async def apply(run: Run, planned: Plan) -> None:
    """Stop, start and check, as the module's docstring numbers it."""
    target = planned.target
    run.undo(f"start {target.name} again", lambda: ilb_vm.put_back(run, target.id, target.name))
    await ilb_vm.stop(run, target.id, target.name)
    run.commit()
    await ilb_vm.start(run, target.id, target.name)
    await run.step(ilb_vm.expect_version, target.id, planned.parameter("version"))
    await ilb_vm.rules_as_planned(run, planned)


def left_to_do(view: View, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned; with none, planning again without `restart` finds nothing.

    What would forbid a change now (a setting, a half-done rule elsewhere) says nothing of this one.
    """
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        return (f"{planned.target.name} is {view.state}, not Running",)
    kept = ("rule on port", "offering", "tier state")
    left = [change for change in view.changes(planned) if change.startswith(kept)]
    if not is_same(view.vm.version, planned.parameter("version")):
        left.append(f"{view.name} reports version {view.vm.version or 'none'}")
    return tuple(left)


def probed(planned: Plan) -> Probing:
    """Measure the outage that the plan states; it is not held against the change."""
    vip = planned.parameter("vip")
    return Probing(tuple(Watched(vip, port) for port in ports_in(planned)))


def unsafe(view: View, planned: Plan) -> str:
    """Say why a failed roll must not be left alone: its VIP is not served."""
    vm = view.vm
    if vm is not None and vm.state is VmState.RUNNING:
        return ""
    return f"{view.name} is {view.state}: {view.services()} is not served"


def _refuse_dangers(view: View) -> None:
    if view.busy_with:
        raise Refused(
            f"Operation {view.busy_with} is open on {view.name}.",
            until="it ends",
            instead=f"`why {view.busy_with}` shows where it stands.",
        )
    if not view.tier.is_implemented:
        raise Refused(
            f"Tier {view.tier.name} is {view.tier.state}, not Implemented: starting anything in an "
            "idle tier that has internal rules can hang it for good.",
            instead=SAFE_ORDER,
        )
    if view.recreate_checks:
        raise Refused(
            "CloudStack is set to replace routers by itself when a check fails "
            f"(router.health.checks.failures.to.recreate.vr = {view.recreate_checks}), and a "
            "failing check of an ILB VM counts: it could act on this VPC meanwhile.",
            instead="Empty that setting for the zone first.",
        )
    half_done = [f"{r.name} ({r.state})" for r in view.rules if _is_half_done(r.state, r.members)]
    if half_done:
        raise Refused(
            f"Rules on {view.vip} are half done: {in_words(half_done)}.",
            instead="Repair them first: remove and assign the member again, or delete again.",
        )


def _is_half_done(state: str, members: tuple[object, ...]) -> bool:
    return state == "Deleting" or (state == "Add" and bool(members))


def _target_version(view: View, wish: Wish) -> tuple[str, str]:
    if asked := wish.parameter("version"):
        return asked, "asked for"
    if view.minimum_version and view.vm is not None:
        named = named_in(view.vm.template_name)
        if named and number(named) > number(view.minimum_version):
            return named, f"its template {view.vm.template_name}"
        return view.minimum_version, "setting minreq.sysvmtemplate.version of its zone"
    raise Refused(
        "CloudStack does not say which template version to reach.",
        instead="Name it: `version=4.22.0`.",
    )


def _summary(vm: IlbVm, version: str) -> str:
    if is_same(vm.version, version):
        return f"Stop and start {vm.name} at version {version}"
    return f"Roll {vm.name} from version {vm.version or 'unknown'} to {version}"


def _refuse_wrong_template(view: View, version: str) -> None:
    assert view.vm is not None
    vm = view.vm
    if number(vm.version) > number(version):
        raise Refused(
            f"{vm.name} reports {vm.version}, newer than {version}: a roll does not go back."
        )
    named = named_in(vm.template_name)
    if named and not is_same(named, version):
        raise Refused(
            f"{vm.name} points to template {vm.template_name}, so a stop and start would not bring "
            f"it to {version}.",
            instead="Register and activate that template (a management server upgrade does), "
            f"or ask for `version={named}`.",
        )
    template = next((t for t in view.templates if t.id == vm.template_id), None)
    if template is not None and not template.is_ready:
        raise Refused(f"Template {template.name} is not ready in this zone.", until="it is")


def _blast_radius(view: View) -> tuple[str, ...]:
    mine = f"{view.services()}: not served from the stop to the end of the start"
    return (mine, *(f"{neighbour}: same tier, not touched" for neighbour in view.neighbours()))


def _warnings(view: View) -> tuple[str, ...]:
    assert view.vm is not None
    warnings = ["Requests in flight and open connections through it are cut."]
    if not view.rules:
        warnings.append("No rule is visible on it: what it carries is unknown, not nothing.")
    if not named_in(view.vm.template_name):
        warnings.append(
            f"Template {view.vm.template_name} names no version: whether it brings the wanted one "
            "shows only afterwards."
        )
    return tuple(warnings)


RUNBOOK = Runbook(
    name=NAME,
    summary="renew an ILB VM from the current system VM template (stop and start)",
    subject=ILB,
    request=RollRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=lambda planned: (Act.ROLL,),
    probed=probed,
    not_measured="Traffic through the VIP was not measured.",
)
