"""Tells the channel of busy machines what no card does: advices without an operation, and ends."""

from __future__ import annotations

from bot.domain import mrkdwn
from bot.domain.card import Card
from bot.domain.operation import Operation
from bot.domain.policy import IncidentKind
from bot.ports import Chat
from bot.services.audit import Entry
from bot.services.cpu_notes import BUSY, CALM, OVER, utc
from bot.services.journal import Journal
from bot.services.saturation import ADVICE
from bot.services.schema import operation as table

TOLD = "cpu advice told"
_LOOKED_AT = 2_000
"""So many notes back what was not told is found."""


class AdviceNews:
    """Posts what is advised where there is nothing to approve."""

    def __init__(self, journal: Journal, chat: Chat, channel: str) -> None:
        self._journal = journal
        self._chat = chat
        self._channel = channel

    async def tell(self) -> None:
        """Post the advices and ends of incidents that were not told, oldest first."""
        notes = await self._journal.newest_notes(ADVICE, OVER, TOLD, limit=_LOOKED_AT)
        told = {(note.operation, note.step) for note in notes if note.kind == TOLD}
        for note in reversed(notes):
            step = "over" if note.kind == OVER else ""
            if note.kind != TOLD and (note.operation, step) not in told:
                await self._tell(note, step)

    async def _tell(self, note: Entry, step: str) -> None:
        card = await self._end(note) if note.kind == OVER else _card(note)
        data: dict[str, str] = {}
        if card is not None:
            at = await self._chat.post(self._channel, card)
            data = {"channel": at.channel, "ts": at.ts}
        # Noted afterwards: told twice beats not told. An end of no interest is not looked at again.
        await self._journal.note(note.operation, step, TOLD, data)

    async def _end(self, note: Entry) -> Card | None:
        """Say with which load an incident began and ended, None where nobody was told of it."""
        notes = await self._journal.notes(note.operation)
        began = next((one for one in notes if one.kind == BUSY), None)
        done = await self._journal.operations(table.c.dedupe == note.operation, limit=1)
        was_told = done or any(one.kind == ADVICE for one in notes)
        if began is None or not was_told or note.data["words"] != CALM:
            return None
        what = f"{note.data['target']} is calm again"
        load = (
            f"CPU {note.data['cpu_percent']:.0f} %; it was {began.data['cpu_percent']:.0f} % when "
            f"it became busy at {utc(began.data['since'])}."
        )
        since = [f"{mrkdwn.escape(_said_of(one))}" for one in done]
        return Card(
            title=what,
            summary=f"{what}: {load}",
            body=(f"*{mrkdwn.escape(what)}*", load, *since),
            footer="nothing is changed for this",
        )


def _said_of(done: Operation) -> str:
    end = done.outcome.value if done.outcome else done.state.value
    return f"Since then: {done.wish.runbook} of {done.target_name} ({done.id}), {end}."


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
