"""How work on a stopped router is planned and carried out: a pair, its standby first, or one alone.

A pair:
1. See one as PRIMARY and one as BACKUP for longer than a role poll: a primary that died is shown
   as PRIMARY until then, and its standby is the only router that lives.
2. Stop the standby, do the work, and start it.
3. Prove it: Running, what the work is for, seen as BACKUP for longer than a role poll, no check
   failing. From here a stop counts again: nobody was cut.
4. See both roles and prove the standby once more, then do the same to the primary: that is the
   hand-over. See both in their new roles, and what the work is for.

A lone router: stop, work, start; expect what the work is for. Where that says nothing of the guest,
wait until its health checks were collected again, and expect none to fail that did not before.
Without checks nothing is proven.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.exposure import router_outage
from bot.domain.plan import Exposure, Plan, PlannedStep, in_words
from bot.domain.router_acts import forbidden
from bot.domain.router_view import RouterView
from bot.domain.topology import router_target_of
from bot.domain.zone import Role, Router
from bot.engine.api import Run, StepFailed
from bot.errors import Refused
from workflows.steps import router
from workflows.steps.redundant import planned_look, roles_proven

_CUT_ONCE = "open connections and requests in flight through the pair, once, at the hand-over"
PAIR, LONE = "pair", "lone"
"""The ways: which routers a place has."""
CHECKS, SHOWN, NONE = "checks", "shown", "none"
"""The parameter of a plan that says whether CloudStack shows checks of a lone router, where only
they tell whether it is well."""
Restart = Callable[[Run, Plan, str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Work:
    """What a runbook does to a router, given its id and name: `done` says what it then was.

    `restart` stops a standby or a lone one and starts it again, `hand_over` the primary, of which
    nothing before it is undone. `expect` fails unless a router is as wanted afterwards, `short_of`
    says in what it is not.
    """

    restart: Restart
    hand_over: Restart
    expect: Callable[[Run, Plan, str], Awaitable[None]]
    short_of: Callable[[Router, Plan], Sequence[str]]
    done: str


@dataclass(frozen=True, slots=True)
class Wording:
    """What a runbook says of its work on a router.

    `starts` are the steps that follow a stop, `hand_over` says what is done to the primary. The
    work is for this `subject` and `value`: version 4.22.0; `check` is what is seen of a lone
    router, after "check that it". `parameters` are the runbook's own. With `by_checks` only health
    checks tell whether a lone one is well afterwards.
    """

    runbook: str
    summary: str
    starts: Callable[[Router], tuple[PlannedStep, ...]]
    hand_over: Callable[[Router], str]
    subject: str
    value: str
    check: str
    parameters: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    by_checks: bool = False


def plan(view: RouterView, due: Sequence[Router], words: Wording) -> Plan:
    """Plan the work on those that are due, in their order."""
    is_pair = len(view.routers) == 2
    return Plan(
        runbook=words.runbook,
        target=view.target,
        summary=words.summary,
        facts=view.facts(),
        steps=_pair_steps(view, due, words) if is_pair else _lone_steps(view, due[0], words),
        exposure=_exposure(view, due),
        blast_radius=router_target_of(view).blast_radius(),
        warnings=(*_warnings(view, words), *words.warnings),
        parameters=(
            ("way", PAIR if is_pair else LONE),
            *words.parameters,
            ("due", " ".join(one.id for one in due)),
            ("names", " ".join(f"{one.id}={one.name}" for one in view.routers)),
            ("primary", next((one.id for one in due if one.role is Role.PRIMARY), "")),
            ("empty", "yes" if view.is_empty else ""),
            *(_checks(view) if words.by_checks and not is_pair else ()),
        ),
        by_person="" if is_pair else f"everything behind {due[0].name} is cut off meanwhile",
    )


async def apply(run: Run, planned: Plan, work: Work) -> None:
    """Work on each that is due, as the module's docstring numbers it."""
    names = dict(one.split("=", 1) for one in planned.parameter("names").split())
    for router_id in planned.parameter("due").split():
        name = names[router_id]
        [peer_id] = [one for one in names if one != router_id] or [""]
        if planned.parameter("way") == LONE:
            run.stage(f"Stop and start {name}")
            await work.restart(run, planned, router_id, name)
            await work.expect(run, planned, router_id)
            await _expect_checks(run, planned, router_id, name)
        elif router_id == planned.parameter("primary"):
            await _hand_over(run, planned, work, names)
        else:
            run.stage("See both in their roles")
            await roles_proven(run, planned.target, peer_id, names)
            run.stage(f"Stop and start the standby {name}")
            await work.restart(run, planned, router_id, name)
            await work.expect(run, planned, router_id)
            run.stage(f"Prove {name} as the standby")
            version, is_empty = planned.parameter("version"), bool(planned.parameter("empty"))
            await router.standby_proven(run, router_id, version, empty=is_empty)
        run.commit(f"{name} was {work.done}")
        run.reopen()


