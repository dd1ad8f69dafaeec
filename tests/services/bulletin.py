"""A chat that keeps what it is told and fails as told, and operations to make cards of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from bot.domain.card import Card, Picture
from bot.domain.operation import Actor, Operation, Source, State, Wish
from bot.domain.plan import Exposure, Fact, Plan, PlannedStep, Target
from bot.engine.memory import Died, MemoryEngine, Store, VirtualClock
from bot.engine.report import StepReport
from bot.errors import Refused, Transient
from bot.ports import Posted
from bot.services.cards import Cards, CardSettings
from bot.services.dispatcher import Dispatcher
from bot.services.journal import Journal
from bot.services.progress import Progress
from bot.services.questions import Questions
from bot.services.runbooks import Runbooks
from workflows import recover, roll, roll_fleet
from workflows.words import Words

NOON = 1_800_014_400.0
CHANNEL = "C0OPS"
RUNBOOKS: Runbooks = {one.name: one for one in (roll.RUNBOOK, roll_fleet.RUNBOOK, recover.RUNBOOK)}


@dataclass
class Bulletin:
    """`bot.ports.Chat` that remembers; the next calls meet `failures`, in order,
    and the process dies after posting what `dies_after` names, once."""

    posts: list[Card] = field(default_factory=list)
    replies: list[Card] = field(default_factory=list)
    updates: list[Card] = field(default_factory=list)
    updated: list[Posted] = field(default_factory=list)
    threads: list[Posted] = field(default_factory=list)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    pictures: list[tuple[Posted, Picture]] = field(default_factory=list)
    takes_pictures: bool = True
    loses_pictures: int = 0
    moments: list[float] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    dies_after: str = ""
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def post(self, channel: str, card: Card, *, thread: Posted | None = None) -> Posted:
        self._happen()
        if thread is None:
            self.edits.append(self.moments[-1])
        (self.replies if thread else self.posts).append(card)
        if card.summary == self.dies_after:
            self.dies_after = ""
            raise Died(f"after {card.summary} was posted and before that was noted")
        self.threads += [thread] if thread else []
        return Posted(channel, f"18.{len(self.replies)}" if thread else f"17.{len(self.posts)}")

    async def update(self, at: Posted, card: Card) -> None:
        self._happen()
        self.edits.append(self.moments[-1])
        self.updates.append(card)
        self.updated.append(at)

    async def upload(self, at: Posted, picture: Picture) -> None:
        self._happen()
        if not self.takes_pictures:
            raise Refused("upload it: Slack says missing_scope.", instead="Install it again.")
        if self.loses_pictures:
            self.loses_pictures -= 1
            raise Transient("upload it: Slack did not answer")
        self.pictures.append((at, picture))

    async def whisper(self, channel: str, person: str, text: str) -> None:
        self._happen()
        self.whispers.append((channel, person, text))

    async def until(self, fact: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(20):
            while not fact():
                await self.told.wait()
                self.told.clear()

    @property
    def last(self) -> Card:
        """The card as people see it now."""
        return [*self.posts, *self.updates][-1]

    def titles(self) -> list[str]:
        """Return the titles of the thread's replies."""
        return [card.summary for card in self.replies]

    def _happen(self) -> None:
        self.moments.append(time.monotonic())
        self.told.set()
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class Desk:
    """A journal, a chat and the cards between them; `reboot` is a new process on the same disk."""

    journal: Journal
    clock: VirtualClock
    chat: Bulletin = field(default_factory=Bulletin)
    interval_s: float = 0.0
    again_s: float = 60.0
    count: int = 0
    plots: dict[str, Picture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reboot()

    def reboot(self) -> None:
        self.progress = Progress(self.journal, lambda _: None)
        self.questions = Questions(self.journal, lambda _: None)
        self.cards = Cards(
            self.journal, self.progress, self.chat, Words(), RUNBOOKS,
            CardSettings(CHANNEL, self.interval_s, self.again_s, self._plot),
        )  # fmt: skip

    async def _plot(self, operation_id: str) -> Picture | None:
        return self.plots.get(operation_id)

    async def ask(self, wish: Wish | None = None, by: Actor | None = None) -> Operation:
        """Store what somebody wishes."""
        self.count += 1
        wanted = Operation(
            id=f"op-{self.count}",
            wish=wish or Wish("roll", "b-1-VM"),
            source=Source.SLACK,
            requested_by=by or Actor("U0ANA", "Ana"),
            state=State.ASKED,
            created_at=self.clock.now(),
            deadline_at=self.clock.now() + 900.0,
            channel="C0ASKED",
        )
        return (await self.journal.open_operation(wanted, wanted.id, {}))[0]

    async def move(self, found: Operation, state: State, **changes: Any) -> Operation:
        """Let an operation be in a state, whatever it was in before."""
        before = tuple(one for one in State if one is not State.ENDED)
        if state is State.ENDED:
            changes = {"ended_at": self.clock.now()} | changes
        assert await self.journal.move(found.id, before, f"to {state}", state=state, **changes)
        again = await self.journal.operation(found.id)
        assert again is not None
        return again

    async def plan(self, found: Operation, planned: Plan, state: State) -> Operation:
        """Let an operation have a plan."""
        about = {"target_id": planned.target.id, "target_name": planned.target.name}
        sealed = {"plan": as_json(planned), "fingerprint": planned.fingerprint}
        return await self.move(found, state, **about, **sealed)

    async def waiting(self, planned: Plan) -> Operation:
        """Ask and plan, so that it waits for a decision."""
        asked = await self.ask(Wish(planned.runbook, planned.target.name))
        return await self.plan(asked, planned, State.WAITING)

    async def applying(self, planned: Plan) -> Operation:
        """Ask, plan and approve, so that it is at work."""
        approved = await self.move(
            await self.waiting(planned), State.APPROVED,
            decided_by="U0BRUNO", decided_at=self.clock.now(),
        )  # fmt: skip
        return await self.move(approved, State.APPLYING, started_at=self.clock.now())


def as_json(planned: Plan) -> str:
    """Return a plan the way the lifecycle stores it."""
    return TypeAdapter(Plan).dump_json(planned).decode()


def a_roll(name: str = "b-1-VM", tier: str = "app", seconds: float | None = 62.0) -> Plan:
    """Return a plan to roll, in words of its own."""
    evidence = "its last stop and start by events took 62 s"
    if seconds is None:
        evidence = "not known: no earlier stop and start of it is on record"
    return Plan(
        runbook="roll",
        target=_target(name, tier),
        summary=f"Roll {name} from version 4.20.0 to 4.22.0",
        facts=(Fact("state", "Running"), Fact("version", "4.20.0"), Fact("offering", "")),
        steps=(
            PlannedStep(f"Stop {name}", undo="start it again"),
            PlannedStep(f"Start {name}", no_return=True),
            PlannedStep("Check its version"),
        ),
        exposure=Exposure("10.1.1.10 port 80", seconds, evidence),
        blast_radius=("10.1.1.10 port 80: not served from the stop to the end of the start",),
        warnings=("Open connections through it are cut.",),
        parameters=(("version", "4.22.0"),),
    )


def a_recovery(name: str = "b-1-VM", tier: str = "app") -> Plan:
    """Return a plan to recover."""
    return Plan(
        runbook="recover",
        target=_target(name, tier),
        summary=f"Bring back {name}: nobody stopped it",
        facts=(Fact("state", "Stopped"),),
        steps=(PlannedStep(f"Start {name}"),),
        exposure=Exposure("10.1.1.10 port 80", 0.0, "it is not served now"),
        blast_radius=("10.1.1.10 port 80: served again",),
        parameters=(("state", "Stopped"),),
    )


def _target(name: str, tier: str) -> Target:
    return Target("ilb-vm", "vm-1", name, "zone-1", "shop", "vpc-1", tier, "tier-1")


async def refresh(desk: Desk) -> None:
    """Start again: what a new process does about cards."""
    desk.reboot()
    engine = MemoryEngine(Store(), desk.clock, lambda kind, checkpoints: asyncio.sleep(0))
    dispatcher = Dispatcher(desk.journal, engine, desk.clock, desk.cards.changed)
    await dispatcher.refresh_cards()
    await desk.cards.flush()


async def report(
    desk: Desk, operation_id: str, key: str, *arguments: str, seconds: float = 0.0
) -> None:
    """Let a step end well."""
    name = key.partition(".")[2]
    step = StepReport(f"{operation_id}:apply", key, name, arguments, 1, seconds, "ok")
    await desk.progress.step_ended(step)
