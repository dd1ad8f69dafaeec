"""roll, for the routers of a VPC or an isolated network.

A pair, its standby first:
1. See one as PRIMARY and one as BACKUP for longer than a role poll: a primary that died is shown
   as PRIMARY until then, and its standby is the only router that lives.
2. Stop and start the standby; a start replaces its disk, so there is no way back from there.
3. Prove it: Running, the version, seen as BACKUP for longer than a role poll, no check failing.
   From here a stop counts again: nobody was cut.
4. See both roles and prove the standby once more, then stop and start the primary: that is the
   hand-over. See both in their new roles, and the version.

A lone router: stop, pass the point of no return, start, expect the version.

CloudStack's own `restartVPC cleanup=true` has this order too and does not wait for the new
router's role (`VpcManagerImpl.rollingRestartVpc`), and `upgradeRouterTemplate` has no order at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.exposure import router_outage
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.router_acts import forbidden
from bot.domain.router_view import RouterView
from bot.domain.target_version import Goal, goal, refuse_wrong_template
from bot.domain.topology import router_target_of
from bot.domain.version import is_same
from bot.domain.zone import Role, Router
from bot.engine.api import Run
from bot.errors import Refused
from workflows.steps import router
from workflows.steps.redundant import planned_look, roles_proven

NAME = "roll"
_CUT_ONCE = "open connections and requests in flight through the pair, once, at the hand-over"


def plan(view: RouterView, wish: Wish) -> Plan | NothingToDo:
    """Plan the standby first; a pair that disagrees about its roles is left alone."""
    _refuse_what_stands_in_the_way(view)
    restart = wish.parameter("restart") == "True"
    aims = {one.id: goal(one, view.minimum_version, wish.parameter("version"))
            for one in view.routers}  # fmt: skip
    aim = next(iter(aims.values()))
    due = _in_order(one for one in view.routers if restart or not is_same(one.version, aim.version))
    if not due:
        names = in_words([one.name for one in view.routers])
        return NothingToDo(
            f"{names} report{'s' if len(view.routers) == 1 else ''} version {aim.version} already.",
            (f"target version {aim.version}: {aim.where_from}",
             "to reboot anyway: `restart`"),
        )  # fmt: skip
    for one in due:
        if not is_same(one.version, aim.version):
            refuse_wrong_template(one, view.templates, aim.version)
    is_pair = len(view.routers) == 2
    return Plan(
        runbook=NAME,
        target=view.target,
        summary=_summary(due, aim),
        facts=view.facts(),
        steps=_pair_steps(view, due, aim) if is_pair else _lone_steps(due[0], aim),
        exposure=_exposure(view, due),
        blast_radius=router_target_of(view).blast_radius(),
        warnings=_warnings(view),
        parameters=(
            ("way", "pair" if is_pair else "lone"),
            ("version", aim.version),
            ("version from", aim.where_from),
            ("restart", str(restart)),
            ("due", " ".join(one.id for one in due)),
            ("names", " ".join(f"{one.id}={one.name}" for one in view.routers)),
            ("primary", next((one.id for one in due if one.role is Role.PRIMARY), "")),
            ("empty", "yes" if view.is_empty else ""),
        ),
        by_person="" if is_pair else f"everything behind {due[0].name} is cut off meanwhile",
    )


async def apply(run: Run, planned: Plan) -> None:
    """Renew each that is due, as the module's docstring numbers it."""
    names = dict(one.split("=", 1) for one in planned.parameter("names").split())
    for router_id in planned.parameter("due").split():
        name = names[router_id]
        [peer_id] = [one for one in names if one != router_id] or [""]
        if planned.parameter("way") == "lone":
            run.stage(f"Stop and start {name}")
            await _renew(run, planned, router_id, name)
        elif router_id == planned.parameter("primary"):
            await _hand_over(run, planned, router_id, names)
        else:
            run.stage("See both in their roles")
            await roles_proven(run, planned.target, peer_id, names)
            run.stage(f"Stop and start the standby {name}")
            await _renew(run, planned, router_id, name)
            run.stage(f"Prove {name} as the standby")
            await _prove(run, planned, router_id)
        run.commit(f"{name} was renewed")
        run.reopen()


async def _hand_over(run: Run, planned: Plan, primary_id: str, names: Mapping[str, str]) -> None:
    [standby_id] = [one for one in names if one != primary_id]
    name, standby = names[primary_id], names[standby_id]
    run.stage(f"Prove {standby} as the standby")
    await roles_proven(run, planned.target, primary_id, names)
    await run.step(
        router.expect_standby,
        standby_id,
        planned.parameter("version"),
        bool(planned.parameter("empty")),
    )
    run.stage(f"Hand over from {name} to {standby}")
    run.commit()
    await router.hand_over(run, primary_id, name, standby_id)
    await run.step(router.expect_router_version, primary_id, planned.parameter("version"))


