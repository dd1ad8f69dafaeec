"""Measures what a recorded step costs over a plain call, on each engine that needs no server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from tempfile import TemporaryDirectory
from typing import cast

from bench.table import Row, Table, times
from bot.adapters.clock import SystemClock
from bot.adapters.directory.manual import NoDirectory
from bot.engine.api import Checkpoints, Engine, Hands, Run, verb
from bot.engine.dbos import DbosEngine, DbosSettings
from bot.engine.memory import MemoryEngine, Store, VirtualClock
from bot.engine.report import StepReport
from bot.ports import Cloud, People, World

STEPS = 200
RUNS = 3
"""The fastest counts: the others met a busy neighbour."""


@verb()
async def nothing(world: World, number: int) -> int:
    """Do nothing: what is left is the engine."""
    return number


class Deaf:
    """Stands at the ports of a run and keeps nothing."""

    async def intend(
        self, run_id: str, step: str, note: Mapping[str, str]
    ) -> Mapping[str, str] | None:
        return None

    async def step_began(self, run_id: str, key: str, name: str) -> None: ...

    async def step_ended(self, report: StepReport) -> None: ...

    async def reason(self, run_id: str) -> str:
        return ""


async def measure() -> Table:
    """Return the table: the same steps as plain calls, in memory and on DBOS with SQLite."""
    call_s = min([await _plain_calls() for _ in range(RUNS)])
    memory_s = min([await _in_memory() for _ in range(RUNS)])
    sqlite_s = min([await _on_sqlite() for _ in range(RUNS)])
    named = (("plain call", call_s), ("memory engine", memory_s), ("DBOS on SQLite", sqlite_s))
    rows = tuple(
        Row(name, (f"{seconds / STEPS * 1e6:.1f} µs", times(seconds, memory_s)))
        for name, seconds in named
    )
    return Table(f"engine: {STEPS} steps that do nothing", ("a step", "of memory"), rows)


async def _plain_calls() -> float:
    world = _hands().world
    started = time.perf_counter()
    for number in range(STEPS):
        await nothing.act(world, number)
    return time.perf_counter() - started


async def _in_memory() -> float:
    clock = VirtualClock()
    watch = _Watch()
    return await watch.over(MemoryEngine(Store(), clock, watch.entry))


async def _on_sqlite() -> float:
    watch = _Watch()
    with TemporaryDirectory() as folder:
        settings = DbosSettings(f"sqlite:///{folder}/engine.db")
        return await watch.over(DbosEngine(settings, watch.entry))


class _Watch:
    """A run body that takes the time from its first step to its last."""

    def __init__(self) -> None:
        self._seconds: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def entry(self, kind: str, checkpoints: Checkpoints) -> None:
        run = Run(checkpoints, _hands())
        started = time.perf_counter()
        for number in range(STEPS):
            await run.step(nothing, number)
        self._seconds.set_result(time.perf_counter() - started)

    async def over(self, engine: Engine) -> float:
        await engine.launch()
        await engine.start("bench", "bench-1")
        seconds = await self._seconds
        await engine.close()
        return seconds


def _hands() -> Hands:
    deaf = Deaf()
    world = World(cast("Cloud", None), SystemClock(), NoDirectory(), cast("People", None))
    return Hands(world, deaf, deaf, deaf)
