"""Makes up cases for the advisor: systems with the labels of the model, and what is seen of them.

What is seen has the errors of measuring, and in one case of four something of it is missing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bench.advice_model import (
    OFFERINGS,
    ROOM,
    Service,
    Size,
    System,
    cap_of,
    label,
    load_of,
    member_time_s,
    part_it_gets,
    power_of,
    waiting_s,
)

LOST_S = 2.0
"""What HAProxy takes where its queue has no end: clients give up."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """From what the parameters of a table are drawn."""

    services: int
    cpu_s: tuple[float, float]
    bytes: tuple[float, float]
    gain: tuple[float, float]
    spread: tuple[float, float]
    cores: tuple[int, ...]
    member_s: tuple[float, float]
    speed: tuple[float, float]


TUNED = Ranges(
    5, (1.2e-4, 4e-4), (1e3, 2e5), (0.8, 0.92), (0.5, 0.57), (16, 32), (0.005, 0.1), (0.6, 0.8)
)
ASIDE = Ranges(
    8,
    (0.8e-4, 8e-4),
    (5e2, 1e6),
    (0.7, 0.97),
    (0.5, 0.62),
    (8, 16, 48, 64),
    (0.002, 0.2),
    (0.5, 0.9),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be observed of a system, with the errors of measuring; None where it is missing."""

    cpu: float | None
    p95: float | None
    counted: bool
    rates: tuple[float, ...]
    open: tuple[int, ...]
    bits: tuple[float, ...]
    connect_s: tuple[float, ...] | None
    response_s: tuple[float | None, ...]
    host_cpu: float | None
    host_known: bool
    size_known: bool
    offerings_known: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table: `right` are the answers that the solved model allows."""

    system: System
    seen: Seen
    right: frozenset[str]
    missing: str


def table(seed: int, count: int, ranges: Ranges) -> Iterator[Case]:
    """Return so many cases, the same for a seed. In one of four something is missing."""
    draw = random.Random(seed)
    for _ in range(count):
        system = _system(draw, ranges)
        missing = ""
        if draw.random() < 0.25:
            missing = draw.choice(("cpu", "counters", "latency", "host", "size", "offerings"))
        yield Case(system, _see(draw, system, missing), label(system), missing)


def _system(draw: random.Random, ranges: Ranges) -> System:
    router = draw.random() < 0.15
    size = _draw_size(draw)
    host_mhz = draw.choice((2000, 2400, 2600, 3000))
    cores = draw.choice(ranges.cores)
    full = draw.random() < 0.15
    free = size.cpus * draw.uniform(0.4, 1.4) if full else max(ROOM, cores * draw.uniform(0.3, 0.9))
    several = draw.choice((0, 1, 2, 3, 4)) if full else draw.choice((0, 0, 0, 0, 1, 2))
    system = System(
        router=router,
        pair=router and draw.random() < 0.5,
        services=_services(draw, ranges, router),
        size=size,
        larger=tuple(
            one for one in OFFERINGS
            if one != size and one.cpus >= size.cpus and draw.random() < 0.5
        ),
        host_mhz=host_mhz,
        cores=max(cores, math.ceil(free) + 1),
        free_cores=free,
        speed=draw.uniform(*ranges.speed) if full else 1.0,
        busy=several,
        spare=draw.choice((0, 1, 3, 3, 3)),
        twin=not router and draw.random() < 0.15,
        gain=draw.uniform(*ranges.gain),
        spread=draw.uniform(*ranges.spread),
        peak=draw.uniform(1.0, 1.5),
    )  # fmt: skip
    return _with_members(draw, ranges, _at_load(draw, system))


def _draw_size(draw: random.Random) -> Size:
    if draw.random() < 0.15:
        return Size(1, draw.choice((256, 500, 1000)), True)
    return draw.choice((Size(1, 256), Size(1, 256), Size(1, 256), Size(2, 1000), Size(4, 2000)))


def _services(draw: random.Random, ranges: Ranges, router: bool) -> tuple[Service, ...]:
    names = draw.choice(("one", "own", "own", "some", "none"))
    conn_s = _log(draw, ranges.cpu_s)
    byte_s = 8 / draw.uniform(0.5e9, 1e9)
    found = []
    for number in range(1 if router else draw.randint(1, ranges.services)):
        size = _log(draw, ranges.bytes)
        own = f"s{number}.test"
        name = {"one": "s.test", "own": own, "none": "", "some": draw.choice(("", own))}[names]
        found.append(
            Service(
                "" if router else name,
                _log(draw, (0.05, 1.0)),
                conn_s * draw.uniform(0.8, 1.25) + size * byte_s,
                size,
                draw.random() < 0.6,
                1,
                0.0,
                draw.choice((0.0, 0.0, 0.05, 30.0)),
            )
        )
    return tuple(found)


def _at_load(draw: random.Random, system: System) -> System:
    """Scale what is offered so that the machine is about as loaded as is drawn."""
    wanted = draw.choice((draw.uniform(0.05, 0.6), draw.uniform(0.6, 0.85), draw.uniform(0.8, 1.3)))
    roomy = power_of(system, system.size)
    work = sum(one.work for one in system.services)
    scale = wanted * roomy / work
    services = tuple(replace(one, rate=one.rate * scale) for one in system.services)
    return replace(system, services=services)


def _with_members(draw: random.Random, ranges: Ranges, system: System) -> System:
    """Give each service members that are busy by so much; one in five has too few."""
    short = draw.random() < 0.2
    found = []
    for one in system.services:
        busy = draw.uniform(0.1, 0.7)
        if short and draw.random() < 0.7:
            busy = draw.choice((draw.uniform(0.95, 0.999), draw.uniform(1.0, 1.4)))
        member_s = _log(draw, ranges.member_s)
        workers = max(1, round(one.rate * member_s / busy))
        if one.rate * member_s < busy:  # one worker is enough: make it as busy as is drawn
            member_s = min(ranges.member_s[1] if busy < 0.9 else 5.0, busy / one.rate)
        found.append(replace(one, workers=workers, member_s=member_s))
    return replace(system, services=tuple(found))


# observing


def _see(draw: random.Random, system: System, missing: str) -> Seen:
    cap = cap_of(system, system.size)
    work = sum(one.work for one in system.services)
    load = load_of(system, system.size, work)
    gets = part_it_gets(system, system.size)
    top = 100 * cap * gets
    noise = draw.gauss(1.0, 0.015)
    cpu = min(top, 100 * cap * gets * load * noise)
    p95 = min(top, cpu * system.peak * draw.gauss(1.0, 0.015))
    wait_s = _machine_wait_s(system, load)
    rates = tuple(_count(draw, one.rate / max(1.0, load)) for one in system.services)
    members = [member_time_s(one, load) * draw.lognormvariate(0.0, 0.05) for one in system.services]
    connect = tuple(_ms(0.0007 + wait_s * draw.uniform(0.9, 1.1)) for _ in system.services)
    response = tuple(
        _ms(c + m) if one.http else None
        for one, c, m in zip(system.services, connect, members, strict=True)
    )
    stay = [2 * wait_s + m + one.hold_s for one, m in zip(system.services, members, strict=True)]
    used = system.size.cpus * cpu / 100
    host = min(100.0, 100 * (1 - max(0.0, system.free_cores - used) / system.cores))
    counted = missing != "counters"
    return Seen(
        cpu=None if missing == "cpu" else cpu,
        p95=None if missing == "cpu" else p95,
        counted=counted,
        rates=rates,
        open=tuple(round(rate * s) for rate, s in zip(rates, stay, strict=True)),
        bits=tuple(
            rate * 8 * one.bytes * draw.uniform(0.9, 1.1)
            for rate, one in zip(rates, system.services, strict=True)
        ),
        connect_s=connect if counted and missing != "latency" else None,
        response_s=response,
        host_cpu=min(100.0, max(0.0, host + draw.gauss(0.0, 1.0))),
        host_known=missing != "host",
        size_known=missing != "size",
        offerings_known=missing != "offerings",
    )


def _machine_wait_s(system: System, load: float) -> float:
    """Return how long an event waits for the CPU of the machine."""
    rate = sum(one.rate for one in system.services)
    service_s = load * system.size.cpus / rate
    return min(LOST_S, waiting_s(load * system.size.cpus, system.size.cpus, service_s))


def _count(draw: random.Random, rate: float) -> float:
    """Return a rate as counted over three seconds."""
    return max(0.0, draw.gauss(rate, math.sqrt(rate / 3.0)))


def _ms(seconds: float) -> float:
    """HAProxy tells whole milliseconds."""
    return round(seconds * 1000) / 1000


def _log(draw: random.Random, between: tuple[float, float]) -> float:
    return math.exp(draw.uniform(math.log(between[0]), math.log(between[1])))
