"""Keeps one card per operation true: derived from the journal, edited in place, never too often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.domain import mrkdwn
from bot.domain.card import Card, Picture
from bot.domain.operation import Operation, Outcome, State
from bot.domain.relief import Relief
from bot.errors import IlbotError, Refused, Transient
from bot.ports import Chat, Posted
from bot.services.card_writer import CardWriter, Telling, Words
from bot.services.journal import Journal
from bot.services.progress import Progress
from bot.services.questions import Questions
from bot.services.relief import relief_in
from bot.services.runbooks import Runbooks
from bot.services.schema import operation as table
from bot.services.traffic import evidence_in, in_lines

log = structlog.get_logger(__name__)
NOT_TOLD = frozenset({Outcome.REFUSED})
"""Outcomes that only the person who asked hears of."""
LONGEST_WAIT_S = 3600.0
FINAL = "card final"
"""The note that an ended operation's card and thread say all there is."""
RECEIPT, LOAD_TOLD = "receipt told", "load told"


Plot = Callable[[str], Awaitable[Picture | None]]
"""Draws what probing saw of an operation; None where it was not probed."""


async def no_plot(operation_id: str) -> Picture | None:
    """Draw nothing: where there is no probing."""
    return None


@dataclass(frozen=True, slots=True)
class CardSettings:
    """Where cards go, how often one may be edited, and what draws the plots beside receipts.

    Slack allows about 50 `chat.update` a minute for the whole workspace (tier 3).
    """

    channel: str
    interval_s: float = 3.0
    again_s: float = 30.0
    """After a refusal the card is tried again this much later, doubled each time, up to an hour."""
    plot: Plot = no_plot


