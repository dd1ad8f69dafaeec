"""Nothing that is stored is left lying: it is started, or it ends and says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.domain.operation import Operation, Outcome, State
from bot.engine.api import Checkpoints
from bot.engine.database import open_database
from bot.engine.memory import MemoryEngine, Store, StoredRun, VirtualClock
from bot.errors import Transient
from bot.services.dispatcher import GRACE_S, SILENT_S, Dispatcher
from bot.services.journal import Journal
from tests.services.bulletin import NOON, Desk, a_roll

DEADLINE_S = 900.0


class Broken(MemoryEngine):
    """An engine whose database fails as told, run by run."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        super().__init__(store, clock, self._body)
        self.fails: dict[str, Exception] = {}
        self.begun: list[str] = []

    async def start(self, kind: str, run_id: str, lane: str = "") -> None:
        if failure := self.fails.pop(run_id, None):
            raise failure
        await super().start(kind, run_id, lane)

    async def _body(self, kind: str, checkpoints: Checkpoints) -> None:
        self.begun.append(f"{kind} {checkpoints.run_id}")


@dataclass
class Bench:
    """A dispatcher between a real journal and an engine in memory."""

    desk: Desk
    url: str
    engine: Broken
    changed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            self.desk.journal, self.engine, self.desk.clock, self.changed.append
        )

    async def look(self, found: Operation) -> Operation:
        again = await self.desk.journal.operation(found.id)
        assert again is not None
        return again

    async def end(self, found: Operation) -> tuple[Outcome | None, str]:
        """Dispatch once; return how the operation stands."""
        await self.dispatcher.once()
        again = await self.look(found)
        return again.outcome, again.reason

    async def settle(self) -> None:
        """Let every run that was started end."""
        await self.engine.join()

    async def approved(self, name: str = "b-1-VM") -> Operation:
        found = await self.desk.waiting(a_roll(name))
        return await self.desk.move(found, State.APPROVED, lane="vpc-1")

    def ran_and_ended(self, run_id: str) -> None:
        """Let a run be over in the engine's store, however it went."""
        self.engine.store.runs[run_id] = StoredRun("apply", "vpc-1", over=True)

    def runs_on(self, run_id: str) -> None:
        """Let a run be at work."""
        self.engine.store.runs[run_id] = StoredRun("apply", "vpc-1")

    def later(self, seconds: float) -> None:
        self.desk.clock.advance(seconds)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = VirtualClock(NOON)
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal(url, clock)
    await journal.open()
    engine = Broken(Store(), clock)
    yield Bench(Desk(journal, clock), url, engine)
    await engine.close()
    await journal.close()


# started


async def test_what_was_stored_without_a_run_is_started_once(bench: Bench) -> None:
    asked, approved = await bench.desk.ask(), await bench.approved()
    await bench.dispatcher.once()
    await bench.dispatcher.once()
    await bench.settle()
    assert sorted(bench.engine.begun) == [f"apply {approved.apply_run}", f"ask {asked.ask_run}"]
    assert bench.engine.store.runs[approved.apply_run].lane == "vpc-1"
    assert bench.engine.store.runs[asked.ask_run].lane == ""


async def test_what_was_approved_while_nobody_looked_starts_in_the_order_asked(
    bench: Bench,
) -> None:
    ids = []
    for number in range(4):
        ids.append((await bench.approved(f"b-{number}-VM")).apply_run)
        bench.later(1.0)
    await bench.dispatcher.once()
    assert list(bench.engine.store.runs) == ids


async def test_one_that_cannot_be_started_does_not_hold_up_the_others(bench: Bench) -> None:
    one, two, three = [await bench.desk.ask() for _ in range(3)]
    bench.engine.fails = {one.ask_run: Transient("locked"), two.ask_run: OSError("disk full")}
    await bench.dispatcher.once()
    await bench.settle()
    assert bench.engine.begun == [f"ask {three.ask_run}"]
    await bench.dispatcher.once()
    await bench.settle()
    assert len(bench.engine.begun) == 3


# overdue


async def test_a_plan_that_never_came_ends(bench: Bench) -> None:
    asked = await bench.desk.ask()
    bench.later(DEADLINE_S + GRACE_S)
    assert await bench.end(asked) == (None, "")
    bench.later(1.0)
    assert await bench.end(asked) == (Outcome.FAILED, "it could not be planned in time")
    assert bench.changed == [asked.id]


