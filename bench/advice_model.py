"""Solves load balancers under load by a queueing model, and so labels which remedy is right.

A machine's CPU is an M/M/c queue of connections, slowed by its cap, by a full host, and by what a
further thread gains less than the first. Behind it the members of each service are an M/M/k queue,
which sees no more than the machine lets through. A label is the cheapest remedy that the solved
model brings under the target; nothing here knows the advisor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

CPU_MEAN, CPU_PEAK, RESPONSE_S = 0.7, 0.9, 0.5
"""What is well: mean CPU, its 95th percentile, and what a member takes on average."""
ROOM = 8.0
"""Cores that a host with room has free."""
TIMED_OUT_S = 10.0
"""What a member takes where its queue has no end."""
MOVE, OUTAGE, UPKEEP = 1.0, 4.0, 1.5
"""Costs beside one for each vCPU that is added: see docs/ADVICE.md."""


@dataclass(frozen=True, slots=True)
class Size:
    """An offering; `mhz` is a cap where it is `capped`."""

    cpus: int
    mhz: int
    capped: bool = False


NEW = Size(1, 256)
OFFERINGS = (
    Size(2, 1000), Size(4, 2000), Size(1, 1000), Size(2, 1000, True), Size(1, 2000, True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """One service; a connection takes `cpu_s` of a core, and `bytes`. `hold_s` is how long its
    clients stay beyond the answer."""

    name: str
    rate: float
    cpu_s: float
    bytes: float
    http: bool
    workers: int
    member_s: float
    hold_s: float

    @property
    def work(self) -> float:
        """Cores that it takes."""
        return self.rate * self.cpu_s


@dataclass(frozen=True, slots=True)
class System:
    """One load balancer or router, with what is possible for it.

    `free_cores` are those of its host that others leave to it, at `speed` of a core on a host with
    room: on a full one two threads share each core, and its clock is low.
    """

    router: bool
    pair: bool
    services: tuple[Service, ...]
    size: Size
    larger: tuple[Size, ...]
    host_mhz: int
    cores: int
    free_cores: float
    speed: float
    busy: int
    spare: int
    twin: bool
    gain: float
    spread: float
    peak: float


@dataclass(frozen=True, slots=True)
class Solved:
    """How loaded the busiest machine is (1 is what is well), and what the slowest member takes."""

    strain: float
    slowest_s: float

    @property
    def well(self) -> bool:
        """Whether both are as they shall be."""
        return self.strain <= 1 and self.slowest_s <= RESPONSE_S


def label(system: System) -> frozenset[str]:
    """Return the cheapest remedy that is enough; where none is alone, the first step of several."""
    now = solve(system)
    if now.well:
        return frozenset({"nothing"})
    tried = [(cost, name, after) for name, cost, after in _remedies(system)]
    if enough := [one for one in tried if one[2].well]:
        return frozenset({min(enough, key=lambda one: one[:2])[1]})
    first = set()
    if now.slowest_s > RESPONSE_S:
        first.add("members")
    if now.strain > 1:
        relieves = [one for one in tried if one[2].strain <= 1]
        helps = [one for one in tried if one[2].strain < 0.9 * now.strain]
        if relieves:
            first.add(min(relieves, key=lambda one: one[:2])[1])
        elif helps:
            first.add(min(helps, key=lambda one: one[2].strain)[1])
        elif not first:
            first.add("nothing")
    return frozenset(first)


def solve(system: System) -> Solved:
    """Solve a system as it is."""
    work = sum(one.work for one in system.services)
    load = load_of(system, system.size, work)
    return Solved(_strain(system, load), _slowest(system, load))


def _remedies(system: System) -> Iterator[tuple[str, float, Solved]]:
    work = sum(one.work for one in system.services)
    own = system.size
    if system.spare:
        load = load_of(system, own, work, roomy=True)
        yield "migrate", MOVE, Solved(_strain(system, load), _slowest(system, load))
    names = {one.name for one in system.services}
    named = all(names) and not system.router
    soft = named or system.pair
    for size in system.larger:
        load = load_of(system, size, work)
        added = (size.cpus - own.cpus) * (2 if system.twin or system.pair else 1)
        cost = added + (2 * MOVE if soft else OUTAGE)
        yield "resize", cost, Solved(_strain(system, load), _slowest(system, load))
    if not system.router:
        yield from _more_machines(system, named)
        more = replace(
            system,
            services=tuple(replace(one, workers=2 * one.workers) for one in system.services),
        )
        yield "members", 1.0, solve(more)


def _more_machines(system: System, named: bool) -> Iterator[tuple[str, float, Solved]]:
    if system.speed < 1 and not system.spare:
        return  # no host has room for another machine
    own = system.size
    work = sum(one.work for one in system.services)
    if named and not system.twin:
        load = load_of(system, own, work * system.spread)
        solved = Solved(_strain(system, load), _slowest(system, load))
        yield "twin", own.cpus + UPKEEP, solved
    names = sorted({one.name for one in system.services})
    for count in range(1, len(names)):
        for moved in combinations([one for one in names if one], count):
            there = sum(one.work for one in system.services if one.name in moved)
            load = max(
                load_of(system, NEW, there, roomy=True),
                load_of(system, own, work - there),
            )
            solved = Solved(_strain(system, load), _slowest(system, load))
            yield "split", NEW.cpus + MOVE, solved


def load_of(system: System, size: Size, work: float, *, roomy: bool = False) -> float:
    """Return work as a part of what such a machine can do, here or on a `roomy` host.

    Above 1 it falls behind.
    """
    gets = 1.0 if roomy else part_it_gets(system, size) * system.speed
    return work / (power_of(system, size) * gets)


def power_of(system: System, size: Size) -> float:
    return (1 + system.gain * (size.cpus - 1)) * cap_of(system, size)


def part_it_gets(system: System, size: Size) -> float:
    return min(1.0, system.free_cores / (size.cpus * cap_of(system, size)))


def cap_of(system: System, size: Size) -> float:
    return min(1.0, round(size.mhz / system.host_mhz, 2)) if size.capped else 1.0


def _strain(system: System, load: float) -> float:
    return max(load / CPU_MEAN, load * system.peak / CPU_PEAK)


def _slowest(system: System, load: float) -> float:
    """A router has no members."""
    if system.router:
        return 0.0
    return max((member_time_s(one, load) for one in system.services), default=0.0)


def member_time_s(one: Service, load: float) -> float:
    """Return what a member of a service takes; a machine that falls behind lets less through."""
    return _member_time_s(one, max(1.0, load))


@lru_cache(maxsize=1024)
def _member_time_s(one: Service, falls_behind: float) -> float:
    offered = one.rate / falls_behind * one.member_s
    return min(TIMED_OUT_S, one.member_s + waiting_s(offered, one.workers, one.member_s))


def waiting_s(offered: float, servers: int, service_s: float) -> float:
    """Return the mean wait of an M/M/c queue (Erlang C)."""
    if offered >= servers:
        return math.inf
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    waits = blocked / (1 - offered / servers * (1 - blocked))
    return waits * service_s / (servers - offered)
