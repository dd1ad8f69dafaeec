"""Turns advices that open no operation into messages for the channel, each told once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from bot.domain import mrkdwn
from bot.domain.card import Card
from bot.domain.policy import IncidentKind
from bot.errors import IlbotError
from bot.ports import Chat
from bot.services.audit import Entry
from bot.services.journal import Journal
from bot.services.saturation import ADVICE

log = structlog.get_logger(__name__)
TOLD = "cpu advice told"
_AGAIN_S = 30.0
_SHOWN = 20


class AdviceNews:
    """Posts what is advised where there is nothing to approve."""

    def __init__(self, journal: Journal, chat: Chat, channel: str) -> None:
        self._journal = journal
        self._chat = chat
        self._channel = channel
        self._wake = asyncio.Event()

    def changed(self) -> None:
        """Note that there may be something to tell."""
        self._wake.set()

    async def run(self) -> None:
        """Tell what is not told yet, for ever; now and then look for what another replica noted."""
        while True:
            self._wake.clear()
            try:
                await self.tell()
            except IlbotError as error:
                log.warning("advice_delayed", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await self._wake.wait()

    async def tell(self) -> None:
        """Post the newest advices that were not told, oldest first."""
        for note in reversed(await self._journal.newest_notes(ADVICE, limit=_SHOWN)):
            if not await self._journal.has_note(note.operation, "", TOLD):
                at = await self._chat.post(self._channel, _card(note))
                # Noted afterwards: told twice beats not told.
                data = {"channel": at.channel, "ts": at.ts}
                await self._journal.note(note.operation, "", TOLD, data)


def _card(note: Entry) -> Card:
    data = note.data
    on_host = f" on host {data['host']}" if data["host"] else ""
    is_host = data["incident"] == IncidentKind.HOST_HOT.value
    what = f"Host {data['host']} is hot" if is_host else f"{data['target']}{on_host} is saturated"
    numbers = "\n".join(f"• {mrkdwn.escape(str(number))}" for number in data["numbers"])
    reason = mrkdwn.escape(str(data["reason"]))
    return Card(
        title=what,
        summary=f"{what}: {mrkdwn.plain(reason)}",
        body=(f"*Advice:* {reason}", numbers),
        footer="nothing is changed for this",
    )
