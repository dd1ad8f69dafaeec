"""Scenarios of split: two services of one ILB on two, taken back in the middle, and refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bot.demo.scripts.acting import (
    Scenario,
    approved_by_bruno,
    asked,
    short_ttl,
    told,
)
from bot.demo.stage import Stage, until
from bot.demo.staging import Staging

_TARGET, _VIP = "b-31-VM", "10.20.1.10"
_NAME, _PORT = "grpc.shop.internal", 9090
_CLIENTS = {80: 6, _PORT: 3}
"""How many clients connect in a second, by port."""


async def split(stage: Stage) -> None:
    """What each service carries is counted; one moves to an ILB of its own."""
    await _crowded(stage)
    async with _clients(stage):
        number = await asked(stage, f'split {_TARGET} because="one ILB, two services" into=2')
    await stage.slack.sees("ana", "counted by HAProxy", timeout_s=5)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of", after=number)


async def split_reversed(stage: Stage) -> None:
    """All changes are stopped while the name moves: this one is taken back, all is as before."""
    await _crowded(stage)
    number = await asked(stage, f"split {_TARGET} weights=app:2,grpc:1")
    await approved_by_bruno(stage)
    await _leads_elsewhere(stage)
    await stage.slack.says("bruno", "/ilb stop not today", wait=False)
    await told(stage, "Receipt of", after=number)


async def split_bare_ip_refused(stage: Stage) -> None:
    """Clients that have the bare address cannot be led anywhere."""
    await stage.slack.says("ana", "/ilb split 10.20.2.10 into=2", wait=False)
    await stage.slack.sees("ana", "Introduce a name first", timeout_s=20)


async def _crowded(stage: Stage) -> None:
    """Give the second service of app-tier's ILB a name of its own; both with a short TTL."""
    await short_ttl(stage)
    await stage.control("dns/set-record", name=_NAME, values=[_VIP], ttl=1)
    tags = {"ilbot.service": "grpc", "ilbot.name": _NAME}
    await stage.control("drift-rule", target="app-grpc", tags=tags)


@asynccontextmanager
async def _clients(stage: Stage) -> AsyncIterator[None]:
    """Let clients come and go meanwhile."""

    async def come() -> None:
        while True:
            for port, count in _CLIENTS.items():
                place = f"{_VIP}:{port}"
                await stage.control("open-sessions", target=place, count=count, seconds=1.0)
            await asyncio.sleep(1.0)

    task = asyncio.create_task(come())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _leads_elsewhere(stage: Stage) -> None:
    async def moved() -> bool:
        records = (await stage.look("dns/state"))["records"]
        return not any(_VIP in one for one in records[f"{_NAME}."])

    await until(moved, 40.0)


_HURRIED = Staging(pace=0.02, settings=(("ILBOT_PROBE__BAKE_S", "1"),))
SCENARIOS = (
    Scenario(
        "split",
        "two services of one ILB get one each, by what HAProxy counts of them",
        ("done",),
        split,
        _HURRIED,
    ),
    Scenario(
        "split-reversed",
        "stopped while a name moves: all is as before",
        ("rolled back",),
        split_reversed,
        _HURRIED,
    ),
    Scenario(
        "split-bare-ip-refused",
        "clients of the bare address cannot be led away: no, and what works",
        ("refused",),
        split_bare_ip_refused,
        _HURRIED,
    ),
)