async def _expect_checks(run: Run, planned: Plan, router_id: str, name: str) -> None:
    if planned.parameter(CHECKS) != SHOWN:
        return
    run.stage(f"Wait until the health checks of {name} are collected again")
    is_empty = bool(planned.parameter("empty"))
    before = planned.parameter("ill").split()
    ill = await run.step(router.failing_since, router_id, is_empty)
    if new := [one for one in ill if one not in before]:
        text = f"check router {name}: {in_words(new)} fails since its start, and did not before"
        raise StepFailed("failing_since", "permanent", text, in_doubt=False)


async def _hand_over(run: Run, planned: Plan, work: Work, names: Mapping[str, str]) -> None:
    primary_id = planned.parameter("primary")
    [standby_id] = [one for one in names if one != primary_id]
    name, standby = names[primary_id], names[standby_id]
    run.stage(f"Prove {standby} as the standby")
    await roles_proven(run, planned.target, primary_id, names)
    version, is_empty = planned.parameter("version"), bool(planned.parameter("empty"))
    await run.step(router.expect_standby, standby_id, version, is_empty)
    run.stage(f"Hand over from {name} to {standby}")
    run.commit()
    await work.hand_over(run, planned, primary_id, name)
    await router.roles_swapped(run, primary_id, standby_id)
    await work.expect(run, planned, primary_id)


def left_to_do(view: RouterView, planned: Plan, work: Work) -> tuple[str, ...]:
    """Return what is not as planned: all Running in their roles, each that was due as wanted."""
    left = [f"{one.name} is {one.state}, not Running" for one in view.routers
            if one.state is not VmState.RUNNING]  # fmt: skip
    due = planned.parameter("due").split()
    left += [line for one in view.routers if one.id in due for line in work.short_of(one, planned)]
    if planned.parameter("way") == PAIR and not left and not view.is_healthy_pair:
        left += [f"{one.name} is {one.role}" for one in view.routers]
    return tuple(left) if view.routers else (f"{view.name} are gone",)


def unproven(view: RouterView, planned: Plan) -> str:
    """Say why nothing shows that a lone router which is as planned is well, `""` where it does."""
    if not planned.parameter(CHECKS):
        return ""
    [one] = view.routers
    if any(check.updated for check in view.collected(one)):
        return ""
    return f"no health check of {one.name} was collected since its start"


def unsafe(view: RouterView, planned: Plan) -> str:
    """Say why a failed change must not be left alone."""
    running = [one for one in view.routers if one.state is VmState.RUNNING]
    if not running:
        return f"no router of {view.owner} is Running: nothing enters or leaves it"
    if planned.parameter("way") == PAIR and len(view.with_role(Role.PRIMARY)) != 1:
        stands = in_words([f"{one.name} is {one.role} ({one.state})" for one in view.routers])
        return f"{view.owner} has not exactly one PRIMARY: {stands}"
    return ""


