"""resize, for ILBs: which offering a machine gets, and how it gets the old one back.

Each way there is and what it keeps up meanwhile is in `ilb_ways`. Whatever fails before the
machine serves again gives it the old offering back. With the outage that ends at its start: taking
it back then would cut its clients a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.domain.cloud import IlbVm
from bot.domain.offerings import ILB_TYPE, chosen, in_full
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, PlannedStep
from bot.domain.service_view import ServiceView
from bot.domain.view import View
from bot.domain.zone import Offering
from bot.engine.api import Run
from workflows import ilb_way_plans, ilb_ways, resize_words
from workflows.ilb_way_plans import Way, Wording
from workflows.ilb_ways import Work
from workflows.steps import offering

NAME = "resize"


def plan(seen: ServiceView, wish: Wish) -> Plan | NothingToDo:
    """Plan by what can carry the traffic meanwhile."""
    ilb_ways.refuse_dangers(seen, NAME)
    new = chosen(seen.offerings, wish.parameter("offering"), ILB_TYPE)
    views = ilb_ways.machines(seen)
    due = [one for one in views if one.vm and one.vm.offering_id != new.id]
    if not due:
        return resize_words.nothing_to_do([one.name for one in views], new)
    words = _words(seen, due, new)
    is_outage = wish.parameter("outage") == "True"
    return ilb_way_plans.plan(seen, due, words, is_outage=is_outage, new_id=new.id)


async def _restart(
    run: Run, planned: Plan, vm_id: str, name: str, around: Callable[[], None]
) -> None:
    machine = resize_words.machine_in(planned, vm_id)

    def back() -> None:
        around()
        offering.taken_back(run, offering.OF_ILB_VMS, machine)

    new_id = planned.parameter("offering")
    await offering.exchange(run, offering.OF_ILB_VMS, machine, new_id, back)
    if planned.parameter("way") == Way.OUTAGE:
        run.commit(f"{name} was resized")


async def _expect(run: Run, planned: Plan, vm_id: str) -> None:
    await run.step(offering.expect_offering, vm_id, planned.parameter("offering"), ILB_TYPE)


def _other(view: View, planned: Plan) -> tuple[str, ...]:
    return resize_words.short_of(view.vm, planned) if view.vm else ()


WORK = Work(_restart, _expect, _other, "resized", takes_back=True)


def _words(seen: ServiceView, due: Sequence[View], new: Offering) -> Wording:
    machines = [one.vm for one in due if one.vm]
    default = seen.default_offering

    def steps(vm: IlbVm, way: Way) -> tuple[PlannedStep, ...]:
        undo = f"give it {vm.offering_name} back, by a stop and a start"
        is_final = way is Way.OUTAGE
        start = PlannedStep(f"Start {vm.name}", undo="" if is_final else undo, no_return=is_final)
        stop = PlannedStep(f"Stop {vm.name}", undo="start it again")
        return (stop, resize_words.change_step(vm, new), start)

    return Wording(
        runbook=NAME,
        summary=resize_words.summary(machines, new, seen.offerings),
        steps=steps,
        check=f"has the offering {new.name}",
        warns=lambda view: resize_words.warnings([view.vm] if view.vm else [], new, seen.offerings),
        parameters=resize_words.parameters(machines, new),
        fits=() if default and default.id == new.id else (
            PlannedStep(f"Give the twin the offering {in_full(new)} too: stop, change, start"),
        ),
    )  # fmt: skip
