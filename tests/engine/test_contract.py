"""What every engine promises to a run, asked of all three."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engine.api import Checkpoints, Retry, Run, Settled, StepFailed, Stopped, verb
from bot.engine.database import OneProcess, OneReplica
from bot.engine.dbos import DbosEngine, DbosSettings
from bot.errors import Permanent, Refused, Transient
from bot.ports import World
from tests.engine.harness import Machine, machines

ENGINES = [
    "memory",
    pytest.param("sqlite", marks=pytest.mark.slow),
    pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow]),
]


@pytest.fixture(params=ENGINES)
async def machine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Machine]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    async for made in machines(request.param, tmp_path, url):
        yield made


class Work:
    """Verbs that count, fail or hang as told."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failures: list[Exception] = []
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()
        work = self

        @verb()
        async def count(world: World, what: str) -> str:
            work.calls.append(what)
            return what

        @verb(retry=Retry(attempts=3, first_wait_s=0.01))
        async def shaky(world: World, what: str) -> str:
            work.calls.append(what)
            if work.failures:
                raise work.failures.pop(0)
            return what

        @verb()
        async def gated(world: World, what: str) -> str:
            work.calls.append(what)
            work.reached.set()
            if work.gate is not None:
                await work.gate.wait()
            return what

        async def look(world: World, what: str) -> Settled[str] | None:
            return Settled(f"found {what}") if what in work.calls else None

        @verb(retry=Retry(attempts=3, first_wait_s=0.01), settle=look)
        async def once(world: World, what: str) -> str:
            work.calls.append(what)
            if work.failures:
                raise work.failures.pop(0)
            return what

        self.count, self.shaky, self.gated, self.once = count, shaky, gated, once


async def test_steps_run_in_order_and_report_themselves(machine: Machine) -> None:
    work = Work()

    async def body(run: Run) -> None:
        assert await run.step(work.count, "a") == "a"
        await run.step(work.count, "b")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert work.calls == ["a", "b"]
    assert [r.key for r in machine.notes.reports] == ["001.count", "002.count"]


async def test_the_same_id_starts_one_run(machine: Machine) -> None:
    work = Work()

    async def body(run: Run) -> None:
        await run.step(work.count, "a")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await engine.start("k", "r1")
    await machine.over("r1")
    await engine.start("k", "r1")
    assert work.calls == ["a"]


async def test_a_lane_takes_one_change_at_a_time(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()

    async def body(run: Run) -> None:
        await run.step(work.gated, run.id)

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane="vpc-1")
    await asyncio.wait_for(work.reached.wait(), 10)
    await engine.start("k", "r2", lane="vpc-1")
    other = "r3"
    await engine.start("k", other, lane="vpc-2")
    async with asyncio.timeout(10):
        while other not in work.calls:
            await asyncio.sleep(0.01)
    assert work.calls == ["r1", "r3"]
    work.gate.set()
    await machine.over("r2")
    assert work.calls == ["r1", "r3", "r2"]


async def test_a_message_reaches_the_run_that_waits(machine: Machine) -> None:
    heard: list[object] = []

    async def body(run: Run) -> None:
        heard.append(await run.wait_for("decision", 30))

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await engine.notify("r1", "decision", {"by": "ana"})
    await machine.over("r1")
    assert heard == [{"by": "ana"}]


async def test_a_wait_ends_at_its_deadline(machine: Machine) -> None:
    heard: list[object] = []

    async def body(run: Run) -> None:
        heard.append(await run.wait_for("decision", 0.3))

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.pass_time(0)
    await asyncio.sleep(0.05)
    await machine.pass_time(0.5)
    await machine.over("r1")
    assert heard == [None]


async def test_after_a_death_recorded_steps_are_not_repeated(machine: Machine) -> None:
    work = Work()
    work.gate = asyncio.Event()

    async def body(run: Run) -> None:
        await run.step(work.count, "a")
        await run.step(work.gated, "b")
        await run.step(work.count, "c")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1", lane="vpc-1")
    await asyncio.wait_for(work.reached.wait(), 10)
    await machine.die()
    assert work.calls == ["a", "b"]
    work.gate.set()
    await machine.boot({"k": body})
    await machine.over("r1")
    assert work.calls == ["a", "b", "b", "c"]


async def test_a_message_sent_while_waiting_survives_a_death(machine: Machine) -> None:
    heard: list[object] = []
    work = Work()

    async def body(run: Run) -> None:
        await run.step(work.gated, "a")
        heard.append(await run.wait_for("decision", 60))

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await asyncio.wait_for(work.reached.wait(), 10)
    await machine.die()
    engine = await machine.boot({"k": body})
    await engine.notify("r1", "decision", "yes")
    await machine.over("r1")
    assert heard == ["yes"]


