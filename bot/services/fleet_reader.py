"""Reads every target within one VPC or zone, in bulk: what a fleet is planned on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from bot.domain.fleet import Ilb, Snapshot
from bot.domain.fleet_view import (
    Around,
    FleetView,
    Past,
    Reach,
    find_reach,
    ilbs_within,
    names_of,
    place_id,
    router_view,
    routers_within,
    service_view,
)
from bot.domain.names import DirectoryKind, Record
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.site import twin_in
from bot.domain.topology import RouterTarget
from bot.errors import Refused
from bot.ports import Clock, CloudReader
from bot.services.service_view import Outlook
from bot.services.snapshot import read_snapshot

PastOf = Callable[[str], Awaitable[Past]]
"""Given the id of a target: what our own operations say of it."""


async def nothing_past(target_id: str) -> Past:
    """Say that nothing is known."""
    return Past()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which targets: those within `reach` (`vpc=NAME` or `zone=NAME`), routers where asked for.

    With `only`, those of these ids: what a plan resolved once is not widened later.
    """

    reach: str
    routers: bool = False
    only: frozenset[str] | None = None

    def takes(self, target_id: str) -> bool:
        """Whether a target within the reach is meant."""
        return self.only is None or target_id in self.only


@dataclass(frozen=True, slots=True)
class FleetReader:
    """Reads fleets; `past_of` tells what our own operations say of a target."""

    cloud: CloudReader
    clock: Clock
    outlook: Outlook
    past_of: PastOf

    async def read(self, wanted: Wanted) -> FleetView:
        """Read them anew; `Refused` where the reach means nothing or may not be read."""
        snapshot = await read_snapshot(self.cloud, self.clock)
        reach = find_reach(snapshot, wanted.reach)
        ilbs = tuple(one for one in ilbs_within(snapshot, reach) if wanted.takes(one.target_id))
        routers = self._routers(snapshot, reach, wanted) if wanted.routers else ()
        around = await self._around(snapshot, ilbs, routers)
        views: tuple[ServiceView | RouterView, ...] = (
            *(service_view(snapshot, one, around) for one in ilbs),
            *(router_view(snapshot, one, around) for one in routers),
        )
        parked = ((one, past.parked) for one, past in around.pasts.items() if past.parked)
        return FleetView(reach, views, tuple(parked))

    def _routers(
        self, snapshot: Snapshot, reach: Reach, wanted: Wanted
    ) -> tuple[RouterTarget, ...]:
        for text in snapshot.not_read:
            if text.partition(":")[0] in {"routers", "VPCs", "isolated networks"}:
                raise Refused(
                    f"Routers cannot be looked at: {text}",
                    instead="Leave `routers` out, or give the read key that right.",
                )
        inside = routers_within(snapshot, reach)
        return tuple(one for one in inside if wanted.takes(place_id(one)))

    async def _around(
        self, snapshot: Snapshot, ilbs: tuple[Ilb, ...], routers: tuple[RouterTarget, ...]
    ) -> Around:
        ids = [*_ids(snapshot, ilbs), *(place_id(one) for one in routers)]
        records, vantage_points = await asyncio.gather(
            self._records(names_of(ilbs)), self.outlook.probe.vantage_points()
        )
        pasts = {one: await self.past_of(one) for one in ids}
        return Around(self.outlook.directory.kind, records, vantage_points, pasts)

    async def _records(self, names: tuple[str, ...]) -> tuple[Record, ...]:
        if self.outlook.directory.kind is DirectoryKind.NONE:
            return ()
        looks = (self.outlook.directory.look(name) for name in names)
        return tuple(await asyncio.gather(*looks))


def _ids(snapshot: Snapshot, ilbs: Iterable[Ilb]) -> Iterable[str]:
    """Yield the ids of ILBs and of their twins."""
    by_place = {(one.tier.id, one.vip): one for one in snapshot.ilbs}
    for ilb in ilbs:
        yield ilb.target_id
        twin = by_place.get((ilb.tier.id, twin_in(ilb.rules)))
        if twin is not None:
            yield twin.target_id