async def test_a_decision_that_never_came_ends_it(bench: Bench) -> None:
    found = await bench.desk.waiting(a_roll())
    bench.later(DEADLINE_S + GRACE_S)
    assert await bench.end(found) == (None, "")
    bench.later(1.0)
    assert await bench.end(found) == (Outcome.EXPIRED, "nobody decided in time")


async def test_a_change_that_does_not_end_is_parked(bench: Bench) -> None:
    found = await bench.desk.applying(a_roll())
    bench.runs_on(found.apply_run)
    bench.later(DEADLINE_S + GRACE_S)
    assert await bench.end(found) == (None, "")
    bench.later(1.0)
    assert await bench.end(found) == (
        Outcome.PARKED,
        "it did not end in its time; its run may still be at work",
    )


async def test_a_change_that_still_ends_steps_has_longer(bench: Bench) -> None:
    """A TTL of a day is waited for in pieces of half an hour, each of which is a step."""
    found = await bench.desk.applying(a_roll())
    bench.runs_on(found.apply_run)
    bench.later(DEADLINE_S + GRACE_S)
    await bench.desk.journal.note(found.id, "007.goes_on", "step", {"name": "goes_on"})
    bench.later(1.0)
    assert await bench.end(found) == (None, "")
    bench.later(SILENT_S + GRACE_S)
    assert (await bench.end(found))[0] is Outcome.PARKED


async def test_what_waits_for_its_lane_is_not_overdue(bench: Bench) -> None:
    found = await bench.approved()
    bench.runs_on(found.apply_run)
    bench.later(DEADLINE_S * 10)
    assert await bench.end(found) == (None, "")


# ended without a result


async def test_a_change_whose_run_ended_without_a_result_is_parked(bench: Bench) -> None:
    found = await bench.desk.applying(a_roll())
    bench.ran_and_ended(found.apply_run)
    assert await bench.end(found) == (
        Outcome.PARKED,
        "its run ended without a result; the log of that time has the reason",
    )
    assert bench.changed == [found.id]


async def test_a_change_whose_run_the_engine_lost_is_parked(bench: Bench) -> None:
    found = await bench.desk.applying(a_roll())
    assert await bench.end(found) == (
        Outcome.PARKED,
        "the engine has no run of it any more; what it did so far is not known",
    )


async def test_an_approved_one_whose_run_ended_before_it_began_fails(bench: Bench) -> None:
    found = await bench.approved()
    bench.ran_and_ended(found.apply_run)
    assert await bench.end(found) == (
        Outcome.FAILED,
        "its run ended before it changed anything; the log of that time has the reason",
    )


async def test_an_operation_that_ended_itself_keeps_its_outcome(bench: Bench) -> None:
    found = await bench.desk.applying(a_roll())
    bench.ran_and_ended(found.apply_run)
    await bench.desk.move(found, State.ENDED, outcome=Outcome.DONE)
    assert await bench.end(found) == (Outcome.DONE, "")


# the loop


async def test_a_broken_journal_does_not_end_the_loop(bench: Bench) -> None:
    _sql(bench.url, "alter table operation rename to elsewhere")
    loop = asyncio.create_task(bench.dispatcher.run(interval_s=0.01))
    try:
        with pytest.raises(Transient):
            await bench.desk.ask()
        _sql(bench.url, "alter table elsewhere rename to operation")
        asked = await bench.desk.ask()
        async with asyncio.timeout(20):
            while f"ask {asked.ask_run}" not in bench.engine.begun:
                await asyncio.sleep(0.005)
        assert not loop.done()
    finally:
        loop.cancel()


async def test_a_broken_engine_does_not_end_the_loop(bench: Bench) -> None:
    asked = await bench.desk.ask()
    bench.engine.fails = {asked.ask_run: RuntimeError("the engine is not up")}
    loop = asyncio.create_task(bench.dispatcher.run(interval_s=3600.0))
    try:
        async with asyncio.timeout(20):
            while bench.engine.fails:
                await asyncio.sleep(0.005)
            bench.dispatcher.wake()
            while not bench.engine.begun:
                await asyncio.sleep(0.005)
    finally:
        loop.cancel()
    assert bench.engine.begun == [f"ask {asked.ask_run}"]


def _sql(url: str, statement: str) -> None:
    """Change the database past the journal."""
    database = open_database(url)
    with database.begin() as connection:
        connection.execute(sa.text(statement))
    database.dispose()
