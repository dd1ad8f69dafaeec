"""Turns an operation, and what else is known of it, into its card and the texts of its thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.domain import mrkdwn
from bot.domain.card import Button, Card, Tone
from bot.domain.operation import Operation, Outcome, State
from bot.domain.plan import Plan
from bot.domain.question import Question
from bot.domain.relief import Relief
from bot.domain.share import Share
from bot.services.child_words import lines_of_waves
from bot.services.operations import plan_of
from bot.services.progress import Step
from bot.services.runbooks import Runbooks
from bot.services.step_words import lines_of

IN_DOUBT = frozenset({Outcome.PARKED, Outcome.UNVERIFIED})
"""Outcomes of which nobody knows that the target serves again, so no outage has been measured."""


class Words(Protocol):
    """Where the texts come from; `workflows.words` has them."""

    def render(self, template: str, part: str, **values: object) -> str:
        """Render one part of a runbook's words."""
        ...


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
WITHDRAWN = ":arrows_counterclockwise: Withdrawn before anybody decided"
"""Of what is stale because its reason is gone: nobody need ask again."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What a card tells beside the operation's own row.

    `asked` is what a change waits for a person to do. `measured` are the lines about its traffic,
    none where nobody looked. `outage_s` is the time from its stop to the sight of Running.
    `share` is the bot's own part of it, once it has ended.
    `children` are the operations that are parts of it. `relief` is about the load that it was
    opened for, where it changed something and is over.
    """

    steps: tuple[Step, ...] = ()
    asked: Question | None = None
    measured: tuple[str, ...] = ()
    outage_s: float | None = None
    share: Share | None = None
    children: tuple[Operation, ...] = ()
    relief: Relief | None = None

    @property
    def load(self) -> tuple[str, ...]:
        """The lines about the load before and after, none where it was no matter of load."""
        return self.relief.lines if self.relief else ()


@dataclass(frozen=True, slots=True)
class CardWriter:
    """Writes what people read of an operation, with a runbook's own words where it has some."""

    words: Words
    runbooks: Runbooks

    def card(self, found: Operation, telling: Telling) -> Card:
        """Return the card of an operation as it stands."""
        status = _ended(found) if found.outcome else STATUS[found.state]
        status = ASKS if telling.asked else status
        title = _title(found)
        asks = (self.question(found, telling.asked),) if telling.asked else ()
        return Card(
            title=title,
            summary=f"{title}: {mrkdwn.plain(status)}",
            body=(f"*{status}*", *self._body(found, telling), *_load(telling), *asks),
            facts=_facts(found, telling.asked),
            buttons=_buttons(found, telling.asked),
            footer=f"{found.id}" + (f" · plan `{found.fingerprint[:12]}`" if found.plan else ""),
        )

    def evidence(self, found: Operation) -> str:
        """Tell what a plan relies on and what it touches."""
        planned = plan_of(found)
        return self._render(planned, "evidence", plan=planned)

    def question(self, found: Operation, asked: Question) -> str:
        """Tell what a person is asked to do."""
        return self._render(plan_of(found), "question", question=asked)

    def receipt(self, found: Operation, telling: Telling) -> str:
        """Tell the whole change: outcome, who, the steps, and what was measured."""
        planned = plan_of(found)
        cut = planned.exposure.seconds != 0.0 and found.outcome not in IN_DOUBT
        return self._render(
            planned, "receipt",
            id=found.id, outcome=str(found.outcome), reason=found.reason,
            requested_by=mrkdwn.Safe(_asker(found)), decided_by=mrkdwn.mention(found.decided_by),
            fingerprint=found.fingerprint, steps=lines_of(telling.steps),
            outage_s=telling.outage_s if cut else None,
            load=telling.load, traffic=self._traffic(found, telling),
            share=telling.share.text if telling.share else "",
            children=lines_of_waves(planned, telling.children),
        )  # fmt: skip

    def load_after(self, told: Relief) -> str:
        """Tell the load after a change, which nobody knew when its receipt was written."""
        return "\n\n".join((mrkdwn.strong(told.title), "\n".join(map(mrkdwn.escape, told.lines))))

    def _body(self, found: Operation, telling: Telling) -> tuple[str, ...]:
        if not found.plan:
            return (mrkdwn.escape(found.reason),) if found.reason else ()
        planned = plan_of(found)
        match found.state, found.outcome:
            case State.APPLYING, _:
                steps = lines_of(telling.steps, goes_on=True)
                waves = lines_of_waves(planned, telling.children)
                return (self._render(planned, "progress", steps=steps, children=waves),)
            case _, Outcome.DONE:
                return (self._ending(found, planned, "done", telling),)
            case _, Outcome.FAILED | Outcome.PARKED | Outcome.ROLLED_BACK | Outcome.UNVERIFIED:
                return (self._ending(found, planned, "failed", telling),)
            case State.ENDED, outcome if outcome is not Outcome.OBSERVED:
                told = mrkdwn.escape(planned.summary)
            case _:
                told = self._render(planned, "plan", plan=planned)
        return (told, mrkdwn.escape(found.reason)) if found.outcome and found.reason else (told,)

    def _ending(self, found: Operation, planned: Plan, part: str, telling: Telling) -> str:
        return self._render(
            planned, part,
            id=found.id, target=found.target_name, reason=found.reason,
            traffic=self._traffic(found, telling)[0],
            seconds=found.ended_at - found.started_at, parameters=dict(planned.parameters),
            children=lines_of_waves(planned, telling.children),
        )  # fmt: skip

    def _traffic(self, found: Operation, telling: Telling) -> tuple[str, ...]:
        """What was measured, else what the runbook says was not."""
        return telling.measured or (self.runbooks[found.wish.runbook].not_measured,)

    def _render(self, planned: Plan, part: str, **values: object) -> str:
        return self.words.render(planned.runbook, part, **values)


def _ended(found: Operation) -> str:
    assert found.outcome is not None, "it ended"
    return WITHDRAWN if found.is_withdrawn else ENDINGS[found.outcome]


def _load(telling: Telling) -> tuple[str, ...]:
    return (mrkdwn.escape("\n".join(telling.load)),) if telling.load else ()


def _facts(found: Operation, asked: Question | None) -> tuple[tuple[str, str], ...]:
    facts = [("Asked by", _asker(found))]
    if found.parent:
        facts.append(("Part of", mrkdwn.code(found.parent)))
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


def _buttons(found: Operation, asked: Question | None) -> tuple[Button, ...]:
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


def _title(found: Operation) -> str:
    return f"{found.wish.runbook.capitalize()} {found.target_name or found.wish.target}"


def _asker(found: Operation) -> str:
    if found.requested_by.is_person:
        return mrkdwn.mention(found.requested_by.id)
    return mrkdwn.escape(found.requested_by.name)
