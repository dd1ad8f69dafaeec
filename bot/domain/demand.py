"""What is known of a machine under load: the numbers an advice is made from, with their units.

What nobody could read is None; an advice says which of it was missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.domain.counted import MemberTimes

CPU_TARGET_PERCENT = 70.0
"""Mean CPU, of what the machine can get, that is still well. Measured on HAProxy 2.6 with a quota:
the 99th percentile of response times grows from about 80 % on and collapses at 100 %."""
PEAK_TARGET_PERCENT = 90.0
"""The same for the 95th percentile of a window."""
CONNECTION_CPU_S = 1 / 5400
"""CPU that a new connection takes: HAProxy 2.6 took about 5,400 new connections a second on one
core, each with one request. Only shares are taken from it, and whether traffic explains a load."""
BITS_PER_CPU = 0.75e9
"""Bits that one vCPU carries in a second: between 0.5 and 1 Gbps as a rule of thumb."""
THREAD_GAIN = 0.85
"""What each vCPU after the first adds: an assumption (HAProxy runs one thread per CPU)."""

SATURATED_PERCENT = 95.0
BACKLOG = 1.15
"""A machine that does all it can is asked for more; how much more is not seen, so this is assumed.
The queue before it has no end from 100 % on."""
HOST_FULL_PERCENT, HOST_WARM_PERCENT = 90.0, 75.0
SEVERAL = 2
"""So many other busy machines make a host full that is warm, or whose own CPU is not known: from
half of what CloudStack counts on, threads share cores."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """How busy the machine was in a window.

    Percent of all its vCPUs as the hypervisor counts them (`listSystemVmsUsageHistory`), so that
    one with a cap never reaches 100; `is_from_inside` is what its guest sees, where time that the
    hypervisor withholds counts as busy (`cpu_usage_check.py` is 100 less what `top` calls idle).
    """

    mean_percent: float
    p95_percent: float | None = None
    window_s: float = 0.0
    is_from_inside: bool = False


_CHECKED = re.compile(r"CPU Usage (?:within limits with current at )?([0-9]+(?:\.[0-9]+)?)%")


def cpu_of_check(details: str) -> Cpu | None:
    """Read what `cpu_usage_check.py` of a system VM says: one moment, seen from inside."""
    found = _CHECKED.match(details)
    return Cpu(float(found[1]), is_from_inside=True) if found else None


def cpu_of_samples(samples: Sequence[tuple[float, float]]) -> Cpu | None:
    """Add samples of (unix seconds, percent of all vCPUs) up, oldest first."""
    if not samples:
        return None
    percents = sorted(percent for _, percent in samples)
    p95 = percents[math.ceil(0.95 * len(percents)) - 1] if len(percents) > 1 else None
    return Cpu(sum(percents) / len(percents), p95, samples[-1][0] - samples[0][0])


@dataclass(frozen=True, slots=True)
class ServiceLoad:
    """One LB rule; `name` is what its clients look up, `""` where they have the bare address.

    `per_s` are new connections a second, None where nobody could read HAProxy's counters; `open`
    are sessions now.
    """

    port: int
    name: str = ""
    per_s: float | None = None
    open: int = 0
    bits_per_s: float = 0.0
    latency: MemberTimes | None = None
    down: int = 0

    @property
    def cpu(self) -> float:
        """CPUs that such traffic takes by the rules of thumb above; its share is what matters."""
        return (self.per_s or 0.0) * CONNECTION_CPU_S + self.bits_per_s / BITS_PER_CPU

    @property
    def session_s(self) -> float | None:
        """How long a session lasts on average (Little's law); no response takes longer."""
        return self.open / self.per_s if self.per_s else None


@dataclass(frozen=True, slots=True)
class Size:
    """A system offering. `mhz` is a share of the host and no limit, but where it `is_capped`.

    (CloudStack `limitcpuuse`; on KVM the share is cgroup CPU shares, the cap a quota.)
    """

    cpus: int
    mhz: int
    is_capped: bool = False
    id: str = ""
    name: str = ""

    def percent(self, host_mhz: float | None) -> float | None:
        """Return how much of its vCPUs it can get, None where the host's clock is not known.

        CloudStack's `KVMGuru.setVmQuotaPercentage` rounds the ratio of the clocks to 1 %.
        """
        if not self.is_capped:
            return 100.0
        return min(100.0, max(1.0, round(100 * self.mhz / host_mhz))) if host_mhz else None

    def power(self, host_mhz: float | None) -> float | None:
        """Return what it can compute, in vCPUs of a free host."""
        percent = self.percent(host_mhz)
        return None if percent is None else (1 + THREAD_GAIN * (self.cpus - 1)) * percent / 100

    def __str__(self) -> str:
        cap = f"capped at {self.mhz} MHz" if self.is_capped else f"{self.mhz} MHz share, no cap"
        return f"{self.cpus} vCPU{'s' if self.cpus > 1 else ''} ({cap})"


@dataclass(frozen=True, slots=True)
class HostLoad:
    """The host under the machine; `busy` are its other machines known to be busy.

    `spare` other hosts would take the machine and have room, None where they were not read.
    """

    name: str
    cpu_percent: float | None = None
    mhz: float | None = None
    busy: tuple[str, ...] = ()
    spare: int | None = None

    @property
    def is_full(self) -> bool:
        """Whether it may give its machines less than they ask for."""
        several = len(self.busy) >= SEVERAL
        if self.cpu_percent is None:
            return several
        return self.cpu_percent >= (HOST_WARM_PERCENT if several else HOST_FULL_PERCENT)


@dataclass(frozen=True, slots=True)
class Demand:
    """Everything an advice may look at. `larger` are offerings of its type with more of something.

    `twin` is the address of its twin, `""` for none; a new ILB VM comes as `new_size`. For routers
    `services` is empty, `is_pair` says whether there are two, and `is_standby` whether this one is
    the BACKUP. `response_target_s` is how long a member may take. `names_move` is whether there is
    a directory in which a name can get another address. `was_saturated` is for what is only
    supposed: see `times`.
    """

    is_router: bool
    cpu: Cpu | None = None
    services: tuple[ServiceLoad, ...] = ()
    size: Size | None = None
    larger: tuple[Size, ...] | None = None
    host: HostLoad | None = None
    twin: str = ""
    is_pair: bool = False
    is_standby: bool = False
    new_size: Size = Size(1, 256)
    response_target_s: float = 0.5
    names_move: bool = True
    was_saturated: bool | None = None

    @property
    def host_mhz(self) -> float | None:
        """The clock of the host, in MHz."""
        return self.host.mhz if self.host else None

    @property
    def used_percent(self) -> float | None:
        """Mean CPU as a part of what the machine can get."""
        return self._used(self.cpu.mean_percent) if self.cpu else None

    @property
    def peak_percent(self) -> float | None:
        """The 95th percentile as a part of what the machine can get."""
        return self._used(self.cpu.p95_percent) if self.cpu else None

    @property
    def strain(self) -> float:
        """How often what is well for mean and peak the load is: above 1 it is too much."""
        mean, peak = self.used_percent or 0.0, self.peak_percent or 0.0
        return max(mean / CPU_TARGET_PERCENT, peak / PEAK_TARGET_PERCENT)

    @property
    def is_saturated(self) -> bool:
        """Whether the machine does all it can."""
        if self.was_saturated is not None:
            return self.was_saturated
        return (self.used_percent or 0.0) >= SATURATED_PERCENT

    @property
    def asked(self) -> float:
        """Strain by what it is asked for, which is more than it does once it is saturated."""
        return self.strain * (BACKLOG if self.is_saturated else 1.0)

    @property
    def is_counted(self) -> bool:
        """Whether HAProxy's counters of every rule were read."""
        return all(one.per_s is not None for one in self.services)

    def share(self, some: Iterable[ServiceLoad]) -> float:
        """Return the part of the CPU that some of the services are thought to take."""
        total = sum(one.cpu for one in self.services)
        return sum(one.cpu for one in some) / total if total else 0.0

    def times(self, factor: float) -> Demand:
        """Return it as if CPU and times had been measured so many times as high.

        Whether it is saturated stays: that it does all it can is seen by more than one number.
        """
        cpu = self.cpu and replace(
            self.cpu,
            mean_percent=self.cpu.mean_percent * factor,
            p95_percent=self.cpu.p95_percent and self.cpu.p95_percent * factor,
        )
        services = tuple(replace(one, latency=_times(one.latency, factor)) for one in self.services)
        return replace(self, cpu=cpu, services=services, was_saturated=self.is_saturated)

    def _used(self, percent: float | None) -> float | None:
        if percent is None or self.cpu is None or self.size is None:
            return None
        top = 100.0 if self.cpu.is_from_inside else self.size.percent(self.host_mhz)
        return None if top is None else min(100.0, 100 * percent / top)


def _times(latency: MemberTimes | None, factor: float) -> MemberTimes | None:
    return latency and replace(
        latency,
        queue_s=latency.queue_s * factor,
        connect_s=latency.connect_s * factor,
        response_s=latency.response_s and latency.response_s * factor,
    )


def percent(part: float) -> str:
    """Say a part of 1 as people do."""
    return f"{100 * part:.0f} %"
