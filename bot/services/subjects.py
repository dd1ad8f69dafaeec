"""What runbooks work on: how it is found, read again, and what the platform lets be done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.domain.acts import Act, Answer
from bot.domain.fleet_view import FleetView, reach_of
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.placing import Placing
from bot.domain.plan import Plan, Target
from bot.domain.router_acts import forbidden as forbidden_to_routers
from bot.domain.router_view import ROUTER_KINDS, RouterView
from bot.domain.service_view import ServiceView
from bot.domain.site import Site
from bot.domain.tier_acts import forbidden_in
from bot.domain.topology import IlbTarget, RouterTarget, router_target_of, target_of
from bot.domain.twin_view import TwinView
from bot.domain.view import View
from bot.errors import Refused
from bot.services.fleet import Fleet
from bot.services.fleet_reader import Wanted
from bot.services.look import Look
from bot.services.placing import router_meant
from bot.services.routers import Place
from bot.services.scope import Scope


class Seen(Protocol):
    """Everything a planner may look at, read at one moment."""

    @property
    def target(self) -> Target:
        """What a plan made of it is for."""
        ...

    def changes(self, planned: Plan) -> tuple[str, ...]:
        """Say in words which facts of a plan are no longer so."""
        ...


S = TypeVar("S", bound=Seen)


@dataclass(frozen=True, slots=True)
class Subject(Generic[S]):
    """A kind of thing that runbooks work on.

    `find` reads what a wish names, `again` what a plan is for; both take the id of the operation
    that looks, which is not busy with itself, and raise `Refused` where there is no such thing.
    """

    find: Callable[[Fleet, Wish, str], Awaitable[S]]
    again: Callable[[Fleet, Plan, str], Awaitable[S]]
    forbids: Callable[[S, tuple[Act, ...]], Answer | None]
    """Why the platform does not let the first of these acts be done; None where it does all."""
    takes_routers: bool = False
    """Whether it may also be the routers of a VPC or of an isolated network."""


async def _find_ilb(fleet: Fleet, wish: Wish, ours: str) -> View:
    look = fleet.look()
    found = await look.find(wish.target)
    return await look.view(found.target_id, ours=ours, tier_id=found.tier.id, scope=_BARE)


async def _ilb_again(fleet: Fleet, planned: Plan, ours: str) -> View:
    """By address where the machine is gone: an ILB is its VIP, whatever machine carries it."""
    look, target = fleet.look(), planned.target
    try:
        return await look.view(target.id, ours=ours, tier_id=target.tier_id, scope=_BARE)
    except Refused:
        return await look.view(_by_address(planned), ours=ours, scope=_BARE)


def _by_address(planned: Plan) -> str:
    return f"{planned.target.tier_id}/{planned.parameter('vip')}"


def _ilb_forbids(view: View, acts: tuple[Act, ...]) -> Answer | None:
    return forbidden(target_of(view), acts)


_BARE = Scope()
ILB: Subject[View] = Subject(_find_ilb, _ilb_again, _ilb_forbids)
"""One ILB: a tier and a VIP, and the machine where there is one."""


async def _find_tier(fleet: Fleet, wish: Wish, ours: str) -> Site:
    look = fleet.look()
    return await look.site((await look.find_tier(wish.target)).id, ours=ours)


async def _tier_again(fleet: Fleet, planned: Plan, ours: str) -> Site:
    return await fleet.look().site(planned.target.tier_id, ours=ours)


TIER: Subject[Site] = Subject(_find_tier, _tier_again, forbidden_in)
"""One tier with all of its load balancing and its network ACL list."""


def movable(scope: Scope) -> Subject[ServiceView | RouterView]:
    """As `EITHER`, an ILB with what is needed to move its traffic to another address."""

    async def find(fleet: Fleet, wish: Wish, ours: str) -> ServiceView | RouterView:
        look = fleet.look()
        found = await look.find_target(wish.target)
        if isinstance(found, IlbTarget):
            ilb_id, tier_id = found.ilb.target_id, found.ilb.tier.id
            return await look.service(ilb_id, ours=ours, tier_id=tier_id, scope=scope)
        return await _routers_of(look, found, ours, scope)

    async def again(fleet: Fleet, planned: Plan, ours: str) -> ServiceView | RouterView:
        look, target = fleet.look(), planned.target
        if target.kind in ROUTER_KINDS:
            return await _routers_again(look, target, ours, scope)
        try:
            return await look.service(target.id, ours=ours, tier_id=target.tier_id, scope=scope)
        except Refused:
            return await look.service(_by_address(planned), ours=ours, scope=scope)

    return Subject(find, again, _movable_forbids, takes_routers=True)


def _movable_forbids(seen: ServiceView | RouterView, acts: tuple[Act, ...]) -> Answer | None:
    return _either_forbids(seen.ilb if isinstance(seen, ServiceView) else seen, acts)


async def _find_either(fleet: Fleet, wish: Wish, ours: str) -> View | TwinView | RouterView:
    look = fleet.look()
    found = await look.find_target(wish.target)
    if isinstance(found, IlbTarget):
        ilb_id, tier_id = found.ilb.target_id, found.ilb.tier.id
        return await look.repairable(ilb_id, ours=ours, tier_id=tier_id, scope=_BARE)
    return await _routers_of(look, found, ours, _BARE)


async def _routers_of(look: Look, found: RouterTarget, ours: str, scope: Scope) -> RouterView:
    first = found.routers[0]
    network_id = "" if first.vpc_id else first.network_id
    return await look.router_view(Place(first.vpc_id, network_id), ours=ours, scope=scope)


async def _routers_again(look: Look, target: Target, ours: str, scope: Scope) -> RouterView:
    network_id = "" if target.vpc_id else target.tier_id
    return await look.router_view(Place(target.vpc_id, network_id), ours=ours, scope=scope)


async def _either_again(fleet: Fleet, planned: Plan, ours: str) -> View | TwinView | RouterView:
    look, target = fleet.look(), planned.target
    if target.kind in ROUTER_KINDS:
        return await _routers_again(look, target, ours, _BARE)
    try:
        return await look.repairable(target.id, ours=ours, tier_id=target.tier_id, scope=_BARE)
    except Refused:
        return await look.repairable(_by_address(planned), ours=ours, scope=_BARE)


def _either_forbids(seen: View | TwinView | RouterView, acts: tuple[Act, ...]) -> Answer | None:
    if isinstance(seen, RouterView):
        return forbidden_to_routers(router_target_of(seen), acts)
    return _ilb_forbids(seen.ilb if isinstance(seen, TwinView) else seen, acts)


EITHER: Subject[View | TwinView | RouterView] = Subject(
    _find_either, _either_again, _either_forbids, takes_routers=True
)
"""An ILB, one of twins with what is around it, or the routers of a VPC or an isolated network;
planners go by the type of what is seen.

