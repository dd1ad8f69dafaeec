"""Turns Slack's two tokens into lines of a check."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from bot.cli.check_line import CheckLine, ok, refused, warning
from bot.settings import Settings

NEEDED_SCOPES = ("chat:write", "commands", "files:write")
_ANSWER_S = 15.0
_REMEDIES = {
    "invalid_auth": "Copy the token again from the app's page; it may have been reinstalled.",
    "not_authed": "Copy the token again from the app's page.",
    "account_inactive": "The app was removed from the workspace: install it again.",
    "token_revoked": "The token was revoked: install the app again.",
    "token_expired": "Switch token rotation off in the app's manifest and install it again.",
    "not_allowed_token_type": "Bot and app-level token are in each other's place.",
    "missing_scope": "Give the app-level token the scope connections:write.",
    "ratelimited": "Slack asks to wait a minute.",
}


class _Answer(BaseModel):
    ok: bool
    error: str = ""
    user: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """A Web API method, the token it is asked with, and what the token is called."""

    part: str
    method: str
    token: SecretStr


async def check_slack(settings: Settings) -> list[CheckLine]:
    """Ask Slack who the bot token is, and for a Socket Mode address with the app token."""
    slack = settings.slack
    lines = [
        refused("slack", f"slack.{name} is not set", remedy)
        for name, value, remedy in (
            ("bot_token", slack.bot_token, "Install the app; the token is on its page."),
            ("app_token", slack.app_token, "Make one on the app's page Basic Information."),
            ("channel", slack.channel, "Set the id of the channel for cards."),
        )
        if not value
    ]
    questions = []
    if slack.bot_token is not None:
        questions.append(_Question("slack bot token", "auth.test", slack.bot_token))
    if slack.app_token is not None:
        questions.append(_Question("slack app token", "apps.connections.open", slack.app_token))
    async with httpx.AsyncClient(base_url=slack.base_url, timeout=_ANSWER_S) as http:
        return lines + [await _asked(http, question) for question in questions]


async def _asked(http: httpx.AsyncClient, question: _Question) -> CheckLine:
    bearer = {"Authorization": f"Bearer {question.token.get_secret_value()}"}
    try:
        response = await http.post(question.method, headers=bearer)
        answer = _Answer.model_validate_json(response.content)
    except httpx.HTTPError as exc:
        return refused(
            question.part,
            f"Slack cannot be reached ({type(exc).__name__})",
            "Check slack.base_url, the network and its proxy.",
        )
    except ValidationError:
        return refused(
            question.part,
            f"what answers at {http.base_url} is not Slack (HTTP {response.status_code})",
            "Check slack.base_url and whether a proxy answers in its place.",
        )
    if not answer.ok:
        code = answer.error[:60] or "no reason"
        return refused(question.part, f"Slack answers {code}", _REMEDIES.get(code, ""))
    return _accepted(question, answer, response.headers.get("x-oauth-scopes"))


def _accepted(question: _Question, answer: _Answer, scopes: str | None) -> CheckLine:
    """Name the bot, and scopes that are missing where Slack's header tells the token's."""
    if question.method != "auth.test":
        return ok(question.part, "Socket Mode may be opened")
    told = f"{answer.user or 'the app'} in workspace {answer.team or '(unnamed)'}"
    given = {scope.strip() for scope in (scopes or "").split(",")}
    missing = [scope for scope in NEEDED_SCOPES if scope not in given]
    if scopes is None or not missing:
        return ok(question.part, told)
    return warning(
        question.part,
        f"{told}, without scope {', '.join(missing)}",
        "Compare the app with its manifest and install it again.",
    )
