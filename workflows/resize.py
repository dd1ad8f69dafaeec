"""resize: give an ILB VM or routers another system offering, of those made for its kind.

CloudStack changes the offering of a Stopped machine alone, so each is stopped, changed and
started (`changeServiceForRouter`). What is done depends on what carries the traffic meanwhile:

- Twins: one after the other, both to the same offering. Withdraw an address from the name, wait
  until clients have gone, stop, change, start, prove, publish it again; then the other one.
- A single ILB whose clients use a name: build a temporary twin beside it, give that one the
  offering as well, prove it, move the name there, then stop, change and start the ILB, prove it,
  move the name back, take the twin away. The address stays.
- A single ILB whose clients have the address: the honest outage of a stop and a start.
- A pair of routers: the standby first, proven; then the primary, whose stop is the hand-over.
- A single router: the honest outage of a stop and a start.

Where a machine does not come up with the new offering, or an ILB does not answer with it, it gets
the old one back. A machine that is deployed again comes with the default offering.
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
from workflows import ilb_ways, resize_ilb, resize_router, router_ways
from workflows.ilb_way_plans import Way

NAME = "resize"
Seen = ServiceView | RouterView


class ResizeRequest(BaseModel):
    """What a person may ask of `resize`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM, VIP, router, VPC or network")
    offering: str = Field(
        default="",
        description="name or id of a system offering made for it; without one, those are listed",
        max_length=255,
    )
    outage: bool = Field(
        default=False, description="take the outage where a temporary twin could carry the traffic"
    )


def plan(seen: Seen, wish: Wish) -> Plan | NothingToDo:
    """Plan by what surrounds it; `Refused` with the offerings there are where none is meant."""
    if isinstance(seen, RouterView):
        return resize_router.plan(seen, wish)
    return resize_ilb.plan(seen, wish)


async def apply(run: Run, planned: Plan) -> None:
    """Resize and prove, as the module's docstring says for each kind of target."""
    of_routers = planned.target.kind in ROUTER_KINDS
    await (resize_router.apply if of_routers else resize_ilb.apply)(run, planned)


def left_to_do(seen: Seen, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned."""
    if isinstance(seen, RouterView):
        return resize_router.left_to_do(seen, planned)
    return resize_ilb.left_to_do(seen, planned)


def unsafe(seen: Seen, planned: Plan) -> str:
    """Say why a failed resize must not be left alone."""
    if isinstance(seen, RouterView):
        return router_ways.unsafe(seen, planned)
    return ilb_ways.unsafe(seen)


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what is done, in the words of the topology."""
    builds = planned.parameter("way") == Way.BESIDE
    return (Act.TWIN, Act.RESIZE) if builds else (Act.RESIZE,)


def probed(planned: Plan) -> Probing:
    """Measure what an ILB serves; what is not cut by plan must be proven."""
    of_routers = planned.target.kind in ROUTER_KINDS
    return (not_probed if of_routers else ilb_ways.probed)(planned)


RUNBOOK = Runbook(
    name=NAME,
    summary="give an ILB VM or routers another system offering, backup first",
    subject=movable(Scope(offerings=True, twins=True, builds=ilb_ways.may_build)),
    request=ResizeRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic was not measured.",
    example='app-tier offering="ILB large"',
)
