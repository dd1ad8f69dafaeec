"""A pretend Slack on a free port, and stock Bolt apps connected to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from slack_bolt.adapter.socket_mode.websockets import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Workspace, create_app
from bot.sandbox.slack.script import SlackScript


@dataclass(frozen=True, slots=True)
class Room:
    """A running pretend Slack: its address, its inside, and the script that acts in it."""

    url: str
    workspace: Workspace
    script: SlackScript

    def client(self, **more: Any) -> AsyncWebClient:
        settings = {"token": self.workspace.app.bot_token, "base_url": f"{self.url}/api/"}
        return AsyncWebClient(**(settings | more))

    async def counts(self, name: str, at_least: int = 1) -> int:
        """Wait until a counter has been reached."""
        async with asyncio.timeout(15):
            while self.workspace.counters[name] < at_least:
                await asyncio.sleep(0.01)
        return self.workspace.counters[name]

    async def has_connections(self, number: int) -> None:
        async with asyncio.timeout(15):
            while await self.script.connections() != number:
                await self.workspace.feed.news(0.2)


@asynccontextmanager
async def pretend_slack(
    workspace: Workspace | None = None, *, port: int = 0
) -> AsyncIterator[Room]:
    workspace = workspace or Workspace()
    listener = socket.create_server(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(create_app(workspace), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with httpx.AsyncClient() as http:
        await http.get(f"{url}/control/counters")
    async with SlackScript(url) as script:
        try:
            yield Room(url, workspace, script)
        finally:
            server.should_exit = True
            await serving
            listener.close()


@asynccontextmanager
async def bolt_app(
    room: Room, listen: Callable[[AsyncApp], None], **client: Any
) -> AsyncIterator[AsyncSocketModeHandler]:
    """Connect a stock Bolt app: only the base URL differs from the real Slack."""
    web_client = room.client(**client)
    app = AsyncApp(token=web_client.token, client=web_client)
    listen(app)
    before = await room.script.connections()
    handler = AsyncSocketModeHandler(app, room.workspace.app.app_token, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt's, untyped
    await room.has_connections(before + 1)
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt's, untyped
