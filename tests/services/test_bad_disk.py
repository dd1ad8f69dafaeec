"""A disk that holds no state of ours, or holds none at all, is told at the start by its path."""

from __future__ import annotations

import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bot.app import open_core
from bot.cli.check_files import check_database
from bot.cli.check_line import Verdict
from bot.engine.database import open_database
from bot.engine.memory import VirtualClock
from bot.errors import Refused, Transient
from bot.services.journal import Journal
from bot.settings.load import load_settings


async def test_a_file_that_is_no_database_is_told_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_bytes(b"no database at all, but long enough to have a header" * 20)
    journal = Journal(f"sqlite:///{file}", VirtualClock())
    with pytest.raises(Refused, match=f"{file} is not a database of SQLite"):
        await journal.open()
    await journal.close()
    engine = open_database(f"sqlite:///{file}")
    with pytest.raises(Refused, match="Restore it from a backup"):
        engine.connect()
    settings = load_settings(None, {"ILBOT_BOT__STATE_DIR": str(tmp_path)})
    assert [line.verdict for line in check_database(settings)] == [Verdict.REFUSED]


async def test_a_database_that_refuses_says_why(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", VirtualClock())
    await journal.open()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("drop table switch")
    with pytest.raises(Transient, match=r"the database refused \(no such table: switch\)"):
        await journal.stop_reason()
    await journal.close()


@pytest.mark.parametrize("inside", ["", "state"])
async def test_a_state_folder_that_cannot_be_made_is_told(tmp_path: Path, inside: str) -> None:
    file = tmp_path / "a file"
    file.touch()
    settings = load_settings(None, {"ILBOT_BOT__STATE_DIR": str(file / inside)})
    async with AsyncExitStack() as stack:
        with pytest.raises(Refused, match=r"The state folder .*a file.* cannot be made"):
            await open_core(settings, stack, lambda _id: None)
