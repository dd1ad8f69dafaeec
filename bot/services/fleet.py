"""Gives looks at the cloud: a fresh one for each plan, a snapshot kept for a moment for people."""

from __future__ import annotations

from bot.domain.cloud import PendingJob, Tier
from bot.domain.fleet import Ilb, Snapshot
from bot.domain.names import Record
from bot.domain.router_view import RouterView
from bot.domain.service_view import ServiceView
from bot.domain.site import Site
from bot.domain.topology import Target
from bot.domain.view import View
from bot.ports import Clock, CloudReader
from bot.services.fleet_reader import FleetReader, PastOf, nothing_past
from bot.services.look import History, Look, Senses
from bot.services.release import Release
from bot.services.routers import Place
from bot.services.service_view import Outlook
from bot.services.snapshot import Snapshots

__all__ = ["Fleet", "History"]


class Fleet:
    """The read model of the cloud; only `snapshot` is kept, and for a moment."""

    def __init__(
        self,
        cloud: CloudReader,
        clock: Clock,
        history: History,
        outlook: Outlook,
        past_of: PastOf = nothing_past,
    ) -> None:
        self.release = Release(cloud, clock)
        self._cloud = cloud
        self._senses = Senses(cloud, clock, history, outlook, self.release)
        self._snapshots = Snapshots(cloud, clock)
        self.many = FleetReader(cloud, clock, outlook, past_of)

    def look(self) -> Look:
        """Begin a look, which asks CloudStack for nothing twice."""
        return Look(self._senses)

    async def snapshot(self) -> Snapshot:
        """Return the whole fleet for people to look at; plans are made of a `Look`."""
        return await self._snapshots.newest()

    def age_s(self, snapshot: Snapshot) -> float:
        """Return how old a snapshot is by now."""
        return snapshot.age_s(self._senses.clock.now())

    async def find(self, named: str) -> Ilb:
        """Resolve what a person typed to exactly one ILB; `Refused` with the choices otherwise.

        Takes an ILB VM's name or id, a VIP, a tier's name or id, or `vpc/tier`.
        """
        return await self.look().find(named)

    async def ilbs(self) -> tuple[tuple[Ilb, ...], tuple[Tier, ...]]:
        """Return every ILB (machines, and VIPs whose machine is missing) and every tier."""
        return await self.look().ilbs()

    async def view(self, target_id: str) -> View:
        """Read everything about one ILB by its target id (a machine's id, or `tier/vip`)."""
        return await self.look().view(target_id)

    async def service(self, target_id: str) -> ServiceView:
        """Read an ILB as `view` does, with its twin, its names, the hosts and who watches it."""
        return await self.look().service(target_id)

    async def find_tier(self, named: str) -> Tier:
        """Return the one tier that a name means; `Refused` with choices otherwise."""
        return await self.look().find_tier(named)

    async def site(self, tier_id: str) -> Site:
        """Read everything about the load balancing of one tier."""
        return await self.look().site(tier_id)

    async def find_target(self, named: str) -> Target:
        """Return the one ILB, router or pair of routers that a name means; `Refused` otherwise."""
        return await self.look().find_target(named)

    async def router_view(self, place: Place) -> RouterView:
        """Read everything about the routers of one VPC or isolated network."""
        return await self.look().router_view(place)

    async def record(self, name: str) -> Record:
        """Read what the directory publishes for a name; `Refused` where there is no directory."""
        return await self._senses.outlook.directory.look(name)

    async def unfinished_jobs(self) -> tuple[PendingJob, ...]:
        """Return what CloudStack is still at work on, whoever asked for it."""
        return await self._cloud.pending_jobs()
