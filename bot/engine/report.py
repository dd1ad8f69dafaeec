"""What a finished step tells of itself."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.share import NO_CALLS, Calls


@dataclass(frozen=True, slots=True)
class StepReport:
    """One finished step, for the journal; `seconds` counts its last execution.

    `stage` says what it was part of, `""` where the runbook has no stages. `waits` and `calls` are
    what it cost, `rested` whether the runbook slept or waited since the step before. `denied` is
    whether it returned False.
    """

    run_id: str
    key: str
    name: str
    arguments: tuple[str, ...]
    attempts: int
    seconds: float
    result: str
    error: str = ""
    stage: str = ""
    waits: bool = False
    rested: bool = False
    calls: Calls = NO_CALLS
    denied: bool = False
