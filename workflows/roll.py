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
from bot.domain.plan import Plan
from bot.services.runbooks import Runbook
from bot.services.scope import Scope
from bot.services.subjects import movable
from workflows import ilb_ways, roll_ilb, roll_router, router_ways
from workflows.halves import OUTAGE, Halves
from workflows.ilb_way_plans import Way

NAME = "roll"


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
    outage: bool = Field(default=False, description=OUTAGE)


_HALVES = Halves(roll_ilb.plan, roll_router.plan, roll_ilb.WORK, roll_router.WORK)
plan, apply, probed = _HALVES.plan, _HALVES.apply, _HALVES.probed
_ACTS = {Way.BESIDE: (Act.TWIN, Act.ROLL), router_ways.PAIR: (Act.ROLL_PAIR,)}


def acts(planned: Plan) -> tuple[Act, ...]:
    """Return what the roll does, in the words of the topology."""
    return _ACTS.get(planned.parameter("way"), (Act.ROLL,))


RUNBOOK = Runbook(
    name=NAME,
    summary="renew an ILB VM or routers from the current system VM template, backup first",
    subject=movable(Scope(templates=True, twins=True, builds=ilb_ways.may_build)),
    request=RollRequest,
    plan=plan,
    apply=apply,
    left_to_do=_HALVES.left_to_do,
    unsafe=_HALVES.unsafe,
    acts=acts,
    probed=probed,
    not_measured="Traffic was not measured.",
)
