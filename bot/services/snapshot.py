"""Reads the whole fleet in bulk pages into one snapshot, and keeps it for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.domain.cloud import Tier
from bot.domain.fleet import MINIMUM_VERSION, RECREATE_CHECKS, Setting, Snapshot, ilbs_of
from bot.errors import IlbotError, Refused
from bot.ports import Clock, CloudReader

SETTINGS = (MINIMUM_VERSION, RECREATE_CHECKS)
"""Read for each zone with a tier: what a new disk must reach, and what would fight the bot."""
KEPT_S = 10.0
"""So long an answer to one person also does for the next; plans always read anew."""

T = TypeVar("T")


class Snapshots:
    """Gives one snapshot to everybody who asks within a moment."""

    def __init__(self, cloud: CloudReader, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._last: Snapshot | None = None
        self._reading = asyncio.Lock()

    async def newest(self) -> Snapshot:
        """Return a snapshot; where the cloud does not answer the last one, with the `trouble`."""
        async with self._reading:
            last = self._last
            if last is not None and last.age_s(self._clock.now()) < KEPT_S:
                return last
            try:
                self._last = await read_snapshot(self._cloud, self._clock)
            except IlbotError as error:
                if last is None:
                    raise
                return replace(last, trouble=str(error))
            return self._last


async def read_snapshot(cloud: CloudReader, clock: Clock) -> Snapshot:
    """Read everything; ILB VMs, rules and tiers must be there, a role may lack the rest.

    First what refers, then what it refers to: a tier made meanwhile cannot make a machine dangle.
    """
    read_at, allowed = clock.now(), Allowed()
    vms, rules, routers = await asyncio.gather(
        cloud.ilb_vms(), cloud.rules(), allowed("routers", cloud.routers())
    )
    tiers, networks, vpcs, zones = await asyncio.gather(
        cloud.tiers(),
        allowed("isolated networks", cloud.isolated_networks()),
        allowed("VPCs", cloud.vpcs()),
        allowed("zones", cloud.zones()),
    )
    hosts, offerings, templates, providers = await asyncio.gather(
        allowed("hosts", cloud.hosts()),
        allowed("system offerings", cloud.system_offerings()),
        allowed("system VM templates", cloud.system_templates()),
        allowed("internal LB providers", cloud.providers()),
    )
    settings, version = await asyncio.gather(
        allowed("settings", _settings(cloud, tiers)), cloud.version()
    )
    return Snapshot(
        read_at, tiers, ilbs_of(tiers, vms, rules), version, zones, vpcs, networks, routers,
        hosts, offerings, templates, providers, settings, tuple(allowed.refused),
    )  # fmt: skip


@dataclass
class Allowed:
    """Reads lists that a role may lack, and remembers which those were."""

    refused: list[str] = field(default_factory=list)

    async def __call__(self, what: str, listing: Awaitable[tuple[T, ...]]) -> tuple[T, ...]:
        try:
            return await listing
        except Refused as no:
            self.refused.append(f"{what}: {no}")
            return ()


async def _settings(cloud: CloudReader, tiers: Iterable[Tier]) -> tuple[Setting, ...]:
    wanted = [(name, zone) for zone in sorted({t.zone_id for t in tiers}) for name in SETTINGS]
    values = await asyncio.gather(*(cloud.setting(name, zone_id=zone) for name, zone in wanted))
    return tuple(
        Setting(name, zone, value or "") for (name, zone), value in zip(wanted, values, strict=True)
    )
