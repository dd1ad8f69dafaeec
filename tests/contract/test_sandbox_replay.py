"""The pretend cloud answers recorded requests as the recorded server did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.wire_differences import DIFFERENCES
from tests.contract.wire_records import WIRE, exchanges, scenarios
from tests.contract.wire_replay import Outcome, Report, replay

# How much is equal, per recording: what was reached once is held. `make wire` prints today's.
EQUAL = {
    "acl": 94,
    "api-frame": 70,
    "health-recreate": 7,
    "ilb-errors": 159,
    "ilb-lifecycle": 104,
    "ilb-vm-with-router-commands": 142,
    "job-pending": 56,
    "job-queue-and-failures": 94,
    "job-restart": 36,
    "listing": 86,
    "projects": 25,
    "router-failover": 15,
    "router-health-checks": 8,
    "router-redundant": 85,
    "runbook-flows": 54,
    "template-too-old": 43,
    "template-upgrade": 23,
    "tier-gc-hang": 28,
    "unexpected-stop": 5,
    "webhook": 7,
    "zone-setup": 16,
}
MOST_DIFFERENCES = 89  # may only shrink


@pytest.mark.parametrize("path", sorted(WIRE.glob("*.json")), ids=lambda path: path.stem)
def test_every_recording_parses(path: Path) -> None:
    rows = exchanges(path.stem)
    assert rows
    assert all({"command", "params", "method", "status"} <= row.raw.keys() for row in rows)


@pytest.mark.parametrize("name", ["event-bus", "event-bus-crash"])
def test_every_bus_record_parses(name: str) -> None:
    header, *rows = [json.loads(line) for line in (WIRE / f"{name}.jsonl").read_text().splitlines()]
    assert "note" in header
    assert rows
    assert all({"key", "value"} <= row.keys() for row in rows)


@pytest.mark.parametrize("name", scenarios())
async def test_answers_are_those_that_were_recorded(name: str) -> None:
    report = await replay(name)
    assert "\n".join(map(str, report.unexplained)) == ""
    assert _no_longer_different(report) == []
    assert len(report.of(Outcome.EQUAL)) >= EQUAL[name]


def test_the_list_of_differences_only_shrinks() -> None:
    assert len(DIFFERENCES) <= MOST_DIFFERENCES
    assert {name for name, _ in DIFFERENCES} <= set(scenarios())


def _no_longer_different(report: Report) -> list[int]:
    """Return listed differences that are equal by now, or cannot be compared at all."""
    different = {line.exchange.index for line in report.of(Outcome.DIFFERENT)}
    listed = {number for name, number in DIFFERENCES if name == report.name}
    return sorted(listed - different)
