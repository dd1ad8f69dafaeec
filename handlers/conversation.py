"""Turns what one person said or clicked into the sentence they get back; knows no Slack library."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.domain import mrkdwn
from bot.domain.operation import Actor, Source, Wish
from bot.domain.page import Page, as_mrkdwn
from bot.errors import IlbotError, Refused
from bot.services.answers import Answers
from bot.services.operations import Operations, standing
from bot.services.spec_text import EXAMPLE
from bot.services.split_form import from_lines
from handlers.commands import Ask, Complaint, Form, Question, parse
from handlers.routes import BUTTONS, DONE, PROPOSED
from workflows import provision

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, by Slack user id, and where."""

    id: str
    channel: str


@dataclass(frozen=True, slots=True)
class Click:
    """A pressed button; `value` is `OPERATION:SEEN`, where what was seen is a prefix of the plan's
    fingerprint, or the key of a question."""

    action: str
    value: str
    by: Speaker


@dataclass(frozen=True, slots=True)
class Start:
    """What a form starts from; `note` says what the text is, in mrkdwn."""

    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was submitted; `channel` is where it was asked for."""

    runbook: str
    text: str
    overwrite: bool
    because: str
    channel: str
    argument: str = ""

    @property
    def digest(self) -> str:
        """Tell what was entered from what was corrected after a complaint."""
        entered = "\0".join((self.text, str(self.overwrite), self.because))
        return hashlib.sha256(entered.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Filing:
    """What became of a form: `told` where it was taken, else `error`, in plain words."""

    told: str = ""
    error: str = ""


class Conversation:
    """Reads, opens the door, answers; every failure becomes a sentence, and none is raised."""

    def __init__(self, operations: Operations, answers: Answers) -> None:
        self._operations = operations
        self._answers = answers

    async def said(self, text: str, speaker: Speaker, dedupe: str) -> str:
        """Answer a command; a wish is stored when this returns, or the answer says it is not."""
        return await _in_a_sentence(lambda: self._said(text, speaker, dedupe), speaker)

    async def clicked(self, click: Click) -> str:
        """Take a decision; what it is worth is decided by the door, not by the button."""
        return await _in_a_sentence(lambda: self._clicked(click), click.by)

    def form_in(self, text: str, speaker: Speaker) -> Form | str:
        """Return the form that a command asks for, `""` where it asks for none.

        Who may not ask gets the refusal instead, before anything was typed.
        """
        found = _form_of(parse(text))
        if found is None:
            return ""
        try:
            self._operations.person(speaker.id)
        except Refused as no:
            return _in_words(no, speaker)
        return found

    async def start_of(self, form: Form, speaker: Speaker) -> Start:
        """Return what a form starts from; where the cloud says no, an example, or nothing where
        there is nothing to propose, and why."""
        proposes = form.runbook in PROPOSED
        start = self._answers.split_start if proposes else self._answers.spec_start
        try:
            text, note = await start(form.argument)
        except Exception as error:
            return Start("" if proposes else EXAMPLE, _in_words(error, speaker))
        return Start(text, mrkdwn.escape(note))

    async def filled(self, form: Filled, speaker: Speaker, dedupe: str) -> Filing:
        """Take a submitted form; its wish is stored when this returns, or the filing says why not.

        Whatever goes wrong is an error of the filing: what was typed stays where it is.
        """
        try:
            wish = await self._wish_of(form)
            return Filing(told=await self._ask(wish, speaker, dedupe))
        except Exception as error:
            return Filing(error=_plainly(error, speaker))

    async def _wish_of(self, form: Filled) -> Wish:
        if form.runbook not in PROPOSED:
            return provision.wish_of(
                form.text, "spec", overwrite=form.overwrite, because=form.because
            )
        groups = from_lines(form.text)
        await self._answers.check_split(form.argument, groups)
        return Wish(form.runbook, form.argument, (("groups", groups),), form.because)

    async def _said(self, text: str, speaker: Speaker, dedupe: str) -> str:
        match parse(text):
            case Complaint(sentence):
                return sentence
            case Question(kind, argument):
                return as_mrkdwn(await self._answer(kind, argument, speaker.id))
            case Form(runbook, _):
                return (
                    f"{mrkdwn.code(runbook)} takes a text of many lines: say it as a slash command "
                    f"({mrkdwn.code(f'/ilb {runbook}')}) where Slack can open a form, or "
                    f"{mrkdwn.code(f'ilbot {runbook} -f FILE')} in a terminal."
                )
            case Ask(wish):
                return await self._ask(wish, speaker, dedupe)

    async def _ask(self, wish: Wish, speaker: Speaker, dedupe: str) -> str:
        opened, is_new = await self._operations.open_for_person(
            wish, Source.SLACK, Actor(speaker.id, speaker.id), dedupe=dedupe,
            channel=speaker.channel,
        )  # fmt: skip
        where = f"{mrkdwn.code(opened.id)}: {wish.runbook} {mrkdwn.code(wish.target)}"
        if is_new:
            return f"{where} is being planned. Its card follows."
        return f"{where} {mrkdwn.escape(standing(opened))}."

    async def _answer(self, kind: str, argument: str, person_id: str) -> Page:
        answers = self._answers
        looks: dict[str, Callable[[str], Awaitable[Page]]] = {
            "status": answers.status, "can": answers.can, "advise": answers.advise,
            "why": answers.why, "export": answers.export, "drift": answers.drift,
        }  # fmt: skip
        if kind in looks:
            return await looks[kind](argument)
        match kind:
            case "stop":
                return await answers.stop(person_id, argument)
            case "resume":
                return await answers.resume(person_id)
            case _:
                return await answers.help(person_id)

    async def _clicked(self, click: Click) -> str:
        operation_id, _, seen = click.value.partition(":")
        if click.action not in {*BUTTONS, DONE} or not operation_id or not seen:
            return "That button no longer does anything; look at the newest card."
        if click.action == DONE:
            verdict = await self._operations.answer(operation_id, click.by.id, seen)
        else:
            verdict = await self._operations.decide(
                operation_id, click.by.id, approve=BUTTONS[click.action], seen=seen
            )
        return mrkdwn.escape(verdict.text)


def _form_of(found: Ask | Question | Form | Complaint) -> Form | None:
    """Return the form that something said opens: that of a proposal where no option says more."""
    if isinstance(found, Ask) and found.wish.runbook in PROPOSED:
        plain = not (found.wish.parameters or found.wish.because)
        return Form(found.wish.runbook, found.wish.target) if plain else None
    return found if isinstance(found, Form) else None


async def _in_a_sentence(work: Callable[[], Awaitable[str]], speaker: Speaker) -> str:
    try:
        return await work()
    except Exception as error:
        return _in_words(error, speaker)


def _in_words(error: Exception, speaker: Speaker) -> str:
    mark = ":no_entry:" if isinstance(error, Refused) else ":warning:"
    return f"{mark} {mrkdwn.escape(_plainly(error, speaker))}"


def _plainly(error: Exception, speaker: Speaker) -> str:
    """Say what went wrong and what to do next; what nobody foresaw is logged, with an id."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, IlbotError):
        log.warning("request_failed", person=speaker.id, error=str(error))
        why = str(error).rstrip(".")
        return f"That was not done: {why}. Ask again in a minute; `status` shows what is open."
    error_id = secrets.token_hex(4)
    log.error("request_broke", person=speaker.id, error_id=error_id, exc_info=error)
    return (
        f"Something broke here (error `{error_id}` in the log), so do not count on it. `status` "
        "shows what is open."
    )