class Cards:
    """Edits cards when told that an operation changed; a crash loses nothing, since `refresh` is
    called again for every operation whose card is not final."""

    def __init__(
        self,
        journal: Journal,
        progress: Progress,
        chat: Chat,
        words: Words,
        runbooks: Runbooks,
        settings: CardSettings,
    ) -> None:
        self._journal = journal
        self._progress = progress
        self._questions = Questions(journal, self.changed)
        self._chat = chat
        self._writer = CardWriter(words, runbooks)
        self._settings = settings
        self._dirty: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._last: dict[str, float] = {}
        self._pause_until = 0.0
        self._shown: dict[str, Card] = {}
        self._refused: dict[str, int] = {}
        self._trouble = ""

    def changed(self, operation_id: str) -> None:
        """Note that an operation's card is out of date."""
        self._dirty[operation_id] = None
        self._wake.set()

    async def run(self) -> None:
        """Bring cards up to date for ever, each at most once per interval."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for operation_id in list(self._dirty):
                wait_s = self._not_before(operation_id) - time.monotonic()
                if wait_s > 0:
                    asyncio.get_running_loop().call_later(wait_s, self._wake.set)
                    continue
                del self._dirty[operation_id]
                await self._try(operation_id)

    def behind(self) -> int:
        """Return how many cards do not show yet how their operation stands."""
        return len(self._dirty)

    def health(self) -> tuple[bool, str]:
        """Return whether the last card could be shown, and why not where it could not."""
        return not self._trouble, f"cards: {self._trouble or 'shown as they change'}"

    def _not_before(self, operation_id: str) -> float:
        last = self._last.get(operation_id)
        due = 0.0 if last is None else last + self._settings.interval_s
        return max(due, self._pause_until)

    async def flush(self) -> None:
        """Bring every card that is out of date up to date now."""
        for operation_id in list(self._dirty):
            del self._dirty[operation_id]
            await self._try(operation_id)

    async def _try(self, operation_id: str) -> None:
        try:
            await self.show(operation_id)
            self._trouble = ""
            self._refused.pop(operation_id, None)
        except Transient as error:
            self._trouble = str(error)
            log.warning("card_delayed", operation=operation_id, error=str(error))
            # Slack counts calls for the whole workspace: whoever is next would be refused too.
            self._pause_until = time.monotonic() + error.retry_after_s
            self.changed(operation_id)
        except IlbotError as error:
            self._trouble = str(error)
            log.error("card_not_shown", operation=operation_id, error=str(error))
            self._try_later(operation_id)
        except Exception:
            # A card that cannot be made must not end a change that is being carried out.
            self._trouble = f"that of {operation_id} cannot be made; the log has the reason"
            log.exception("card_has_a_bug", operation=operation_id)
            self._try_later(operation_id)
        now = time.monotonic()
        recent = {one: at for one, at in self._last.items() if now - at < self._settings.interval_s}
        self._last = recent | {operation_id: now}

    def _try_later(self, operation_id: str) -> None:
        """Come back by ourselves: of what has ended nobody else says that it changed."""
        times = self._refused.get(operation_id, 0)
        self._refused[operation_id] = times + 1
        wait_s = min(self._settings.again_s * 2.0**times, LONGEST_WAIT_S)
        asyncio.get_running_loop().call_later(wait_s, self.changed, operation_id)

    async def show(self, operation_id: str) -> None:
        """Post or edit one operation's card and its thread."""
        found = await self._journal.operation(operation_id)
        if found is None:
            return
        if found.parent:
            self.changed(found.parent)
        if found.outcome in NOT_TOLD and found.requested_by.is_person and not found.message:
            await self._whisper_once(found)
            await self._close(found)
            return
        if found.state is State.ASKED and not found.message:
            return  # a card with nothing on it yet would only make noise
        root = await self._root(found)
        telling = await self._telling(found)
        card = self._writer.card(found, telling)
        at = Posted(found.channel, found.message)
        if not found.message:
            at = await self._chat.post(self._settings.channel, card, thread=root)
            await self._journal.place(operation_id, at.channel, at.ts)
        elif self._shown.get(operation_id) != card:
            await self._chat.update(at, card)
        self._shown[operation_id] = card
        await self._thread(found, root or at, telling)
        if not found.is_open and (telling.relief is None or telling.relief.is_final):
            await self._close(found)

    async def _root(self, found: Operation) -> Posted | None:
        """Return the card in whose thread an operation that is a part of another one is told.

        Its own card stands there and is edited in place: the channel hears of the whole alone.
        """
        if not found.parent:
            return None
        parent = await self._journal.operation(found.parent)
        if parent is None or not parent.message:
            raise Transient(f"show {found.id}: the card of {found.parent} is not there yet")
        return Posted(parent.channel, parent.message)

    async def _close(self, found: Operation) -> None:
        """Nothing about an ended operation changes any more, so nobody need look again."""
        await self._journal.note(found.id, "", FINAL, {})
        self._shown.pop(found.id, None)

    async def _telling(self, found: Operation) -> Telling:
        """Read what a card tells beside the operation's own row."""
        asked = None
        if found.state is State.APPLYING:
            newest = await self._questions.newest(found.id)
            asked = newest.question if newest is not None and newest.is_open else None
        measured, relief = None, None
        if found.started_at and not found.is_open:
            notes = await self._journal.notes(found.id)
            measured, relief = evidence_in(notes), relief_in(notes)
        return Telling(
            steps=await self._progress.steps(found.id),
            asked=asked,
            measured=in_lines(measured) if measured is not None else (),
            outage_s=await self._progress.outage_s(found.id),
            share=await self._progress.share(found),
            children=await self._journal.operations(table.c.parent == found.id, limit=1000),
            relief=relief,
        )

    async def _thread(self, found: Operation, at: Posted, telling: Telling) -> None:
        """Post evidence once with the plan, each question once, and the receipt with
        its plot once at the end.

        A card that is edited rings nobody; a reply that names people does. A part of another
        operation that went well is told by its card alone.
        """
        if found.plan and not found.parent:
            text = self._writer.evidence(found)
            await self._once(found.id, "evidence told", self._reply(at, "Evidence", text))
        if telling.asked is not None:
            people = {found.requested_by.id, found.decided_by} - {""}
            named = " ".join(sorted(mrkdwn.mention(one) for one in people))
            text = f"{named}\n\n{self._writer.question(found, telling.asked)}"
            reply = self._reply(at, f"{found.id} waits for a person", text)
            await self._once(found.id, f"question {telling.asked.key} told", reply)
        is_quiet = bool(found.parent) and found.outcome is Outcome.DONE
        if found.started_at and not found.is_open and not is_quiet:
            stands = await self._journal.has_note(found.id, "", RECEIPT)
            text = self._writer.receipt(found, telling)
            title = f"Receipt of {found.id}"
            await self._once(found.id, RECEIPT, self._reply(at, title, text))
            await self._once(found.id, "plot told", lambda: self._show_plot(found.id, at))
            if telling.relief is not None and telling.relief.after is not None:
                await self._tell_load(found.id, at, telling.relief, in_receipt=not stands)

    async def _tell_load(
        self, operation_id: str, at: Posted, known: Relief, *, in_receipt: bool
    ) -> None:
        """Tell the load after a change, unless its receipt could tell it; and its end once."""
        what = f"{LOAD_TOLD}: over" if known.is_final else LOAD_TOLD
        if in_receipt or not known.is_news:
            await self._journal.note(operation_id, "", what, {})
            return
        reply = self._reply(at, known.title, self._writer.load_after(known))
        await self._once(operation_id, what, reply)

    async def _show_plot(self, operation_id: str, at: Posted) -> None:
        """Show the plot of what was seen; a chat that takes no pictures is told of instead.

        It adds nothing to the receipt's numbers, so the card is final without it.
        """
        picture = await self._settings.plot(operation_id)
        if picture is None:
            return
        try:
            await self._chat.upload(at, picture)
        except Refused as error:
            log.warning("plot_refused", operation=operation_id, error=str(error))
            await self._reply(at, picture.title, mrkdwn.escape(f"{picture.alt}\n{error}"))()

    def _reply(self, at: Posted, title: str, text: str) -> Callable[[], Awaitable[object]]:
        card = Card(title="", summary=title, body=tuple(text.split("\n\n")))
        return lambda: self._chat.post(at.channel, card, thread=at)

    async def _whisper_once(self, found: Operation) -> None:
        text = f":no_entry: {mrkdwn.escape(found.reason)}"
        person = found.requested_by.id
        if found.channel:
            await self._once(
                found.id, "whispered", lambda: self._chat.whisper(found.channel, person, text)
            )

    async def _once(
        self, operation_id: str, what: str, act: Callable[[], Awaitable[object]]
    ) -> None:
        """Do it unless it was done; noted afterwards, since told twice beats not told."""
        if not await self._journal.has_note(operation_id, "", what):
            await act()
            await self._journal.note(operation_id, "", what, {})
