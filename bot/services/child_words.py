"""Turns the waves of a fleet and what became of each target into the lines of its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.domain.operation import Operation, Outcome, State
from bot.domain.plan import Plan
from bot.domain.waves import WELL, Lot, waves_in
from bot.services.operations import standing

MANY = 24
"""More targets than this: only the waves that are not as wished show theirs one by one.

Slack takes 3,000 characters in one block ("Reference: blocks", section).
"""
_OK, _OPEN, _TO_COME, _BAD = (
    ":white_check_mark:", ":hourglass_flowing_sand:", ":white_small_square:", ":x:",
)  # fmt: skip
_IN_DOUBT = ":rotating_light:"
_REASON = 160

Line = dict[str, object]


def lines_of_waves(planned: Plan, children: Sequence[Operation]) -> list[Line]:
    """Return a line for each wave, with a line for each of its targets; none for other plans.

    Each has a `mark`, `words`, and for a wave the `lines` under it.
    """
    waves = waves_in(planned)
    by_target = {one.wish.target: one for one in children}
    is_long = sum(len(wave) for wave in waves) > MANY
    return [_wave(wave, by_target, is_long) for wave in waves]


def _wave(wave: Sequence[Lot], children: Mapping[str, Operation], is_long: bool) -> Line:
    lines = [_lot(lot, children.get(lot.target_id)) for lot in wave]
    marks = {str(line["mark"]) for line in lines}
    well = sum(line["mark"] == _OK for line in lines)
    number = wave[0].wave
    name = f"Wave {number}, the canary" if number == 1 else f"Wave {number}"
    is_plain = marks <= {_OK} or marks <= {_TO_COME}
    return {
        "mark": _mark_of(marks),
        "words": f"{name}: {well} of {len(wave)} done",
        "lines": [] if is_long and is_plain else lines,
    }


def _mark_of(marks: set[str]) -> str:
    """What a person should look at goes first."""
    for mark in (_IN_DOUBT, _BAD, _OPEN):
        if mark in marks:
            return mark
    return _OPEN if len(marks) > 1 else next(iter(marks))


def _lot(lot: Lot, child: Operation | None) -> Line:
    if child is None:
        return {"mark": _TO_COME, "words": f"{lot.name} ({lot.way})"}
    return {"mark": _mark(child), "words": f"{lot.name}: {_stands(child)} ({child.id})"}


def _mark(child: Operation) -> str:
    if child.state is not State.ENDED:
        return _OPEN
    if child.outcome in {Outcome.PARKED, Outcome.UNVERIFIED}:
        return _IN_DOUBT
    return _OK if child.outcome in WELL else _BAD


def _stands(child: Operation) -> str:
    if child.state is not State.ENDED:
        return standing(child)
    reason = "" if child.outcome is Outcome.DONE else child.reason.partition("\n")[0]
    short = reason if len(reason) <= _REASON else f"{reason[:_REASON]}…"
    return f"{child.outcome}: {short}" if short else str(child.outcome)
