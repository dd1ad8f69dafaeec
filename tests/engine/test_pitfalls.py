"""What an engine of this kind gets wrong when nobody looks: lanes, stops, waits and undo."""

from __future__ import annotations

import ast
import asyncio
import importlib
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.engine.api import Run, Stopped, verb
from bot.engine.database import sqlite_module
from bot.errors import Refused
from bot.ports import World
from tests.engine.harness import Machine, machines
from tests.engine.test_contract import Work

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LANE = "vpc-1"


@pytest.fixture(params=["memory", "sqlite"])
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Machine]:
    async for made in machines(request.param, tmp_path):
        yield made


# lanes


async def test_a_stop_keeps_the_lane_until_the_undo_is_done(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()

    async def body(run: Run) -> None:
        if run.id == "r2":
            run.commit()  # no stop halts this one
            await run.step(work.count, "r2")
            return
        run.undo("take r1 back", lambda: run.step(work.count, "undo r1"))
        try:
            await run.step(work.gated, "r1")
            await run.step(work.count, "never")
        except Stopped:
            await run.compensate()

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane=LANE)
    await asyncio.wait_for(work.reached.wait(), 10)
    await engine.start("k", "r2", lane=LANE)
    machine.notes.stop = "stopped by chen"
    work.gate.set()
    await machine.over("r2")
    assert work.calls == ["r1", "undo r1", "r2"]


async def test_a_run_that_died_still_has_its_lane(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()

    async def body(run: Run) -> None:
        await run.step(work.gated, run.id)

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane=LANE)
    await engine.start("k", "r2", lane=LANE)
    await asyncio.wait_for(work.reached.wait(), 10)
    await machine.die()
    work.reached.clear()
    await machine.boot({"k": body})
    await asyncio.wait_for(work.reached.wait(), 10)
    assert work.calls == ["r1", "r1"]
    work.gate.set()
    await machine.over("r2")
    assert work.calls == ["r1", "r1", "r2"]


async def test_a_lane_goes_by_the_order_of_ids_asked_within_a_second(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()
    ids = [f"261122-2240{second}-k3f{letter}:apply" for second in (10, 11) for letter in "adxz"]

    async def body(run: Run) -> None:
        await run.step(work.gated, run.id)

    engine = await machine.boot({"k": body})
    for run_id in ids:
        await engine.start("k", run_id, lane=LANE)
    work.gate.set()
    await machine.over(ids[-1])
    assert work.calls == ids


async def test_waiting_for_people_takes_no_slot(machine: Machine) -> None:
    work = Work()
    machine.changes_at_once = 2

    async def ask(run: Run) -> None:
        await run.wait_for("decision", 3600.0)

    async def apply(run: Run) -> None:
        await run.step(work.count, run.id)

    bodies = {"ask": ask, "apply": apply}
    engine = await machine.boot(bodies)
    for number in range(15):
        await engine.start("ask", f"op-{number:02d}:ask")
    await engine.start("apply", "op-99:apply", lane=LANE)
    await machine.over("op-99:apply")
    await machine.die()
    engine = await machine.boot(bodies)
    await engine.start("apply", "op-98:apply", lane=LANE)
    await machine.over("op-98:apply")
    assert work.calls == ["op-99:apply", "op-98:apply"]
    assert [await engine.is_over(f"op-{number:02d}:ask") for number in range(15)] == [False] * 15


# jobs and undo


async def test_a_job_id_survives_a_death_between_submit_and_await(machine: Machine) -> None:
    submitted: list[str] = []
    awaited: list[str] = []
    gate, reached = asyncio.Event(), asyncio.Event()

    @verb()
    async def submit(world: World, what: str) -> str:
        submitted.append(what)
        return f"job-{len(submitted)}"

    @verb()
    async def await_job(world: World, job: str) -> str:
        awaited.append(job)
        reached.set()
        await gate.wait()
        return "done"

    async def body(run: Run) -> None:
        await run.step(await_job, await run.step(submit, "stop"))

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane=LANE)
    await asyncio.wait_for(reached.wait(), 10)
    await machine.die()
    gate.set()
    await machine.boot({"k": body})
    await machine.over("r1")
    assert (submitted, awaited) == (["stop"], ["job-1", "job-1"])


async def test_a_death_in_an_undo_repeats_that_undo_and_no_other(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()
    ended: list[tuple[str, ...]] = []

    async def body(run: Run) -> None:
        run.undo("put a back", lambda: run.step(work.gated, "undo a"))
        run.undo("put b back", lambda: run.step(work.count, "undo b"))
        undone, failed = await run.compensate()
        assert failed == ""
        ended.append(undone)

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane=LANE)
    await asyncio.wait_for(work.reached.wait(), 10)
    await machine.die()
    work.gate.set()
    await machine.boot({"k": body})
    await machine.over("r1")
    assert work.calls == ["undo b", "undo a", "undo a"]
    assert ended == [("put b back", "put a back")]


# the process around it


async def test_threads_and_names_work_after_the_engine_closed(machine: Machine) -> None:
    await machine.boot({})
    await machine.die()
    assert await asyncio.to_thread(lambda: "alive") == "alive"
    assert await asyncio.get_running_loop().getaddrinfo("localhost", 1)


# the source


def _names_used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def _parsed(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT), ast.parse(file.read_text("utf-8"))


def test_what_frees_a_lane_in_mid_change_is_used_nowhere() -> None:
    """DBOS's cancel and workflow timeout free the lane while the step still runs; its resume and
    fork leave the lane."""
    forbidden = ("cancel_workflow", "SetWorkflowTimeout", "resume_workflow", "fork_workflow")
    used = [
        f"{file}: {name}"
        for file, tree in _parsed("bot", "workflows", "handlers")
        for name in _names_used(tree)
        if name.startswith(forbidden)
    ]
    assert used == []


def test_runbooks_read_no_clock_and_do_nothing_side_by_side() -> None:
    """Steps side by side are replayed in another order; a clock or dice tell another story."""
    forbidden = {"asyncio", "gather", "as_completed", "create_task", "time", "random", "secrets"}
    used = [
        f"{file}: {name}"
        for file, tree in _parsed("workflows")
        for name in _names_used(tree)
        if name in forbidden
    ]
    assert used == []


# SQLite's age


@pytest.mark.parametrize(
    ("python", "sqlite", "is_enough"),
    [
        ((3, 11, 9), (3, 40, 1), True),
        ((3, 12, 1), (3, 40, 1), False),
        ((3, 13, 0), (3, 41, 2), False),
        ((3, 12, 1), (3, 42, 0), True),
    ],
)
def test_an_sqlite_too_old_for_its_python_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
    python: tuple[int, int, int],
    sqlite: tuple[int, int, int],
    is_enough: bool,
) -> None:
    monkeypatch.setattr(sys, "version_info", python)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", sqlite)
    monkeypatch.setitem(sys.modules, "pysqlite3", None)  # as where it is not installed
    if is_enough:
        assert sqlite_module() is sqlite3
    else:
        with pytest.raises(Refused, match=r"older than 3.42.*pysqlite3-binary"):
            sqlite_module()


def test_a_newer_sqlite_beside_an_old_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = importlib.import_module("sqlite3.dbapi2")  # any module does: it is only passed on
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    monkeypatch.setitem(sys.modules, "pysqlite3", newer)
    assert sqlite_module() is newer
