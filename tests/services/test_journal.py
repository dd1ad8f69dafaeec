"""What the journal promises on SQLite and PostgreSQL: one winner, nothing twice, nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

import bot.services.migrations
from bot.domain.operation import Outcome, State
from bot.services.schema import metadata
from tests.services.journals import ASKED, Disk, asked, disk

on_both = pytest.mark.parametrize(
    "store", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Disk]:
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/j.db" if on_sqlite else request.getfixturevalue("postgres_url")
    async with disk(url) as one:
        yield one


@on_both
async def test_an_operation_comes_back_as_it_was_stored(store: Disk) -> None:
    journal = await store.journal()
    assert await journal.open_operation(ASKED, "click-1", {"words": "roll it"}) == (ASKED, True)
    assert await (await store.journal()).operation(ASKED.id) == ASKED
    [note] = await journal.notes(ASKED.id)
    assert (note.kind, note.data, note.at) == ("asked", {"words": "roll it"}, ASKED.created_at)


@on_both
async def test_one_key_opens_one_operation_whoever_is_first(store: Disk) -> None:
    journals = [await store.journal() for _ in range(2)]
    opened = await asyncio.gather(
        *(journals[number % 2].open_operation(asked(number), "alert-7", {}) for number in range(6))
    )
    assert [is_new for _, is_new in opened].count(True) == 1
    assert len({found.id for found, _ in opened}) == 1
    assert await journals[0].verify() == (1, "")


@on_both
async def test_of_two_who_decide_together_one_wins(store: Disk) -> None:
    journals = [await store.journal() for _ in range(2)]
    await journals[0].open_operation(asked(1, state=State.WAITING), "click-1", {})
    won = await asyncio.gather(
        journals[0].move(
            asked(1).id, (State.WAITING,), "approved", state=State.APPROVED, decided_by="U-BRUNO"
        ),
        journals[1].move(
            asked(1).id, (State.WAITING,), "rejected", state=State.ENDED, outcome=Outcome.REJECTED
        ),
    )
    found = await journals[0].operation(asked(1).id)
    assert found is not None
    assert sorted(won) == [False, True]
    assert found.state is (State.APPROVED if won[0] else State.ENDED)
    kinds = [note.kind for note in await journals[0].notes(found.id)]
    assert kinds == ["asked", "approved" if won[0] else "rejected"]


@on_both
async def test_a_move_from_another_state_leaves_no_trace(store: Disk) -> None:
    journal = await store.journal()
    await journal.open_operation(ASKED, "click-1", {})
    assert not await journal.move(ASKED.id, (State.WAITING,), "approved", state=State.APPROVED)
    assert not await journal.move("nobody", (State.ASKED,), "approved", state=State.APPROVED)
    assert await journal.operation(ASKED.id) == ASKED
    assert await journal.verify() == (1, "")


@on_both
async def test_a_step_told_twice_is_written_once(store: Disk) -> None:
    journal = await store.journal()
    assert await journal.note("op", "003.submit_stop", "step", {"attempts": 1})
    assert not await journal.note("op", "003.submit_stop", "step", {"attempts": 2})
    assert await journal.note("op", "003.submit_stop", "intent", {})
    assert await journal.has_note("op", "003.submit_stop", "step")
    assert [note.data for note in await journal.notes("op")] == [{"attempts": 1}, {}]


@on_both
async def test_two_writers_make_one_chain(store: Disk) -> None:
    journals = [await store.journal() for _ in range(2)]
    await asyncio.gather(
        *(journals[n % 2].note("op", f"{n:03d}", "step", {"n": n}) for n in range(20))
    )
    assert await journals[0].verify() == (20, "")
    assert len(await journals[1].notes("op")) == 20


@on_both
async def test_an_intent_is_kept_and_the_earlier_one_told(store: Disk) -> None:
    journal = await store.journal()
    assert await journal.intend("op:apply", "002.submit_stop", {"verb": "stop"}) is None
    again = await store.journal()
    assert await again.intend("op:apply", "002.submit_stop", {"verb": "other"}) == {"verb": "stop"}
    assert await again.intend("op:apply", "006.submit_start", {"verb": "start"}) is None


@on_both
async def test_of_two_who_intend_together_one_is_in_doubt(store: Disk) -> None:
    journals = [await store.journal() for _ in range(2)]
    told = await asyncio.gather(
        *(journals[n % 2].intend("op:apply", "002.stop", {"by": str(n)}) for n in range(4))
    )
    assert told.count(None) == 1
    assert len({note["by"] for note in told if note is not None}) == 1


@on_both
async def test_a_stop_is_seen_by_every_process_until_it_is_released(store: Disk) -> None:
    one, other = await store.journal(), await store.journal()
    await asyncio.gather(one.set_stop("a freeze", "Ana"), other.set_stop("a freeze", "Bruno"))
    assert await other.stop_reason() == "a freeze"
    await other.set_stop("", "Bruno")
    assert await one.stop_reason() == ""
    assert (await one.verify())[1] == ""


@on_both
async def test_every_earlier_schema_comes_up_to_the_models_with_its_rows(store: Disk) -> None:
    scripts = ScriptDirectory(str(Path(bot.services.migrations.__file__).parent))
    first = scripts.get_base()
    assert first is not None
    _upgrade(store.url, first)
    row = (
        "INSERT INTO operation VALUES ('old', 'key', "
        """'{"runbook":"roll","target":"b-31-VM","parameters":[],"because":""}', 'slack', """
        """'{"id":"U-ANA","name":"Ana","is_person":true}', 'asked', 1.0, 2.0, 'approve', """
        "'', '', '', '', '', '', 0, 0, 0, NULL, '', '', '')"
    )
    assert store.tamper(row.replace(":", "\\:")) == 1
    journal = await store.journal()
    found = await journal.operation("old")
    assert found is not None
    assert (found.state, found.requested_by.name) == (State.ASKED, "Ana")
    assert _tables(store.url) == {
        name: {column.name for column in table.columns} for name, table in metadata.tables.items()
    }


@pytest.mark.postgres
async def test_replicas_that_start_together_make_one_schema(postgres_url: str) -> None:
    async with disk(postgres_url) as store:
        await asyncio.gather(*(store.journal() for _ in range(3)))
        assert await store.journals[0].note("op", "", "asked", {})


def _upgrade(url: str, revision: str) -> None:
    config = Config()
    folder = Path(bot.services.migrations.__file__).parent
    config.set_main_option("script_location", str(folder))
    database = sa.create_engine(url)
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    database.dispose()


def _tables(url: str) -> dict[str, set[str]]:
    database = sa.create_engine(url)
    seen = sa.inspect(database)
    found = {
        name: {column["name"] for column in seen.get_columns(name)}
        for name in seen.get_table_names()
        if name != "ilbot_version"
    }
    database.dispose()
    return found
