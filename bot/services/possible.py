"""Turns what the topology answers about a target into the page that `can TARGET` shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bot.domain.acts import RUNBOOKS, Answer
from bot.domain.ilb_acts import ilb_answers
from bot.domain.page import Code, Mark, Page, Row, Section, Strong, duration
from bot.domain.router_acts import router_answers
from bot.domain.topology import IlbTarget, Target, typed


def possible(target: Target, runbooks: Collection[str], age_s: float) -> Page:
    """Say what can be done to a target, what cannot, why, what works instead, what it touches.

    `runbooks` are those the bot has for such a target.
    """
    is_ilb = isinstance(target, IlbTarget)
    answers = ilb_answers(target) if isinstance(target, IlbTarget) else router_answers(target)
    can = [answer for answer in answers if answer.can]
    ours = [answer for answer in can if RUNBOOKS.get(answer.act) in runbooks]
    by_hand = [answer for answer in can if answer not in ours]
    cannot = [row for rows in _by_reason(answers) for row in rows]
    touches = "What any change of its rules touches" if is_ilb else "What hangs on it"
    age = "Read just now." if age_s < 1 else f"Read {duration(age_s)} ago."
    sections = (
        Section("Possible", tuple(row for answer in ours for row in _ours(answer, typed(target)))),
        Section("Possible, but this bot has no runbook for it", tuple(map(_by_hand, by_hand))),
        Section("Not possible", tuple(cannot)),
        Section(touches, tuple((text,) for text in target.blast_radius())),
        Section("", ((age,),)),
    )
    shown = tuple(section for section in sections if section.rows)
    return Page(f"{target.name}: {target.where}", shown)


def _ours(answer: Answer, name: str) -> tuple[Row, Row]:
    plans = Code(f"{RUNBOOKS[answer.act]} {name}")
    return _by_hand(answer), ("    ", plans, " plans it")


def _by_hand(answer: Answer) -> Row:
    return (Mark("white_check_mark", "+ "), " ", Strong(answer.act), f": {answer.text}")


def _by_reason(answers: Iterable[Answer]) -> Iterable[tuple[Row, ...]]:
    """Yield each reason once, with all that it forbids."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        if not answer.can:
            reasons.setdefault((answer.text, answer.instead), []).append(answer.act)
    for (text, instead), acts in reasons.items():
        first: Row = (Mark("no_entry", "- "), " ", Strong("; ".join(acts)), f": {text}")
        yield (first, (f"    Instead: {instead}",)) if instead else (first,)
