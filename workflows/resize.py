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
- A single router: the honest outage of a stop and a start; then its health checks must pass, and
  without any the outcome is unverified.

Where a machine does not come up with the new offering, or an ILB does not answer with it, it gets
the old one back. A machine that is deployed again comes with the default offering.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.acts import Act
from bot.domain.plan import Plan
from bot.services.runbooks import Runbook
from bot.services.scope import Scope
from bot.services.subjects import movable
from workflows import ilb_ways, resize_ilb, resize_router
from workflows.halves import OUTAGE, Halves
from workflows.ilb_way_plans import Way

NAME = "resize"


class ResizeRequest(BaseModel):
    """What a person may ask of `resize`."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(description="tier, ILB VM, VIP, router, VPC or network")
    offering: str = Field(
        default="",
        description="name or id of a system offering made for it; without one, those are listed",
        max_length=255,
    )
    outage: bool = Field(default=False, description=OUTAGE)


_HALVES = Halves(resize_ilb.plan, resize_router.plan, resize_ilb.WORK, resize_router.WORK)


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what is done, in the words of the topology."""
    builds = planned.parameter("way") == Way.BESIDE
    return (Act.TWIN, Act.RESIZE) if builds else (Act.RESIZE,)


RUNBOOK = Runbook(
    name=NAME,
    summary="give an ILB VM or routers another system offering, backup first",
    subject=movable(Scope(offerings=True, twins=True, builds=ilb_ways.may_build)),
    request=ResizeRequest,
    plan=_HALVES.plan,
    apply=_HALVES.apply,
    left_to_do=_HALVES.left_to_do,
    unsafe=_HALVES.unsafe,
    unproven=_HALVES.unproven,
    acts=acts,
    probed=_HALVES.probed,
    not_measured="Traffic was not measured.",
    example='app-tier offering="ILB large"',
)
