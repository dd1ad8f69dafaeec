"""Runs a probe agent beside the clients until it is told to stop."""

from __future__ import annotations

import asyncio
import socket

from bot import connections
from bot.adapters.probe_agent import Agent, ServerTime
from bot.settings import Settings


async def probe(settings: Settings, name: str, stop: asyncio.Event) -> None:
    """Work for the bot of the settings; `Refused` where they do not say which."""
    clock = ServerTime()
    called = name or settings.probe_agent.name or socket.gethostname().partition(".")[0]
    async with (
        connections.agent_http(settings.probe_agent) as http,
        connections.prober(settings.probe, called, clock) as prober,
    ):
        working = asyncio.create_task(Agent(http, prober, clock).run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
