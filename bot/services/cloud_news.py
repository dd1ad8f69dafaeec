"""Turns the journal's notes of a restarted CloudStack into one message, edited as it goes on."""

from __future__ import annotations

from bot.domain import mrkdwn
from bot.domain.card import Card
from bot.ports import Chat, Posted
from bot.services.audit import Entry
from bot.services.cloud_watch import ABOUT, AWAY, BACK, CLOUD, OUTDATED, WINDOW_S
from bot.services.journal import Journal

TOLD = "cloud told"
_SHOWN = 20


class CloudNews:
    """Tells each incident of CloudStack itself once, however many ILBs it touched."""

    def __init__(self, journal: Journal, chat: Chat, channel: str) -> None:
        self._journal = journal
        self._chat = chat
        self._channel = channel

    async def tell(self) -> None:
        """Post the newest incident, or bring its message up to date."""
        notes = await self._journal.newest_notes(*CLOUD, limit=_SHOWN)
        if not notes:
            return
        newest, incident = notes[0], notes[0].data["incident"]
        last = await self._journal.newest_notes(TOLD, limit=1)
        told = last[0].data if last and last[0].data["incident"] == incident else None
        if told is not None and told["of"] == newest.seq:
            return
        card = _card(tuple(note for note in reversed(notes) if note.data["incident"] == incident))
        if told is None:
            at = await self._chat.post(self._channel, card)
        else:
            at = Posted(told["channel"], told["ts"])
            await self._chat.update(at, card)
        data = {"incident": incident, "of": newest.seq, "channel": at.channel, "ts": at.ts}
        # Noted afterwards: told twice beats not told.
        await self._journal.note(ABOUT, f"of {newest.seq}", TOLD, data)


def _card(notes: tuple[Entry, ...]) -> Card:
    returns = [note for note in notes if note.kind == BACK]
    is_away = next(note.kind == AWAY for note in reversed(notes) if note.kind != OUTDATED)
    if is_away:
        status = ":warning: CloudStack does not answer"
        ending = "Nothing can be read or changed until it does."
    else:
        status = ":arrows_counterclockwise: CloudStack is back"
        until = mrkdwn.moment(returns[-1].at + WINDOW_S)
        ending = f"Nothing automatic starts before {until}: people are asked meanwhile."
    title = "CloudStack itself"
    return Card(
        title=title,
        summary=f"{title}: {mrkdwn.plain(status)}",
        body=(f"*{status}*", "\n".join(_row(note) for note in notes), ending),
        footer="one message for all internal load balancers",
    )


def _row(note: Entry) -> str:
    return f"• {mrkdwn.moment(note.at)} {mrkdwn.escape(_words(note))}"


def _words(note: Entry) -> str:
    if note.kind == AWAY:
        return f"no answer: {note.data['hint']}"
    if note.kind == OUTDATED:
        return f"{note.data['hint']}: `roll` renews one at a time"
    sign = note.data.get("sign")
    return f"it {note.data['words']}" + (f": {sign}" if sign else "")
