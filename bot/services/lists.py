"""Reads the lists that one look at the cloud shares, each once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bot.domain.cloud import IlbVm, LbRule, Tier
from bot.domain.zone import Offering, Router
from bot.ports import CloudReader

T = TypeVar("T")


class Lists:
    """What one look has read; made anew for each, so that looking again is looking.

    What was read of the whole fleet, to find what a name means, is not read again for one tier.
    """

    def __init__(self, cloud: CloudReader) -> None:
        self._cloud = cloud
        self._read: dict[tuple[str, str], asyncio.Future[Any]] = {}

    async def tiers(self) -> tuple[Tier, ...]:
        """Return all VPC tiers."""
        found: tuple[Tier, ...] = await self._once(("tiers", ""), self._cloud.tiers)
        return found

    async def ilb_vms(self, tier_id: str = "") -> tuple[IlbVm, ...]:
        """Return the ILB VMs of all tiers, or of one."""
        return await self._part(
            "ILB VMs",
            tier_id,
            lambda: self._cloud.ilb_vms(tier_id=tier_id),
            lambda vm: vm.tier_id,
        )

    async def rules(self, tier_id: str = "") -> tuple[LbRule, ...]:
        """Return the visible LB rules of all tiers, or of one."""
        return await self._part(
            "rules",
            tier_id,
            lambda: self._cloud.rules(tier_id=tier_id),
            lambda rule: rule.tier_id,
        )

    async def routers(self, *, vpc_id: str = "", network_id: str = "") -> tuple[Router, ...]:
        """Return the virtual routers of all places, or of one."""
        return await self._part(
            "routers",
            vpc_id or network_id,
            lambda: self._cloud.routers(vpc_id=vpc_id, network_id=network_id),
            lambda router: router.vpc_id or router.network_id,
        )

    async def offerings(self) -> tuple[Offering, ...]:
        """Return the system offerings there are."""
        found: tuple[Offering, ...] = await self._once(
            ("system offerings", ""), self._cloud.system_offerings
        )
        return found

    async def _part(
        self,
        what: str,
        place: str,
        read: Callable[[], Coroutine[Any, Any, tuple[T, ...]]],
        place_of: Callable[[T], str],
    ) -> tuple[T, ...]:
        """Return what is at a place, out of the whole list where that was asked for."""
        if place and (what, "") in self._read:
            whole: tuple[T, ...] = await self._read[what, ""]
            return tuple(one for one in whole if place_of(one) == place)
        return await self._once((what, place), read)

    async def _once(self, key: tuple[str, str], read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if key not in self._read:
            self._read[key] = asyncio.ensure_future(read())
        found: T = await self._read[key]
        return found
