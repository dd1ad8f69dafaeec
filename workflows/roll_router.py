"""roll, for the routers of a VPC or an isolated network: a stop and a start of each, by version.

A start replaces a router's disk, so there is no way back from there. In which order, and what is
proven between, is in `router_ways`.

CloudStack's own `restartVPC cleanup=true` has this order too and does not wait for the new
router's role (`VpcManagerImpl.rollingRestartVpc`), and `upgradeRouterTemplate` has no order at all.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.acts import Act
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, PlannedStep, in_words
from bot.domain.router_view import RouterView
from bot.domain.target_version import Goal, goal, refuse_wrong_template
from bot.domain.topology import router_target_of
from bot.domain.version import is_same
from bot.domain.zone import Router
from bot.engine.api import Run
from workflows import router_ways
from workflows.router_ways import Wording, Work
from workflows.steps import router

NAME = "roll"


def plan(view: RouterView, wish: Wish) -> Plan | NothingToDo:
    """Plan the standby first; a pair that disagrees about its roles is left alone."""
    act = Act.ROLL_PAIR if view.routers and router_target_of(view).is_pair else Act.ROLL
    router_ways.refuse_what_stands_in_the_way(view, NAME, act)
    restart = wish.parameter("restart") == "True"
    aims = {one.id: goal(one, view.minimum_version, wish.parameter("version"))
            for one in view.routers}  # fmt: skip
    aim = next(iter(aims.values()))
    due = router_ways.in_order(
        one for one in view.routers if restart or not is_same(one.version, aim.version)
    )
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
    return router_ways.plan(view, due, _words(due, aim, restart))


async def _restart(run: Run, _planned: Plan, router_id: str, name: str) -> None:
    run.undo(f"start {name} again", lambda: router.put_back(run, router_id, name))
    await router.stop(run, router_id, name)
    run.commit()
    await router.start(run, router_id, name)


async def _hand_over(run: Run, _planned: Plan, router_id: str, name: str) -> None:
    await router.reboot(run, router_id, name)


async def _expect(run: Run, planned: Plan, router_id: str) -> None:
    await run.step(router.expect_router_version, router_id, planned.parameter("version"))


def _old(one: Router, planned: Plan) -> tuple[str, ...]:
    if is_same(one.version, planned.parameter("version")):
        return ()
    return (f"{one.name} reports version {one.version or 'none'}",)


WORK = Work(_restart, _hand_over, _expect, _old, "renewed")


def _words(due: Sequence[Router], aim: Goal, restart: bool) -> Wording:
    return Wording(
        runbook=NAME,
        summary=_summary(due, aim),
        starts=_starts,
        hand_over=lambda one: f"Stop and start the primary {one.name}",
        subject="version",
        value=aim.version,
        check=f"reports version {aim.version}",
        parameters=(
            ("version", aim.version),
            ("version from", aim.where_from),
            ("restart", str(restart)),
        ),
    )


def _starts(one: Router) -> tuple[PlannedStep, ...]:
    return (PlannedStep(f"Start {one.name} from template {one.template_name}", no_return=True),)


def _summary(due: Sequence[Router], aim: Goal) -> str:
    names = in_words([one.name for one in due])
    versions = list(dict.fromkeys(one.version or "unknown" for one in due))
    if all(is_same(one, aim.version) for one in versions):
        return f"Stop and start {names} at version {aim.version}"
    return f"Roll {names} from version {in_words(versions)} to {aim.version}"
