"""The poller goes on whatever the cloud does, and knows how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.sandbox.cloud import Fault, FaultKind
from bot.services.incidents import Desk, Incidents
from handlers.poll import Poller
from tests.waiting import cancelled, until
from tests.workflows.harness import House, house


@asynccontextmanager
async def polling(
    home: House, interval_s: float, *, longest_look_s: float = 60.0
) -> AsyncIterator[Poller]:
    cloud = home.fleet._cloud
    desk = Desk(
        home.journal, home.operations, home.fleet, cloud, lambda: home.policies, home.clock,
        home.watch,
    )  # fmt: skip
    poller = Poller("poller", Incidents(desk).sweep, interval_s, longest_look_s=longest_look_s)
    task = asyncio.create_task(poller.run())
    try:
        yield poller
    finally:
        await cancelled(task)


async def test_it_is_not_well_before_it_has_looked() -> None:
    async with house() as home, polling(home, 60.0) as poller:
        assert poller.health() == (False, "poller: has not looked yet")
        await until(lambda: poller.health()[0])
        assert poller.health() == (True, "poller: looked 0 s ago")


async def test_a_cloud_that_does_not_answer_is_told_and_asked_again() -> None:
    async with house() as home, polling(home, 0.01) as poller:
        await until(lambda: poller.health()[0])
        home.cloud.fail_next(Fault("listNetworks", FaultKind.ERROR, times=10**6))
        await until(lambda: not poller.health()[0])
        assert "list the VPC tiers" in poller.health()[1]
        home.cloud.faults.clear()
        await until(lambda: poller.health()[0])


async def test_a_look_that_hangs_is_told() -> None:
    async with house() as home, polling(home, 0.01, longest_look_s=0.02) as poller:
        await until(lambda: poller.health()[0])
        home.cloud.fail_next(Fault("listNetworks", FaultKind.HANG))
        await until(lambda: not poller.health()[0])
        assert poller.health()[1] == "poller: looked 0 s ago"
        assert poller.age_s() > 0.03
