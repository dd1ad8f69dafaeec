"""unpair: take the twin of an ILB away; the one that is named stays and serves alone.

1. See the one that stays answer. Publish the name without the twin's address, and wait until
   clients have looked again.
2. Take the marks off the one that stays.
3. Wait until its clients are gone, by HAProxy's own count where that is visible, or for a stated
   time.
4. See that the one that stays serves. Pass the point of no return: delete the twin's rules. With
   the last one CloudStack destroys its ILB VM and gives the address back; that is what is wanted
   here.
5. Watch the one that stays.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.twins import Parting, parting
from bot.domain.view import ports_in
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.runbooks import Probing, Runbook
from bot.services.scope import Scope
from bot.services.subjects import movable
from workflows.steps import lb_rule, probe, twin

NAME = "unpair"
_PARTING: TypeAdapter[Parting] = TypeAdapter(Parting)
Seen = ServiceView | RouterView


class UnpairRequest(BaseModel):
    """What a person may ask of `unpair`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="the ILB that stays: ILB VM or VIP")


def plan(seen: Seen, wish: Wish) -> Plan | NothingToDo:
    """Plan the removal of the twin; `Refused` where the one that stays could not serve alone."""
    if isinstance(seen, RouterView):
        raise Refused(
            f"{seen.name.capitalize()} cannot be made single: CloudStack has no command for it.",
            instead="A new VPC or network without redundancy, and moving there.",
        )
    view = seen.ilb
    if view.busy_with:
        raise Refused(
            f"Operation {view.busy_with} is open on {view.name}.",
            until="it ends",
            instead=f"`why {view.busy_with}` shows where it stands.",
        )
    if not seen.topology.twin:
        return NothingToDo(f"{view.name} has no twin.")
    if answer := forbidden(seen.topology, (Act.UNPAIR,)):
        raise Refused(answer.text, instead=answer.instead)
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        raise Refused(
            f"{view.name} is {view.state}, and it would be the only one left.",
            instead=f"`recover {view.name}`, or unpair the other one.",
        )
    found = parting(seen)
    return Plan(
        runbook=NAME,
        target=seen.target,
        summary=f"Take the twin of {view.name} at {found.twin_vip} away",
        facts=seen.facts(),
        steps=_steps(seen, found),
        exposure=_exposure(seen, found),
        blast_radius=(*seen.topology.blast_radius(), f"{found.twin_vip}: its ILB VM is destroyed"),
        warnings=_warnings(seen, found),
        parameters=(
            ("parting", _PARTING.dump_json(found).decode()),
            ("tier", view.tier.id),
            ("vip", view.vip),
            ("proof", "probe" if seen.vantage_points else "none"),
            (probe.DRAIN_S, f"{seen.drain_s:g}"),
        ),
    )


async def apply(run: Run, planned: Plan) -> None:
    """Withdraw, unmark, remove and watch, as the module's docstring numbers it."""
    found = parting_of(planned)
    staying = tuple(Watched(found.vip, port) for port in ports_in(planned))
    run.stage(f"See {found.vip} serve")
    await twin.carries(run, planned, found.vip, f"take {found.twin_vip} away")
    await twin.prove(run, planned, found.vip)
    await probe.within_budget(run)
    for move in found.moves:
        run.stage(f"Publish {move.after.name} without {found.twin_vip}")
        await twin.publish(run, move)
    leaving = tuple(Watched(found.twin_vip, one.port, counts=False) for one in staying)
    await probe.watch(run, (*staying, *leaving) if found.moves else staying)
    await probe.within_budget(run)
    run.stage("Take the marks off")
    for change in found.marks:
        await lb_rule.mark(run, found.tier_id, change)
    if found.moves:
        await probe.quiet(run, planned, found.twin_vip, (*staying, *leaving))
        await probe.watch(run, staying)
    await twin.carries(run, planned, found.vip, f"delete the rules of {found.twin_vip}")
    await probe.within_budget(run)
    run.commit()
    run.stage(f"Delete the rules of {found.twin_vip}")
    for place in found.places:
        await lb_rule.bring(run, place, None)
    run.stage(f"Watch {found.vip}")
    await probe.bake(run)


