"""Turn a workspace into the ASGI application that is Slack for a stock Bolt app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from . import chat_methods, directory_methods, modals
from .control import Control
from .files import Files
from .gestures import Gestures
from .page import Page
from .response_urls import ResponseUrls
from .socket_mode import SocketMode
from .web_api import WebApi
from .workspace import Workspace


def create_app(workspace: Workspace) -> Starlette:
    """Build the application: Web API, Socket Mode, response URLs, control API and page.

    Serve it with uvicorn and a short `timeout_graceful_shutdown`: open pages hold an event
    stream, which the server would otherwise wait for.
    """
    sockets = SocketMode(workspace)
    urls = ResponseUrls(workspace)
    gestures = Gestures(workspace, sockets, urls)
    control = Control(workspace, sockets, gestures)
    files = Files(workspace)
    methods = chat_methods.METHODS | directory_methods.METHODS | modals.METHODS | files.methods()
    api = WebApi(workspace, sockets, methods)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await control.stop()
        await gestures.stop()

    return Starlette(
        routes=[
            Route("/api/{method}", api.answer, methods=["GET", "POST"]),
            WebSocketRoute("/link/", sockets.serve),
            Route("/commands/{team}/{secret}", urls.answer, methods=["POST"]),
            Route("/actions/{team}/{secret}", urls.answer, methods=["POST"]),
            *files.routes(),
            *control.routes(),
            *Page(workspace).routes(),
        ],
        lifespan=lifespan,
    )
