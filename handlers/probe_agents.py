"""Lets probe agents ask what to watch and deliver what they saw, over HTTP.

An agent is known by its token alone and speaks for itself alone. What it says is untrusted: its
size, its shape and its numbers are looked at before anything is kept.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from pydantic import SecretStr, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.domain.probing import Sample, is_possible
from bot.errors import Refused, Transient
from bot.services.probing import Work

MOST_BYTES = 1024 * 1024
MOST_SAMPLES = 1000
_SAMPLES: TypeAdapter[tuple[Sample, ...]] = TypeAdapter(tuple[Sample, ...])
_WORK: TypeAdapter[Work] = TypeAdapter(Work)
Answer = Callable[[Request, str], Awaitable[Response]]


class Desk(Protocol):
    """What agents are served by; `bot.services.probing.ProbeDesk`."""

    async def work_for(self, agent: str) -> Work:
        """Return what an agent is to watch."""
        ...

    async def take(self, agent: str, seen: tuple[Sample, ...]) -> int:
        """Keep samples, once each; return how many were new."""
        ...


def routes(desk: Desk, tokens: Mapping[str, SecretStr]) -> list[Route]:
    """Return `GET /probe/work` and `POST /probe/samples`; none without tokens."""
    if not tokens:
        return []
    door = _Door(desk, {name: _digest(one.get_secret_value()) for name, one in tokens.items()})
    return [
        Route("/probe/work", door.only_for_agents(door.work), methods=["GET"]),
        Route("/probe/samples", door.only_for_agents(door.samples), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class _Door:
    desk: Desk
    digests: Mapping[str, bytes]

    def only_for_agents(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            agent = _agent(request, self.digests)
            if not agent:
                return _no(401, "this token is not known here", {"WWW-Authenticate": "Bearer"})
            if request.query_params.get("name", agent) != agent:
                return _no(403, f"this token is that of {agent}, and not of another agent")
            try:
                return await answer(request, agent)
            except Refused as no:
                return _no(403, str(no))
            except Transient as error:
                return _no(503, str(error))

        return endpoint

    async def work(self, _: Request, agent: str) -> Response:
        content = _WORK.dump_json(await self.desk.work_for(agent))
        headers = {"Cache-Control": "no-store"}
        return Response(content, media_type="application/json", headers=headers)

    async def samples(self, request: Request, agent: str) -> Response:
        body = await _body(request)
        if body is None:
            return _no(413, f"at most {MOST_BYTES} bytes are taken at once")
        try:
            told = _SAMPLES.validate_json(body)
        except ValidationError as error:
            return _no(422, f"{error.error_count()} values are not as samples have them")
        if len(told) > MOST_SAMPLES:
            return _no(413, f"at most {MOST_SAMPLES} samples are taken at once")
        if not all(is_possible(one) for one in told):
            return _no(422, "some samples cannot be")
        return JSONResponse({"kept": await self.desk.take(agent, told)})


def _agent(request: Request, digests: Mapping[str, bytes]) -> str:
    """Return whose token it is, `""` for nobody's; every token is compared, at constant time."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = _digest(token.strip() if scheme.lower() == "bearer" else "")
    found = [name for name, digest in digests.items() if hmac.compare_digest(digest, given)]
    return found[0] if found else ""


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return body


def _no(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": why}, status_code=status, headers=dict(headers or {}))
