"""Turns one scenario into every way to die in it and every way its cloud can fail it.

A scenario is run once undisturbed; that run counts the steps and the calls there are. Then each
is disturbed in a world of its own, and what is left is compared with the undisturbed run.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import islice, product
from typing import Any

from sqlalchemy import event

from bot.adapters.cloudstack.catalogue import COMMANDS
from bot.domain.operation import Operation, Outcome, State
from bot.engine.memory import Death, Point
from bot.errors import Transient
from bot.sandbox.cloud.control import snapshot
from bot.sandbox.cloud.model import Effect
from tests.workflows.harness import House, house
from tests.workflows.wire import CHANGES, JOB_TROUBLES, Trouble

CALL_TROUBLES = (
    Trouble.BUSY,
    Trouble.PROXY,
    Trouble.FAILED,
    Trouble.REFUSED,
    Trouble.LOST,
    Trouble.RESTART,
)
POINTS = tuple(Point)
DEATHS_IN_A_CALL = (Trouble.DIES_BEFORE, Trouble.DIES_AFTER)
_NO_WORSE = frozenset(
    {Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.REFUSED, Outcome.REJECTED, Outcome.STALE}
)
_ACT = re.compile(
    r"\b(list|look at|read|stop|start|restart|bring back|compare|roll|job|use the journal|create|"
    r"delete|assign|remove|set|tag|take|put|add|make|enable|serve|prove|change|go on|migrate|"
    r"probe|publish|ask|proven)\b.*: "
)


Change = tuple[str, str, str]
"""Kind, target and detail of what really happened in the cloud."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A wish in a cloud that was prepared for it.

    `as_planned` says whether the cloud is as a fulfilled wish leaves it, and `as_before` whether
    it is no worse than it was found; both are asked when everything under way has ended. Where it
    is `watched`, services have names and a vantage point sees their traffic. Where it is
    `answered`, a person says that each thing the change asks for is done.
    """

    name: str
    runbook: str
    target: str
    prepare: Callable[[House], None]
    as_planned: Callable[[House], bool]
    as_before: Callable[[House], bool]
    parameters: tuple[tuple[str, str], ...] = ()
    watched: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """What one run of a scenario left: the end, the cloud, its effects and what was asked of it."""

    ended: Operation
    cloud: dict[str, Any]
    effects: tuple[tuple[str, str, str], ...]
    changes: tuple[str, ...]
    calls: tuple[str, ...]
    steps: int
    statements: int
    deaths: int
    is_as_planned: bool
    is_as_before: bool


async def play(
    scenario: Scenario,
    *,
    death: Death | None = None,
    at: int = -1,
    trouble: Trouble | None = None,
    statement: int = -1,
) -> Story:
    """Run a scenario in a world of its own, with at most one thing going wrong.

    `statement` (from 0) is the one that the journal's database refuses.
    """
    async with house(named=scenario.watched, watched=scenario.watched) as home:
        scenario.prepare(home)
        first = len(home.cloud.effects)
        home.engine.death = home.death = death
        home.wire.at, home.wire.trouble = at, trouble
        home.wire.calls.clear()
        with refusing(home, statement) as statements:
            ended = await carry_out(scenario, home)
        calls, steps = tuple(home.wire.calls), home.store.recorded
        home.later(1800.0)  # what is still under way in the cloud comes to its end
        effects = [one for one in home.cloud.effects[first:] if _is_a_change(one)]
        told = [note for note in await home.journal.notes(ended.id) if note.kind == "ended"]
        assert len(told) == 1, "an operation ends once"
        assert (await home.journal.verify())[1] == ""
        return Story(
            ended=ended,
            cloud=_end_state(home),
            effects=tuple((one.kind, one.target, str(one.detail)) for one in effects),
            changes=tuple(
                call.command
                for call in home.cloud.calls
                if call.command in CHANGES and call.status == 200
            ),
            calls=calls,
            steps=steps,
            statements=len(statements),
            deaths=home.deaths,
            is_as_planned=scenario.as_planned(home),
            is_as_before=scenario.as_before(home),
        )


_CALM: dict[Scenario, Story] = {}


async def undisturbed(scenario: Scenario) -> Story:
    """Return what an undisturbed run leaves; all sweeps of a scenario compare with the same one."""
    if scenario not in _CALM:
        _CALM[scenario] = await play(scenario)
    return _CALM[scenario]


async def carry_out(scenario: Scenario, home: House) -> Operation:
    """Ask, approve, and answer whatever is asked; return the operation as it ended."""
    found = await home.do(scenario.runbook, scenario.target, **dict(scenario.parameters))
    while scenario.answered and found.is_open and await home.waits_for(found):
        with suppress(Transient):  # whoever stands at the door is told, and says it again
            await home.answer(found)
        found = await home.look(found)
    return found


async def crash_sweep(scenario: Scenario, *, in_turn: bool = False, every: int = 1) -> int:
    """Die at every step and point of `ask` and `apply`, boot and go on: nothing may differ.

    Returns how often the bot died. With `in_turn` each step dies at one point, and the next step
    at the next: long runbooks repeat their verbs. One of `every` does.
    """
    calm, wrong = await undisturbed(scenario), Complaints()
    found = product(range(calm.steps), Point)
    deaths = [one for one in found if not in_turn or one[0] % len(Point) == POINTS.index(one[1])]
    for step, point in deaths[::every]:
        with wrong.about(f"{scenario.name}: died at step {step}, {point}"):
            story = await play(scenario, death=Death(step, point))
            assert story.deaths == 1, "it did not die"
            _is_the_same(story, calm)
    wrong.raise_any()
    return len(deaths[::every])


async def call_crash_sweep(
    scenario: Scenario,
    commands: Collection[str],
    *,
    begun: bool = False,
    every: int = 1,
    deaths_in: Collection[Trouble] = DEATHS_IN_A_CALL,
) -> int:
    """Die inside the steps: before a call is sent and before its answer is read.

    Returns how often the bot died. It dies in calls of `commands`; with `begun`, in those
    from the first change on; in one of `every`.
    """
    calm, wrong, deaths = await undisturbed(scenario), Complaints(), 0
    for at, trouble in islice(_each(calm.calls, deaths_in, commands, begun), 0, None, every):
        with wrong.about(f"{scenario.name}: call {at} {calm.calls[at]}: {trouble}"):
            story = await play(scenario, at=at, trouble=trouble)
            deaths += story.deaths
            assert story.deaths == 1, "it did not die"
            _is_the_same(story, calm)
    wrong.raise_any()
    return deaths


async def fault_sweep(
    scenario: Scenario,
    troubles: Collection[Trouble],
    commands: Collection[str] = frozenset(COMMANDS),
    *,
    begun: bool = False,
    every: int = 1,
) -> Counter[Outcome]:
    """Let every call meet every trouble, once: the operation ends, and its outcome is true.

    Returns how often it ended how. Calls of `commands` meet it; with `begun`, those from the first
    change on; one of `every` does.
    """
    calm, wrong = await undisturbed(scenario), Complaints()
    ends: Counter[Outcome] = Counter()
    for at, trouble in islice(_each(calm.calls, troubles, commands, begun), 0, None, every):
        with wrong.about(f"{scenario.name}: call {at} {calm.calls[at]}: {trouble}"):
            story = await play(scenario, at=at, trouble=trouble)
            assert story.ended.outcome is not None
            ends[story.ended.outcome] += 1
            _is_truthful(story)
    wrong.raise_any()
    return ends


async def journal_sweep(scenario: Scenario, every: int = 1) -> Counter[Outcome]:
    """Let the journal refuse one statement of the change: it ends, and its end is true.

    Returns how often it ended how. `every` takes only each so many-th statement.
    """
    calm, wrong = await undisturbed(scenario), Complaints()
    ends: Counter[Outcome] = Counter()
    for number in range(0, calm.statements, every):
        with wrong.about(f"{scenario.name}: statement {number} refused"):
            story = await play(scenario, statement=number)
            assert story.ended.outcome is not None
            ends[story.ended.outcome] += 1
            _is_truthful(story)
    wrong.raise_any()
    return ends


@contextmanager
def refusing(home: House, at: int) -> Iterator[list[str]]:
    """Let the database refuse statement number `at` of the change, once; tell what it hears.

    What the door and the test itself read does not count: whoever stands there is told at once.
    """
    heard: list[str] = []

    def before(*given: Any) -> None:
        if home.is_changing:
            heard.append(str(given[2]))
            if len(heard) == at + 1:
                raise sqlite3.OperationalError("disk I/O error")

    event.listen(home.database, "before_cursor_execute", before)
    try:
        yield heard
    finally:
        event.remove(home.database, "before_cursor_execute", before)


@dataclass
class Complaints:
    """What was wrong in a sweep, all of it: the second failure often explains the first."""

    texts: list[str] = field(default_factory=list)

    @contextmanager
    def about(self, where: str) -> Iterator[None]:
        """Keep a failed assertion, or an error, with where it happened."""
        try:
            yield
        except Exception as error:
            self.texts.append(f"{where}: {type(error).__name__}: {error}")

    def raise_any(self) -> None:
        """Fail with everything that was wrong."""
        if self.texts:
            raise AssertionError("\n".join([f"{len(self.texts)} went wrong", *self.texts]))


def _each(
    calls: tuple[str, ...], troubles: Collection[Trouble], commands: Collection[str], begun: bool
) -> Iterator[tuple[int, Trouble]]:
    """Yield calls and what may happen to them; of a long poll only its ends."""
    changes = [at for at, command in enumerate(calls) if command in CHANGES]
    first = changes[0] if begun else 0
    for at, command in enumerate(calls):
        is_inside_a_poll = (
            len(set(calls[max(0, at - 2) : at + 3])) == 1 and 2 <= at < len(calls) - 2
        )
        if command not in commands or is_inside_a_poll or at < first:
            continue
        for trouble in troubles:
            if command in CHANGES or trouble not in JOB_TROUBLES:
                yield at, trouble


def _is_the_same(story: Story, calm: Story) -> None:
    assert story.ended.state is State.ENDED
    assert (story.ended.outcome, story.ended.reason) == (calm.ended.outcome, calm.ended.reason)
    assert sorted(story.effects) == sorted(calm.effects)
    assert story.changes == calm.changes
    assert story.cloud == calm.cloud


def _is_truthful(story: Story) -> None:
    outcome, says = story.ended.outcome, f"{story.ended.outcome}: {story.ended.reason}"
    assert story.ended.state is State.ENDED
    twice = list(_twice(story.effects))
    assert not twice, f"{says}: done twice: {twice}"
    if outcome is Outcome.DONE:
        assert story.is_as_planned, f"{says}: the cloud is not as planned"
        return
    assert _ACT.search(story.ended.reason), f"{says}: it does not say what was attempted"
    if outcome in _NO_WORSE:
        assert story.is_as_before, f"{says}: the cloud is worse than before: {story.effects}"
    else:
        assert outcome in {Outcome.PARKED, Outcome.UNVERIFIED}, says


def _is_a_change(effect: Effect) -> bool:
    """Whether it is no moment of the server's own: when it asks routers for their roles is not."""
    return not effect.kind.startswith("server.") and effect.kind != "router.role_changed"


