"""migrate: move a running ILB VM or router to another host, off one that is busy.

CloudStack is never left to choose the host (`migrateSystemVm` without one does): it knows nothing
of twins, and puts a machine beside its peer as readily as anywhere (`MigrateSystemVMCmd`,
`findHostsForMigration`).

1. See that neither its twin nor the other router of its place runs on the chosen host by now.
2. Migrate it there, and read the host again: the job's word is not what counts.
3. Look again for its twin or peer: where that moved to the same host meanwhile, go back.
4. Where an ILB was seen to answer before, it must there too, or it goes back: a host may lack its
   network.

Undoing is moving it back. A live migration stops the machine for the last of its memory; how long
is measured, not known before.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.operation import Wish
from bot.domain.placing import Machine, Placing
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.probing import Watched
from bot.domain.router_view import RouterView
from bot.domain.spelling import goes_by, quoted
from bot.domain.topology import router_target_of
from bot.domain.view import View
from bot.domain.zone import HostChoice, Role
from bot.engine.api import Run, StepFailed
from bot.errors import Refused
from bot.services.runbooks import Probing, Runbook
from bot.services.subjects import PLACED
from workflows.steps import host, probe, twin
from workflows.steps.host import Standing

NAME = "migrate"


class MigrateRequest(BaseModel):
    """What a person or an incident may ask of `migrate`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM or VIP; router, VPC or isolated network")
    host: str = Field(
        default="", description="host by name or id; default: the least busy that fits"
    )


def plan(seen: Placing, wish: Wish) -> Plan | NothingToDo:
    """Plan the move to the host that is wished, or to the least busy that takes it."""
    machine, named = seen.machine, wish.parameter("host")
    if machine is not None and named and goes_by(named, {machine.host_id, machine.host_name}):
        return NothingToDo(f"{machine.name} runs on {machine.host_name} already.")
    if machine is None or not seen.is_running:
        raise Refused(
            f"{_name(seen)} is {machine.state if machine else 'missing'}: only a running machine "
            "moves.",
            instead="`recover` brings it back.",
        )
    _refuse_while_others_are_at_work(seen, machine)
    chosen = _wished(seen, machine, named) if named else _first(seen, machine)
    peers = in_words([one.name for one in seen.peers])
    return Plan(
        runbook=NAME,
        target=seen.target,
        summary=f"Migrate {machine.name} from {machine.host_name} to {chosen.name}",
        facts=seen.facts(),
        steps=(
            *((PlannedStep(f"See that {peers} does not run on {chosen.name}"),) if peers else ()),
            PlannedStep(f"Migrate {machine.name} to {chosen.name}",
                        undo=f"migrate it back to {machine.host_name}"),
            PlannedStep("Read which host it runs on"),
        ),
        exposure=_exposure(seen),
        blast_radius=_blast_radius(seen, machine),
        warnings=_warnings(seen, machine),
        parameters=(
            ("machine", machine.id),
            ("name", machine.name),
            ("from", machine.host_id), ("from_name", machine.host_name),
            ("to", chosen.id), ("to_name", chosen.name),
            ("peers", " ".join(one.id for one in seen.peers)),
            ("pair", "yes" if _is_healthy_pair(seen) else ""),
            *_of_ilb(seen),
        ),
    )  # fmt: skip


async def apply(run: Run, planned: Plan) -> None:
    """Move it, as the module's docstring numbers it."""
    vm_id, name = planned.parameter("machine"), planned.parameter("name")
    to = Standing(planned.parameter("to"), planned.parameter("to_name"), is_apart=True)
    back = Standing(planned.parameter("from"), planned.parameter("from_name"), is_apart=True)
    await _without_its_peer(run, planned)
    vip = planned.parameter("vip")
    answered = bool(vip) and await probe.proven(run, vip)
    run.undo(
        f"migrate {name} back to {back.host_name}", lambda: host.to_host(run, vm_id, name, back)
    )
    await host.to_host(run, vm_id, name, to)
    await _without_its_peer(run, planned)
    if answered:
        run.stage(f"See {vip} answer there")
        await twin.prove(run, planned, vip)


async def _without_its_peer(run: Run, planned: Plan) -> None:
    peers = planned.parameter("peers").split()
    if peers and (peer := await run.step(host.peer_on, peers, planned.parameter("to"))):
        text = (
            f"migrate {planned.parameter('name')} to {planned.parameter('to_name')}: {peer} runs "
            "there by now, and both would be lost with that host"
        )
        raise StepFailed("peer_on", "permanent", text, in_doubt=False)


