"""roll, for ILBs: whether a stop and a start brings a machine to a template version, and did.

Each way there is and what it keeps up meanwhile is in `ilb_ways`. A start replaces the disk, so
that there is no way back from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bot.domain.cloud import IlbVm
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, PlannedStep, in_words
from bot.domain.service_view import ServiceView
from bot.domain.target_version import Goal, goal, refuse_wrong_template
from bot.domain.version import is_same, named_in
from bot.domain.view import View
from bot.engine.api import Run
from workflows import ilb_way_plans, ilb_ways
from workflows.ilb_way_plans import Way, Wording
from workflows.ilb_ways import Work
from workflows.steps import ilb_vm

NAME = "roll"


def plan(seen: ServiceView, wish: Wish) -> Plan | NothingToDo:
    """Plan by what can carry the traffic meanwhile."""
    ilb_ways.refuse_dangers(seen, NAME)
    views = ilb_ways.machines(seen)
    aims = {one.vip: _aim(one, wish) for one in views}
    restart = wish.parameter("restart") == "True"
    due = [one for one in views if restart or not _has(one, aims[one.vip].version)]
    aim = aims[seen.ilb.vip]
    if not due:
        names = in_words([one.name for one in views])
        return NothingToDo(
            f"{names} already report{'' if len(views) > 1 else 's'} version {aim.version}.",
            (f"target version {aim.version}: {aim.where_from}",
             "to stop and start it anyway: `restart`"),
        )  # fmt: skip
    for one in due:
        assert one.vm is not None
        if not _has(one, aim.version):
            refuse_wrong_template(one.vm, one.templates, aim.version)
    words = _words(seen, due, aim, restart)
    is_outage = wish.parameter("outage") == "True"
    return ilb_way_plans.plan(seen, due, words, is_outage=is_outage)


async def _restart(
    run: Run, _planned: Plan, vm_id: str, name: str, around: Callable[[], None]
) -> None:
    run.undo(f"start {name} again", partial(ilb_vm.put_back, run, vm_id, name))
    await ilb_vm.stop(run, vm_id, name)
    run.commit()
    await ilb_vm.start(run, vm_id, name)
    around()


async def _expect(run: Run, planned: Plan, vm_id: str) -> None:
    await run.step(ilb_vm.expect_version, vm_id, planned.parameter("version"))


def _old(view: View, planned: Plan) -> list[str]:
    kept = [one for one in view.changes(planned) if one.startswith("offering")]
    left = kept if view.vip == planned.parameter("vip") else []
    if not _has(view, planned.parameter("version")):
        left.append(f"{view.name} reports version {(view.vm and view.vm.version) or 'none'}")
    return left


WORK = Work(_restart, _expect, _old, "renewed")


def _aim(view: View, wish: Wish) -> Goal:
    assert view.vm is not None
    return goal(view.vm, view.minimum_version, wish.parameter("version"))


def _has(view: View, version: str) -> bool:
    return view.vm is not None and is_same(view.vm.version, version)


def _words(seen: ServiceView, due: Sequence[View], aim: Goal, restart: bool) -> Wording:
    assert seen.ilb.vm is not None
    return Wording(
        runbook=NAME,
        summary=_summary(due, aim),
        steps=_steps,
        check=f"reports version {aim.version}",
        warns=_of_the_template,
        parameters=(
            ("version", aim.version),
            ("version from", aim.where_from),
            ("template", seen.ilb.vm.template_name),
            ("restart", str(restart)),
        ),
    )


def _summary(due: Sequence[View], aim: Goal) -> str:
    names = in_words([one.name for one in due])
    versions = dict.fromkeys(one.vm.version or "unknown" for one in due if one.vm)
    if all(is_same(one, aim.version) for one in versions):
        return f"Stop and start {names} at version {aim.version}"
    return f"Roll {names} from version {in_words(list(versions))} to {aim.version}"


def _steps(vm: IlbVm, way: Way) -> tuple[PlannedStep, ...]:
    renews = " (CloudStack then renews its disk all the same)" if way is Way.OUTAGE else ""
    boots = "" if way is Way.TWINS else f" from template {vm.template_name}"
    return (
        PlannedStep(f"Stop {vm.name}", undo=f"start it again{renews}"),
        PlannedStep(f"Start {vm.name}{boots}", no_return=True),
    )


def _of_the_template(view: View) -> tuple[str, ...]:
    if view.vm is None or named_in(view.vm.template_name):
        return ()
    return (
        f"Template {view.vm.template_name} names no version: whether it brings the wanted one "
        "shows only afterwards.",
    )
