"""Turns a journal in use into the dump of this release: `python -m tests.services.releases`."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from tests.services.releases import FOLDER, this_release
from tests.workflows.harness import house


async def record() -> None:
    """Dump a journal with a change that is done, one that waits, intents and a set switch."""
    async with house() as home:
        await home.do("roll", "b-31-VM")
        await home.ask("roll", "b-32-VM")
        await home.switch.set("Bruno", "Bruno stopped all changes: a freeze")
        with closing(sqlite3.connect(home.folder / "journal.db")) as connection:
            lines = "\n".join(connection.iterdump())
    (FOLDER / f"{this_release()}.sql").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(record())
