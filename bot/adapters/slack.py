"""Turns cards into Slack messages (Block Kit), and Slack's errors into ours.

Limits: https://docs.slack.dev/reference/block-kit/blocks/ and slack_sdk's validators; that all
texts of one message may have about 13,200 characters is measured (slackapi/bolt-js issue 2509).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain import mrkdwn
from bot.domain.card import Button, Card, Picture, Tone
from bot.errors import IlbotError, Permanent, Refused, Transient
from bot.ports import Posted

Json = dict[str, Any]

HEADER, SECTION, FOOTER = 150, 3000, 500
BUTTON, VALUE, CONFIRM, ACTION_ID = 75, 2000, 300, 255
BUTTONS_PER_BLOCK = 25
ALT_TEXT = 1000
BODY = 7500
"""Characters of all paragraphs together; facts, buttons and the footer need the rest."""
FACTS, FACT_NAME, FACT = 10, 100, 200
MORE = "… (more in the thread)"

_WHAT_TO_DO = {
    "channel_not_found": "Check `slack.channel` (the channel's id) and invite the bot there.",
    "not_in_channel": "Invite the bot: `/invite` in that channel.",
    "is_archived": "Unarchive the channel, or set another one as `slack.channel`.",
    "user_not_in_channel": "That person must join the channel to be told there.",
    "restricted_action": "The workspace's preferences forbid the bot to post there.",
    "missing_scope": "Install the app again with the manifest in deploy/.",
    "file_uploads_disabled": "Ask the workspace's owners to allow file uploads.",
    "file_upload_size_restricted": "Ask the workspace's owners to allow larger files.",
}
_PASSING = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"}
)


class SlackChat:
    """`bot.ports.Chat` on Slack's Web API.

    The client should not retry by itself: a repeated `chat.postMessage` posts twice, and who
    calls knows better when to come back after a rate limit.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def post(self, channel: str, card: Card, *, thread: Posted | None = None) -> Posted:
        """Post a card in a channel, or as a reply in a card's thread."""
        answer = await self._call(
            "chat.postMessage", f"post in {channel}",
            channel=channel, **_content(card), thread_ts=thread.ts if thread else None,
            unfurl_links=False, unfurl_media=False,
        )  # fmt: skip
        return Posted(str(answer["channel"]), str(answer["ts"]))

    async def update(self, at: Posted, card: Card) -> None:
        """Replace a card in place."""
        what = f"edit message {at.ts} in {at.channel}"
        await self._call("chat.update", what, channel=at.channel, ts=at.ts, **_content(card))

    async def upload(self, at: Posted, picture: Picture) -> None:
        """Show a picture in the thread of a card, by Slack's upload of three calls.

        Slack checks the channel with the last: a refusal leaves a file that nobody sees.
        """
        what = f"upload {picture.name} to the thread {at.ts} in {at.channel}"
        with _ours(what):
            await self._client.files_upload_v2(
                channel=at.channel, thread_ts=at.ts, filename=picture.name,
                title=picture.title, alt_txt=picture.alt[:ALT_TEXT], file=picture.png,
            )  # fmt: skip

    async def whisper(self, channel: str, person: str, text: str) -> None:
        """Tell one person something that only they see."""
        await self._call(
            "chat.postEphemeral", f"tell {person} something in {channel}",
            channel=channel, user=person, text=cut(text, SECTION),
        )  # fmt: skip

    async def _call(self, method: str, what: str, **arguments: Any) -> Json:
        arguments = {name: value for name, value in arguments.items() if value is not None}
        with _ours(what):
            answer = await self._client.api_call(method, json=arguments)
        return dict(answer.data) if isinstance(answer.data, dict) else {}


@contextmanager
def _ours(what: str) -> Iterator[None]:
    """Turn what Slack or the way to it raises into our errors, saying what was attempted."""
    try:
        yield
    except SlackApiError as error:
        raise _translated(error, what) from error
    except (TimeoutError, aiohttp.ClientError, SlackClientError, OSError) as error:
        raise Transient(
            f"{what}: Slack did not answer ({type(error).__name__})", in_doubt=True
        ) from error


def blocks(card: Card) -> list[Json]:
    """Lay a card out in Block Kit, within every limit; block ids are new each time.

    Slack asks for a new `block_id` with each update of a message.
    """
    laid_out = [*_header(card), *_body(card), *_facts(card), *_actions(card), *_footer(card)]
    mark = secrets.token_hex(4)
    return [block | {"block_id": f"{mark}-{i}"} for i, block in enumerate(laid_out)]