async def test_a_transient_failure_is_tried_again(machine: Machine) -> None:
    work = Work()
    work.failures = [Transient("busy"), Transient("busy")]

    async def body(run: Run) -> None:
        await run.step(work.shaky, "a")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert machine.notes.reports[0].attempts == 3
    assert machine.notes.reports[0].result == "ok"


@pytest.mark.parametrize(
    ("error", "kind", "calls"),
    [
        (Refused("no"), "refused", 1),
        (Permanent("broken"), "permanent", 1),
        (ValueError("oops"), "bug", 1),
    ],
)
async def test_a_failure_is_the_same_live_and_replayed(
    machine: Machine, error: Exception, kind: str, calls: int
) -> None:
    work = Work()
    work.failures = [error]
    seen: list[str] = []
    work.gate = asyncio.Event()

    async def body(run: Run) -> None:
        try:
            await run.step(work.shaky, "a")
        except StepFailed as failure:
            seen.append(failure.kind)
        await run.step(work.gated, "b")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await asyncio.wait_for(work.reached.wait(), 10)
    await machine.die()
    work.gate.set()
    await machine.boot({"k": body})
    await machine.over("r1")
    assert seen == [kind, kind]
    assert work.calls.count("a") == calls


async def test_a_lost_answer_is_settled_by_looking(machine: Machine) -> None:
    work = Work()
    work.failures = [Transient("connection closed", in_doubt=True)]
    results: list[str] = []

    async def body(run: Run) -> None:
        results.append(await run.step(work.once, "a"))

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert results == ["found a"]
    assert work.calls == ["a"]


async def test_a_stop_halts_before_the_next_effect_and_undoes_in_reverse(machine: Machine) -> None:
    work = Work()
    ended: list[tuple[str, ...]] = []

    async def body(run: Run) -> None:
        run.undo("take a back", lambda: run.step(work.count, "undo a"))
        await run.step(work.count, "a")
        run.undo("take b back", lambda: run.step(work.count, "undo b"))
        await run.step(work.count, "b")
        machine.notes.stop = "stopped by chen"
        try:
            await run.step(work.count, "c")
        except Stopped:
            undone, failed = await run.compensate()
            assert failed == ""
            ended.append(undone)

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert work.calls == ["a", "b", "undo b", "undo a"]
    assert ended == [("take b back", "take a back")]


async def test_past_the_point_of_no_return_a_stop_waits_for_the_end(machine: Machine) -> None:
    work = Work()

    async def body(run: Run) -> None:
        run.undo("take a back", lambda: run.step(work.count, "undo a"))
        await run.step(work.count, "a")
        run.commit()
        machine.notes.stop = "stopped by chen"
        await run.step(work.count, "b")
        assert await run.compensate() == ((), "")

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert work.calls == ["a", "b"]


async def test_between_two_commits_a_stop_counts_and_what_was_done_stands(
    machine: Machine,
) -> None:
    work = Work()
    stood: list[tuple[str, ...]] = []

    async def body(run: Run) -> None:
        run.stage("first")
        await run.step(work.count, "a")
        run.commit("a is done")
        machine.notes.stop = "stopped by chen"
        await run.step(work.count, "b")
        run.reopen()
        run.stage("second")
        try:
            await run.step(work.count, "c")
        except Stopped:
            stood.append(run.stands)

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert work.calls == ["a", "b"]
    assert stood == [("a is done",)]
    assert [(r.name, r.stage) for r in machine.notes.reports] == [
        ("count", "first"), ("count", "first"),
    ]  # fmt: skip


async def test_a_new_run_has_the_changes_of_its_code(machine: Machine) -> None:
    seen: list[bool] = []

    async def body(run: Run) -> None:
        seen.append(await run.patched("look-twice"))

    engine = await machine.boot({"k": body})
    await engine.start("k", "r1")
    await machine.over("r1")
    assert seen == [True]


@pytest.mark.parametrize("kind", ENGINES[1:])
async def test_a_second_process_on_the_same_database_is_refused(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'engine.db'}"
    if kind == "postgres":
        url = request.getfixturevalue("postgres_url")
    lock = OneReplica(url) if kind == "postgres" else OneProcess(tmp_path / "engine.db")
    lock.acquire()
    try:
        engine = DbosEngine(DbosSettings(url), _no_runs)
        with pytest.raises(Refused, match="another ilbot"):
            await engine.launch()
    finally:
        lock.release()


async def _no_runs(kind: str, checkpoints: Checkpoints) -> None:
    raise AssertionError("nothing was started")
