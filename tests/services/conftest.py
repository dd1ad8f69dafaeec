"""Give tests of cards a desk of their own, and every test the log that the bot has by default."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from bot.engine.memory import VirtualClock
from bot.services.journal import Journal
from tests.services.bulletin import NOON, Desk
from tests.services.journals import with_tables


@pytest.fixture(autouse=True)
def calm_log() -> Iterator[None]:
    """Leave out a line for each call of CloudStack: a tenth of the time of a house."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    yield
    structlog.reset_defaults()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = VirtualClock(NOON)
    file = tmp_path / "journal.db"
    file.write_bytes(with_tables())
    journal = Journal(f"sqlite:///{file}", clock)
    await journal.open()
    yield Desk(journal, clock)
    await journal.close()
