"""Keeps one card per operation true: derived from the journal, edited in place, never too often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.domain import mrkdwn
from bot.domain.card import Button, Card, Picture, Tone
from bot.domain.operation import Operation, Outcome, State
from bot.domain.plan import Plan
from bot.domain.question import Question
from bot.errors import IlbotError, Refused, Transient
from bot.ports import Chat, Posted
from bot.services.journal import Journal
from bot.services.operations import plan_of
from bot.services.progress import Progress, Step
from bot.services.questions import Questions
from bot.services.runbooks import Runbooks
from bot.services.step_words import lines_of

log = structlog.get_logger(__name__)
NOT_TOLD = frozenset({Outcome.REFUSED})
"""Outcomes that only the person who asked hears of."""
IN_DOUBT = frozenset({Outcome.PARKED, Outcome.UNVERIFIED})
"""Outcomes of which nobody knows that the target serves again, so no outage has been measured."""
LONGEST_WAIT_S = 3600.0
FINAL = "card final"
"""The note that an ended operation's card and thread say all there is."""


class Words(Protocol):
    """Where the texts come from; `workflows.words` has them."""

    def render(self, template: str, part: str, **values: object) -> str:
        """Render one part of a runbook's words."""
        ...


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


STATUS = {
    State.ASKED: ":mag: Planning",
    State.WAITING: ":raised_hand: Waiting for approval",
    State.APPROVED: ":hourglass_flowing_sand: Approved, starting in its turn",
    State.APPLYING: ":gear: Working",
}
ASKS = ":raised_hand: Waiting for a person"
ENDINGS = {
    Outcome.DONE: ":white_check_mark: Done",
    Outcome.NOTHING_TO_DO: ":ok: Nothing to do",
    Outcome.OBSERVED: ":eyes: Observed, nothing was changed",
    Outcome.REFUSED: ":no_entry: Refused",
    Outcome.REJECTED: ":no_entry_sign: Rejected",
    Outcome.EXPIRED: ":hourglass: Expired",
    Outcome.STALE: ":arrows_counterclockwise: Stale: ask again",
    Outcome.FAILED: ":x: Failed",
    Outcome.ROLLED_BACK: ":leftwards_arrow_with_hook: Rolled back",
    Outcome.PARKED: ":rotating_light: Parked: a person must look",
    Outcome.UNVERIFIED: ":grey_question: Unverified",
}


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
        self._words = words
        self._runbooks = runbooks
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
        if found.outcome in NOT_TOLD and found.requested_by.is_person and not found.message:
            await self._whisper_once(found)
            await self._close(found)
            return
        if found.state is State.ASKED and not found.message:
            return  # a card with nothing on it yet would only make noise
        steps = await self._progress.steps(operation_id)
        asked = await self._asked(found)
        card = self.card(found, steps, asked)
        at = Posted(found.channel, found.message)
        if not found.message:
            at = await self._chat.post(self._settings.channel, card)
            await self._journal.place(operation_id, at.channel, at.ts)
        elif self._shown.get(operation_id) != card:
            await self._chat.update(at, card)
        self._shown[operation_id] = card
        await self._thread(found, at, steps, asked)
        if not found.is_open:
            await self._close(found)

    async def _close(self, found: Operation) -> None:
        """Nothing about an ended operation changes any more, so nobody need look again."""
        await self._journal.note(found.id, "", FINAL, {})
        self._shown.pop(found.id, None)

    async def _asked(self, found: Operation) -> Question | None:
        """Return what a change waits for a person to do."""
        if found.state is not State.APPLYING:
            return None
        asked = await self._questions.newest(found.id)
        return asked.question if asked is not None and asked.is_open else None

    def card(
        self, found: Operation, steps: tuple[Step, ...], asked: Question | None = None
    ) -> Card:
        """Return the card of an operation as it stands."""
        status = ENDINGS[found.outcome] if found.outcome else STATUS[found.state]
        status = ASKS if asked else status
        title = _title(found)
        return Card(
            title=title,
            summary=f"{title}: {mrkdwn.plain(status)}",
            body=(f"*{status}*", *self._body(found, steps), *self._question(found, asked)),
            facts=self._facts(found, asked),
            buttons=self._buttons(found, asked),
            footer=f"{found.id}" + (f" · plan `{found.fingerprint[:12]}`" if found.plan else ""),
        )

    def _question(self, found: Operation, asked: Question | None) -> tuple[str, ...]:
        if asked is None:
            return ()
        return (self._render(plan_of(found), "question", question=asked),)

    def _body(self, found: Operation, steps: tuple[Step, ...]) -> tuple[str, ...]:
        if not found.plan:
            return (mrkdwn.escape(found.reason),) if found.reason else ()
        planned = plan_of(found)
        match found.state, found.outcome:
            case State.APPLYING, _:
                return (self._render(planned, "progress", steps=lines_of(steps, goes_on=True)),)
            case _, Outcome.DONE:
                return (self._ending(found, planned, "done"),)
            case _, Outcome.FAILED | Outcome.PARKED | Outcome.ROLLED_BACK | Outcome.UNVERIFIED:
                return (self._ending(found, planned, "failed"),)
            case State.ENDED, outcome if outcome is not Outcome.OBSERVED:
                told = mrkdwn.escape(planned.summary)
            case _:
                told = self._render(planned, "plan", plan=planned)
        return (told, mrkdwn.escape(found.reason)) if found.outcome and found.reason else (told,)

    def _ending(self, found: Operation, planned: Plan, part: str) -> str:
        return self._render(
            planned, part,
            id=found.id, target=found.target_name, reason=found.reason,
            not_measured=self._runbooks[planned.runbook].not_measured,
            seconds=found.ended_at - found.started_at, parameters=dict(planned.parameters),
        )  # fmt: skip

    def _render(self, planned: Plan, part: str, **values: object) -> str:
        return self._words.render(planned.runbook, part, **values)

    def _facts(self, found: Operation, asked: Question | None) -> tuple[tuple[str, str], ...]:
        facts = [("Asked by", _asker(found))]
        if found.wish.because:
            facts.append(("Because", mrkdwn.escape(found.wish.because)))
        if found.state is State.WAITING and found.reason:
            facts.append(("Why a person", mrkdwn.escape(found.reason)))
        if found.decided_by:
            word = "Approved by" if found.outcome is not Outcome.REJECTED else "Decided by"
            when = mrkdwn.moment(found.decided_at)
            facts.append((word, f"{mrkdwn.mention(found.decided_by)} at {when}"))
        if found.state is State.WAITING:
            facts.append(("Decide before", mrkdwn.moment(found.deadline_at)))
        if asked is not None:
            facts.append(("Done before", mrkdwn.moment(asked.deadline_at)))
        return tuple(facts)

    def _buttons(self, found: Operation, asked: Question | None) -> tuple[Button, ...]:
        if asked is not None:
            return (Button("done", "Done", f"{found.id}:{asked.key}", Tone.PRIMARY),)
        if found.state is not State.WAITING:
            return ()
        planned = plan_of(found)
        value = f"{found.id}:{found.fingerprint[:12]}"
        confirm = f"{_title(found)}?"
        if planned.exposure.seconds != 0.0:
            confirm = f"{planned.summary}? Not served meanwhile: {planned.exposure.what}."
        return (
            Button("approve", "Approve", value, Tone.PRIMARY, confirm[:290]),
            Button("reject", "Reject", value, Tone.DANGER),
        )

    async def _thread(
        self, found: Operation, at: Posted, steps: tuple[Step, ...], asked: Question | None
    ) -> None:
        """Post evidence once with the plan, each question once, and the receipt with
        its plot once at the end.

        A card that is edited rings nobody; a reply that names people does.
        """
        if found.plan:
            planned = plan_of(found)
            text = self._render(planned, "evidence", plan=planned)
            await self._once(found.id, "evidence told", self._reply(at, "Evidence", text))
        if asked is not None:
            people = {found.requested_by.id, found.decided_by} - {""}
            named = " ".join(sorted(mrkdwn.mention(one) for one in people))
            text = self._render(plan_of(found), "question", question=asked)
            reply = self._reply(at, f"{found.id} waits for a person", f"{named}\n\n{text}")
            await self._once(found.id, f"question {asked.key} told", reply)
        if found.started_at and not found.is_open:
            text = await self._receipt(found, steps)
            title = f"Receipt of {found.id}"
            await self._once(found.id, "receipt told", self._reply(at, title, text))
            await self._once(found.id, "plot told", lambda: self._show_plot(found.id, at))

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

    async def _receipt(self, found: Operation, steps: tuple[Step, ...]) -> str:
        planned = plan_of(found)
        cut = planned.exposure.seconds != 0.0 and found.outcome not in IN_DOUBT
        return self._render(
            planned, "receipt",
            id=found.id, outcome=str(found.outcome), reason=found.reason,
            requested_by=mrkdwn.Safe(_asker(found)), decided_by=mrkdwn.mention(found.decided_by),
            fingerprint=found.fingerprint, steps=lines_of(steps),
            outage_s=await self._progress.outage_s(found.id) if cut else None,
            not_measured=self._runbooks[planned.runbook].not_measured,
        )  # fmt: skip

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


def _title(found: Operation) -> str:
    return f"{found.wish.runbook.capitalize()} {found.target_name or found.wish.target}"


def _asker(found: Operation) -> str:
    if found.requested_by.is_person:
        return mrkdwn.mention(found.requested_by.id)
    return mrkdwn.escape(found.requested_by.name)
