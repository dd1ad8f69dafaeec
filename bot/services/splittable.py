"""An ILB that is to be divided: seen with what its services carry, counted once, for its plan."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from bot.domain.counted import Load
from bot.domain.operation import Wish
from bot.domain.plan import Plan
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.splitting import Splitting
from bot.services.fleet import Fleet
from bot.services.scope import Scope, always
from bot.services.subjects import Subject, movable

SPLITTING, LOADS, NAMES, VIPS = "splitting", "loads", "names", "vips"
"""The parameters of a plan that say who goes where, what was counted for it, which names it moves,
and to which addresses."""
_SPLITTING: TypeAdapter[Splitting] = TypeAdapter(Splitting)
_LOADS: TypeAdapter[tuple[Load, ...]] = TypeAdapter(tuple[Load, ...])
UNCOUNTED = movable(Scope(hosts=True, builds=always))
"""The same without what its clients do, which takes a while to count."""
Seen = ServiceView | RouterView


def splitting_of(planned: Plan) -> Splitting:
    """Return the partition of a plan."""
    return _SPLITTING.validate_json(planned.parameter(SPLITTING))


async def _find(fleet: Fleet, wish: Wish, ours: str) -> Seen:
    seen = await UNCOUNTED.find(fleet, wish, ours)
    if isinstance(seen, RouterView) or wish.parameter("weights"):
        return seen
    return await fleet.look().counted(seen)


async def _again(fleet: Fleet, planned: Plan, ours: str) -> Seen:
    """By what was counted when it was planned: who approved saw that, and it is never the same."""
    seen = await UNCOUNTED.again(fleet, planned, ours)
    if isinstance(seen, RouterView):
        return seen
    names, vips = planned.parameter(NAMES).split(), planned.parameter(VIPS).split()
    seen = await fleet.look().beyond(seen, names, vips)
    return replace(seen, loads=_LOADS.validate_json(planned.parameter(LOADS) or "[]"))


def parameters(seen: ServiceView, found: Splitting) -> tuple[tuple[str, str], ...]:
    """Return what a plan keeps, so that it is seen again as it was."""
    names = [move.after.name for one in found.passages for move in one.moves]
    return (
        (SPLITTING, _SPLITTING.dump_json(found).decode()),
        (LOADS, _LOADS.dump_json(seen.loads).decode()),
        (NAMES, " ".join(names)),
        (VIPS, " ".join(found.vips)),
    )


SPLITTABLE: Subject[Seen] = Subject(_find, _again, UNCOUNTED.forbids, takes_routers=True)
