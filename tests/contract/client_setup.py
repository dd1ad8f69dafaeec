"""Turns recorded exchanges and hand-written answers into a client that receives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client, Limits
from bot.adapters.cloudstack.signing import Keys

WIRE = Path(__file__).parent / "wire"
ENDPOINT = "http://cloud.test/client/api"
READ_KEYS = Keys(SecretStr("read-api-key-000"), SecretStr("read-secret-key-000"))
WRITE_KEYS = Keys(SecretStr("write-api-key-000"), SecretStr("write-secret-key-000"))
NOW = 1_800_000_000.0


Reply = httpx.Response | Exception | Callable[[dict[str, str]], httpx.Response]


@dataclass
class StandingClock:
    """A clock that moves only when somebody sleeps, and remembers for how long."""

    at: float = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    where: str
    command: str
    params: dict[str, str]
    status: int
    content_type: str
    content: bytes
    is_cut: bool

    @property
    def payload(self) -> dict[str, Any]:
        body: dict[str, dict[str, Any]] = json.loads(self.content)
        [payload] = body.values()
        return payload

    def response(self) -> httpx.Response:
        headers = {"content-type": self.content_type} if self.content_type else {}
        return httpx.Response(self.status, headers=headers, content=self.content)


def recorded(*commands: str) -> Iterator[Exchange]:
    """Yield the recorded exchanges, of all commands or of some."""
    for path in sorted(WIRE.glob("*.json")):
        for number, row in enumerate(json.loads(path.read_text())["exchanges"]):
            if row.get("status") and (not commands or row["command"] in commands):
                text = row.get("body_text") or ""
                content = text if row.get("body") is None else json.dumps(row["body"])
                yield Exchange(
                    f"{path.name}[{number}] {row['command']}",
                    row["command"],
                    row["params"],
                    row["status"],
                    row.get("content_type") or "",
                    content.encode(),
                    bool(row.get("trimmed")),
                )


@dataclass
class Server:
    """Answers in turn with what it was given, the last for ever, and keeps the forms it got."""

    answers: Sequence[Reply]
    forms: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.forms.append(form)
        answer = self.answers[min(len(self.forms), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        return answer(form)


def json_answer(payload: object, wrapper: str = "xresponse", status: int = 200) -> httpx.Response:
    return httpx.Response(status, json={wrapper: payload})


def client_of(
    server: Server,
    *,
    write_keys: Keys | None = WRITE_KEYS,
    clock: StandingClock | None = None,
    limits: Limits | None = None,
) -> Client:
    http = httpx.AsyncClient(transport=httpx.MockTransport(server))
    return Client(ENDPOINT, READ_KEYS, write_keys, http, clock or StandingClock(), limits)