def refuse_what_stands_in_the_way(view: RouterView, runbook: str, act: Act) -> None:
    """Refuse where a router must not be stopped now, whatever it is for."""
    if view.busy_with:
        raise Refused(
            f"Operation {view.busy_with} is open on {view.name}.",
            until="it ends",
            instead=f"`why {view.busy_with}` shows where it stands.",
        )
    if not view.routers:
        raise Refused(f"There is no router of {view.owner}, so there is nothing to {runbook}.")
    if answer := forbidden(router_target_of(view), (act,)):
        raise Refused(answer.text, instead=answer.instead)
    if len(view.routers) == 2:
        _refuse_ill_peers(view)


def _refuse_ill_peers(view: RouterView) -> None:
    """A standby whose checks fail cannot take over, and a failing primary is another story."""
    ill = [f"{one.name}: {check.name}" for one in view.routers for check in view.failing(one)]
    if ill:
        raise Refused(
            f"Checks of the pair fail ({in_words(ill)}), so it may not survive a hand-over.",
            instead=f"`recover {view.place.name}` first.",
        )


def in_order(routers: Iterable[Router]) -> list[Router]:
    """Return a standby before a primary."""
    return sorted(routers, key=lambda one: (one.role is Role.PRIMARY, one.name))


def _pair_steps(view: RouterView, due: Sequence[Router], words: Wording) -> tuple[PlannedStep, ...]:
    steps: list[PlannedStep] = []
    subject = words.subject
    for one in due:
        steps.append(planned_look(one, view.routers))
        if one.role is Role.PRIMARY:
            steps += [
                PlannedStep(f"Prove the standby: Running, its {subject}, BACKUP, no check failing"),
                PlannedStep(f"{words.hand_over(one)}: the hand-over", no_return=True),
                PlannedStep(f"See both in their new roles, and the {subject}"),
            ]
        else:
            steps += [
                PlannedStep(f"Stop the standby {one.name}", undo="start it again"),
                *words.starts(one),
                PlannedStep(f"Prove {one.name}: {subject} {words.value}, BACKUP for longer than a "
                            "role poll, no check failing"),
            ]  # fmt: skip
    return tuple(steps)


def _lone_steps(view: RouterView, one: Router, words: Wording) -> tuple[PlannedStep, ...]:
    waits = words.by_checks and dict(_checks(view))[CHECKS] == SHOWN
    text = "Wait until CloudStack has collected its health checks again, and see none fail by it"
    return (
        PlannedStep(f"Stop {one.name}", undo="start it again"),
        *words.starts(one),
        PlannedStep(f"Check that it {words.check}"),
        *((PlannedStep(text),) if waits else ()),
    )


def _checks(view: RouterView) -> tuple[tuple[str, str], ...]:
    """Return what a plan keeps of a lone router's checks: whether there are any, and what fails."""
    shown = any(check.updated for check in view.checks)
    ill = [check.name for one in view.routers for check in view.failing(one)]
    return ((CHECKS, SHOWN if shown else NONE), ("ill", " ".join(ill)))


def _exposure(view: RouterView, due: Sequence[Router]) -> Exposure:
    if len(view.routers) == 1:
        return router_outage(view, due[0])
    if due[-1].role is not Role.PRIMARY:
        return Exposure("nothing", 0.0, "only the standby is touched")
    if view.own_outages_s:
        last = view.own_outages_s[0]
        return Exposure(_CUT_ONCE, last, f"the last operation of ilbot on it took {last:.0f} s")
    return Exposure(_CUT_ONCE, None, "not known: no earlier hand-over of it was measured")


def _warnings(view: RouterView, words: Wording) -> tuple[str, ...]:
    warnings = ["ILB VMs are not touched; clients of other tiers reach them through the routers."]
    if len(view.routers) == 2:
        warnings.append("A hand-over moves the addresses once: established connections are reset.")
    elif words.by_checks and dict(_checks(view))[CHECKS] == NONE:
        warnings.append(
            "CloudStack shows no health check of it, so nothing tells whether it is well "
            "afterwards: the outcome will be unverified."
        )
    return tuple(warnings)
