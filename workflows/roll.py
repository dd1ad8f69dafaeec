"""roll: renew the disk of an ILB VM or of routers from the current system VM template.

A CloudStack job's success says nothing of the version, so each machine must report the new one
afterwards. What is done depends on what carries the traffic meanwhile:

- Twins: one after the other. Withdraw an address from the name, wait until clients have looked
  again, stop, start, prove, publish it again; then the other one.
- A single ILB whose clients use a name: build a temporary twin beside it, move the name there,
  stop and start the ILB, prove it, move the name back, take the twin away. The address stays.
- A single ILB whose clients have the address: the honest outage of a stop and a start.
- A pair of routers: the standby first, proven; then the primary, whose reboot is the hand-over.
- A single router: the honest outage of a reboot.

An ILB VM is its VIP and is never redundant (CloudStack `InternalLoadBalancerVMManagerImpl`).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.router_view import ROUTER_KINDS, RouterView
from bot.domain.service_view import ServiceView
from bot.engine.api import Run
from bot.services.runbooks import Probing, Runbook, not_probed
from bot.services.scope import Scope
from bot.services.subjects import movable
from workflows import ilb_ways, roll_ilb, roll_router, router_ways

NAME = "roll"
Seen = ServiceView | RouterView


class RollRequest(BaseModel):
    """What a person may ask of `roll`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM, VIP, router, VPC or network")
    version: str = Field(
        default="",
        description="template version to reach; default: the zone's minimum version",
        pattern=r"^(\d+(\.\d+){1,3})?$",
    )
    restart: bool = Field(default=False, description="stop and start even at that version")
    outage: bool = Field(
        default=False, description="take the outage where a temporary twin could carry the traffic"
    )


def plan(seen: Seen, wish: Wish) -> Plan | NothingToDo:
    """Plan by what surrounds it, or say why there is nothing to do; `Refused` where it must not be.

    Reads nothing but what was seen; planning again after the change finds nothing to do.
    """
    if isinstance(seen, RouterView):
        return roll_router.plan(seen, wish)
    return roll_ilb.plan(seen, wish)


async def apply(run: Run, planned: Plan) -> None:
    """Renew and prove, as the module's docstring says for each kind of target."""
    if planned.target.kind in ROUTER_KINDS:
        await roll_router.apply(run, planned)
    else:
        await roll_ilb.apply(run, planned)


def left_to_do(seen: Seen, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned; with none, planning again without `restart` finds nothing.

    What would forbid a change now (a setting, a half-done rule elsewhere) says nothing of this one.
    """
    if isinstance(seen, RouterView):
        return roll_router.left_to_do(seen, planned)
    return roll_ilb.left_to_do(seen, planned)


def unsafe(seen: Seen, planned: Plan) -> str:
    """Say why a failed roll must not be left alone."""
    if isinstance(seen, RouterView):
        return router_ways.unsafe(seen, planned)
    return ilb_ways.unsafe(seen)


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the roll does, in the words of the topology."""
    of_routers = planned.target.kind in ROUTER_KINDS
    return roll_router.acts(planned) if of_routers else roll_ilb.acts(planned)


def probed(planned: Plan) -> Probing:
    """Measure what an ILB serves; what is not cut by plan must be proven."""
    if planned.target.kind in ROUTER_KINDS:
        return not_probed(planned)
    return ilb_ways.probed(planned)


RUNBOOK = Runbook(
    name=NAME,
    summary="renew an ILB VM or routers from the current system VM template, backup first",
    subject=movable(Scope(templates=True, twins=True, builds=ilb_ways.may_build)),
    request=RollRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic was not measured.",
)
