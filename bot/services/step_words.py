"""Turns the steps of a change into words, the same on cards, receipts and in answers."""

from __future__ import annotations

from bot.domain.page import duration
from bot.services.progress import Step

STEP_WORDS = {
    "newest": "Looked at its last start or stop",
    "submit_stop": "Asked CloudStack to stop it",
    "submit_start": "Asked CloudStack to start it",
    "await_job": "Waited for that job to end",
    "settled": "Watched its state until it was at rest",
    "expect_version": "Checked the template version it reports",
    "expect_rules": "Compared its rules with the plan",
    "power_synced": "Waited for CloudStack's power sync",
    "newest_restart": "Looked at the tier's last restart",
    "submit_restart": "Asked CloudStack to restart the tier without clean-up",
    "ilb_at": "Waited for an ILB VM with its address",
    "begin": "Looked again: the plan still holds",
    "finish": "Looked at the result",
}


def step_words(step: Step) -> str:
    """Say what a step did, in words people know."""
    if step.name == "settled" and step.arguments[1:]:
        wanted = step.arguments[1]
        return f"Watched it until it was {wanted or 'at rest'}"
    return STEP_WORDS.get(step.name, step.name)


def took(step: Step) -> str:
    """Say how long a step took and how often it tried, where that is worth a word."""
    parts = [duration(step.seconds)] if step.seconds >= 0.05 else []
    return ", ".join(parts + ([f"{step.attempts} attempts"] if step.attempts > 1 else []))
