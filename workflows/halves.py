"""Joins what a runbook does to stopped ILB VMs with what it does to stopped routers into one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.router_view import ROUTER_KINDS, RouterView
from bot.domain.service_view import ServiceView
from bot.engine.api import Run
from bot.services.runbooks import Probing, not_probed
from workflows import ilb_ways, router_ways

Seen: TypeAlias = ServiceView | RouterView
OUTAGE = "take the outage where a temporary twin could carry the traffic"
"""What the option `outage` means."""


@dataclass(frozen=True, slots=True)
class Halves:
    """The planners of a runbook, and its work, for each kind of target."""

    plan_ilb: Callable[[ServiceView, Wish], Plan | NothingToDo]
    plan_routers: Callable[[RouterView, Wish], Plan | NothingToDo]
    ilb_work: ilb_ways.Work
    router_work: router_ways.Work

    def plan(self, seen: Seen, wish: Wish) -> Plan | NothingToDo:
        """Plan by what surrounds it, or say why there is nothing to do; `Refused` where it must
        not be.

        Reads nothing but what was seen; planning again after the change finds nothing to do.
        """
        if isinstance(seen, RouterView):
            return self.plan_routers(seen, wish)
        return self.plan_ilb(seen, wish)

    async def apply(self, run: Run, planned: Plan) -> None:
        """Work and prove by the way that was planned."""
        if planned.target.kind in ROUTER_KINDS:
            await router_ways.apply(run, planned, self.router_work)
        else:
            await ilb_ways.apply(run, planned, self.ilb_work)

    def left_to_do(self, seen: Seen, planned: Plan) -> tuple[str, ...]:
        """Return what is not as planned; with none, planning the same again finds nothing.

        What would forbid a change now (a setting, a half-done rule elsewhere) says nothing of
        this one.
        """
        if isinstance(seen, RouterView):
            return router_ways.left_to_do(seen, planned, self.router_work)
        return ilb_ways.left_to_do(seen, planned, self.ilb_work)

    def unproven(self, seen: Seen, planned: Plan) -> str:
        """Say why a change that is as planned is not proven, `""` where it is."""
        return router_ways.unproven(seen, planned) if isinstance(seen, RouterView) else ""

    def unsafe(self, seen: Seen, planned: Plan) -> str:
        """Say why a failed change must not be left alone."""
        if isinstance(seen, RouterView):
            return router_ways.unsafe(seen, planned)
        return ilb_ways.unsafe(seen)

    def probed(self, planned: Plan) -> Probing:
        """Measure what an ILB serves; what is not cut by plan must be proven."""
        of_routers = planned.target.kind in ROUTER_KINDS
        return (not_probed if of_routers else ilb_ways.probed)(planned)