A name means what `find_target` takes it for: a router's own name means all routers of its place.
"""


async def _find_placed(fleet: Fleet, wish: Wish, ours: str) -> Placing:
    look = fleet.look()
    found = await look.find_target(wish.target)
    if isinstance(found, IlbTarget):
        ilb_id, tier_id = found.ilb.target_id, found.ilb.tier.id
        return await look.placing(await look.view(ilb_id, ours=ours, tier_id=tier_id, scope=_BARE))
    view = await _routers_of(look, found, ours, _BARE)
    return await look.placing(view, router_meant(view, wish.target))


async def _placed_again(fleet: Fleet, planned: Plan, ours: str) -> Placing:
    look, target = fleet.look(), planned.target
    if target.kind in ROUTER_KINDS:
        view = await _routers_again(look, target, ours, _BARE)
        return await look.placing(view, planned.parameter("machine"))
    return await look.placing(
        await look.view(target.id, ours=ours, tier_id=target.tier_id, scope=_BARE)
    )


def _placed_forbids(seen: Placing, acts: tuple[Act, ...]) -> Answer | None:
    return _either_forbids(seen.view, acts)


PLACED: Subject[Placing] = Subject(_find_placed, _placed_again, _placed_forbids, takes_routers=True)
"""One machine that may move to another host: that of an ILB, or one router of a place.

A router's own name means that router; a place with two is asked which.
"""


async def _find_many(fleet: Fleet, wish: Wish, _ours: str) -> FleetView:
    return await fleet.many.read(Wanted(wish.target, wish.parameter("routers") == "True"))


async def _many_again(fleet: Fleet, planned: Plan, _ours: str) -> FleetView:
    """By the ids that were resolved when it was planned: what came since is none of the plan."""
    ids = frozenset(planned.parameter("targets").split())
    return await fleet.many.read(
        Wanted(reach_of(planned), planned.parameter("routers") == "True", ids)
    )


def _many_forbid(_seen: FleetView, _acts: tuple[Act, ...]) -> Answer | None:
    """Nothing here: each target's own plan is held against what that target allows."""
    return None


MANY: Subject[FleetView] = Subject(_find_many, _many_again, _many_forbid)
"""Every target within one VPC or zone, each with the view that its own planner needs."""
