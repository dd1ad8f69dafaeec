"""When a failure begins, goes on, comes back and is over, by what is read of it; pure.

CloudStack tells that checks fail, with every collection again, and never that they pass: only a
reading ends an episode.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.domain.health import CheckResult, CheckStatus

FLAP_WINDOW_S = 3600.0
"""What fails again within it after it passed is the same incident, and flaps: CloudStack collects
results every 10 min, so it was seen to pass a few times at most."""
LASTS_S = 1800.0
"""What flapped and now fails for so long without a break is a failure like any other."""


class Reading(StrEnum):
    """What was read of a target just now."""

    FAILS = "fails"
    PASSES = "passes"
    NOT_KNOWN = "not known"
    """Nothing was collected since its last start, or somebody is at work on it."""


class Turn(StrEnum):
    """What a reading makes of the last episode."""

    NOTHING = "nothing"
    BEGINS = "begins"
    FLAPS = "fails again"
    GOES_ON = "goes on"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that a target failed; times are unix seconds, `ended_at` 0 while it goes on.

    `incident` is the name of the first episode of those that flap, `times` how many they are.
    `checks` are what was seen to fail.
    """

    name: str
    incident: str
    began_at: float
    ended_at: float = 0.0
    times: int = 1
    checks: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody has read yet that it is over."""
        return not self.ended_at

    @property
    def flaps(self) -> bool:
        """Whether it is one of several within one incident."""
        return self.times > 1

    def key(self, now: float) -> str:
        """Name what is proposed at most once: the incident, or an episode of it that lasts."""
        return self.name if now - self.began_at >= LASTS_S else self.incident


def turn(last: Episode | None, reading: Reading, now: float) -> Turn:
    """Say what a reading makes of the last episode of a target, None where it never failed."""
    if last is not None and last.is_open:
        ways = {Reading.FAILS: Turn.GOES_ON, Reading.PASSES: Turn.ENDS}
        return ways.get(reading, Turn.NOTHING)
    if reading is not Reading.FAILS:
        return Turn.NOTHING
    is_soon = last is not None and now - last.ended_at < FLAP_WINDOW_S
    return Turn.FLAPS if is_soon else Turn.BEGINS


def begun(last: Episode | None, name: str, now: float, checks: tuple[str, ...]) -> Episode:
    """Return the episode that begins now, as part of the incident of the last one if it flaps."""
    new = Episode(name, name, now, checks=checks)
    if last is None or turn(last, Reading.FAILS, now) is not Turn.FLAPS:
        return new
    return replace(new, incident=last.incident, times=last.times + 1)


def passing(collected: Iterable[CheckResult], names: Iterable[str]) -> bool:
    """Whether checks that failed are known to pass by what was collected since the last start.

    One that is no longer collected beside others is no failure any more.
    """
    status = {one.name: one.status for one in collected}
    well = {CheckStatus.SUCCESS, CheckStatus.WARNING}
    return bool(status) and all(status[name] in well for name in names if name in status)
