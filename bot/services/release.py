"""Asks now and then which release CloudStack is, and says what may be changed on that one."""

from __future__ import annotations

from bot.domain.release import FLOOR, is_supported, is_told
from bot.errors import Refused
from bot.ports import Clock, CloudReader

KEPT_S = 600.0
"""An upgrade is noticed by other means, and for as long after it people decide anyway
(`bot.services.cloud_watch`)."""


class Release:
    """The release of one CloudStack; one that was told is kept for a while."""

    def __init__(self, cloud: CloudReader, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._told, self._told_at = "", 0.0

    async def version(self) -> str:
        """Return its version, `""` where it does not tell."""
        now = self._clock.now()
        if not self._told or now - self._told_at >= KEPT_S:
            self._told, self._told_at = await self._cloud.version(), now
        return self._told

    async def refuse_too_old(self) -> None:
        """Raise `Refused` where nothing may be changed on it, with what works all the same."""
        version = await self.version()
        if is_told(version) and not is_supported(version):
            raise Refused(
                f"CloudStack {version} is older than {FLOOR}, and what a change does there was "
                "never tried.",
                instead="`status`, `can`, `why` and `export` work; upgrade to "
                f"{FLOOR} or later for more.",
            )

    async def why_people_decide(self) -> str:
        """Say why nothing is done on it without a person, `""` where something may be."""
        if is_told(await self.version()):
            return ""
        return "CloudStack does not tell its version, so a person decides"
