"""A run whose end the engine's database refuses to record is told, and goes on in a new process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.engine.api import Run
from bot.engine.dbos import DbosEngine
from bot.errors import Permanent
from tests.engine.harness import Machine, machines
from tests.engine.test_contract import Work

pytestmark = pytest.mark.slow

LANE = "vpc-1"
FULL = "create trigger full before update on workflow_status begin select raise(abort, 'full'); end"


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async for made in machines("sqlite", tmp_path):
        yield made


def spoil(machine: Machine, statement: str) -> None:
    with closing(sqlite3.connect(machine.folder / "engine.db")) as connection:
        connection.execute(statement)
        connection.commit()


async def test_a_run_whose_end_cannot_be_recorded_is_told_and_goes_on_in_a_new_process(
    machine: Machine,
) -> None:
    work, disk_is_full = Work(), True

    async def body(run: Run) -> None:
        await run.step(work.count, "a")
        if disk_is_full:
            spoil(machine, FULL)
            raise OSError("no space left on device")
        await run.step(work.count, "b")

    engine = await machine.boot({"apply": body})
    assert isinstance(engine, DbosEngine)
    await engine.start("apply", "op:apply", LANE)
    with pytest.raises(Permanent, match="record the end of run op:apply"):
        async with asyncio.timeout(20):
            await engine.watch()

    await machine.die()
    disk_is_full = False
    spoil(machine, "drop trigger full")
    await machine.boot({"apply": body})
    await machine.over("op:apply")
    assert work.calls == ["a", "b"]


async def test_a_run_that_fails_on_the_record_ends_nothing_else(machine: Machine) -> None:
    async def body(run: Run) -> None:
        raise ValueError("a bug")

    engine = await machine.boot({"apply": body})
    assert isinstance(engine, DbosEngine)
    watching = asyncio.create_task(engine.watch())
    await engine.start("apply", "op:apply", LANE)
    await machine.over("op:apply")
    await engine.start("apply", "later:apply", LANE)
    await machine.over("later:apply")
    assert not watching.done()
    watching.cancel()
