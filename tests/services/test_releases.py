"""Every journal that a release left on somebody's disk is opened, read and gone on with."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.operation import Outcome, State
from bot.services.operations import plan_of
from bot.services.progress import Progress
from tests.services.journals import Disk, disk
from tests.services.releases import FOLDER, dumps, restore, this_release


@pytest.fixture(params=dumps(), ids=lambda dump: dump.stem)
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Disk]:
    restore(request.param, tmp_path / "journal.db")
    async with disk(f"sqlite:///{tmp_path}/journal.db") as one:
        yield one


def test_this_release_is_among_them() -> None:
    assert (FOLDER / f"{this_release()}.sql") in dumps(), "python -m tests.services.releases"


async def test_its_operations_plans_and_steps_are_read(old: Disk) -> None:
    journal = await old.journal()
    waiting, done = await journal.operations()
    assert (waiting.state, done.outcome) == (State.WAITING, Outcome.DONE)
    assert plan_of(waiting).target.name == "b-32-VM"
    steps = await Progress(journal, lambda _: None).steps(done.id)
    assert "submit_stop" in [step.name for step in steps]
    assert await Progress(journal, lambda _: None).outage_s(done.id) is not None


async def test_its_intents_and_its_switch_still_hold(old: Disk) -> None:
    journal = await old.journal()
    _, done = await journal.operations()
    assert await journal.intend(done.apply_run, "003.submit_stop", {}) == {"verb": "submit_stop"}
    assert await journal.stop_reason() == "Bruno stopped all changes: a freeze"


async def test_its_audit_chain_is_sound_and_goes_on(old: Disk) -> None:
    journal = await old.journal()
    sound, broken = await journal.verify()
    assert (sound > 10, broken) == (True, "")
    await journal.set_stop("", "Bruno")
    assert await journal.verify() == (sound + 1, "")


async def test_its_schema_becomes_that_of_a_new_journal(old: Disk, tmp_path: Path) -> None:
    async with disk(f"sqlite:///{tmp_path}/new.db") as new:
        await old.journal()
        await new.journal()
    assert schema(tmp_path / "journal.db") == schema(tmp_path / "new.db")


def schema(database: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT name, tbl_name, sql FROM sqlite_master ORDER BY name"
        return list(connection.execute(query))
