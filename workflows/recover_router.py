"""recover, for the routers of a VPC or an isolated network.

1. Where one is Stopped or Stopping and nobody asked for that: give CloudStack the time it takes
   to start a dead router by itself (`haEnabled`); only one that is still down then is started.
2. Where checks of one fail: reboot it, and only it. A standby that fails comes before a primary
   that fails.
3. Of a pair nothing is rebooted before one was seen as PRIMARY and the other as BACKUP for longer
   than a role poll: a primary that died is shown as PRIMARY until then. A primary is rebooted only
   once the checks of its standby do not fail: the reboot is the hand-over.
4. Expect the checks that failed to pass when they are collected again, and of a pair one PRIMARY
   and one BACKUP.

A lone router is rebooted only where a person decides: everything behind it is cut off meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.exposure import router_outage
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.router_cause import evidence_of, why_router_is_down
from bot.domain.router_view import RouterView
from bot.domain.topology import router_target_of
from bot.domain.zone import Role, Router
from bot.engine.api import Run, StepFailed
from bot.errors import Refused
from workflows.steps import router
from workflows.steps.redundant import planned_look, roles_proven, roles_settled

NAME = "recover"
_DOWN = frozenset({VmState.STOPPED, VmState.STOPPING})


def plan(view: RouterView) -> Plan | NothingToDo:
    """Plan what brings the routers back, or say why they are left alone."""
    down = [one for one in view.routers if one.state is not VmState.RUNNING]
    ill = _ill(view)
    if not down and not ill:
        evidence = tuple(line for one in view.routers for line in evidence_of(view, one))
        return NothingToDo(f"{in_words(_names(view.routers))}: Running, no check fails.", evidence)
    if left_alone := _why_left_alone(view, down, ill):
        return left_alone
    _refuse_what_a_start_or_a_reboot_does_not_mend(view, down, ill)
    return Plan(
        runbook=NAME,
        target=view.target,
        summary=f"Bring back {view.name}: {_reason(view, down, ill)}",
        facts=view.facts(),
        steps=_steps(view, down, ill),
        exposure=_exposure(view, ill),
        blast_radius=router_target_of(view).blast_radius(),
        warnings=_warnings(ill),
        parameters=(
            ("start", " ".join(one.id for one in down)),
            ("reboot", " ".join(one.id for one in ill)),
            ("names", " ".join(f"{one.id}={one.name}" for one in view.routers)),
            ("checks", " ".join(_checks(view, ill))),
            ("primary", _primary(ill)),
            ("pair", "yes" if len(view.routers) == 2 else ""),
            ("empty", "yes" if view.is_empty else ""),
        ),
        by_person=_by_person(view, ill),
    )


async def apply(run: Run, planned: Plan) -> None:
    """Start what is down, then reboot what fails, as the module's docstring numbers it."""
    names = dict(one.split("=", 1) for one in planned.parameter("names").split())
    run.commit()  # nothing here makes it worse than it is; a half-done repair is not undone
    for router_id in planned.parameter("start").split():
        await router.bring_back(run, router_id, names[router_id])
    for router_id in planned.parameter("reboot").split():
        await _reboot(run, planned, router_id, names)
    if planned.parameter("pair"):
        vpc_id = planned.target.vpc_id
        await run.step(roles_settled, vpc_id, "" if vpc_id else planned.target.tier_id)


async def _reboot(run: Run, planned: Plan, router_id: str, names: dict[str, str]) -> None:
    name = names[router_id]
    [peer_id] = [one for one in names if one != router_id] or [""]
    is_primary = router_id == planned.parameter("primary")
    if planned.parameter("pair"):
        primary_id = router_id if is_primary else peer_id
        await roles_proven(run, planned.target, primary_id, names)
    if is_primary and peer_id:
        await run.step(router.expect_standby, peer_id, "", bool(planned.parameter("empty")))
        await router.hand_over(run, router_id, name, peer_id)
    else:
        await router.reboot(run, router_id, name)
        if planned.parameter("pair"):
            await router.expect_role(run, router_id, Role.BACKUP)
    wanted = [check.split("=", 1)[1] for check in planned.parameter("checks").split()
              if check.startswith(f"{router_id}=")]  # fmt: skip
    if said := await run.step(router.checked_again, router_id, wanted):
        text = f"reboot router {name}: {said}"
        raise StepFailed("checked_again", "permanent", text, in_doubt=False)


