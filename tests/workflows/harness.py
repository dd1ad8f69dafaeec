"""One virtual world for a test: a pretend cloud, two people, and a bot that can die and boot again.

Cloud and engine share one virtual clock; everything between the door and the cloud's API is real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.servers import CloudStackServers
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.directory.exchange import Server
from bot.adapters.directory.manual import ManualDirectory
from bot.adapters.directory.rfc2136 import Rfc2136Directory, UpdateKey, Updates
from bot.domain.operation import Actor, Mode, Operation, Source, State, Wish
from bot.domain.plan import Plan
from bot.domain.policy import Person, Policies, Power, Role, RunbookPolicy, Targets
from bot.engine.api import Checkpoints, Hands, Run
from bot.engine.memory import Death, MemoryEngine, Store, VirtualClock
from bot.errors import Transient
from bot.ports import World as Ports
from bot.sandbox.cloud import ADMIN, READ_ONLY, World, seed_demo
from bot.sandbox.cloud.build import KeyPair
from bot.sandbox.cloud.model import Kind, Machine, Rule, Tier
from bot.sandbox.dns.nameserver import Nameserver
from bot.sandbox.dns.seed import APP_TTL_S, KEY, ZONE, demo_nameserver
from bot.services.children import TOPIC as CHILDREN
from bot.services.children import JournalChildren
from bot.services.cloud_watch import CloudWatch
from bot.services.dispatcher import Dispatcher
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.lifecycle import Lifecycle, Office
from bot.services.operations import Door, Operations, Verdict, plan_of
from bot.services.probing import ProbeDesk
from bot.services.progress import Progress
from bot.services.questions import Questions
from bot.services.runbooks import Runbooks
from bot.services.schema import operation as table
from bot.services.service_view import Outlook
from bot.services.switch import KillSwitch
from bot.services.waiting import Waiting
from handlers import routes
from tests.directory.nameservers import in_process
from tests.services.vantage import Scripted
from tests.workflows.disk import InPlace, disk
from tests.workflows.seeing import Seeing
from tests.workflows.wire import Straight, Wire

ANA = "U-ANA"
BRUNO = "U-BRUNO"
START = 1_800_000_000.0
RUNBOOKS: Runbooks = dict(routes.RUNBOOKS)
_EVERYWHERE = Targets(everything=True)
_WAITING_FOR = {f"deadline of {topic}": topic for topic in ("decision", "answer", CHILDREN)}
_PATIENCE_S = 60.0


def two_people(mode: Mode = Mode.APPROVE, **policy: Any) -> Policies:
    """Return policies in which Ana asks and Bruno approves, for every runbook in one mode."""
    return Policies(
        version="of-the-test",
        people=(
            Person(ANA, "Ana", frozenset({"requester"})),
            Person(BRUNO, "Bruno", frozenset({"approver"})),
        ),
        roles=(
            Role("requester", frozenset({Power.REQUEST}), frozenset({"*"}), _EVERYWHERE),
            Role(
                "approver",
                frozenset({Power.REQUEST, Power.APPROVE, Power.ADMIN}),
                frozenset({"*"}),
                _EVERYWHERE,
            ),
        ),
        runbooks={name: RunbookPolicy(name, mode, **policy) for name in RUNBOOKS},
    )


@dataclass
class House:
    """A bot, the cloud it works on and the disk that survives it."""

    folder: Path
    database: sa.Engine
    clock: VirtualClock
    cloud: World
    wire: Wire
    http: httpx.AsyncClient
    policies: Policies = field(default_factory=two_people)
    can_write: bool = True
    vantage: Scripted | None = None
    death: Death | None = None
    store: Store = field(default_factory=Store)
    nameserver: Nameserver = field(default_factory=demo_nameserver)
    people_change_names: bool = False
    deaths: int = 0
    wishes: int = 0

    # the process

    async def boot(self) -> None:
        """Start a process on what the earlier one left behind."""
        self.journal = Journal(self.database, self.clock, InPlace())
        await self.journal.open()
        self.switch = KillSwitch(self.journal, self.folder / "STOP")
        self.progress = Progress(self.journal, _nobody)
        write = _keys(ADMIN) if self.can_write else None
        client = Client("http://cloud/client/api", _keys(READ_ONLY), write, self.http, self.clock)
        port = CloudStackCloud(client)
        directory = self._directory()
        self.watch = CloudWatch(self.journal, CloudStackServers(client), self.clock, _no_news)
        self.desk = ProbeDesk(self.journal, self.clock, self.vantage)
        outlook = Outlook(directory, self.desk)
        self.fleet = Fleet(port, self.clock, self.progress.history, outlook, self.progress.past)
        self.questions = Questions(self.journal, _nobody)
        children = JournalChildren(self.journal, self.clock, _nobody)
        world = Ports(
            port, self.clock, directory, self.questions, probe=self.desk, children=children
        )
        hands = Hands(world, self.journal, self.progress, self.switch)
        self.engine = MemoryEngine(self.store, self.clock, self._entry(hands), self.death)
        self.operations = Operations(
            Door(
                self.journal, self.engine, lambda: self.policies, RUNBOOKS,
                self.clock, self.switch, _nobody,
            )
        )  # fmt: skip
        self.lifecycle = Lifecycle(
            Office(
                self.journal, self.operations, self.fleet, lambda: self.policies, RUNBOOKS,
                self.switch, self.clock, _nobody, self.can_write, self.watch.pause,
            )
        )  # fmt: skip
        self.waiting = Waiting(self.journal, self.questions, self.engine, self.switch)
        self.dispatcher = Dispatcher(self.journal, self.engine, self.clock, _nobody)
        await self.engine.launch()
        await self.dispatcher.once()
        await self.waiting.once()

    async def shut(self) -> None:
        """End the process; the store, the journal and the cloud stay."""
        await self.engine.close()
        await self.journal.close()

    def _directory(self) -> Rfc2136Directory | ManualDirectory:
        server, exchange = Server("127.0.0.1"), in_process(self.nameserver)
        if self.people_change_names:
            return ManualDirectory(server, exchange, APP_TTL_S)
        key = UpdateKey(KEY.name, SecretStr(KEY.secret))
        return Rfc2136Directory(Updates(server, ZONE, APP_TTL_S, key), exchange)

    def _entry(self, hands: Hands) -> Callable[[str, Checkpoints], Any]:
        async def entry(kind: str, checkpoints: Checkpoints) -> None:
            await getattr(self.lifecycle, kind)(Run(checkpoints, hands))

        return entry

    # what people do

    async def ask(self, runbook: str, target: str, **parameters: str) -> Operation:
        """Let Ana ask for a runbook; return the operation once it is planned or over."""
        wish = Wish(runbook, target, tuple(parameters.items()))
        opened, _ = await self.operations.open_for_person(
            wish, Source.SLACK, Actor(ANA, "ana"), dedupe=self._new_key()
        )
        return await self.quiet(opened)

    async def incident(self, runbook: str, target: str, mode: Mode) -> Operation:
        """Let a policy ask in the name of an incident."""
        opened, _ = await self.operations.open_for_incident(
            Wish(runbook, target), Source.KAFKA, mode,
            dedupe=self._new_key(), evidence={},
        )  # fmt: skip
        return await self.quiet(opened)

    async def decide(self, found: Operation, by: str = BRUNO, *, approve: bool = True) -> Verdict:
        """Let somebody decide, and go on until nothing moves."""
        seen = found.fingerprint
        verdict = await self.operations.decide(found.id, by, approve=approve, seen=seen)
        await self.quiet(found)
        return verdict

    async def answer(self, found: Operation, by: str = BRUNO) -> Verdict:
        """Let somebody say that what a change asked for is done, and go on until nothing moves."""
        verdict = await self.operations.answer(found.id, by)
        await self.quiet(found)
        return verdict

    async def approve(self, found: Operation) -> Operation:
        """Let Bruno approve; return the operation as it ended."""
        verdict = await self.decide(found)
        assert verdict.counted, verdict.text
        return await self.look(found)

    async def do(self, runbook: str, target: str, **parameters: str) -> Operation:
        """Ask, approve where that is waited for, and return the operation as it ended."""
        asked = await self.ask(runbook, target, **parameters)
        return await self.approve(asked) if asked.state is State.WAITING else asked

    def _new_key(self) -> str:
        self.wishes += 1
        return f"wish-{self.wishes}"

    # what a test looks at

    async def look(self, found: Operation) -> Operation:
        """Read an operation again."""
        again = await self.journal.operation(found.id)
        assert again is not None
        return again

    async def waits_for(self, found: Operation) -> bool:
        """Whether a change asks a person for something now."""
        asked = await self.questions.newest(found.id)
        return asked is not None and asked.is_open

    async def plan(self, found: Operation) -> Plan:
        """Return the plan of an operation."""
        return plan_of(await self.look(found))

    def vm(self, name: str) -> Machine:
        """Return a machine of the cloud as it is now."""
        self.cloud.advance()
        return self.cloud.machine(name)

    def vm_at(self, vip: str) -> str:
        """Return the name of the ILB VM that has an address."""
        [found] = [one for one in self.cloud.machines(Kind.ILB) if one.address == vip]
        return found.name

    def rule(self, name: str) -> Rule:
        """Return a rule of the cloud."""
        return self.cloud.one(Rule, name)

    def tier(self, name: str) -> Tier:
        """Return the first tier of that name."""
        return next(one for one in self.cloud.all(Tier) if one.name == name)

    def effects(self) -> list[str]:
        """Return what really happened in the cloud, in order."""
        return [f"{one.kind} {one.target}" for one in self.cloud.effects]

    def later(self, seconds: float) -> None:
        """Let time pass, for the bot and for the cloud."""
        self.clock.advance(seconds)
        self.cloud.advance()

    @property
    def is_changing(self) -> bool:
        """Whether some operation's `apply` run is under way."""
        runs = self.engine._tasks.items()
        return any(name.endswith(":apply") and not task.done() for name, task in runs)

    # waiting

    async def quiet(self, found: Operation) -> Operation:
        """Go on until every run is over or waits for a person; boot again after a death."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                await self._until_nothing_moves()
                if self.engine.died.is_set():
                    self.deaths += 1
                    self.engine.death = self.death = None
                    await self.shut()
                    await self.boot()
                    continue
                with suppress(Transient):  # the house looks again, as `Dispatcher.run` does
                    again = await self.look(found)
                    if not await self._goes_on(again):
                        return again

    async def _goes_on(self, found: Operation) -> bool:
        """Do what the house does by itself where nothing moves; False where only people can.

        Not before: steps of two runs at once could not be counted.
        """
        ready = table.c.state.in_([State.ASKED.value, State.APPROVED.value])
        mine = (table.c.id == found.id) | (table.c.parent == found.id)
        if await self.journal.operations(ready, mine, limit=1):
            await self.dispatcher.once()
            return True
        if self._waits_on(found, CHILDREN):
            await self.waiting.once()
            return not self._waits_on(found, CHILDREN)
        return False

    def _waits_on(self, found: Operation, topic: str) -> bool:
        """Whether the change waits on a topic, and nothing was left for it there."""
        run = self.store.runs.get(found.apply_run)
        if run is None or run.over or not run.journal:
            return False
        return run.journal[-1][0] == f"deadline of {topic}" and not run.mail[topic]

    async def _until_nothing_moves(self) -> None:
        while not self.engine.died.is_set() and not self._nothing_moves():
            await asyncio.sleep(0.0005)

    def _nothing_moves(self) -> bool:
        for run_id, task in self.engine._tasks.items():
            if task.done():
                task.result()  # no run may end by an exception
            elif not self._waits_for_a_person(run_id):
                return False
        return True

    def _waits_for_a_person(self, run_id: str) -> bool:
        run = self.store.runs[run_id]
        name, text = run.journal[-1] if run.journal else ("", "")
        topic = _WAITING_FOR.get(name)
        return topic is not None and float(text) > self.clock.now() and not run.mail[topic]


@asynccontextmanager
async def house(
    *, named: bool = False, watched: bool = False, **given: Any
) -> AsyncIterator[House]:
    """Open a house on the demo's cloud, boot the bot in it, and clear up afterwards.

    Where it is not `named`, no rule of that cloud has a name: clients have bare addresses. Where
    it is `watched`, a vantage point sees the traffic of that cloud.
    """
    clock = VirtualClock(START)
    cloud = World(clock.now)
    seed_demo(cloud)
    for rule in cloud.all(Rule):
        if not named:
            rule.tags.pop("ilbot.name", None)
    if watched:
        cloud.counters.watch()
        given["vantage"] = Seeing(cloud=cloud)
    wire = Wire(cloud)
    with disk() as (folder, database):
        async with Straight(transport=wire) as http:
            one = House(folder, database, clock, cloud, wire, http, **given)
            await one.boot()
            try:
                yield one
            finally:
                await one.shut()


def without_approvers(policies: Policies) -> Policies:
    """Return policies in which Bruno has lost his role."""
    people = tuple(
        replace(one, roles=frozenset()) if one.id == BRUNO else one for one in policies.people
    )
    return replace(policies, people=people)


def _keys(pair: KeyPair) -> Keys:
    return Keys(SecretStr(pair.api_key), SecretStr(pair.secret_key))


def _no_news() -> None:
    """Nobody tells of CloudStack itself: the test reads the journal."""


def _nobody(_operation_id: str) -> None:
    """No card, no dispatcher to wake: the test looks itself."""