def cut(text: str, limit: int) -> str:
    """Shorten mrkdwn at the end of a line or a word, never inside an entity or a mention."""
    if len(text) <= limit:
        return text
    kept = text[: limit - len(MORE) - 2]
    for end in ("\n", " "):
        at = kept.rfind(end)
        if at > len(kept) // 2:
            kept = kept[:at]
            break
    kept = re.sub(r"(&[a-z]{0,4}|<[^>]*)$", "", kept)
    closed = "`" if kept.count("`") % 2 else ""
    return f"{kept}{closed} {MORE}"


def _content(card: Card) -> Json:
    # The text is parsed as mrkdwn in notifications, so a name in it must not ring anybody.
    return {"text": cut(mrkdwn.escape(card.summary), SECTION) or " ", "blocks": blocks(card)}


def _header(card: Card) -> Iterator[Json]:
    if card.title.strip():
        yield {"type": "header", "text": _plain(card.title, HEADER)}


def _body(card: Card) -> Iterator[Json]:
    left = BODY
    for text in _packed(paragraph for paragraph in card.body if paragraph.strip()):
        if left <= len(MORE) + 2:
            return
        shown = cut(text, min(SECTION, left))
        left -= len(shown)
        yield {"type": "section", "text": {"type": "mrkdwn", "text": shown}}


def _packed(paragraphs: Iterable[str]) -> Iterator[str]:
    """Join paragraphs into as few sections as hold them."""
    joined = ""
    for paragraph in paragraphs:
        if joined and len(joined) + 2 + len(paragraph) > SECTION:
            yield joined
            joined = paragraph
        else:
            joined = f"{joined}\n\n{paragraph}" if joined else paragraph
    if joined:
        yield joined


def _facts(card: Card) -> Iterator[Json]:
    fields = [
        {"type": "mrkdwn", "text": f"*{cut(name, FACT_NAME)}*\n{_short(value)}"}
        for name, value in card.facts[:FACTS]
    ]
    if fields:
        yield {"type": "section", "fields": fields}


def _short(value: str) -> str:
    return cut(value, FACT) or " "


def _actions(card: Card) -> Iterator[Json]:
    for i in range(0, len(card.buttons), BUTTONS_PER_BLOCK):
        some = card.buttons[i : i + BUTTONS_PER_BLOCK]
        yield {"type": "actions", "elements": [_button(button) for button in some]}


def _button(button: Button) -> Json:
    if len(button.value) > VALUE or len(button.action) > ACTION_ID:
        raise Permanent(f"show button {button.label}: its value or action is too long for Slack")
    shown: Json = {
        "type": "button",
        "action_id": button.action,
        "text": _plain(button.label, BUTTON),
        "value": button.value,
    }
    if button.tone is not Tone.PLAIN:
        shown["style"] = button.tone.value
    if button.confirm:
        shown["confirm"] = {
            "title": _plain(button.label, 100),
            "text": _plain(button.confirm, CONFIRM),
            "confirm": _plain(button.label, 30),
            "deny": _plain("Back", 30),
        }
    return shown


def _footer(card: Card) -> Iterator[Json]:
    if card.footer.strip():
        text = {"type": "mrkdwn", "text": cut(card.footer, FOOTER)}
        yield {"type": "context", "elements": [text]}


def _plain(text: str, limit: int) -> Json:
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return {"type": "plain_text", "text": shown, "emoji": True}


def _translated(error: SlackApiError, what: str) -> IlbotError:
    """Say what was attempted and what to do; Slack's own texts stay out of it."""
    response = error.response
    status = int(getattr(response, "status_code", 0) or 0)
    data = getattr(response, "data", response)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or code == "ratelimited":
        wait_s = float(response.headers.get("Retry-After", 1))
        return Transient(f"{what}: Slack's rate limit", retry_after_s=wait_s)
    if code in _PASSING or status >= 500 or not code:
        return Transient(f"{what}: Slack failed ({code or status})", in_doubt=True)
    if code in _WHAT_TO_DO:
        return Refused(f"{what}: Slack says {code}.", instead=_WHAT_TO_DO[code])
    return Permanent(f"{what}: Slack says {code}")