def left_to_do(seen: Placing, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: Running on the chosen host, and a pair still one."""
    machine, to = seen.machine, planned.parameter("to")
    if machine is None or not seen.is_running:
        return (f"{planned.parameter('name')} is {_state(seen)}, not Running",)
    found = []
    if machine.host_id != to:
        found.append(f"{machine.name} runs on {machine.host_name}, "
                     f"not on {planned.parameter('to_name')}")  # fmt: skip
    if planned.parameter("pair") and not _is_healthy_pair(seen):
        found.append(f"{seen.target.name} are no longer one PRIMARY and one BACKUP")
    return tuple(found)


def unsafe(seen: Placing, planned: Plan) -> str:
    """Say why a failed move must not be left alone."""
    return "" if seen.is_running else f"{planned.parameter('name')} is {_state(seen)}"


def acts(_planned: Plan) -> tuple[Act, ...]:
    """Return what a move does."""
    return (Act.MIGRATE,)


def probed(planned: Plan) -> Probing:
    """Measure what an ILB serves: how long it stands still is said by nobody beforehand."""
    vip, ports = planned.parameter("vip"), planned.parameter("ports").split()
    return Probing(tuple(Watched(vip, int(port)) for port in ports))


def _refuse_while_others_are_at_work(seen: Placing, machine: Machine) -> None:
    if busy := seen.view.busy_with:
        raise Refused(
            f"Operation {busy} is open on {seen.target.name}.",
            until="it ends",
            instead=f"`why {busy}` shows where it stands.",
        )
    own = seen.host(machine.host_id)
    if own is not None and own.state != "Up":
        raise Refused(
            f"{own.name}, on which {machine.name} runs, is {own.state}: a migration needs its "
            "agent.",
            instead="CloudStack brings that host back, or its machines up elsewhere.",
        )
    if own is not None and own.resource_state in _EMPTYING:
        raise Refused(
            f"{own.name} is {own.resource_state}: CloudStack moves its machines away by itself.",
            until="it has",
        )


_EMPTYING = frozenset({"PrepareForMaintenance", "ErrorInPrepareForMaintenance"})
"""`ResourceState` of CloudStack's hosts while its own evacuation goes on."""


def _first(seen: Placing, machine: Machine) -> HostChoice:
    if seen.open_choices:
        return seen.open_choices[0]
    raise Refused(
        f"No other host takes {machine.name}: {_why_none(seen)}.",
        instead="Make room on a host or enable one, then ask again.",
    )


def _wished(seen: Placing, machine: Machine, named: str) -> HostChoice:
    meant = [one for one in seen.choices if goes_by(named, {one.id, one.name})]
    if len(meant) > 1:
        ids = in_words(sorted(f"`{one.id}`" for one in meant))
        raise Refused(
            f"{len(meant)} hosts are called {quoted(named)}.", instead=f"Say its id: {ids}."
        )
    choice = meant[0] if meant else None
    free = in_words([f"`{one.name}`" for one in seen.open_choices])
    instead = f"It can move to {free}." if free else "No other host takes it either."
    if choice is None:
        other = next((one for one in seen.hosts if goes_by(named, {one.id, one.name})), None)
        why = (
            f"CloudStack does not name {other.name} ({other.state}, {other.resource_state}) among "
            f"the hosts that {machine.name} can move to."
            if other
            else f"No host that {machine.name} can move to is called {quoted(named)}."
        )
        raise Refused(why, instead=instead)
    if why := seen.why_not(choice):
        raise Refused(f"{machine.name} does not move to {choice.name}: {why}.", instead=instead)
    return choice


def _why_none(seen: Placing) -> str:
    reasons = [f"{one.name} ({seen.why_not(one)})" for one in seen.choices]
    return in_words(reasons) or "CloudStack names none"


def _exposure(seen: Placing) -> Exposure:
    view = seen.view
    what = view.services() if isinstance(view, View) else f"everything that passes {_name(seen)}"
    return Exposure(
        what, None,
        "not known: it stands still while the last of its memory is copied; connections stay open",
    )  # fmt: skip


def _blast_radius(seen: Placing, machine: Machine) -> tuple[str, ...]:
    if isinstance(seen.view, RouterView):
        return router_target_of(seen.view).blast_radius()
    return (
        f"{seen.view.services()}: stands still for a moment",
        "no other ILB of its tier is touched",
    )


def _warnings(seen: Placing, machine: Machine) -> tuple[str, ...]:
    if not isinstance(seen.view, RouterView) or not _is_healthy_pair(seen):
        return ()
    if getattr(machine, "role", None) is not Role.PRIMARY:
        return ()
    return (
        f"{machine.name} is PRIMARY: where it stands still for longer than its standby waits for "
        "an advertisement (VRRP, RFC 5798), the standby takes over, once.",
    )


def _is_healthy_pair(seen: Placing) -> bool:
    return isinstance(seen.view, RouterView) and seen.view.is_healthy_pair


def _of_ilb(seen: Placing) -> tuple[tuple[str, str], ...]:
    if isinstance(seen.view, RouterView):
        return ()
    ports = " ".join(str(rule.source_port) for rule in seen.view.rules)
    return (("vip", seen.view.vip), ("ports", ports))


def _name(seen: Placing) -> str:
    return seen.machine.name if seen.machine else seen.target.name


def _state(seen: Placing) -> str:
    return seen.machine.state.value if seen.machine else "missing"


RUNBOOK = Runbook(
    name=NAME,
    summary="move a running ILB VM or router to another host, never that of its twin or peer",
    subject=PLACED,
    request=MigrateRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic was not measured.",
)