def left_to_do(seen: Seen, planned: Plan) -> tuple[str, ...]:
    """Return what is still there of the twin."""
    if isinstance(seen, RouterView):
        return ()
    found = parting_of(planned)
    left = [f"{seen.ilb.name} is still marked as a twin"] if seen.topology.twin else []
    there = [rule.source_port for rule in seen.site.rules_on(found.twin_vip)]
    left += [f"{found.twin_vip}:{port} is still there" for port in there]
    if seen.site.ilb_at(found.twin_vip):
        left.append(f"the ILB VM of {found.twin_vip} is still there")
    return tuple(left)


def unsafe(seen: Seen, planned: Plan) -> str:
    """Say why a failed removal must not be left alone."""
    if isinstance(seen, RouterView):
        return ""
    found, vm = parting_of(planned), seen.ilb.vm
    if vm is None or vm.state is not VmState.RUNNING:
        return f"{seen.ilb.name} is {seen.ilb.state}: {seen.ilb.services()} is not served by it"
    published = {address for record in seen.records for address in record.addresses}
    if found.twin_vip in published and seen.site.ilb_at(found.twin_vip) is None:
        return f"{found.twin_vip} is gone and still published"
    return ""


def parting_of(planned: Plan) -> Parting:
    """Return what a plan takes away."""
    return _PARTING.validate_json(planned.parameter("parting"))


def probed(planned: Plan) -> Probing:
    """Probe both until the twin is withdrawn."""
    found = parting_of(planned)
    both = (found.vip, found.twin_vip) if found.moves else (found.vip,)
    places = tuple(Watched(vip, port) for vip in both for port in ports_in(planned))
    return Probing(places, must_prove=True)


def _steps(seen: ServiceView, found: Parting) -> tuple[PlannedStep, ...]:
    rules = in_words([str(place) for place in found.places])
    steps = [
        PlannedStep(f"Publish {move.text}, and wait until clients have looked again",
                    undo="publish it as before")
        for move in found.moves
    ]  # fmt: skip
    steps.append(PlannedStep(f"Take the twin marks off {found.vip}", undo="mark it again"))
    if found.moves:
        steps += probe.quiet_step(seen, found.twin_vip)
    if found.places:
        text = f"Delete {rules}; CloudStack destroys the ILB VM of {found.twin_vip} with the last"
        steps.append(PlannedStep(text, no_return=True))
    return tuple(steps)


def _exposure(seen: ServiceView, found: Parting) -> Exposure:
    cut = seen.nameless_ports if found.moves else tuple(one.port for one in found.places)
    if not cut:
        return Exposure("nothing", 0.0, f"{seen.ilb.name} goes on serving")
    what = f"{found.twin_vip} port {in_words([str(port) for port in cut])}"
    return Exposure(what, None, f"for good: no name leads its clients to {found.vip}")


def _warnings(seen: ServiceView, found: Parting) -> tuple[str, ...]:
    warnings = [f"One ILB VM remains for {seen.ilb.services()}: its loss is an outage."]
    if not found.moves:
        warnings.append(f"No name is moved: clients that know {found.twin_vip} itself are cut.")
    else:
        warnings.append(f"Connections still open through {found.twin_vip} then are cut.")
        if seen.nameless_ports:
            ports = in_words([str(port) for port in seen.nameless_ports])
            warnings.append(f"Port {ports} has no name, so no client of it is led away: those that "
                            f"know {found.twin_vip} itself are cut for good.")  # fmt: skip
    return tuple(warnings)


RUNBOOK = Runbook(
    name=NAME,
    summary="take the twin of an ILB away",
    subject=movable(Scope()),
    request=UnpairRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=lambda planned: (Act.UNPAIR,),
    probed=probed,
    not_measured="Traffic was not measured.",
)
