"""Answers on the terminal what people ask in Slack, from the same journal and the same cloud."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict

from bot.app import Books, Core
from bot.domain import mrkdwn
from bot.domain.operation import Operation, Outcome, Wish
from bot.domain.page import as_plain
from bot.domain.plan import NothingToDo, Plan
from bot.errors import Refused
from bot.services.answers import Answers, Sources
from bot.services.operations import plan_of, standing
from bot.services.traffic import evidence_in
from handlers.commands import Ask, Complaint, Form, parse
from handlers.routes import RUNBOOKS, menu
from workflows.words import Words

Told = tuple[str, bool]
"""What to print, and whether it is good news (exit code 0)."""
BAD = frozenset({Outcome.FAILED, Outcome.PARKED, Outcome.ROLLED_BACK, Outcome.UNVERIFIED})


async def plan_text(core: Core, words: str, *, as_json: bool) -> Told:
    """Plan a change and show it; nothing is stored and nothing is changed."""
    asked = parse(words)
    if isinstance(asked, Complaint):
        raise Refused(mrkdwn.plain(asked.text))
    if isinstance(asked, Form):
        raise Refused(f"{asked.runbook} takes a spec.", instead=f"`ilbot {asked.runbook} -f FILE`.")
    if not isinstance(asked, Ask):
        raise Refused("That is a question, not a change.", instead="`ilbot --help` lists them.")
    return await planned_text(core, asked.wish, as_json=as_json)


async def planned_text(core: Core, wish: Wish, *, as_json: bool) -> Told:
    """Plan a wish and show the plan, or why there is nothing to do."""
    runbook = RUNBOOKS[wish.runbook]
    planned = runbook.plan_for(await runbook.find(core.fleet, wish), wish)
    if as_json:
        return json.dumps(_planned(planned), indent=2, ensure_ascii=False), True
    if isinstance(planned, NothingToDo):
        return "\n  ".join(("Nothing to do. " + planned.reason, *planned.evidence)), True
    words_of = Words()
    parts = [words_of.render(planned.runbook, part, plan=planned) for part in ("plan", "evidence")]
    text = "\n\n".join(mrkdwn.plain(part) for part in parts)
    return f"{text}\n\nPlan {planned.fingerprint[:12]}. Nothing was changed.", True


async def status_text(core: Core, about: str, *, as_json: bool) -> Told:
    """Show how ILBs are and what the bot is doing, about everything or what goes by a name."""
    if as_json:
        document = await answers_of(core).status_document(about)
        return json.dumps(document, indent=2, ensure_ascii=False), True
    return as_plain(await answers_of(core).status(about)), True


async def can_text(core: Core, named: str) -> Told:
    """Show what can be done to a target, what cannot, and what works instead."""
    return as_plain(await answers_of(core).can(named)), True


async def advise_text(core: Core, named: str, cpu: float | None) -> Told:
    """Show what would help a busy machine, and why nothing else would."""
    said = named if cpu is None else f"{named} cpu={cpu}"
    return as_plain(await answers_of(core).advise(said)), True


async def list_text(books: Books, *, as_json: bool) -> Told:
    """List operations, newest first."""
    found = await books.journal.operations()
    if as_json:
        return json.dumps([_shown(one) for one in found], indent=2, ensure_ascii=False), True
    if not found:
        return "No operation yet.", True
    lines = []
    for one in found:
        subject = one.target_name or one.wish.target
        lines.append(f"{one.id}  {one.wish.runbook:8} {subject:20} {standing(one)}")
    return "\n".join(lines), True


async def show_text(core: Core, operation_id: str, *, as_json: bool) -> Told:
    """Show one operation; bad news where it ended badly."""
    found = await core.journal.operation(operation_id)
    if found is None:
        raise Refused(f"There is no operation {operation_id}.", instead="`ilbot op list` has them.")
    if as_json:
        steps = [asdict(step) for step in await core.progress.steps(found.id)]
        seen = evidence_in(await core.journal.notes(found.id))
        more = {"steps": steps, "traffic": asdict(seen) if seen else None}
        text = json.dumps(_shown(found) | more, indent=2, ensure_ascii=False)
    else:
        text = as_plain(await answers_of(core).why(operation_id))
    return text, found.outcome not in BAD


async def why_text(core: Core, about: str) -> Told:
    """Say why something was done or left alone, for an operation or an ILB."""
    return as_plain(await answers_of(core).why(about)), True


async def stop_text(books: Books, reason: str) -> Told:
    """Stop all changes, and say what is still under way."""
    by = getpass.getuser()
    before = await books.switch.set(by, f"{by} on the command line: {reason}" if reason else "")
    busy = [one for one in await books.journal.operations() if one.state == "applying"]
    lines = ["All changes are stopped: nothing new starts."]
    lines += [f"{one.id} on {one.target_name} halts at its next safe point." for one in busy]
    lines += [f"To resume, {before}."] if before else []
    return "\n".join([*lines, "`ilbot resume` lets changes start again."]), True


async def resume_text(books: Books) -> Told:
    """Let changes start again, or say what still stops them."""
    still = await books.switch.release(getpass.getuser())
    if still:
        return f"Still stopped: {still}.", False
    return "Changes may start again.", True


async def verify_text(books: Books) -> Told:
    """Walk the audit chain."""
    sound, broken = await books.journal.verify()
    if broken:
        return (
            f"The audit journal was tampered with: {broken}. {sound} rows before it are sound.",
            False,
        )
    return f"The audit journal is sound: {sound} rows.", True


def answers_of(core: Core) -> Answers:
    """Return the answers that people get in chat, for the terminal."""
    return Answers(
        Sources(
            core.journal, core.progress, core.fleet, core.policies, core.switch, menu(), "ilbot"
        )
    )


def _shown(found: Operation) -> dict[str, object]:
    shown = asdict(found)
    shown["plan"] = asdict(plan_of(found)) if found.plan else None
    return shown


def _planned(planned: Plan | NothingToDo) -> dict[str, object]:
    if isinstance(planned, NothingToDo):
        return {"nothing_to_do": asdict(planned)}
    return {"plan": asdict(planned), "fingerprint": planned.fingerprint}
