"""What runbooks work on: how it is found, read again, and what the platform lets be done to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bot.domain.acts import Act, Answer
from bot.domain.ilb_acts import forbidden
from bot.domain.operation import Wish
from bot.domain.plan import Plan, Target
from bot.domain.site import Site
from bot.domain.tier_acts import forbidden_in
from bot.domain.topology import target_of
from bot.domain.view import View
from bot.errors import Refused
from bot.services.fleet import Fleet


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


async def _find_ilb(fleet: Fleet, wish: Wish, ours: str) -> View:
    return await fleet.view((await fleet.find(wish.target)).target_id, ours=ours)


async def _ilb_again(fleet: Fleet, planned: Plan, ours: str) -> View:
    """By address where the machine is gone: an ILB is its VIP, whatever machine carries it."""
    try:
        return await fleet.view(planned.target.id, ours=ours)
    except Refused:
        by_address = f"{planned.target.tier_id}/{planned.parameter('vip')}"
        return await fleet.view(by_address, ours=ours)


def _ilb_forbids(view: View, acts: tuple[Act, ...]) -> Answer | None:
    return forbidden(target_of(view), acts)


ILB: Subject[View] = Subject(_find_ilb, _ilb_again, _ilb_forbids)
"""One ILB: a tier and a VIP, and the machine where there is one."""


async def _find_tier(fleet: Fleet, wish: Wish, ours: str) -> Site:
    return await fleet.site((await fleet.find_tier(wish.target)).id, ours=ours)


async def _tier_again(fleet: Fleet, planned: Plan, ours: str) -> Site:
    return await fleet.site(planned.target.tier_id, ours=ours)


TIER: Subject[Site] = Subject(_find_tier, _tier_again, forbidden_in)
"""One tier with all of its load balancing and its network ACL list."""