def _twice(effects: tuple[tuple[str, str, str], ...]) -> Iterator[tuple[str, str, str]]:
    """Yield what was done again; a rule may be brought to a state, away from it and back.

    A change of members that was cut off is no effect, and its repair brings back what was before.
    A machine stops and starts once for each offering that it gets, the old one again included,
    and stops once more where it is taken away.
    """
    effects = _without_the_last_stop(effects)
    last: dict[str, tuple[str, str, str]] = {}
    seen: set[tuple[str, str, str]] = set()
    for effect in effects:
        kind, target, _ = effect
        if kind != "rule.members_changed" and (
            last.get(target) == effect or (effect in seen and not kind.startswith("rule."))
        ):
            yield effect
        if kind == "machine.offering_changed":
            seen = {one for one in seen if one[1] != target or one[0] == kind}
        last[target] = effect
        seen.add(effect)


def _without_the_last_stop(effects: tuple[Change, ...]) -> tuple[Change, ...]:
    """Leave out the stops with which CloudStack takes machines away."""
    return tuple(
        (kind, target, detail)
        for at, (kind, target, detail) in enumerate(effects)
        if kind != "ilb_vm.stopped"
        or next((one[0] for one in effects[at + 1 :] if one[1] == target), "") != "ilb_vm.destroyed"
    )


def _end_state(home: House) -> dict[str, Any]:
    """Return the cloud without its clock and without what each boot makes anew."""
    seen = snapshot(home.cloud)
    machines = [
        {name: value for name, value in one.items() if name not in {"created", "scriptsversion"}}
        for one in seen["machines"]
    ]
    seen.pop("at")
    return seen | {
        "machines": machines,
        "settings": [asdict(s) for s in home.cloud.settings.values()],
    }
