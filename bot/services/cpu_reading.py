"""Reads CPU samples of routers and ILB VMs from CloudStack, each of them once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from bot.domain.detect import Detector, Edge, Rule
from bot.domain.load import CpuSample
from bot.ports import Clock, CloudReader
from bot.services.cpu_case import machines_of
from bot.services.saturation import Saturation

log = structlog.get_logger(__name__)
_OURS = ("b-", "r-")
"""How the names of ILB VMs and routers begin (CloudStack `VirtualMachineName`)."""
_OVERLAP_S = 120.0
"""CloudStack stores the samples of one round one after the other, so some come late."""

Publish = Callable[[CpuSample], Awaitable[object]]


class CpuReading:
    """Reads what is new; the first time what is up to `window_s` old."""

    def __init__(self, cloud: CloudReader, clock: Clock, window_s: float) -> None:
        self._cloud = cloud
        self._clock = clock
        self._since = clock.now() - window_s
        self._newest: dict[str, float] = {}

    async def read(self) -> tuple[CpuSample, ...]:
        """Return the samples that no earlier read returned, oldest first."""
        found = [
            one
            for one in await self._cloud.cpu_samples(since=self._since)
            if one.target_name.startswith(_OURS)
        ]
        fresh = tuple(one for one in found if one.at > self._newest.get(one.target_id, 0.0))
        if found:
            # Machines that are gone drop out of it with the first answer that lacks them.
            self._newest = {one.target_id: one.at for one in found}
            self._since = max(self._since, found[-1].at - _OVERLAP_S)
        return fresh


class CpuWatch:
    """Finds busy machines by reading, where no topic has their samples."""

    def __init__(
        self, cloud: CloudReader, clock: Clock, rule: Rule, saturation: Saturation
    ) -> None:
        self._reading = CpuReading(cloud, clock, rule.window_s)
        self._clock = clock
        self._rule = rule
        self._saturation = saturation
        self._detector: Detector | None = None
        self._owed: list[Edge] = []

    async def look(self) -> None:
        """Read what is new and tell what follows; what cannot be told now is told first next time.

        After a restart one window is read again. What was decided of it has its notes.
        """
        if self._detector is None:
            self._detector = Detector(self._rule, await self._saturation.opened())
        await self._tell()
        for one in await self._reading.read():
            self._owed += self._detector.feed(
                one.target_id, one.at, one.cpu_percent, one.target_name, one.host
            )
        self._owed += self._detector.tick(self._clock.now())
        await self._tell()

    async def _tell(self) -> None:
        while self._owed:
            await self._saturation.hear(self._owed[0])
            del self._owed[0]


class Sampler:
    """Publishes CloudStack's samples, with the host that each machine is on now."""

    def __init__(self, cloud: CloudReader, clock: Clock, publish: Publish, window_s: float) -> None:
        self._cloud = cloud
        self._reading = CpuReading(cloud, clock, window_s)
        self._publish = publish
        self._unpublished: list[CpuSample] = []

    async def once(self) -> int:
        """Publish what is new, return how much; what could not be published is tried again."""
        self._unpublished += await self._reading.read()
        if not self._unpublished:
            return 0
        hosts = {machine.id: machine.host_name for machine in await machines_of(self._cloud)}
        published = 0
        while self._unpublished:
            one = self._unpublished[0]
            host = hosts.get(one.target_id, "")
            await self._publish(
                CpuSample(one.target_id, one.target_name, host, one.at, one.cpu_percent)
            )
            del self._unpublished[0]
            published += 1
        log.info("cpu_samples_published", samples=published)
        return published
