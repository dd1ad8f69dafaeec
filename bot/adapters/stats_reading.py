"""Reads what HAProxy counts on a VIP at the end of every second, for whoever tells of it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.adapters.steady_time import SteadyTime
from bot.domain.counted import Counted
from bot.errors import Transient

log = structlog.get_logger(__name__)
AGAIN_S = 5
"""A page that could not be read is left alone for this long: it may be nobody's but ours to ask."""
KEEP_S = 900

Read = Callable[[str], Awaitable[Mapping[int, Counted]]]
"""`bot.adapters.haproxy_stats.StatsPages.read`, or what a test puts in its place."""


class Reading:
    """One VIP's page, read from now on until it is closed.

    A second is `settled` when there is nothing more to come of it, read or not; at the end of a
    second, since only so are our own connections of just that second in what was counted.
    """

    def __init__(self, vip: str, read: Read, time: SteadyTime) -> None:
        self._vip, self._read, self._time = vip, read, time
        self._next = math.floor(time()) + 1
        self._told: dict[int, Mapping[int, Counted]] = {}
        self._trouble: str | None = None
        self._task = asyncio.create_task(self._go_on())

    @property
    def is_astray(self) -> bool:
        """Whether the clock was set since, so that its seconds are no longer anybody's."""
        return self._time.is_astray

    @property
    def settled(self) -> float:
        """All seconds before this one are settled."""
        return self._next

    def counted(self, second: int, port: int) -> Counted | None:
        """Return what was counted of a port at the end of a second, None where it was not read."""
        return self._told.get(second, {}).get(port)

    def close(self) -> asyncio.Task[None]:
        """Read no more; return the task that ends."""
        self._next = _NEVER
        self._task.cancel()
        return self._task

    async def _go_on(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._next + 1 - self._time())
                wait_s = 1 if await self._look(self._next) else AGAIN_S
                self._next = max(self._next + wait_s, math.floor(self._time()))
        finally:
            self._next = _NEVER  # a bug here must not keep back what was seen

    async def _look(self, second: int) -> bool:
        try:
            self._told[second] = await self._read(self._vip)
        except Transient as why:
            if self._trouble is None or str(why) != self._trouble:
                log.info("stats_page_was_not_read", vip=self._vip, why=str(why))
            self._trouble = str(why)
            return False
        if self._trouble:
            log.info("stats_page_is_read_again", vip=self._vip)
        self._trouble = ""
        while len(self._told) > KEEP_S:
            del self._told[next(iter(self._told))]
        return True


_NEVER = 2**62
"""A second that does not come."""
