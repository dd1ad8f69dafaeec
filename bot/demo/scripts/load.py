"""Scenarios of machines that are too busy, from samples on the topic to a change, or to none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.demo.processes import Child
from bot.demo.scripts.acting import (
    PLANNED,
    Scenario,
    approved_by_bruno,
    noticed,
    short_ttl,
    told,
)
from bot.demo.stage import Stage
from bot.demo.staging import Staging


async def saturated(stage: Stage) -> None:
    """An ILB is saturated: what helps is proposed, approved and done, and its load falls."""
    machine = await stage.machine("app-tier")
    await short_ttl(stage)
    await _serves(stage, machine, per_s=2400, open=60, mbit_per_s=160, response_ms=24)
    async with _sampled(stage):
        await stage.control("set-cpu", target=machine["name"], percent=97)
        await stage.slack.sees("ana", f"Pair {machine['name']}", PLANNED, timeout_s=40)
        await approved_by_bruno(stage)
        await told(stage, "Receipt of")
        await stage.control("set-cpu", target=machine["name"], percent=54)
        await told(stage, "is calm again")


async def members(stage: Stage) -> None:
    """An ILB is busy, and its members are slow: nothing is proposed.

    It connects to them at once, so that more CPU would answer none of its clients sooner.
    """
    machine = await stage.machine("app-tier")
    await _serves(stage, machine, per_s=900, open=1600, mbit_per_s=60, response_ms=1800)
    async with _sampled(stage):
        await stage.control("set-cpu", target=machine["name"], percent=92)
        await told(stage, "The members are the bottleneck")
        await noticed(stage, machine["name"], "advice only")


async def hot_host(stage: Stage) -> None:
    """Several machines of one host are busy together: one incident of the host, and one moves."""
    host = (await stage.machine("app-tier"))["hostname"]
    machines = (await stage.look("state"))["machines"]
    busy = [one["name"] for one in machines if one.get("role") and one["hostname"] == host]
    async with _sampled(stage):
        await stage.control("set-cpu", target=host, percent=96, machines=True)
        await stage.slack.sees("ana", "Migrate", PLANNED, timeout_s=40)
        await approved_by_bruno(stage)
        await told(stage, "Receipt of")
        for name in busy:
            await stage.control("set-cpu", target=name, percent=40)
        await told(stage, "are calm again")
        await noticed(stage, host, "became busy together")


async def _serves(stage: Stage, machine: dict[str, Any], **load: float) -> None:
    """Let HAProxy's stats page show such traffic on its port 80."""
    await stage.control("set-load", target=f"{machine['guestipaddress']}:80", **load)


@asynccontextmanager
async def _sampled(stage: Stage) -> AsyncIterator[None]:
    """CloudStack measures every second, and `ilbot sample` puts it on the topic."""
    await stage.control("set-setting", target="vm.stats.interval", value="1000")
    sampler = Child("sampler", ["sample"], stage.environment, stage.folder / "sampler.log")
    await sampler.start()
    try:
        yield
    finally:
        await sampler.stop()


_SECONDS = (
    ("ILBOT_CPU__SOURCE", "kafka"),
    ("ILBOT_CPU__INTERVAL_S", "1"),
    ("ILBOT_CPU__DWELL_S", "3"),
    ("ILBOT_CPU__LATENESS_S", "0"),
    ("ILBOT_CPU__GATHER_S", "3"),
)
_QUICK = Staging(pace=0.05, settings=_SECONDS)
"""Seconds instead of minutes: what a saturated machine is stays the same."""
SCENARIOS = (
    Scenario(
        "cpu-saturated",
        "samples on Kafka, an advice, an approval, a twin; then the load is told again",
        ("done",),
        saturated,
        _QUICK,
    ),
    Scenario(
        "cpu-members",
        "the members are the bottleneck: advice, and no change",
        (),
        members,
        _QUICK,
    ),
    Scenario(
        "hot-host",
        "busy machines of one host are one incident, answered by a migration",
        ("done",),
        hot_host,
        _QUICK,
    ),
)
