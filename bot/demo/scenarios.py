"""The scenarios by name; `bot/demo/scripts` has who does what, and which outcome is right."""

from __future__ import annotations

from bot.demo.scripts import pair, provision, roll, trouble

SCENARIOS = {
    one.name: one
    for one in (*roll.SCENARIOS, *pair.SCENARIOS, *trouble.SCENARIOS, *provision.SCENARIOS)
}
