"""Says every number that an advice looked at, what is not known included."""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.demand import CPU_TARGET_PERCENT, Demand, ServiceLoad, percent
from bot.domain.plan import in_words


def numbers(demand: Demand) -> tuple[str, ...]:
    """Say every number of it, one line each."""
    return tuple(_numbers(demand))


def _numbers(demand: Demand) -> Iterator[str]:
    yield _cpu_words(demand)
    if demand.size:
        yield f"Size: {demand.size}."
    if demand.host:
        known = demand.host.cpu_percent
        how = "its CPU is not known" if known is None else f"at {known:.0f} % CPU"
        busy = f", busy on it: {in_words(list(demand.host.busy))}" if demand.host.busy else ""
        yield f"Host {demand.host.name}: {how}{busy}."
    for one in demand.services:
        yield _service_words(demand, one)
    bits = sum(one.bits_per_s for one in demand.services)
    if bits >= 1e6:
        yield f"Together {_mbit(bits)}; a vCPU carries roughly 500 to 1000 Mbit/s."


def _cpu_words(demand: Demand) -> str:
    cpu, used = demand.cpu, demand.used_percent
    if cpu is None:
        return "CPU: not known."
    peak = f", 95th percentile {cpu.p95_percent:.0f} %" if cpu.p95_percent is not None else ""
    text = f"CPU: {cpu.mean_percent:.0f} % of its vCPUs{peak}"
    if cpu.is_from_inside:
        text += " as its own health check saw it once"
    if used is not None and abs(used - cpu.mean_percent) >= 1:
        text += f", which is {used:.0f} % of what its cap lets it have"
    window = f" over {cpu.window_s / 60:.0f} min" if cpu.window_s >= 60 else ""
    return f"{text}{window}; up to {CPU_TARGET_PERCENT:.0f} % is well."


def _service_words(demand: Demand, one: ServiceLoad) -> str:
    name = f"Port {one.port}" + (f" ({one.name})" if one.name else " (no name)")
    if one.per_s is None:
        return f"{name}: not counted."
    text = f"{name}: {one.per_s:.0f} new connections/s, {one.open} open"
    if one.bits_per_s >= 1e6:
        text += f", {_mbit(one.bits_per_s)}"
    if len(demand.services) > 1 and one.cpu:
        text += f", about {percent(demand.share((one,)))} of the load"
    if one.latency and one.latency.member_s is not None:
        text += f", members take {in_seconds(one.latency.member_s)}"
    if one.latency and one.latency.queued:
        text += f", {one.latency.queued} queued"
    return f"{text}."


def _mbit(bits: float) -> str:
    return f"{bits / 1e6:.0f} Mbit/s"


def in_seconds(seconds: float) -> str:
    """Say a time of HAProxy's, which counts in milliseconds."""
    if seconds < 0.001:
        return "under 1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
