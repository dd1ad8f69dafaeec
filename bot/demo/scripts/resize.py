"""Scenarios of resize: an ILB beside a temporary twin, and a pair of routers."""

from __future__ import annotations

from bot.demo.scripts.acting import Scenario, done, short_ttl
from bot.demo.scripts.roll import FAST, HURRIED, NAMED
from bot.demo.stage import Stage


async def resize_ilb(stage: Stage) -> None:
    """A temporary twin of the new size takes the name while the ILB gets it; the address stays."""
    await short_ttl(stage)
    await done(stage, f'resize {NAMED} offering="ILB large"')


async def resize_router_pair(stage: Stage) -> None:
    """Both routers of a VPC get another offering: the standby first, then the hand-over."""
    await done(stage, 'resize shop-prod offering="Router large"')


SCENARIOS = (
    Scenario(
        "resize-ilb",
        "an ILB gets more CPU while a twin as large carries its name; none is lost",
        ("done",),
        resize_ilb,
        HURRIED,
    ),
    Scenario(
        "resize-router-pair",
        "the routers of a VPC get more CPU, the standby first",
        ("done",),
        resize_router_pair,
        FAST,
    ),
)
