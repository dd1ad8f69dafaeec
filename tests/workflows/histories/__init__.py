"""What undisturbed `apply` runs left in the engine, and how to record and read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.domain.operation import Outcome
from tests.workflows.harness import house
from tests.workflows.migrate_scenarios import MIGRATE, MIGRATE_ROUTER
from tests.workflows.other_ways import (
    BOTH_FAILING,
    LONE_STOPPED,
    NETWORK_PAIR,
    RESIZE_LONE,
    RESIZE_NAMELESS,
    ROLL_LONE,
    ROLL_NAMELESS,
    SPLIT_BY_WORD,
    TWIN_STOPPING,
)
from tests.workflows.resizes import (
    RESIZE_BESIDE,
    RESIZE_OUTAGE,
    RESIZE_ROUTERS,
    RESIZE_TWINS,
)
from tests.workflows.scenarios import (
    ACL,
    AGAIN,
    BESIDE,
    BUILD,
    FAILING,
    FLEET,
    LONE_ROUTER_FAILING,
    MISSING,
    PAIR,
    REPAIR,
    REPLACE,
    ROLL,
    ROUTER_FAILING,
    ROUTER_PAIR,
    ROUTER_STOPPED,
    ROUTERS,
    STOPPED,
    STOPPING,
    TWIN_FAILING,
    TWIN_MISSING,
    TWIN_STOPPED,
    TWINS,
    UNPAIR,
)
from tests.workflows.splits import SPLIT
from tests.workflows.sweep import Scenario, carry_out

HISTORIES = {
    "roll": ROLL,
    "recover-stopped": STOPPED,
    "recover-stopping": STOPPING,
    "recover-missing": MISSING,
    "recover-router-stopped": ROUTER_STOPPED,
    "recover-router-failing": ROUTER_FAILING,
    "recover-router-alone": LONE_ROUTER_FAILING,
    "recover-failing": FAILING,
    "recover-twin-stopped": TWIN_STOPPED,
    "recover-twin-missing": TWIN_MISSING,
    "recover-twin-failing": TWIN_FAILING,
    "roll-beside": BESIDE,
    "roll-twins": TWINS,
    "roll-routers": ROUTERS,
    "roll-fleet": FLEET,
    "pair-ilb": PAIR,
    "pair-again": AGAIN,
    "pair-routers": ROUTER_PAIR,
    "unpair": UNPAIR,
    "split": SPLIT,
    "migrate": MIGRATE,
    "migrate-router": MIGRATE_ROUTER,
    "resize": RESIZE_OUTAGE,
    "resize-beside": RESIZE_BESIDE,
    "resize-twins": RESIZE_TWINS,
    "resize-routers": RESIZE_ROUTERS,
    "provision-new": BUILD,
    "provision-replace": REPLACE,
    "provision-acl": ACL,
    "provision-repair": REPAIR,
    "roll-nameless": ROLL_NAMELESS,
    "roll-router-alone": ROLL_LONE,
    "resize-nameless": RESIZE_NAMELESS,
    "resize-router-alone": RESIZE_LONE,
    "recover-routers-failing": BOTH_FAILING,
    "recover-router-alone-stopped": LONE_STOPPED,
    "recover-twin-stopping": TWIN_STOPPING,
    "pair-network": NETWORK_PAIR,
    "split-by-word": SPLIT_BY_WORD,
}
Steps = list[tuple[str, str]]
"""The engine's journal of one run: names, and values as JSON."""


async def record(scenario: Scenario) -> Steps:
    """Run a scenario undisturbed and return the journal of its `apply`."""
    async with house(named=scenario.watched, watched=scenario.watched) as home:
        scenario.prepare(home)
        ended = await carry_out(scenario, home)
        assert ended.outcome is Outcome.DONE, ended.reason
        return home.store.runs[ended.apply_run].journal


def write(name: str, steps: Steps) -> Path:
    """Keep a history, readable in a diff."""
    told: list[dict[str, Any]] = [{"step": s, "value": json.loads(text)} for s, text in steps]
    _file(name).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return _file(name)


def read(name: str) -> Steps:
    """Return a kept history."""
    told = json.loads(_file(name).read_text("utf-8"))
    return [(one["step"], json.dumps(one["value"])) for one in told]


def _file(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.json")
