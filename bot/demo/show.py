"""The demo for people: a page that looks like Slack, and the bot in it, until Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
import sys

from bot.demo.stage import staged
from bot.demo.staging import Staging

_WELCOME = """
  ilbot is up, in a pretend world on this machine. Open

      {url}

  and, in #ilb-ops, type   /ilb roll app-tier
  Read the plan. Then choose "Bruno" at the top ("Acting as"): nobody approves
  a wish of their own. Click Approve, watch the card, open its thread.
  More: /ilb pair app-tier, /ilb help, /ilb status.   Ctrl-C ends it and leaves nothing behind.
"""


async def show(stop: asyncio.Event, port: int) -> None:
    """Set the stage on a port (or a free one, where that is taken) and wait for the end."""
    async with staged(Staging(pace=0.5, slack_port=port if _is_free(port) else 0)) as stage:
        sys.stdout.write(_WELCOME.format(url=stage.slack_url))
        sys.stdout.flush()
        await stop.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