async def _renew(run: Run, planned: Plan, router_id: str, name: str) -> None:
    run.undo(f"start {name} again", lambda: router.put_back(run, router_id, name))
    await router.stop(run, router_id, name)
    run.commit()
    await router.start(run, router_id, name)
    await run.step(router.expect_router_version, router_id, planned.parameter("version"))


async def _prove(run: Run, planned: Plan, router_id: str) -> None:
    await router.standby_proven(
        run, router_id, planned.parameter("version"), empty=bool(planned.parameter("empty"))
    )


def left_to_do(view: RouterView, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned: all Running on that version, in their roles."""
    left = [f"{one.name} is {one.state}, not Running" for one in view.routers
            if one.state is not VmState.RUNNING]  # fmt: skip
    left += [
        f"{one.name} reports version {one.version or 'none'}"
        for one in view.routers
        if one.id in planned.parameter("due").split()
        and not is_same(one.version, planned.parameter("version"))
    ]
    if planned.parameter("way") == "pair" and not left and not view.is_healthy_pair:
        left += [f"{one.name} is {one.role}" for one in view.routers]
    return tuple(left) if view.routers else (f"{view.name} are gone",)


def unsafe(view: RouterView, planned: Plan) -> str:
    """Say why a failed roll must not be left alone."""
    running = [one for one in view.routers if one.state is VmState.RUNNING]
    if not running:
        return f"no router of {view.owner} is Running: nothing enters or leaves it"
    if planned.parameter("way") == "pair" and len(view.with_role(Role.PRIMARY)) != 1:
        stands = in_words([f"{one.name} is {one.role} ({one.state})" for one in view.routers])
        return f"{view.owner} has not exactly one PRIMARY: {stands}"
    return ""


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the roll does, in the words of the topology."""
    return (Act.ROLL_PAIR if planned.parameter("way") == "pair" else Act.ROLL,)


def _refuse_what_stands_in_the_way(view: RouterView) -> None:
    if view.busy_with:
        raise Refused(
            f"Operation {view.busy_with} is open on {view.name}.",
            until="it ends",
            instead=f"`why {view.busy_with}` shows where it stands.",
        )
    if not view.routers:
        raise Refused(f"There is no router of {view.owner}, so there is nothing to roll.")
    act = Act.ROLL_PAIR if router_target_of(view).is_pair else Act.ROLL
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


def _in_order(routers: Iterable[Router]) -> list[Router]:
    """A standby before a primary."""
    return sorted(routers, key=lambda one: (one.role is Role.PRIMARY, one.name))


def _summary(due: Sequence[Router], aim: Goal) -> str:
    names = in_words([one.name for one in due])
    versions = list(dict.fromkeys(one.version or "unknown" for one in due))
    if all(is_same(one, aim.version) for one in versions):
        return f"Stop and start {names} at version {aim.version}"
    return f"Roll {names} from version {in_words(versions)} to {aim.version}"


def _pair_steps(view: RouterView, due: Sequence[Router], aim: Goal) -> tuple[PlannedStep, ...]:
    steps: list[PlannedStep] = []
    for one in due:
        steps.append(planned_look(one, view.routers))
        if one.role is Role.PRIMARY:
            steps += [
                PlannedStep("Prove the standby: Running, its version, BACKUP, no check failing"),
                PlannedStep(f"Stop and start the primary {one.name}: the hand-over",
                            no_return=True),
                PlannedStep("See both in their new roles, and the version"),
            ]  # fmt: skip
        else:
            steps += [
                PlannedStep(f"Stop the standby {one.name}", undo="start it again"),
                PlannedStep(f"Start {one.name} from template {one.template_name}", no_return=True),
                PlannedStep(f"Prove {one.name}: version {aim.version}, BACKUP for longer than a "
                            "role poll, no check failing"),
            ]  # fmt: skip
    return tuple(steps)


def _lone_steps(one: Router, aim: Goal) -> tuple[PlannedStep, ...]:
    return (
        PlannedStep(f"Stop {one.name}", undo="start it again"),
        PlannedStep(f"Start {one.name} from template {one.template_name}", no_return=True),
        PlannedStep(f"Check that it reports version {aim.version}"),
    )


def _exposure(view: RouterView, due: Sequence[Router]) -> Exposure:
    if len(view.routers) == 1:
        return router_outage(view, due[0])
    if due[-1].role is not Role.PRIMARY:
        return Exposure("nothing", 0.0, "only the standby is touched")
    if view.own_outages_s:
        last = view.own_outages_s[0]
        return Exposure(_CUT_ONCE, last, f"the last operation of ilbot on it took {last:.0f} s")
    return Exposure(_CUT_ONCE, None, "not known: no earlier hand-over of it was measured")


def _warnings(view: RouterView) -> tuple[str, ...]:
    warnings = ["ILB VMs are not touched; clients of other tiers reach them through the routers."]
    if len(view.routers) == 2:
        warnings.append("A hand-over moves the addresses once: established connections are reset.")
    return tuple(warnings)
