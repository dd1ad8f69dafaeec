"""The scenarios by name; `bot/demo/scripts` has who does what, and which outcome is right."""

from __future__ import annotations

from bot.demo.scripts import (
    health,
    load,
    pair,
    provision,
    resize,
    roll,
    roll_fleet,
    split,
    trouble,
)

SCENARIOS = {
    one.name: one
    for one in (
        *roll.SCENARIOS,
        *roll_fleet.SCENARIOS,
        *pair.SCENARIOS,
        *resize.SCENARIOS,
        *split.SCENARIOS,
        *trouble.SCENARIOS,
        *health.SCENARIOS,
        *load.SCENARIOS,
        *provision.SCENARIOS,
    )
}
