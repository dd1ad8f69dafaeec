"""What a runbook's planner relies on beside its target itself: no more than that is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bot.domain.service_view import ServiceView

T = TypeVar("T")


def always(_seen: ServiceView) -> bool:
    """Build in every case."""
    return True


def never(_seen: ServiceView) -> bool:
    """Build nothing."""
    return False


@dataclass(frozen=True, slots=True)
class Scope:
    """What a look at an ILB or at routers includes.

    `templates`: whether a boot brings a machine to a version. `offerings`: which system offerings
    there are. `hosts`: whether another one would
    take a machine. `twins`: whether twins are equal, rule by rule. `builds` says, of what was seen
    without it, whether to look for what a new twin takes: an address, members, an offering.
    """

    templates: bool = False
    offerings: bool = False
    hosts: bool = False
    twins: bool = False
    builds: Callable[[ServiceView], bool] = never

    async def if_templates(self, read: Callable[[], Awaitable[tuple[T, ...]]]) -> tuple[T, ...]:
        """Read the templates where they matter."""
        return await read() if self.templates else ()

    async def if_offerings(self, read: Callable[[], Awaitable[tuple[T, ...]]]) -> tuple[T, ...]:
        """Read the system offerings where they matter."""
        return await read() if self.offerings else ()

    async def if_hosts(self, read: Callable[[], Awaitable[tuple[T, ...]]]) -> tuple[T, ...]:
        """Read the hosts where they matter."""
        return await read() if self.hosts else ()


EVERYTHING = Scope(templates=True, hosts=True, twins=True, builds=always)
"""For people who look, and do not say yet what they want."""
