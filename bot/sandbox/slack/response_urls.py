"""Turn a POST to a command's or click's `response_url` into a message, an edit or a deletion.

https://docs.slack.dev/interactivity/handling-user-interaction/#message_responses: five uses in
thirty minutes, and it may speak where the app is no member.
"""

import json
import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from . import block_kit
from .faults import Kind
from .messages import Content, Json, Message
from .workspace import Workspace


@dataclass(slots=True)
class Grant:
    """The right behind one `response_url`: where, to whom, about which message, until when."""

    channel: str
    person: str
    original_ts: str | None
    thread_ts: str | None
    expires_at: float
    uses_left: int


class ResponseUrls:
    """Hand out response URLs and act on what is posted to them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._grants: dict[str, Grant] = {}

    def issue(
        self,
        channel: str,
        person: str,
        original_ts: str | None = None,
        thread_ts: str | None = None,
    ) -> str:
        """Make the path of a new URL, to be put behind the base URL the app knows us by."""
        timings = self._workspace.timings
        secret = secrets.token_urlsafe(18)
        self._grants[secret] = Grant(
            channel,
            person,
            original_ts,
            thread_ts,
            self._workspace.now() + timings.response_url_s,
            timings.response_url_uses,
        )
        family = "commands" if original_ts is None else "actions"
        return f"{family}/{self._workspace.seed.team_id}/{secret}"

    async def answer(self, request: Request) -> Response:
        """Serve a POST (the ASGI endpoint)."""
        counters = self._workspace.counters
        counters.add("response_url.posts")
        grant = self._grants.get(request.path_params["secret"])
        if refusal := self._refusal(grant):
            counters.add("response_url.refused")
            return JSONResponse({"ok": False, "error": refusal}, status_code=404)
        assert grant is not None
        grant.uses_left -= 1
        try:
            body = json.loads(await request.body())
        except json.JSONDecodeError:
            return PlainTextResponse("invalid_payload", status_code=400)
        if error := respond(self._workspace, grant, body):
            counters.add(f"response_url.{error}")
            return PlainTextResponse(error, status_code=400)
        return PlainTextResponse("ok")

    def _refusal(self, grant: Grant | None) -> str | None:
        if self._workspace.faults.take(Kind.RESPONSE_URL_404) or grant is None:
            return "no_such_url"
        if self._workspace.now() > grant.expires_at:
            return "expired_url"
        return "used_url" if grant.uses_left <= 0 else None


def respond(workspace: Workspace, grant: Grant, body: Json) -> str | None:
    """Do what a response asks for, or name the error. An ack's payload is a response too.

    The answer to a click replaces the message that was clicked unless it says
    `replace_original: false` (legacy interactive message guide; Netflix/dispatch pull request
    2865). The answer to a command has nothing to replace (slackapi/bolt-js issue 2287).
    """
    original = workspace.timeline.get(grant.channel, grant.original_ts or "")
    if body.get("delete_original"):
        if original is not None:
            workspace.delete(original)
        return None
    blocks = body.get("blocks") or []
    text = str(body.get("text") or "")
    if not text and not blocks:
        return "no_text"
    if not isinstance(blocks, list) or block_kit.problems(blocks):
        return "invalid_blocks"
    content = Content(text, tuple(blocks), body.get("metadata"))
    if body.get("replace_original", True) and original is not None:
        workspace.edit(original, content)
        return None
    _post(workspace, grant, body, content)
    return None


def _post(workspace: Workspace, grant: Grant, body: Json, content: Content) -> Message:
    is_public = body.get("response_type") == "in_channel"
    return workspace.say_as_app(
        grant.channel,
        content,
        thread_ts=body.get("thread_ts") or grant.thread_ts,
        visible_to=None if is_public else grant.person,
    )
