"""Give tests of cards a desk of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.engine.memory import VirtualClock
from bot.services.journal import Journal
from tests.services.bulletin import NOON, Desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = VirtualClock(NOON)
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", clock)
    await journal.open()
    yield Desk(journal, clock)
    await journal.close()
