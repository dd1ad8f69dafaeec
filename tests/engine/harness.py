"""The three engines behind one face, each able to die and come back on what it stored."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bot.adapters.directory.manual import NoDirectory
from bot.engine.api import Checkpoints, Engine, Hands, Run
from bot.engine.dbos import DbosEngine, DbosSettings
from bot.engine.memory import MemoryEngine, Store, VirtualClock
from bot.engine.report import StepReport
from bot.ports import Cloud, People, World

Body = Callable[[Run], Awaitable[None]]


class RealClock:
    """Unix seconds of this machine, for the engines that wait for real."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Notes:
    """Stands at the ports of a run and keeps what it is told."""

    intents: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    reports: list[StepReport] = field(default_factory=list)
    stop: str = ""

    async def intend(
        self, run_id: str, step: str, note: Mapping[str, str]
    ) -> Mapping[str, str] | None:
        earlier = self.intents.get((run_id, step))
        self.intents.setdefault((run_id, step), note)
        return earlier

    async def step_began(self, run_id: str, key: str, name: str) -> None: ...

    async def step_ended(self, report: StepReport) -> None:
        self.reports.append(report)

    async def reason(self, run_id: str) -> str:
        return self.stop


@dataclass
class Machine:
    """A machine whose disk survives: `boot` starts the process with these run bodies."""

    kind: str
    folder: Path
    postgres_url: str = ""
    store: Store = field(default_factory=Store)
    clock: VirtualClock | RealClock = field(default_factory=RealClock)
    notes: Notes = field(default_factory=Notes)
    engine: Engine | None = None
    people: People | None = None
    changes_at_once: int = 10

    def __post_init__(self) -> None:
        if self.kind == "memory":
            self.clock = VirtualClock()

    async def boot(
        self, bodies: Mapping[str, Body], release: type[DbosEngine] = DbosEngine
    ) -> Engine:
        hands = Hands(
            World(cast("Cloud", None), self.clock, NoDirectory(), cast("People", self.people)),
            self.notes,
            self.notes,
            self.notes,
        )

        async def entry(kind: str, checkpoints: Checkpoints) -> None:
            await bodies[kind](Run(checkpoints, hands))

        if self.kind == "memory":
            assert isinstance(self.clock, VirtualClock)
            self.engine = MemoryEngine(self.store, self.clock, entry)
        else:
            url = self.postgres_url or f"sqlite:///{self.folder / 'engine.db'}"
            settings = DbosSettings(
                url,
                executor_id=f"test-{os.getpid()}",
                changes_at_once=self.changes_at_once,
                queue_poll_s=0.05,
                mail_poll_s=0.02,
            )
            self.engine = release(settings, entry)
        await self.engine.launch()
        return self.engine

    async def pass_time(self, seconds: float) -> None:
        if isinstance(self.clock, VirtualClock):
            self.clock.advance(seconds)
        else:
            await asyncio.sleep(seconds)

    async def die(self) -> None:
        if self.engine is not None:
            await self.engine.close()
            self.engine = None

    async def over(self, run_id: str) -> None:
        assert self.engine is not None
        async with asyncio.timeout(20):
            while not await self.engine.is_over(run_id):
                await asyncio.sleep(0.01)


async def machines(kind: str, folder: Path, postgres_url: str = "") -> AsyncIterator[Machine]:
    machine = Machine(kind, folder, postgres_url)
    yield machine
    await machine.die()
