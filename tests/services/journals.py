"""Journals on each database for tests, and a hand that reaches into them past the code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from bot.domain.operation import Actor, Operation, Source, State, Wish
from bot.engine.database import open_database
from bot.engine.memory import VirtualClock
from bot.services.journal import Journal
from bot.services.migrating import migrate

ASKED = Operation(
    id="261122-224013-k3fz",
    wish=Wish("roll", "b-31-VM", (("version", "4.22.0"),), "alert 7"),
    source=Source.SLACK,
    requested_by=Actor("U-ANA", "Ana"),
    state=State.ASKED,
    created_at=1_800_000_000.0,
    deadline_at=1_800_000_900.0,
)


def asked(number: int, **changes: Any) -> Operation:
    """Return one of many operations, each with an id of its own."""
    return replace(ASKED, id=f"261122-224013-{number:04d}", **changes)


@cache
def with_tables() -> bytes:
    """Return a SQLite file that has our tables: to copy it takes a tenth of making them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "new.db"
        engine = open_database(f"sqlite:///{file}")
        with engine.begin() as connection:
            migrate(connection)
        engine.dispose()  # the last one to close folds the write-ahead log into the file
        return file.read_bytes()


@dataclass
class Disk:
    """A database by its URL; `journals` are the processes that have it open."""

    url: str
    clock: VirtualClock = field(default_factory=VirtualClock)
    journals: list[Journal] = field(default_factory=list)

    async def journal(self) -> Journal:
        """Open it once more, as another process would."""
        opened = Journal(self.url, self.clock)
        self.journals.append(opened)
        await opened.open()
        return opened

    def tamper(self, statement: str, **values: Any) -> int:
        """Run SQL past the code; return how many rows it met."""
        database = open_database(self.url)
        with database.begin() as connection:
            met = connection.execute(sa.text(statement), values).rowcount
        database.dispose()
        return met


@asynccontextmanager
async def disk(url: str) -> AsyncIterator[Disk]:
    """Close every journal that was opened on a database."""
    one = Disk(url)
    try:
        yield one
    finally:
        await asyncio.gather(*(journal.close() for journal in one.journals))
