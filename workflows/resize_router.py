"""resize, for the routers of a VPC or an isolated network.

In which order, and what is proven between, is in `router_ways`. A router that does not start with
the new offering gets the old one back. One that has started keeps it: a standby may be all that
lives by then, and nothing here stops it a second time. That the offering changed is CloudStack's
word alone: whether a lone one is well with it, its health checks tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.offerings import ROUTER_TYPE, Fitted, chosen
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan, PlannedStep
from bot.domain.router_view import RouterView
from bot.domain.zone import Offering, Router
from bot.engine.api import Run, StepFailed
from workflows import resize_words, router_ways
from workflows.router_ways import Wording, Work
from workflows.steps import offering, power

NAME = "resize"


def plan(view: RouterView, wish: Wish) -> Plan | NothingToDo:
    """Plan the standby first; a pair that disagrees about its roles is left alone."""
    router_ways.refuse_what_stands_in_the_way(view, NAME, Act.RESIZE)
    new = chosen(view.offerings, wish.parameter("offering"), ROUTER_TYPE)
    due = router_ways.in_order(one for one in view.routers if one.offering_id != new.id)
    if not due:
        return resize_words.nothing_to_do([one.name for one in view.routers], new)
    return router_ways.plan(view, due, _words(view, due, new))


async def _restart(run: Run, planned: Plan, router_id: str, _name: str) -> None:
    machine = resize_words.machine_in(planned, router_id)
    words = f"{machine.name} running with {machine.offering_name} again"

    def back() -> None:
        run.undo(words, partial(_take_back, run, machine))

    new_id = planned.parameter("offering")
    await offering.exchange(run, offering.OF_ROUTERS, machine, new_id, back)
    run.commit()


async def _take_back(run: Run, machine: Fitted) -> None:
    """Give a router its old offering back while it is down; CloudStack itself may have started it.

    A Running one may carry all of the traffic, its own peer's included.
    """
    state = await power.rest(run, offering.OF_ROUTERS, machine.id)
    if state is VmState.RUNNING:
        text = f"take back the offering of {machine.name}: it is Running, and is not stopped again"
        raise StepFailed("take_back", "permanent", text, in_doubt=False)
    await offering.take_back(run, offering.OF_ROUTERS, machine)


async def _expect(run: Run, planned: Plan, router_id: str) -> None:
    await run.step(offering.expect_offering, router_id, planned.parameter("offering"), ROUTER_TYPE)


WORK = Work(_restart, _restart, _expect, resize_words.short_of, "resized")


def _words(view: RouterView, due: Sequence[Router], new: Offering) -> Wording:
    def starts(one: Router) -> tuple[PlannedStep, ...]:
        start = PlannedStep(f"Start {one.name}", no_return=True)
        return (resize_words.change_step(one, new), start)

    return Wording(
        runbook=NAME,
        summary=resize_words.summary(due, new, view.offerings),
        starts=starts,
        hand_over=lambda one: f"Stop the primary {one.name}, give it {new.name}, and start it",
        subject="offering",
        value=new.name,
        check=f"has the offering {new.name}",
        parameters=resize_words.parameters(due, new),
        warnings=resize_words.warnings(due, new, view.offerings),
        by_checks=True,
    )
