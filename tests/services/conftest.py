"""Give tests of cards a desk of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engine.memory import VirtualClock
from bot.services.journal import Journal
from tests.services.bulletin import NOON, Desk
from tests.services.journals import with_tables


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = VirtualClock(NOON)
    file = tmp_path / "journal.db"
    file.write_bytes(with_tables())
    journal = Journal(f"sqlite:///{file}", clock)
    await journal.open()
    yield Desk(journal, clock)
    await journal.close()
