"""pair, for the routers of a VPC or an isolated network: CloudStack's own redundant pair.

1. Pass the point of no return: the redundant flag and, for a VPC, its offering are written before
   the routers are replaced (`VpcManagerImpl.restartVpc`, `NetworkServiceImpl.restartNetwork`).
2. Submit makeredundant, and see two routers, exactly one PRIMARY and one BACKUP.
"""

from __future__ import annotations

from bot.domain.acts import Act
from bot.domain.cloud import VmState
from bot.domain.operation import Wish
from bot.domain.plan import Exposure, NothingToDo, Plan, PlannedStep, in_words
from bot.domain.router_acts import forbidden as forbidden_to_routers
from bot.domain.router_view import RouterView
from bot.domain.topology import router_target_of
from bot.engine.api import Run
from bot.errors import Refused
from workflows.steps import redundant

NAME = "pair"


def plan(seen: RouterView, wish: Wish) -> Plan | NothingToDo:
    if seen.busy_with:
        raise Refused(
            f"Operation {seen.busy_with} is open on {seen.name}.",
            until="it ends",
            instead=f"`why {seen.busy_with}` shows where it stands.",
        )
    if wish.parameter("name") or wish.parameter("vip"):
        raise Refused(
            "A pair of routers shares its addresses and needs neither `name` nor `vip`.",
            instead="Leave them out.",
        )
    if seen.is_redundant and seen.is_healthy_pair:
        return NothingToDo(f"{seen.name.capitalize()} are a pair: {roles(seen)}.")
    if answer := forbidden_to_routers(router_target_of(seen), (Act.MAKE_PAIR,)):
        raise Refused(answer.text, instead=answer.instead)
    down = [f"{one.name} is {one.state}" for one in seen.routers
            if one.state is not VmState.RUNNING]  # fmt: skip
    if down:
        raise Refused(f"{in_words(down)}.", instead="`recover` it first.")
    is_vpc = seen.vpc is not None
    command = "restartVPC" if is_vpc else "restartNetwork"
    return Plan(
        runbook=NAME,
        target=seen.target,
        summary=f"Make {seen.name} a redundant pair",
        facts=seen.facts(),
        steps=(
            PlannedStep(f"{command} makeredundant: CloudStack replaces the routers",
                        no_return=True),
            PlannedStep("See exactly one PRIMARY and one BACKUP"),
        ),
        exposure=_router_exposure(seen),
        blast_radius=router_target_of(seen).blast_radius(),
        warnings=_router_warnings(seen),
        parameters=(("strategy", "vpc-router-pair" if is_vpc else "router-pair"),),
        by_person="there is no way back to a single router",
    )  # fmt: skip


def _router_exposure(seen: RouterView) -> Exposure:
    what = f"everything that passes {seen.name}"
    if seen.own_outages_s:
        last = seen.own_outages_s[0]
        return Exposure(what, last, f"the last operation of ilbot on it took {last:.0f} s")
    return Exposure(what, None, "not known: CloudStack destroys the old router after the new one "
                                "runs, and the addresses change over then")  # fmt: skip


def _router_warnings(seen: RouterView) -> tuple[str, ...]:
    warnings = ["There is no way back to a single router."]
    if seen.vpc is not None:
        warnings.append(
            f"The VPC goes from {seen.vpc.offering_name} to the built-in redundant offering: a "
            "custom one is lost."
        )
        warnings.append("ILB VMs stay single; `pair` on an ILB makes twins.")
    return tuple(warnings)


def roles(seen: RouterView) -> str:
    return in_words([f"{one.name} is {one.role} ({one.state})" for one in seen.routers]) or "none"


async def apply(run: Run, planned: Plan) -> None:
    """Make the pair, as the module's docstring numbers it."""
    target = planned.target
    run.commit()
    run.stage("Let CloudStack make the pair, and see one PRIMARY and one BACKUP")
    network_id = "" if target.vpc_id else target.tier_id
    await redundant.make_pair(
        run, target.vpc or target.tier, vpc_id=target.vpc_id, network_id=network_id
    )


def left_to_do(view: RouterView) -> tuple[str, ...]:
    """Return what is not as planned."""
    return () if view.is_healthy_pair else (f"{view.name}: {roles(view)}",)


def unsafe(view: RouterView) -> str:
    """Say why a failed change must not be left alone."""
    down = [one.name for one in view.routers if one.state is not VmState.RUNNING]
    if not view.routers:
        return f"{view.owner} has no router"
    return f"{in_words(down)} not Running" if down else ""
