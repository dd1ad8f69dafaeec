"""pair: from one ILB to twins behind one name, or from one router to a redundant pair.

An ILB (strategy `ilb-twin`):
1. Create its rules with its members on a second address; an ILB VM comes with the first member.
2. Give the new machine the same offering, and see that it is on another host.
3. Mark both as twins, in tags on their rules: the cloud itself remembers.
4. Prove that the twin answers, from where clients are; without a vantage point it stays unproven.
5. Publish both addresses under the service's name, and watch both for a while.

The routers of a VPC or of an isolated network (strategies `vpc-router-pair`, `router-pair`):
1. Pass the point of no return, and let CloudStack make the pair; it replaces the routers.
2. Expect exactly one PRIMARY and one BACKUP.

Twins that are no longer equal are made equal again, after the one that is named. Where that cuts
clients of a published twin (a stop for its offering, a rule deleted and created again):
1. See that the other one serves, withdraw the twin from the names, and wait until clients have
   looked again and are gone.
2. Repair and prove it, publish it back, and watch both.

An ILB VM itself is never redundant (CloudStack `InternalLoadBalancerVMManagerImpl`).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from bot.domain.absence import Absence, absence
from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.router_view import ROUTER_KINDS, RouterView
from bot.domain.service_view import ServiceView
from bot.domain.spec import NAME_TAG
from bot.domain.twins import Pairing, pairing
from bot.domain.view import ports_in
from bot.domain.vips import check_vip, next_free
from bot.engine.api import Run
from bot.errors import Refused
from bot.services.runbooks import Probing, Runbook, not_probed
from bot.services.scope import Scope
from bot.services.subjects import movable
from workflows import pair_routers
from workflows.steps import host, probe, twin

NAME = "pair"
_PAIRING: TypeAdapter[Pairing] = TypeAdapter(Pairing)
_ABSENCE: TypeAdapter[Absence] = TypeAdapter(Absence)
Seen = ServiceView | RouterView


class PairRequest(BaseModel):
    """What a person may ask of `pair`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM, VIP, router, VPC or network")
    name: str = Field(
        default="",
        description="DNS name for rules that have none, published with both addresses",
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$|^$",
        max_length=253,
    )
    vip: str = Field(default="", description="address of the twin; default: the next free one")


def plan(seen: Seen, wish: Wish) -> Plan | NothingToDo:
    """Choose the strategy that the topology allows and plan it, or refuse with what works."""
    if isinstance(seen, RouterView):
        return pair_routers.plan(seen, wish)
    return _plan_twin(seen, wish)


async def apply(run: Run, planned: Plan) -> None:
    """Make the pair by its strategy, as the module's docstring numbers it."""
    if planned.parameter("strategy") == "ilb-twin":
        await _make_twin(run, planned, pairing_of(planned))
    else:
        await pair_routers.apply(run, planned)


async def _make_twin(run: Run, planned: Plan, found: Pairing) -> None:
    ports = ports_in(planned)
    new = tuple(Watched(found.twin_vip, port) for port in ports)
    away = _absence_of(planned)
    served = planned.parameter("was published") == "True" and not away.out
    is_new = planned.parameter("act") == "ilb-twin"
    watched = tuple(Watched(found.vip, port) for port in ports)
    alone = (*watched, *_counting(new, False))
    await twin.withdraw(run, planned, found, away, alone)
    run.stage(f"Build the twin at {found.twin_vip}")
    await twin.build(run, found)
    machine = await twin.machine(run, found.tier_id, found.twin_vip)
    run.stage("Fit its offering and its host")
    await (twin.fit if is_new else twin.refit)(run, machine, found.offering_id)
    model = await run.step(host.stands, planned.target.id, ())
    await host.apart(run, machine.id, machine.name, (model.host_id,))
    run.stage("Mark both as twins")
    await twin.mark(run, found)
    run.stage("Prove that it answers")
    await probe.watch(run, (*watched, *_counting(new, served)))
    await twin.prove(run, planned, found.twin_vip)
    await twin.come_back(run, planned, found, away, alone)
    for move in away.others(found.moves):
        run.stage(f"Publish {move.after.name}")
        await twin.publish(run, move)
    run.stage("Watch both")
    await probe.watch(run, (*watched, *new))
    await probe.bake(run)


