"""A bot whose change ends its process each time: `python -m tests.engine.crash_loop FOLDER`.

It exits with 9 where the change killed it, and with 0 once the dispatcher has ended the operation.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from bot.adapters.clock import SystemClock
from bot.domain.operation import Actor, Operation, Source, State, Wish
from bot.engine.api import Checkpoints
from bot.engine.dbos import DbosEngine, DbosSettings
from bot.services.dispatcher import Dispatcher
from bot.services.journal import Journal

DEATHS_ALLOWED = 3
ID = "op-1"


async def deadly(kind: str, checkpoints: Checkpoints) -> None:
    """Kill the process inside a step, as a bug in a C library would."""

    async def step() -> None:
        os._exit(9)

    await checkpoints.record("001.deadly", step)


async def main(folder: Path) -> None:
    """Boot on that folder, carry out what is stored there, and wait for its end."""
    clock = SystemClock()
    journal = Journal(f"sqlite:///{folder / 'journal.db'}", clock)
    await journal.open()
    now = clock.now()
    wish, actor = Wish("roll", "b-1-VM"), Actor("U0ANA", "Ana")
    stored = Operation(
        ID, wish, Source.SLACK, actor, State.APPLYING, now, now + 3600.0, lane="vpc-1"
    )
    await journal.open_operation(stored, ID, {})
    settings = DbosSettings(
        f"sqlite:///{folder / 'engine.db'}", queue_poll_s=0.05, deaths_allowed=DEATHS_ALLOWED
    )
    engine = DbosEngine(settings, deadly)
    await engine.launch()
    await engine.start("apply", stored.apply_run, stored.lane)
    dispatcher = Dispatcher(journal, engine, clock, lambda _: None)
    while (found := await journal.operation(ID)) and found.is_open:
        await dispatcher.once()
        await asyncio.sleep(0.05)
    await engine.close()
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
