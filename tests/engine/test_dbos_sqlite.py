"""What the engine leaves in its SQLite file, and what another release makes of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dbos import DBOS

from bot.engine.api import Run
from bot.engine.dbos import QUEUE, DbosEngine
from bot.errors import Permanent, Transient
from tests.engine.harness import Machine, machines
from tests.engine.test_contract import Work

pytestmark = pytest.mark.slow

LANE = "vpc-1"
SERIALIZED = {"inputs", "output", "error", "message", "value"}
"""Columns of DBOS's tables that hold what we gave it."""


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async for made in machines("sqlite", tmp_path):
        yield made


def read(machine: Machine, query: str) -> list[tuple[object, ...]]:
    """Read the engine's file past the engine."""
    with closing(sqlite3.connect(machine.folder / "engine.db")) as connection:
        return connection.execute(query).fetchall()


def serialized(machine: Machine) -> Iterator[tuple[str, object]]:
    """Yield every value in the file that was serialized, with its place."""
    tables = [
        name for (name,) in read(machine, "select name from sqlite_master where type='table'")
    ]
    for table in tables:
        columns = {str(row[1]) for row in read(machine, f"pragma table_info({table})")}
        for column in sorted(columns & SERIALIZED):
            for (value,) in read(machine, f"select {column} from {table}"):
                if value is not None:
                    yield f"{table}.{column}", value


async def test_the_file_holds_json_and_no_pickle(machine: Machine) -> None:
    """Unpickling runs code: whoever writes to the file would run theirs in the bot."""
    work = Work()
    work.failures = [ValueError("a bug")]

    async def body(run: Run) -> None:
        await run.step(work.count, "a")
        await run.wait_for("decision", 30.0)
        await run.step(work.shaky, "b")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane=LANE)
    await engine.notify("r1", "decision", {"approved": True})
    await machine.over("r1")
    await engine.notify("r1", "decision", {"approved": False})  # stays in the file, unread
    await machine.die()
    found = list(serialized(machine))
    for place, value in found:
        assert isinstance(value, str), place
        json.loads(value)
    places = {place for place, _ in found}
    assert places >= {
        "workflow_input.inputs",
        "workflow_output.error",
        "operation_outputs.output",
        "notifications.message",
    }


async def test_a_run_without_a_lane_is_in_no_queue(machine: Machine) -> None:
    work = Work()

    async def body(run: Run) -> None:
        await run.step(work.count, run.id)

    engine = await machine.boot({"ask": body, "apply": body})
    await engine.start("ask", "op-1:ask")
    await engine.start("apply", "op-1:apply", lane=LANE)
    await machine.over("op-1:ask")
    await machine.over("op-1:apply")
    query = "select workflow_uuid, queue_name, queue_partition_key from workflow_status"
    assert sorted(read(machine, query)) == [
        ("op-1:apply", QUEUE, LANE),
        ("op-1:ask", None, None),
    ]


class NextRelease(DbosEngine):
    """The engine with other source: DBOS would hash it into another application version."""

    async def launch(self) -> None:
        async def one_more(kind: str) -> None:
            """A workflow that the release before did not have."""

        DBOS.workflow(name="ilbot.one-more")(one_more)
        await super().launch()


async def test_a_new_release_takes_up_what_the_old_one_left(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()

    async def body(run: Run) -> None:
        await run.step(work.count, "a")
        await run.step(work.gated, "b")

    async def edited(run: Run) -> None:
        first = await run.step(work.count, "a")
        assert first == "a"
        await run.step(work.gated, "b")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane=LANE)
    await engine.start("k", "r2", lane=LANE)
    await asyncio.wait_for(work.reached.wait(), 10)
    await machine.die()
    work.gate.set()
    await machine.boot({"k": edited}, NextRelease)
    await machine.over("r1")
    await machine.over("r2")
    assert work.calls == ["a", "b", "b", "a", "b"]


async def test_many_waiting_runs_need_few_threads(machine: Machine) -> None:
    async def body(run: Run) -> None:
        await run.wait_for("decision", 3600.0)

    engine = await machine.boot({"k": body})
    before = threading.active_count()
    ids = [f"r{number:03d}" for number in range(100)]
    await asyncio.gather(*(engine.start("k", run_id) for run_id in ids))
    await asyncio.gather(*(engine.notify(run_id, "decision", "go on") for run_id in ids))
    for run_id in ids:
        await machine.over(run_id)
    assert threading.active_count() - before <= 32


@pytest.mark.parametrize("call", ["start", "start in a lane", "notify", "is_over"])
async def test_a_database_that_fails_is_worth_another_try(machine: Machine, call: str) -> None:
    async def body(run: Run) -> None:
        """End at once: a run under way would meet the failing database too."""

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    hurt(machine, "alter table workflow_status rename to elsewhere")
    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "start": lambda: engine.start("k", "r2"),
        "start in a lane": lambda: engine.start("k", "r2", lane=LANE),
        "notify": lambda: engine.notify("r1", "decision", True),
        "is_over": lambda: engine.is_over("r1"),
    }
    with pytest.raises(Transient, match="the engine's database"):
        async with asyncio.timeout(15):
            await asks[call]()
    hurt(machine, "alter table elsewhere rename to workflow_status")
    assert await engine.is_over("r1") is True


async def test_a_message_to_a_run_there_is_not_is_told(machine: Machine) -> None:
    engine = await machine.boot({})
    with pytest.raises(Permanent, match="tell run r9: the engine has no such run"):
        await engine.notify("r9", "decision", True)


def hurt(machine: Machine, statement: str) -> None:
    """Change the engine's file past the engine."""
    with closing(sqlite3.connect(machine.folder / "engine.db")) as connection:
        connection.execute("pragma legacy_alter_table=on")
        connection.execute(statement)
        connection.commit()