def _counting(watched: tuple[Watched, ...], counts: bool) -> tuple[Watched, ...]:
    return tuple(Watched(one.vip, one.port, counts) for one in watched)


def left_to_do(seen: Seen, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: planning again must find nothing to do."""
    if isinstance(seen, RouterView):
        return pair_routers.left_to_do(seen)
    try:
        again = pairing(seen, pairing_of(planned).twin_vip, name=planned.parameter("name"))
    except Refused as no:
        return (str(no),)
    left = [one.text for one in again.differences]
    if again.offering_id and seen.twin is not None:
        left.append(f"{seen.twin.name} has another offering than {seen.ilb.name}")
    left += [f"{one.vip}:{one.port} is not marked as a twin" for one in again.marks]
    if seen.twin is None or seen.twin.vm is None or seen.twin.vm.state is not VmState.RUNNING:
        left.append(f"the twin at {again.twin_vip} is not Running")
    return tuple(left)


def unsafe(seen: Seen, planned: Plan) -> str:
    """Say why a failed pairing must not be left alone: clients are sent where nobody answers."""
    if isinstance(seen, RouterView):
        return pair_routers.unsafe(seen)
    published = {address for record in seen.records for address in record.addresses}
    for one in (seen.ilb, seen.twin):
        if one is None or one.vip not in published | {seen.ilb.vip}:
            continue
        if one.vm is None or one.vm.state is not VmState.RUNNING:
            return f"{one.vip} is {one.state} and clients are sent to it"
    return ""


def pairing_of(planned: Plan) -> Pairing:
    """Return the comparison that a plan for twins was made of."""
    return _PAIRING.validate_json(planned.parameter("pairing"))


def _absence_of(planned: Plan) -> Absence:
    return _ABSENCE.validate_json(planned.parameter("absence") or "{}")


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the plan does, in the words of the topology."""
    by_strategy = {"ilb-twin": Act.TWIN, "equal": Act.EQUALIZE}
    return (by_strategy.get(planned.parameter("act"), Act.MAKE_PAIR),)


def probed(planned: Plan) -> Probing:
    """Probe what serves already; routers have no VIP of an ILB to look at."""
    if planned.target.kind in ROUTER_KINDS:
        return not_probed(planned)
    found = pairing_of(planned)
    both = planned.parameter("was published") == "True"
    vips = (found.vip, found.twin_vip) if both else (found.vip,)
    places = tuple(Watched(vip, port) for vip in vips for port in ports_in(planned))
    return Probing(places, must_prove=True)


# an ILB


def _plan_twin(seen: ServiceView, wish: Wish) -> Plan | NothingToDo:
    has_twin = bool(seen.topology.twin)
    _refuse_what_stands_in_the_way(seen, Act.EQUALIZE if has_twin else Act.TWIN)
    twin_vip = _address(seen, wish.parameter("vip"))
    name = wish.parameter("name")
    found = pairing(seen, twin_vip, name=name)
    if found.is_empty and not _shares_a_host(seen):
        return NothingToDo(
            f"{seen.ilb.name} and its twin at {twin_vip} are equal"
            + (f", published as {in_words(seen.names)}." if seen.records else "."),
        )
    away = absence(seen, found)
    return Plan(
        runbook=NAME,
        target=seen.target,
        summary=_summary(seen, found),
        facts=seen.facts(),
        steps=_steps(seen, found, away),
        exposure=_exposure(found, away),
        blast_radius=(
            *seen.topology.blast_radius(),
            *(() if seen.twin and seen.twin.vm else (f"{twin_vip}: a new ILB VM",)),
        ),
        warnings=_warnings(seen, found, away),
        parameters=(
            ("strategy", "ilb-twin"),
            ("act", "equal" if has_twin else "ilb-twin"),
            ("pairing", _PAIRING.dump_json(found).decode()),
            ("absence", _ABSENCE.dump_json(away).decode()),
            (probe.DRAIN_S, f"{seen.drain_s:g}"),
            ("name", name),
            ("was published", str(_is_published(seen, twin_vip))),
            ("tier", seen.ilb.tier.id),
            ("vip", seen.ilb.vip),
            ("proof", "probe" if seen.vantage_points else "none"),
        ),
        by_person="" if seen.vantage_points else "nobody looks at its traffic",
        diff=tuple(one.text for one in found.differences),
    )


def _builds(seen: ServiceView) -> bool:
    return seen.twin is None or seen.twin.vm is None


def _refuse_what_stands_in_the_way(seen: ServiceView, act: Act) -> None:
    view = seen.ilb
    if view.busy_with:
        raise Refused(
            f"Operation {view.busy_with} is open on {view.name}.",
            until="it ends",
            instead=f"`why {view.busy_with}` shows where it stands.",
        )
    if answer := forbidden(seen.topology, (act,)):
        raise Refused(answer.text, instead=answer.instead)
    if view.vm is None or view.vm.state is not VmState.RUNNING:
        raise Refused(
            f"{view.name} is {view.state}, and a twin is made of one that runs.",
            instead=f"`recover {view.name}` first.",
        )
    if broken := [f"{one.name} ({one.state})" for one in view.rules if one.is_half_done]:
        raise Refused(
            f"Rules on {view.vip} are half done: {in_words(broken)}.",
            instead="`provision` with the spec that is meant repairs them.",
        )
    if not any(one.members for one in view.rules):
        raise Refused(
            f"No rule on {view.vip} has a member, and an ILB VM comes with the first member.",
            instead="Assign a member, then pair.",
        )


def _address(seen: ServiceView, wanted: str) -> str:
    site, twin_vip = seen.site, seen.topology.twin
    if twin_vip:
        if wanted and wanted != twin_vip:
            raise Refused(
                f"The twin of {seen.ilb.name} is at {twin_vip}, not at {wanted}.",
                instead=f"`unpair {seen.ilb.name}` first, or leave `vip` out.",
            )
        return twin_vip
    if not wanted:
        return next_free(site)
    check_vip(site, wanted)
    if wanted in site.vips():
        raise Refused(
            f"{wanted} is an ILB of tier {site.tier.name} already, and a twin gets an address of "
            "its own.",
            instead=f"Leave `vip` out for the next free one ({next_free(site)}).",
        )
    return wanted


def _shares_a_host(seen: ServiceView) -> bool:
    """Whether both are on one host although another one takes machines."""
    mine, other = seen.ilb.vm, seen.twin.vm if seen.twin else None
    if mine is None or other is None or not mine.host_id:
        return False
    return mine.host_id == other.host_id and bool(seen.spare_hosts)


def _is_published(seen: ServiceView, vip: str) -> bool:
    return any(vip in record.addresses for record in seen.records)


def _summary(seen: ServiceView, found: Pairing) -> str:
    view = seen.ilb
    if seen.topology.twin:
        return f"Make the twin of {view.name} at {found.twin_vip} equal to it again"
    return f"Make a twin of {view.name} at {found.twin_vip}"


def _exposure(found: Pairing, away: Absence) -> Exposure:
    if away.out:
        alone = f"{found.vip} serves alone while {found.twin_vip} is withdrawn and repaired"
        return Exposure("nothing", 0.0, alone)
    return Exposure("nothing", 0.0, "what serves now goes on serving")


def _steps(seen: ServiceView, found: Pairing, away: Absence) -> tuple[PlannedStep, ...]:
    vip, steps = found.twin_vip, []
    if away.out:
        steps += [PlannedStep(f"See that {found.vip} serves"), *_withdrawal(seen, found, away)]
    if found.changes:
        steps.append(_rules_step(seen, found))
    if found.offering_id and seen.ilb.vm:
        steps.append(
            PlannedStep(
                f"Give it the offering {seen.ilb.vm.offering_name}: stop, change, start",
                undo="give it back the one it had" if seen.topology.twin else "",
            )
        )
    steps.append(PlannedStep("See that the two run on different hosts, or migrate the twin"))
    if found.marks:
        steps.append(PlannedStep("Mark both as twins, by tags on their rules", undo="unmark them"))
    ports = in_words([str(rule.source_port) for rule in seen.ilb.rules])
    if seen.vantage_points:
        text = f"Prove from {in_words(seen.vantage_points)} that {vip} answers on {ports}"
        steps.append(PlannedStep(text))
    steps += [
        PlannedStep(f"Publish {move.text}", undo="publish it as before")
        for move in (*away.back, *away.others(found.moves))
    ]
    if seen.vantage_points:
        steps.append(PlannedStep("Watch both for a while; a loss undoes all of it"))
    steps.append(PlannedStep("Compare the two again"))
    return tuple(steps)


def _withdrawal(seen: ServiceView, found: Pairing, away: Absence) -> tuple[PlannedStep, ...]:
    return (
        *(
            PlannedStep(
                f"Publish {move.text}, and wait until clients have looked again",
                undo="publish it as before, once it answers",
            )
            for move in away.out
        ),
        *probe.quiet_step(seen, found.twin_vip),
    )


def _rules_step(seen: ServiceView, found: Pairing) -> PlannedStep:
    count = f"{len(found.changes)} rule{'s' if len(found.changes) > 1 else ''}"
    if seen.topology.twin:
        text = (
            f"Bring {count} of {found.twin_vip} to those of {seen.ilb.vip}, with the same members"
        )
        return PlannedStep(text, undo="bring them back")
    like = f"Create {count} at {found.twin_vip} like those of {seen.ilb.vip}, with the same members"
    return PlannedStep(
        f"{like}; an ILB VM comes with the first", undo="delete them; the ILB VM goes with the last"
    )


def _warnings(seen: ServiceView, found: Pairing, away: Absence) -> tuple[str, ...]:
    warnings = []
    if seen.hosts and not seen.spare_hosts:
        warnings.append("No other host of its zone takes machines: the loss of this one host is "
                        "not survived.")  # fmt: skip
    if not seen.vantage_points:
        warnings.append("No vantage point looks at it, so nothing is proven: the outcome will be "
                        "unverified.")  # fmt: skip
    named = {move.before.name for move in found.moves} | {one.name for one in seen.records}
    if not named:
        warnings.append("No name leads to it, so nobody is sent to the twin until clients know "
                        f"{found.twin_vip}; `name=` gives one.")  # fmt: skip
    elif bare := _bare_ports(seen, found):
        ports = in_words([str(port) for port in bare])
        warnings.append(f"Clients of port {ports} have the bare address and go on using one ILB.")
    if away.out:
        warnings.append(f"Clients that keep connections to {found.twin_vip} open longer than the "
                        f"TTL of {in_words(seen.names)} are cut once.")  # fmt: skip
    if any(seen.site.stickiness_of(rule) for rule in seen.ilb.rules):
        warnings.append("Each of the two keeps its own table of sticky clients.")
    return tuple(warnings)


def _bare_ports(seen: ServiceView, found: Pairing) -> list[int]:
    """Return the ports whose rules have no name and get none by this plan."""
    given = {one.port for one in found.marks if one.after and NAME_TAG in dict(one.after.tags)}
    return [port for port in seen.nameless_ports if port not in given]


RUNBOOK = Runbook(
    name=NAME,
    summary="twins of an ILB behind one name, or a redundant pair of routers",
    subject=movable(Scope(hosts=True, twins=True, builds=_builds)),
    request=PairRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic was not measured.",
)
