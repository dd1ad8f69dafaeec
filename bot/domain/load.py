"""How busy machines are: a sample, what is known of a busy one, and what is proposed for it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class CpuSample:
    """How busy one machine was at one moment.

    `at` is the time of the event, unix seconds. `cpu_percent` is of all its vCPUs, 0 to 100.
    `host` is the hypervisor host where the source knows it, else `""`.
    """

    target_id: str
    target_name: str
    host: str
    at: float
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class Load:
    """What was read of a busy machine before anything is proposed for it.

    `since` is when it became busy (unix seconds), `samples` are (unix seconds, percent), oldest
    first. `busy_beside` names the other busy machines of its host where there are so many that
    the host is the matter, and is empty otherwise.
    """

    target_name: str
    host: str
    since: float
    enter_percent: float
    exit_percent: float
    samples: tuple[tuple[float, float], ...]
    busy_beside: tuple[str, ...] = ()

    @property
    def cpu_percent(self) -> float:
        """How busy it was when it was last looked at."""
        return self.samples[-1][1]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is advised for a busy machine, with the numbers it follows from.

    `runbook` is empty where the advice is to change nothing, or where nothing can be advised.
    """

    runbook: str
    reason: str
    parameters: tuple[tuple[str, str], ...] = ()
    numbers: tuple[str, ...] = ()


def percent_of(text: str) -> float | None:
    """Read CloudStack's `cpuused` (`"12.5%"`), None where it is no number from 0 on.

    `MetricsServiceImpl.createStatsResponse` writes it in the server's locale, so the point may be
    a comma; rounding may bring it above 100.
    """
    digits = text.strip().removesuffix("%").replace(",", ".")
    try:
        number = float(digits)
    except ValueError:
        return None
    return min(number, 100.0) if 0.0 <= number < inf else None