def left_to_do(view: RouterView, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: all Running, in their roles, without failing checks."""
    found = [f"{one.name} is {one.state}, not Running" for one in view.routers
             if one.state is not VmState.RUNNING]  # fmt: skip
    found += [f"{one.name}: {check.name} fails" for one in view.routers
              for check in view.failing(one)]  # fmt: skip
    if planned.parameter("pair") and not found and not view.is_healthy_pair:
        found += [f"{one.name} is {one.role}" for one in view.routers]
    return tuple(found) if view.routers else (f"{view.name} are gone",)


def unsafe(view: RouterView) -> str:
    """Say why a failed repair must not be left alone."""
    if any(one.state is VmState.RUNNING for one in view.routers):
        return ""
    return f"no router of {view.owner} is Running: nothing enters or leaves it"


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the repair does, by the state the plan saw."""
    start = (Act.START,) if planned.parameter("start") else ()
    return start + ((Act.REBOOT,) if planned.parameter("reboot") else ())


def _ill(view: RouterView) -> list[Router]:
    """Return the Running ones whose checks fail, a standby before a primary."""
    ill = [one for one in view.routers if one.state is VmState.RUNNING and view.failing(one)]
    return sorted(ill, key=lambda one: (one.role is Role.PRIMARY, one.name))


def _why_left_alone(view: RouterView, down: list[Router], ill: list[Router]) -> NothingToDo | None:
    for one in down:
        cause = why_router_is_down(view, one)
        if cause.on_purpose:
            return NothingToDo(f"Left alone: {cause.reason}.", cause.evidence)
        if one.state in {VmState.STARTING, VmState.MIGRATING}:
            text = f"{one.name} is {one.state}: CloudStack is at work on it."
            return NothingToDo(text, cause.evidence)
    if view.busy_with:
        text = f"Left alone: operation {view.busy_with} of ours is at work on it."
        return NothingToDo(text, tuple(line for one in ill for line in evidence_of(view, one)))
    return None


def _refuse_what_a_start_or_a_reboot_does_not_mend(
    view: RouterView, down: list[Router], ill: list[Router]
) -> None:
    for one in down:
        if one.state not in _DOWN:
            raise Refused(
                f"{one.name} is {one.state}, which neither a start nor a stop repairs.",
                instead="A person must look at it in CloudStack.",
            )
    if view.recreate_checks:
        raise Refused(
            "CloudStack is set to replace routers by itself when a check fails "
            f"(router.health.checks.failures.to.recreate.vr = {view.recreate_checks}): two would "
            "repair at once.",
            instead="Empty that setting for the zone, then recover.",
        )
    if len(view.routers) > 1 and ill and not down and not view.is_healthy_pair:
        stands = in_words([f"{one.name} is {one.role}" for one in view.routers])
        raise Refused(
            f"A pair is rebooted only while one is PRIMARY and one BACKUP: {stands}.",
            instead="Find out why they disagree before anything is stopped.",
        )


def _reason(view: RouterView, down: list[Router], ill: list[Router]) -> str:
    reasons = [why_router_is_down(view, one).reason for one in down]
    reasons += [f"{one.name} fails {in_words(_check_names(view, one))}" for one in ill]
    return "; ".join(reasons)


def _steps(view: RouterView, down: list[Router], ill: list[Router]) -> tuple[PlannedStep, ...]:
    steps = [
        PlannedStep(f"Wait whether CloudStack starts {one.name} by itself; else start it")
        for one in down
    ]
    for one in ill:
        if len(view.routers) == 2:
            steps.append(planned_look(one, view.routers))
        if one.role is Role.PRIMARY:
            steps.append(PlannedStep("See its standby without failing checks"))
            steps.append(PlannedStep(f"Reboot {one.name}: its standby takes over", no_return=True))
        else:
            steps.append(PlannedStep(f"Reboot {one.name}"))
        steps.append(PlannedStep(f"Wait until {in_words(_check_names(view, one))} passes again"))
    if len(view.routers) == 2:
        steps.append(PlannedStep("Check that one is PRIMARY and one BACKUP"))
    return (*steps, PlannedStep("Check that they are Running and no check fails"))


def _exposure(view: RouterView, ill: list[Router]) -> Exposure:
    what = f"everything that enters or leaves {view.owner}"
    if len(view.routers) == 1 and ill:
        return router_outage(view, ill[0])
    if any(one.role is Role.PRIMARY for one in ill):
        return Exposure(what, None, "not known: the hand-over, once; open connections may be cut")
    if not any(one.state is VmState.RUNNING for one in view.routers):
        return Exposure(what, 0.0, "it is cut off now; the repair cuts nothing")
    return Exposure(what, 0.0, "the router that is worked on carries nothing")


def _warnings(ill: list[Router]) -> tuple[str, ...]:
    if not ill:
        return ()
    return (
        "A reboot renews a router's disk where its template is a newer one: "
        f"{in_words(_names(ill))} may report another version.",
    )


def _by_person(view: RouterView, ill: list[Router]) -> str:
    if ill and len(view.routers) == 1:
        return f"{view.owner} has one router: it is cut off while that one is rebooted"
    return ""


def _primary(ill: list[Router]) -> str:
    return next((one.id for one in ill if one.role is Role.PRIMARY), "")


def _checks(view: RouterView, ill: Iterable[Router]) -> list[str]:
    return [f"{one.id}={name}" for one in ill for name in _check_names(view, one)]


def _check_names(view: RouterView, one: Router) -> list[str]:
    return [check.name for check in view.failing(one)]


def _names(routers: Iterable[Router]) -> list[str]:
    return [one.name for one in routers]
