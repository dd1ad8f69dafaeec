"""Stands between the bot and the pretend cloud, counts what is said, and breaks one call."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
from starlette.requests import Request

from bot.adapters.cloudstack.catalogue import COMMANDS, Effect
from bot.engine.memory import Died
from bot.sandbox.cloud import World
from bot.sandbox.cloud.app import respond
from bot.sandbox.cloud.faults import Fault, FaultKind

CHANGES = frozenset(one.name for one in COMMANDS.values() if one.effect is Effect.CHANGE)
READS = frozenset(COMMANDS) - CHANGES
OUTAGE_S = 60.0
"""How long a management server is away that is killed here and started again."""


class Trouble(StrEnum):
    """What happens to one call."""

    BUSY = "answered 503 by CloudStack"
    PROXY = "answered 503 by a proxy"
    FAILED = "answered 530"
    REFUSED = "connection refused"
    LOST = "answer lost after the effect"
    RESTART = "the management server restarts before it"
    DIES_BEFORE = "the bot dies before it is sent"
    DIES_AFTER = "the bot dies before its answer is read"
    JOB_FAILS = "its job fails"
    JOB_FAILS_AFTER = "its job does everything and says it failed"
    JOB_CUT_AT_ONCE = "the management server restarts while its job is queued"
    JOB_CUT_LATE = "the management server restarts while its job works"


JOB_TROUBLES = (
    Trouble.JOB_FAILS,
    Trouble.JOB_FAILS_AFTER,
    Trouble.JOB_CUT_AT_ONCE,
    Trouble.JOB_CUT_LATE,
)
_FAULTS = {
    Trouble.BUSY: (FaultKind.ERROR, 503),
    Trouble.PROXY: (FaultKind.BODY, 503),
    Trouble.FAILED: (FaultKind.ERROR, 530),
    Trouble.LOST: (FaultKind.LOSE_ANSWER, 200),
    Trouble.JOB_FAILS: (FaultKind.JOB_FAILS, 530),
    Trouble.JOB_FAILS_AFTER: (FaultKind.JOB_FAILS_AFTER, 530),
}
_CUT_AFTER_S = {Trouble.JOB_CUT_AT_ONCE: 0.5, Trouble.JOB_CUT_LATE: 2.4}


def _command(form: bytes) -> str:
    found = re.search(rb"(?:^|&)command=(\w+)", form)
    assert found is not None, "every call names its command"
    return found[1].decode()


class Straight(httpx.AsyncClient):
    """Hands a request to its transport as it is.

    Redirects, cookies and log lines, which CloudStack's API has no use for, are for the tests of
    the client; here they would be a tenth of a run.
    """

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Return what the transport answers."""
        response = await self._transport.handle_async_request(request)
        response.request = request
        return response


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """A transport to the pretend cloud; the call number `at` (from 0) meets `trouble`, once.

    `before` is told of every command before it is sent: a test changes the world there.
    """

    cloud: World
    at: int = -1
    trouble: Trouble | None = None
    before: Callable[[str], None] = lambda command: None
    calls: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        command = _command(await request.aread())
        number = len(self.calls)
        self.calls.append(command)
        self.before(command)
        if number != self.at or self.trouble is None:
            return await self._answer(request)
        return await self._in_trouble(request, command, self.trouble)

    async def _in_trouble(
        self, request: httpx.Request, command: str, trouble: Trouble
    ) -> httpx.Response:
        if trouble is Trouble.DIES_BEFORE:
            raise Died(f"before {command} was sent")
        if trouble is Trouble.REFUSED:
            raise httpx.ConnectError("All connection attempts failed")
        if trouble is Trouble.RESTART:
            self.cloud.restart_server(OUTAGE_S, refuses_connections=True)
        if trouble in _FAULTS:
            kind, status = _FAULTS[trouble]
            self.cloud.fail_next(Fault(command, kind, status=status))
        response = await self._answer(request)
        if trouble is Trouble.DIES_AFTER:
            raise Died(f"before the answer to {command} was read")
        if trouble in _CUT_AFTER_S:
            moment = self.cloud.at + _CUT_AFTER_S[trouble]
            self.cloud.processes.call_at(moment, lambda: self.cloud.restart_server(OUTAGE_S))
        return response

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        """Hand over what `httpx.ASGITransport` would; for thousands of calls, not by way of it."""

        told: list[dict[str, Any]] = [{"type": "http.request", "body": request.content}]

        async def receive() -> dict[str, Any]:
            if not told:
                await asyncio.Event().wait()  # it hangs until the caller's own time is over
            return told.pop()

        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "query_string": request.url.query,
            "headers": request.headers.raw,
        }
        answer = await respond(self.cloud, Request(scope, receive))
        return httpx.Response(
            answer.status_code, headers=answer.raw_headers, content=bytes(answer.body)
        )
