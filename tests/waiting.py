"""Wait for facts, and end what a test started."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

WITHIN_S = 60.0
"""Longer than anything here takes on two shared cores; a fact that never comes fails the test."""


async def until(fact: Callable[[], object]) -> None:
    """Go on as soon as it is so; for what another thread or process does, which cannot tell."""
    async with asyncio.timeout(WITHIN_S):
        while not fact():
            await asyncio.sleep(0.01)


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
