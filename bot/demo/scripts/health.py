"""Scenarios of failed health checks: an ILB VM, a router, and a check that cannot decide."""

from __future__ import annotations

from typing import Any

from bot.demo.scripts.acting import (
    PLANNED,
    Scenario,
    approved_by_bruno,
    noticed,
    recorded,
    told,
)
from bot.demo.stage import Stage
from bot.demo.staging import Staging

_CHECK = "haproxy_check.py"
_SAYS = "Missing load balancing for 10.20.1.21:8080. "
_STANDBY = "r-5-VM"


async def failed_ilb(stage: Stage) -> None:
    """A check of an ILB VM fails, and its alert comes twice: one proposal, one restart."""
    machine = await stage.machine("app-tier")
    await _fails(stage, machine["name"])
    await recorded(stage, "ilb_check_failed.jsonl", machine)
    await stage.slack.sees("ana", f"Restart {machine['name']}", PLANNED, timeout_s=20)
    await recorded(stage, "ilb_check_failed.jsonl", machine)
    await noticed(stage, machine["name"], "on it waits for a decision")
    await approved_by_bruno(stage)
    await told(stage, "Receipt of")


async def failed_router(stage: Stage) -> None:
    """A check of a standby router fails, told by an alert and by an action record: a reboot."""
    await _fails(stage, _STANDBY)
    await recorded(stage, "router_check_failed.jsonl", await _router(stage, _STANDBY))
    await stage.slack.sees("ana", f"{_STANDBY} fails {_CHECK}", PLANNED, timeout_s=20)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of")


async def flaps(stage: Stage) -> None:
    """A check fails and passes, twice: the proposal is withdrawn, the next one is for what flaps.

    That one stays, and changes nothing where it passes when somebody approves.
    """
    machine = await stage.machine("app-tier")
    name = machine["name"]
    await _fails(stage, name)
    await recorded(stage, "ilb_check_failed.jsonl", machine)
    await stage.slack.sees("ana", f"Restart {name}", PLANNED, timeout_s=20)
    await _passes(stage, name)
    await told(stage, "Withdrawn before anybody decided")
    await _fails(stage, name)
    await recorded(stage, "ilb_check_failed.jsonl", machine)
    await stage.slack.sees("ana", "time 2 in this incident: it flaps", PLANNED, timeout_s=20)
    await _passes(stage, name)
    await noticed(stage, name, "passes again, after less than a minute")
    await approved_by_bruno(stage)
    await told(stage, "is Running")


async def _fails(stage: Stage, name: str) -> None:
    await stage.control("set-check", target=name, check=_CHECK, status="FAILED", details=_SAYS)


async def _passes(stage: Stage, name: str) -> None:
    await stage.control("set-check", target=name, check=_CHECK, status="SUCCESS")


async def _router(stage: Stage, name: str) -> dict[str, Any]:
    machines = (await stage.look("state"))["machines"]
    return next(one for one in machines if one["name"] == name)


_RECORDED_BUS = Staging(pace=0.01, bus_of_world=False)
_OFTEN = Staging(
    pace=0.01,
    bus_of_world=False,
    settings=(("ILBOT_POLL__INTERVAL_S", "5"), ("ILBOT_POLL__HEALTH_EVERY_S", "0")),
)
SCENARIOS = (
    Scenario(
        "health-failed-ilb",
        "a check of an ILB VM fails: proposed once for all its alerts, restarted when approved",
        ("done",),
        failed_ilb,
        _RECORDED_BUS,
    ),
    Scenario(
        "health-failed-router",
        "a check of a standby router fails: that router alone is rebooted",
        ("done",),
        failed_router,
        _RECORDED_BUS,
    ),
    Scenario(
        "health-flaps",
        "a check fails and passes, twice: a proposal withdrawn, one for what flaps, no restart",
        ("stale", "nothing to do"),
        flaps,
        _OFTEN,
    ),
)
