"""roll-fleet: roll every ILB of one VPC or zone (and its routers, where asked for), in waves.

1. The first wave is one target, the canary; later ones are of 1, 2, 4 and more up to a cap. No two
   of a wave share a lane, a host or a name, looked at again when the wave begins.
2. Each target of a wave becomes an operation of its own, `roll`, which is planned anew, keeps to
   what the approval of the fleet promised of it, takes its own lane, and proves itself.
3. Wait until all of the wave have ended. Stop where more of them failed than the error budget
   allows, or where the canary is not as wished. Between waves a stop counts.
4. Say what was renewed, what failed and what was not begun. Asking again plans what is left.

CloudStack's `upgradeRouterTemplate` by zone has no order at all, takes ILB VMs too, and is never
used (`VirtualNetworkApplianceManagerImpl.upgradeRouterTemplate`).
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.fleet_view import FleetView
from bot.domain.operation import Wish
from bot.domain.plan import NothingToDo, Plan
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.version import is_same
from bot.domain.waves import Ended, Lot, lots_in, waves_in
from bot.engine.api import Run, Stopped
from bot.services.runbooks import Runbook
from bot.services.subjects import MANY
from workflows import roll_fleet_plans
from workflows.roll_fleet_words import Tally
from workflows.steps import child

NAME = "roll-fleet"
_WHAT = "roll the fleet"


class RollFleetRequest(BaseModel):
    """What a person may ask of `roll-fleet`; one VPC or one zone, never everything by accident."""

    model_config = ConfigDict(extra="forbid")

    vpc: str = Field(default="", description="name or id of the VPC whose fleet is rolled")
    zone: str = Field(default="", description="name or id of the zone whose fleet is rolled")
    version: str = Field(
        default="",
        description="template version to reach; default: the zone's minimum version",
        pattern=r"^(\d+(\.\d+){1,3})?$",
    )
    cap: int = Field(default=4, ge=1, le=8, description="most targets of one wave, 1 to 8")
    budget: int = Field(
        default=0, ge=0, le=99, description="how many targets may fail before it stops, 0 to 99"
    )
    routers: bool = Field(default=False, description="roll routers as well")

    @model_validator(mode="after")
    def _one_reach(self) -> RollFleetRequest:
        if bool(self.vpc) == bool(self.zone):
            raise ValueError("vpc=NAME or zone=NAME, and not both")
        return self

    @property
    def target(self) -> str:
        """How far it goes, as `bot.domain.fleet_view.find_reach` reads it."""
        return f"vpc={self.vpc}" if self.vpc else f"zone={self.zone}"


def plan(seen: FleetView, wish: Wish) -> Plan | NothingToDo:
    """Plan each target by the planner of `roll`, and group those that are due into waves.

    Raises `Refused` where there is nothing, or nothing of it can be rolled.
    """
    return roll_fleet_plans.plan(seen, wish)


async def apply(run: Run, planned: Plan) -> None:
    """Roll wave by wave, as the module's docstring numbers it."""
    parent = run.id.removesuffix(":apply")
    tally = Tally(parent, lots_in(planned), int(planned.parameter("budget")))
    try:
        for wave in waves_in(planned):
            await _wave(run, planned, wave, tally)
    except Stopped as stop:
        if not tally.ended:
            raise
        await run.step_anyway(child.end_here, _WHAT, tally.told(f"{stop}"))
    if tally.open_ends():
        await run.step(child.end_here, _WHAT, tally.told("not every target was renewed"))


async def _wave(run: Run, planned: Plan, wave: tuple[Lot, ...], tally: Tally) -> None:
    """Roll one wave, in as many parts as machines now share hosts."""
    left = wave
    while left:
        run.stage(roll_fleet_plans.title(wave))
        together = await run.step(child.hosts_apart, left)
        part = tuple(one for one in left if one.number in together)
        left = tuple(one for one in left if one.number not in together)
        run.commit()  # a stop halts the children at their own safe points; they are waited for
        wishes = [(one, roll_fleet_plans.wish_of(one, planned)) for one in part]
        ended = await child.carried_out(run, wishes)
        _note(run, part, ended, tally)
        if reason := tally.why_stop():
            await run.step(child.end_here, _WHAT, tally.told(reason))
        run.reopen()


def _note(run: Run, part: tuple[Lot, ...], ended: tuple[Ended, ...], tally: Tally) -> None:
    names = {one.number: one.name for one in part}
    tally.ended.extend(ended)
    for one in ended:
        if one.is_well:
            run.commit(f"{names[one.number]} was renewed")


def left_to_do(seen: FleetView, planned: Plan) -> tuple[str, ...]:
    """Return what is not as planned of those that were due."""
    views = {one.target.id: one for one in seen.views}
    return tuple(line for lot in lots_in(planned) for line in _left(views.get(lot.target_id), lot))


def _left(view: ServiceView | RouterView | None, lot: Lot) -> list[str]:
    if view is None:
        return [f"{lot.name} is gone"]
    machines = view.routers if isinstance(view, RouterView) else (
        one.vm for one in (view.ilb, view.twin) if one is not None
    )  # fmt: skip
    left = []
    for one in machines:
        if one is None or one.state is not VmState.RUNNING:
            left.append(f"{one.name if one else lot.name} is {one.state if one else 'missing'}")
        elif not is_same(one.version, lot.version):
            left.append(f"{one.name} reports version {one.version or 'none'}")
    return left


def unsafe(_seen: FleetView, _planned: Plan) -> str:
    """Nothing here: each target's own operation says whether it must not be left alone."""
    return ""


def covers(approved: Plan, planned: Plan) -> str:
    """Say why the approval of a fleet is none of what one of its targets would now cost."""
    lot = next((one for one in lots_in(approved) if one.target_id == planned.target.id), None)
    if lot is None:
        return f"{planned.target.name} is none of the targets that were approved"
    version = planned.parameter("version")
    if version != lot.version:
        return f"version {lot.version} was approved, and this would bring {version}"
    toll = roll_fleet_plans.toll_of(planned)
    if toll <= lot.toll:
        return ""
    promised = roll_fleet_plans.TOLLS[lot.toll]
    now = roll_fleet_plans.TOLLS[toll]
    return f"it was approved as {promised}, and now would be {now}: {planned.exposure.what}"


def acts(_planned: Plan) -> tuple[Act, ...]:
    """Return what is done to each target; which way it goes is for that target's own plan."""
    return (Act.ROLL,)


RUNBOOK = Runbook(
    name=NAME,
    summary="roll every ILB of a VPC or a zone, a canary first, then in waves",
    subject=MANY,
    request=RollFleetRequest,
    plan=plan,
    apply=apply,
    left_to_do=left_to_do,
    unsafe=unsafe,
    acts=acts,
    not_measured="What was measured is told target by target.",
    covers=covers,
    named_by="vpc=VPC|zone=ZONE",
    example="vpc=shop-prod",
)
