"""Serve a world over HTTP: `/client/api` as CloudStack does, `/control/…` for whoever tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive

from bot.sandbox.cloud.api import Unanswered, answer
from bot.sandbox.cloud.control import control_routes
from bot.sandbox.cloud.frame import Answer
from bot.sandbox.cloud.world import World

TICK_S = 0.1
ALLOWED = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS")


def create_app(world: World, more_control: Sequence[Route] = ()) -> Starlette:
    """Return the ASGI app of one world; `more_control` is for what stands beside the cloud.

    Under a server the app also lets the world's time pass while nobody calls, so that bus
    records come when they are due; without a lifespan (a test's transport) every call does.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(_tick(world))
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking

    async def client_api(request: Request) -> Response:
        return await respond(world, request)

    routes = [
        Route("/client/api", client_api, methods=list(ALLOWED)),
        Mount("/control", routes=[*more_control, *control_routes(world)]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def respond(world: World, request: Request) -> Response:
    """Answer a request to `/client/api`, or break its connection."""
    world.advance()
    if not world.server_is_up:
        return await _server_is_down(world, request)
    if request.method not in ("GET", "POST", "HEAD"):
        return Response(status_code=405)
    try:
        return _response(answer(world, await _pairs(request), world.faults))
    except Unanswered as fault:
        if fault.hangs:
            await _hang(request)
        raise await drop(request.receive) from None


async def drop(receive: Receive) -> Exception:
    """Close the connection under a request, without a byte of answer.

    ASGI has no message for that, so uvicorn's transport is taken from the cycle that `receive`
    belongs to (its h11 and httptools protocols both keep it there); remove this when ASGI has
    one. In process there is no transport: the caller of httpx gets the exception that a real
    socket would have given.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        return httpx.RemoteProtocolError("Server disconnected without sending a response.")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
    return ClientDisconnect()


async def _tick(world: World) -> None:
    while True:
        world.advance()
        await asyncio.sleep(TICK_S)


async def _server_is_down(world: World, request: Request) -> Response:
    if world.refuses_connections:
        error = await drop(request.receive)
        if isinstance(error, httpx.RemoteProtocolError):
            raise httpx.ConnectError("All connection attempts failed")
        raise error
    text = "<html><body><h1>503 Service Unavailable</h1></body></html>"
    return Response(text, status_code=503, media_type="text/html")


async def _hang(request: Request) -> None:
    """Wait until the caller gives up. In process only a timeout of the caller's own ends it."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _pairs(request: Request) -> list[tuple[str, str]]:
    query = parse_qsl(request.url.query, keep_blank_values=True)
    if request.method != "POST":
        return query
    body = (await request.body()).decode()
    return query + parse_qsl(body, keep_blank_values=True)


def _response(found: Answer) -> Response:
    headers = {"content-type": found.content_type} | found.headers
    return Response(found.content, status_code=found.status, headers=headers)
