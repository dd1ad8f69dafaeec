"""Tells the channel of busy machines what no card does: advices without an operation, and ends."""

from __future__ import annotations

from bot.domain import mrkdwn
from bot.domain.card import Card
from bot.domain.operation import Operation
from bot.domain.policy import IncidentKind
from bot.ports import Chat, Posted
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
        done = await self._opened(note) if note.kind == OVER else None
        card = await self._end(note, done) if note.kind == OVER else _card(note)
        data: dict[str, str] = {}
        if card is not None:
            thread = Posted(done.channel, done.message) if done and done.message else None
            channel = thread.channel if thread else self._channel
            at = await self._chat.post(channel, card, thread=thread)
            data = {"channel": at.channel, "ts": at.ts}
        # Noted afterwards: told twice beats not told. An end of no interest is not looked at again.
        await self._journal.note(note.operation, step, TOLD, data)

    async def _opened(self, note: Entry) -> Operation | None:
        """Return the operation that was opened for an incident, in whose thread its end is told."""
        found = await self._journal.operations(table.c.dedupe == note.operation, limit=1)
        return found[0] if found else None

    async def _end(self, note: Entry, done: Operation | None) -> Card | None:
        """Say with which load an incident began and ended, None where that is told elsewhere.

        Where nobody was told of it, nobody is. Where an operation was withdrawn for that its card
        says so, and in the thread of a change the load after it is told.
        """
        notes = await self._journal.notes(note.operation)
        began = next((one for one in notes if one.kind == BUSY), None)
        was_told = done is not None or any(one.kind == ADVICE for one in notes)
        if began is None or not was_told or note.data["words"] != CALM:
            return None
        if done is not None and (done.is_withdrawn or done.started_at):
            return None
        what = f"{note.data['target']} is calm again"
        load = (
            f"CPU {note.data['cpu_percent']:.0f} %; it was {began.data['cpu_percent']:.0f} % when "
            f"it became busy at {utc(began.data['since'])}."
        )
        since = (mrkdwn.escape(_said_of(done)),) if done is not None else ()
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
    what = f"Host {data['host']} is hot" if is_host else f"{data['target']}{on_host} is busy"
    numbers = "\n".join(f"• {mrkdwn.escape(str(number))}" for number in data["numbers"])
    reason = mrkdwn.escape(str(data["reason"]))
    return Card(
        title=what,
        summary=f"{what}: {mrkdwn.plain(reason)}",
        body=(f"*Advice:* {reason}", numbers),
        footer="nothing is changed for this",
    )
