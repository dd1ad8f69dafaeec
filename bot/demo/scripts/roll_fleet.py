"""Scenario of a fleet rolled in waves: it stops where a target fails, and goes on afterwards."""

from __future__ import annotations

from bot.demo.scripts.acting import Scenario, approved_by_bruno, asked, told
from bot.demo.stage import Stage
from bot.demo.staging import Staging

WISH = "roll-fleet vpc=shop-stage"
SECOND = "b-42-VM"
"""The one target of the second wave, after the canary in qa-tier."""


async def roll_fleet_stopped(stage: Stage) -> None:
    """The second wave spends the error budget; asked again, the fleet goes on with what is left."""
    await stage.control("keep-version", target=SECOND)
    await asked(stage, WISH)
    await approved_by_bruno(stage)
    await told(stage, "the error budget is spent")
    await stage.control("keep-version", target=SECOND, keeps=False)
    await asked(stage, WISH)
    await approved_by_bruno(stage)
    await told(stage, "The fleet of *VPC shop-stage* runs version")


SCENARIOS = (
    Scenario(
        "roll-fleet-stopped",
        "a fleet stops at its error budget in the second wave, and goes on when asked again",
        ("failed", "done"),
        roll_fleet_stopped,
        Staging(pace=0.02),
    ),
)
