"""The engine in memory wakes who waits, whatever the moment at which there is something to hear."""

from __future__ import annotations

import asyncio

import pytest

from bot.engine.api import Checkpoints, Json
from bot.engine.memory import MemoryEngine, Store, VirtualClock

RUN, DEADLINE_S = "op-1:apply", 60.0


async def turns(count: int) -> None:
    """Let everything that is ready run, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def heard(after: int, *, mail: bool) -> list[Json]:
    """Return what a run heard that began to wait so many turns before its mail, or its deadline."""
    told: list[Json] = []

    async def body(_kind: str, checkpoints: Checkpoints) -> None:
        told.append(await checkpoints.receive("news", DEADLINE_S))

    clock = VirtualClock()
    engine = MemoryEngine(Store(), clock, body)
    await engine.start("apply", RUN)
    await turns(after)
    if mail:
        await engine.notify(RUN, "news", "it is done")
    else:
        clock.advance(DEADLINE_S + 1.0)
    await turns(20)
    await engine.close()
    return told


@pytest.mark.parametrize("after", range(8))
async def test_mail_is_heard_at_whatever_turn_of_the_wait_it_comes(after: int) -> None:
    assert await heard(after, mail=True) == ["it is done"]


@pytest.mark.parametrize("after", range(1, 8))
async def test_a_deadline_is_seen_at_whatever_turn_of_the_wait_it_passes(after: int) -> None:
    assert await heard(after, mail=False) == [None]
