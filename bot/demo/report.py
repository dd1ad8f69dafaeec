"""Turns a played scenario into one JSON document: what was wished, done, and really happened."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from bot.adapters.clock import SystemClock
from bot.demo.policies import PEOPLE
from bot.demo.scripts.acting import Scenario
from bot.demo.stage import Stage, staged
from bot.domain.operation import Operation
from bot.errors import IlbotError
from bot.sandbox.slack.script import ScriptError
from bot.services.journal import Journal
from bot.services.progress import Progress
from bot.services.relief import relief_in
from bot.services.traffic import evidence_in

DEADLINE_S = 90.0
"""More than twice what the longest takes: another's load must not look like a defect."""


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario's document, and whether it came out as expected."""

    document: dict[str, Any]
    as_expected: bool


async def play(scenario: Scenario) -> Played:
    """Play a scenario on a fresh stage; ended at a deadline."""
    _say(f"{scenario.name}: {scenario.summary}")
    started = time.monotonic()
    trouble, document = "", dict[str, Any]()
    try:
        async with asyncio.timeout(DEADLINE_S), staged(scenario.staging) as stage:
            _say("the world and the bot are up")
            try:
                await scenario.play(stage)
            except (ScriptError, TimeoutError, IlbotError) as error:
                trouble = f"{type(error).__name__}: {error}\n{stage.bot.tail()}"
            document = await _document(stage)
    except TimeoutError:
        trouble = trouble or f"not over after {DEADLINE_S:.0f} s"
    operations = document.get("operations", [])
    outcomes = [one["outcome"] for one in operations if not one["part_of"]]
    as_expected = not trouble and tuple(outcomes) == scenario.expected
    head: dict[str, Any] = {
        "scenario": scenario.name,
        "expected": _one_or_all(scenario.expected),
        "outcome": _one_or_all(outcomes),
        "duration_s": round(time.monotonic() - started, 2),
    }
    if trouble:
        head["trouble"] = trouble
        _say(f"trouble: {trouble}")
    _say(f"outcome: {head['outcome']}, expected: {head['expected']}")
    return Played(head | document, as_expected)


async def _document(stage: Stage) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        journal = Journal(stage.journal_url, SystemClock())
        stack.push_async_callback(journal.close)
        progress = Progress(journal, lambda _: None)
        operations = [
            await _operation(one, progress)
            | {"measured": await _measured(one, journal), "load": await _load(one, journal)}
            for one in reversed(await journal.operations())
        ]
        sound, broken = await journal.verify()
    return {
        "cloud_calls": (await stage.look("calls"))["by_command"],
        "operations": operations,
        "effects": await stage.look("effects"),
        "audit": {"rows": sound, "broken": broken},
    }


async def _operation(found: Operation, progress: Progress) -> dict[str, Any]:
    return {
        "id": found.id,
        "runbook": found.wish.runbook,
        "target": found.target_name,
        "source": found.source.value,
        "part_of": found.parent,
        "requested_by": found.requested_by.name,
        "approved_by": _approver(found),
        "fingerprint": found.fingerprint,
        "outcome": str(found.outcome or found.state),
        "reason": found.reason,
        "steps": [
            {
                "name": step.name,
                "attempts": step.attempts,
                "seconds": step.seconds,
                "result": step.result,
            }
            for step in await progress.steps(found.id)
        ],
    }


async def _measured(found: Operation, journal: Journal) -> dict[str, Any] | None:
    """Return the numbers of its traffic, None where nobody was to look."""
    seen = evidence_in(await journal.notes(found.id))
    if seen is None:
        return None
    return {
        "from": list(seen.vantage_points),
        "attempts": seen.attempts,
        "failed": seen.failed,
        "resets": seen.resets,
        "longest_gap_s": seen.longest_gap_s,
        "not_valid": seen.not_valid,
    }


async def _load(found: Operation, journal: Journal) -> dict[str, Any] | None:
    """Return how busy the machines were that it was for, None where it was no matter of load."""
    seen = relief_in(await journal.notes(found.id))
    if seen is None:
        return None
    after = seen.after.machines if seen.after else ()
    return {
        when: {one.name: one.cpu_percent for one in machines}
        for when, machines in (("before", seen.before.machines), ("after", after))
    }


def _approver(found: Operation) -> str:
    """Name who approved: a person of the pretend Slack as the policies call them, or a policy."""
    if found.outcome == "rejected":
        return ""
    return PEOPLE.get(found.decided_by, found.decided_by)


def _one_or_all(outcomes: Sequence[str]) -> str | list[str]:
    return outcomes[0] if len(outcomes) == 1 else list(outcomes)


def _say(text: str) -> None:
    sys.stderr.write(f"[demo] {text}\n")
    sys.stderr.flush()
