"""Carries out steps in a house without a runbook around them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.engine.api import Hands, Run
from bot.engine.memory import MemoryCheckpoints, StoredRun
from bot.ports import World
from tests.workflows.harness import House

R = TypeVar("R")


async def carry_out(home: House, body: Callable[[Run], Awaitable[R]]) -> R:
    """Run steps on the house's cloud and clock and return what they return."""
    cloud = home.fleet._cloud
    world = World(cloud, home.clock, home._directory(), home.questions)  # type: ignore[arg-type]  # it can change
    hands = Hands(world, home.journal, home.progress, home.switch)
    run_id = f"steps-{home._new_key()}:check"
    checkpoints = MemoryCheckpoints(run_id, StoredRun("check", ""), home.engine)
    return await body(Run(checkpoints, hands))
