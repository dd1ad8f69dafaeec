"""Turns one operation and its audit rows into the account of it: who, why, what, how it went."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.operation import Operation, State
from bot.domain.page import Code, Listing, Mark, Page, Row, Section, Strong, When, Who, duration
from bot.domain.plan import Plan
from bot.services.audit import Entry
from bot.services.episodes import FLAPS
from bot.services.operations import plan_of, standing
from bot.services.progress import Step, share_of
from bot.services.questions import ANSWERED, ASKED, CLOSED
from bot.services.relief import relief_in
from bot.services.step_words import step_words, took
from bot.services.traffic import evidence_in, in_lines


def account_of(
    found: Operation,
    notes: tuple[Entry, ...],
    steps: tuple[Step, ...],
    name_of: Callable[[str], str],
    parts: tuple[Operation, ...] = (),
) -> Page:
    """Tell an operation from the wish to the outcome; `name_of` gives a person id's name.

    `parts` are the operations that it opened.
    """
    subject = found.target_name or found.wish.target
    sections = [Section("", ((Code(found.id), f" {standing(found)}."),)), _asked(found, notes)]
    if found.plan:
        planned = plan_of(found)
        sections += [_plan(planned, found.fingerprint), _facts(planned)]
    sections += [
        _decision(found, name_of),
        _steps(steps),
        _parts(parts),
        _flaps(notes),
        _helped(notes),
        _traffic(notes),
        _load(found, notes),
        _share(found, notes, steps),
        _outcome(found),
        *_texts(found),
    ]
    shown = tuple(section for section in sections if section.rows)
    return Page(f"{found.wish.runbook.capitalize()} {subject}", shown)


def _asked(found: Operation, notes: tuple[Entry, ...]) -> Section:
    by = Who(found.requested_by.id, found.requested_by.name)
    rows: list[Row] = [(by, f", by {found.source.value}, ", When(found.created_at))]
    if found.parent:
        rows.append(("part of ", Code(found.parent)))
    short = [f"{name}={value}" for name, value in found.wish.parameters if "\n" not in value]
    if short:
        rows.append(("with ", Code(", ".join(short))))
    if found.wish.because:
        rows.append(("because: ", found.wish.because))
    asked = next((note.data for note in notes if note.kind == "asked"), {})
    known = ("incident", "hint", "mode", "policy")
    rows += [(f"{key}: {asked[key]}",) for key in known if asked.get(key)]
    rows += [(f"• {line}",) for line in asked.get("evidence", ())]
    return Section("Asked", tuple(rows))


def _helped(notes: tuple[Entry, ...]) -> Section:
    """Tell what people were asked to do in the middle of it, and who did."""
    rows: list[Row] = []
    for note in notes:
        if note.kind == ASKED:
            rows.append((When(note.at), f": {note.data['text']}"))
            rows += [(Code(line),) for line in note.data["lines"]]
        elif note.kind == ANSWERED:
            rows.append((When(note.at), ": ", Who(note.data["by"], note.data["name"]), ": done"))
        elif note.kind == CLOSED:
            rows.append((When(note.at), f": {note.data['why']}"))
    return Section("Asked of people", tuple(rows))


def _flaps(notes: tuple[Entry, ...]) -> Section:
    """Tell how often its target passed and failed again since."""
    rows = ((When(note.at), f": {note.data['text']}") for note in notes if note.kind == FLAPS)
    return Section("It flaps", tuple(rows))


def _texts(found: Operation) -> tuple[Section, ...]:
    """Show what was given as a text of many lines, such as a spec, last and as it is."""
    return tuple(
        Section(name.capitalize(), ((Listing(value.rstrip()),),))
        for name, value in found.wish.parameters
        if "\n" in value
    )


def _plan(planned: Plan, fingerprint: str) -> Section:
    lasts = planned.exposure.seconds
    how_long = "an unknown time" if lasts is None else duration(lasts)
    rows: list[Row] = [(planned.summary, ", in ", planned.target.where)]
    rows += [(Code(line),) for line in planned.diff]
    rows += [(f"{i}. {step.text}",) for i, step in enumerate(planned.steps, 1)]
    if lasts != 0.0:
        what = f"not served meanwhile: {planned.exposure.what}, for {how_long}"
        rows.append((f"{what} ({planned.exposure.evidence})",))
    rows.append(("plan ", Code(fingerprint[:12])))
    return Section("Plan", tuple(rows))


def _facts(planned: Plan) -> Section:
    rows = tuple((f"• {fact.name}: ", Code(fact.value)) for fact in planned.facts if fact.value)
    return Section("It relied on", rows)


def _decision(found: Operation, name_of: Callable[[str], str]) -> Section:
    if not found.decided_by:
        text = "nobody has decided yet" if found.is_open else "nobody decided"
        asks_because = found.reason if found.state is State.WAITING else ""
        rows: tuple[Row, ...] = ((text,), *([(asks_because,)] if asks_because else []))
        return Section("Decision", rows)
    by = Who(found.decided_by, name_of(found.decided_by))
    word = "rejected" if found.outcome == "rejected" else "approved"
    return Section("Decision", ((f"{word} by ", by, ", ", When(found.decided_at)),))


def _steps(steps: tuple[Step, ...]) -> Section:
    return Section("Steps", tuple(_step(i, step) for i, step in enumerate(steps, 1)))


def _parts(parts: tuple[Operation, ...]) -> Section:
    rows = (
        (Code(one.id), f" {one.wish.runbook} ", Strong(one.target_name), f" {standing(one)}")
        for one in sorted(parts, key=lambda one: one.id)
    )
    return Section("Parts", tuple(rows))


def _step(number: int, step: Step) -> Row:
    mark = Mark("white_check_mark", "+") if step.result == "ok" else Mark("x", "!")
    said = f" {number}. {step_words(step)}" + (f" ({took(step)})" if took(step) else "")
    return (mark, said, f": {step.error}" if step.error else "")


def _traffic(notes: tuple[Entry, ...]) -> Section:
    measured = evidence_in(notes)
    return Section("Traffic", tuple((line,) for line in in_lines(measured)) if measured else ())


def _load(found: Operation, notes: tuple[Entry, ...]) -> Section:
    relief = relief_in(notes) if found.started_at and not found.is_open else None
    return Section("Load", tuple((line,) for line in relief.lines) if relief else ())


def _share(found: Operation, notes: tuple[Entry, ...], steps: tuple[Step, ...]) -> Section:
    spent = share_of(found, notes, steps)
    return Section("Cost", ((spent.text,),) if spent else ())


def _outcome(found: Operation) -> Section:
    if found.state is not State.ENDED:
        return Section("Outcome", (("none yet; deadline ", When(found.deadline_at)),))
    rows: list[Row] = [(Strong(str(found.outcome)), ", ", When(found.ended_at))]
    if found.reason:
        rows.append((found.reason,))
    return Section("Outcome", tuple(rows))
