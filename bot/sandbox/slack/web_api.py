"""Turn an HTTP request under /api/ into a call of one Web API method, and its result into JSON.

https://docs.slack.dev/apis/web-api/: form, query or JSON arguments; a bearer token; errors are
`ok: false` with HTTP 200, except rate limits (429 with Retry-After).
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .faults import Fault, Kind
from .limits import POSTS_PER_CHANNEL, POSTS_PER_WORKSPACE, Allowance
from .messages import Json
from .socket_mode import SocketMode
from .workspace import Workspace


class SlackError(Exception):
    """The method says no; `error` is Slack's code, `details` goes into response_metadata."""

    def __init__(self, error: str, *details: str) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a method: its arguments, and the base URL the app used to reach us."""

    workspace: Workspace
    sockets: SocketMode
    base_url: str
    arguments: Mapping[str, Any]

    def required(self, name: str) -> str:
        value = self.arguments.get(name)
        if value in (None, ""):
            raise SlackError("invalid_arguments", f"[ERROR] missing required field: {name}")
        return str(value)

    def text(self, name: str) -> str | None:
        value = self.arguments.get(name)
        return None if value in (None, "") else str(value)

    def flag(self, name: str) -> bool:
        return str(self.arguments.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.arguments.get(name) or default)
        except ValueError:
            raise SlackError("invalid_arguments", f"[ERROR] must be an integer: {name}") from None

    def structure(self, name: str, error: str) -> Any:
        """Read an argument that is JSON, and in a form a string of JSON."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise SlackError(error) from None


@dataclass(frozen=True, slots=True)
class Method:
    """A method, the allowance of its tier, whose token it wants, and a scope that it checks."""

    run: Callable[[Call], Json]
    allowance: Allowance
    takes_app_token: bool = False
    scope: str = ""


class WebApi:
    """Serve the methods of a table, with Slack's tokens, rate limits and the faults armed."""

    def __init__(
        self, workspace: Workspace, sockets: SocketMode, methods: Mapping[str, Method]
    ) -> None:
        self._workspace = workspace
        self._sockets = sockets
        self._methods = methods

    async def answer(self, request: Request) -> Response:
        name = request.path_params["method"]
        workspace = self._workspace
        workspace.counters.add(f"calls.{name}")
        if fault := workspace.faults.take(Kind.HANG_CALL, name):
            await asyncio.sleep(fault.seconds)
        if fault := workspace.faults.take(Kind.RATE_LIMIT, name):
            return self._too_many(name, round(fault.seconds))
        if fault := workspace.faults.take(Kind.FAIL_CALL, name):
            return self._failed(name, fault)
        loses_answer = workspace.faults.take(Kind.LOSE_ANSWER, name) is not None
        try:
            answer = self._answer(name, request, await _arguments(request))
        except SlackError as refusal:
            answer = self._refused(name, refusal)
        if loses_answer:
            workspace.counters.add(f"lost.{name}")
            return Response(status_code=502)
        return answer

    def _answer(self, name: str, request: Request, arguments: Json) -> Response:
        method = self._methods.get(name)
        if method is None:
            raise SlackError("unknown_method")
        self._check_token(method, _token(request, arguments))
        if wait_s := self._retry_after_s(name, method, arguments):
            return self._too_many(name, wait_s)
        scopes = self._workspace.app.scopes
        if method.scope and method.scope not in scopes:
            raise SlackError("missing_scope")
        call = Call(self._workspace, self._sockets, str(request.base_url), arguments)
        headers = {} if method.takes_app_token else {"x-oauth-scopes": ",".join(scopes)}
        return JSONResponse({"ok": True} | method.run(call), headers=headers)

    def _check_token(self, method: Method, token: str) -> None:
        app = self._workspace.app
        wanted, other = app.bot_token, app.app_token
        if method.takes_app_token:
            wanted, other = other, wanted
        if not token:
            raise SlackError("not_authed")
        if token == other:
            raise SlackError("not_allowed_token_type")
        if token != wanted:
            raise SlackError("invalid_auth")

    def _retry_after_s(self, name: str, method: Method, arguments: Json) -> int | None:
        limits, now = self._workspace.limits, self._workspace.now()
        if name != "chat.postMessage":
            return limits.retry_after_s(name, method.allowance, now)
        channel = f"{name} {arguments.get('channel')}"
        wait_s = limits.retry_after_s(channel, POSTS_PER_CHANNEL, now)
        return wait_s or limits.retry_after_s(name, POSTS_PER_WORKSPACE, now)

    def _too_many(self, name: str, wait_s: int) -> Response:
        self._workspace.counters.add(f"rate_limited.{name}")
        body = {"ok": False, "error": "ratelimited"}
        return JSONResponse(body, status_code=429, headers={"Retry-After": str(wait_s)})

    def _failed(self, name: str, fault: Fault) -> Response:
        if fault.error.startswith("http_"):
            return Response(status_code=int(fault.error.removeprefix("http_")))
        return self._refused(name, SlackError(fault.error))

    def _refused(self, name: str, refusal: SlackError) -> Response:
        self._workspace.counters.add(f"errors.{name}.{refusal.error}")
        body: Json = {"ok": False, "error": refusal.error}
        if refusal.error == "unknown_method":
            body["req_method"] = name
        if refusal.error == "missing_scope" and name in self._methods:
            body["needed"] = self._methods[name].scope
            body["provided"] = ",".join(self._workspace.app.scopes)
        if refusal.details:
            body["errors"] = [detail.removeprefix("[ERROR] ") for detail in refusal.details]
            body["response_metadata"] = {"messages": list(refusal.details)}
        return JSONResponse(body)


def _token(request: Request, arguments: Json) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else str(arguments.get("token") or "")


async def _arguments(request: Request) -> Json:
    """Merge the query with a JSON or form body."""
    query = dict(request.query_params)
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("application/json"):
        try:
            body = json.loads(await request.body() or b"{}")
        except json.JSONDecodeError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        return query | body
    return query | dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
