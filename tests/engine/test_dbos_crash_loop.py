"""A change that takes its process with it each time is given up, and a person is asked."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from bot.domain.operation import Outcome
from bot.engine.memory import VirtualClock
from bot.services.journal import Journal
from tests.engine.crash_loop import DEATHS_ALLOWED, ID

KILLED_ITSELF = 9


async def boot(folder: Path) -> int:
    """Run the bot as a process of its own until it ends; return its exit status."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.engine.crash_loop", str(folder),
        cwd=Path(__file__).parents[2], stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.slow
@pytest.mark.serial
async def test_a_change_that_kills_its_process_is_tried_a_few_times_and_parked(
    tmp_path: Path,
) -> None:
    ends: list[int] = []
    while ends[-1:] != [0] and len(ends) < 3 * DEATHS_ALLOWED:
        ends.append(await boot(tmp_path))
    assert ends in ([KILLED_ITSELF] * deaths + [0] for deaths in range(2, DEATHS_ALLOWED + 2))
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", VirtualClock())
    await journal.open()
    found = await journal.operation(ID)
    await journal.close()
    assert found is not None
    assert found.outcome is Outcome.PARKED
    assert found.reason.startswith("its run ended without a result")
