"""Turns what one person said or clicked into the sentence they get back; knows no Slack library."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.domain import mrkdwn
from bot.domain.operation import Actor, Source
from bot.domain.page import Page, as_mrkdwn
from bot.errors import IlbotError, Refused
from bot.services.answers import Answers
from bot.services.operations import Operations, standing
from handlers.commands import Ask, Complaint, Form, Question, parse
from handlers.routes import BUTTONS

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, by Slack user id, and where."""

    id: str
    channel: str


@dataclass(frozen=True, slots=True)
class Click:
    """A pressed button; `value` is `OPERATION:PLAN`, a prefix of the plan's fingerprint."""

    action: str
    value: str
    by: Speaker


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
                actor = Actor(speaker.id, speaker.id)
                opened, is_new = await self._operations.open_for_person(
                    wish, Source.SLACK, actor, dedupe=dedupe, channel=speaker.channel
                )
                where = f"{mrkdwn.code(opened.id)}: {wish.runbook} {mrkdwn.code(wish.target)}"
                if is_new:
                    return f"{where} is being planned. Its card follows."
                return f"{where} {mrkdwn.escape(standing(opened))}."

    async def _answer(self, kind: str, argument: str, person_id: str) -> Page:
        answers = self._answers
        looks: dict[str, Callable[[str], Awaitable[Page]]] = {
            "status": answers.status, "can": answers.can, "why": answers.why,
            "export": answers.export, "drift": answers.drift,
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
        if click.action not in BUTTONS or not operation_id or not seen:
            return "That button no longer does anything; look at the newest card."
        verdict = await self._operations.decide(
            operation_id, click.by.id, approve=BUTTONS[click.action], seen=seen
        )
        return mrkdwn.escape(verdict.text)


async def _in_a_sentence(work: Callable[[], Awaitable[str]], speaker: Speaker) -> str:
    try:
        return await work()
    except Refused as no:
        return f":no_entry: {mrkdwn.escape(str(no))}"
    except IlbotError as error:
        log.warning("request_failed", person=speaker.id, error=str(error))
        why = mrkdwn.escape(str(error).rstrip("."))
        return (
            f":warning: That was not done: {why}. Ask again in a minute; "
            "`status` shows what is open."
        )
    except Exception:
        error_id = secrets.token_hex(4)
        log.exception("request_broke", person=speaker.id, error_id=error_id)
        return (
            f":warning: Something broke here (error `{error_id}` in the log), so do not count on "
            "it. `status` shows what is open."
        )
