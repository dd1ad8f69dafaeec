"""The Slack edge of the bot as it is in life, around a pretend Slack and a pretend cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pydantic import SecretStr, TypeAdapter

from bot.adapters.cloudstack.client import Client, Limits
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.directory.manual import NoDirectory
from bot.domain.operation import Operation, State
from bot.domain.plan import Plan
from bot.domain.policy import EVERYTHING, Person, Policies, Power, Role, Targets
from bot.engine.api import Checkpoints
from bot.engine.memory import MemoryEngine, Store, VirtualClock
from bot.ports import Directory, NobodyLooks
from bot.sandbox.cloud import ADMIN, READ_ONLY, World, create_app, seed_demo
from bot.services.answers import Answers, Sources
from bot.services.fleet import Fleet
from bot.services.journal import Journal
from bot.services.operations import Door, Operations
from bot.services.progress import Progress
from bot.services.service_view import Outlook
from bot.services.switch import KillSwitch
from handlers.conversation import Conversation
from handlers.routes import RUNBOOKS, menu
from handlers.slack import SlackAccess, SlackHandler
from tests.sandbox.slack_world import Room

ALL = Targets(everything=True)
ANYTHING = frozenset({EVERYTHING})
ROLES = (
    Role("requester", frozenset({Power.REQUEST}), ANYTHING, ALL),
    Role("approver", frozenset({Power.APPROVE}), ANYTHING, ALL),
    Role("admin", frozenset({Power.ADMIN}), ANYTHING, ALL),
)
POLICIES = Policies(
    version="test",
    people=(
        Person("U0ANA00001", "Ana", frozenset({"requester"})),
        Person("U0BRUNO001", "Bruno", frozenset({"requester", "approver"})),
        Person("U0CHEN0001", "Chen", frozenset({"approver", "admin"})),
    ),
    roles=ROLES,
)


@dataclass(frozen=True)
class House:
    """Everything behind the Slack edge."""

    journal: Journal
    operations: Operations
    answers: Answers
    fleet: Fleet
    clock: VirtualClock
    world: World
    switch: KillSwitch

    async def plans(self, operation_id: str, target: str = "app-tier") -> Operation:
        """Do what the ask run does: plan on the live view, and wait for a decision."""
        found = await self.journal.operation(operation_id)
        assert found is not None
        ilb = await self.fleet.find(target)
        seen = await self.fleet.service(ilb.target_id)
        planned = RUNBOOKS[found.wish.runbook].plan(seen, found.wish)
        assert isinstance(planned, Plan), planned
        moved = await self.journal.move(
            operation_id, (State.ASKED,), "planned", state=State.WAITING,
            deadline_at=self.clock.now() + 3600.0, target_id=planned.target.id,
            target_name=planned.target.name, lane=planned.target.lane,
            fingerprint=planned.fingerprint, plan=TypeAdapter(Plan).dump_json(planned).decode(),
        )  # fmt: skip
        assert moved
        stored = await self.journal.operation(operation_id)
        assert stored is not None
        return stored

    async def newest(self) -> Operation:
        [found, *_] = await self.journal.operations(limit=1)
        return found


@asynccontextmanager
async def house(folder: Path, directory: Directory | None = None) -> AsyncIterator[House]:
    clock = VirtualClock()
    world = World(clock.now)
    seed_demo(world)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(world)))
    keys = [Keys(SecretStr(k.api_key), SecretStr(k.secret_key)) for k in (READ_ONLY, ADMIN)]
    client = Client("http://cloud.test/client/api", keys[0], keys[1], http, clock, Limits())
    journal = Journal(f"sqlite:///{folder / 'journal.db'}", clock)
    await journal.open()

    async def nothing(_kind: str, _checkpoints: Checkpoints) -> None:
        return

    engine = MemoryEngine(Store(), clock, nothing)
    progress = Progress(journal, lambda _: None)
    outlook = Outlook(directory or NoDirectory(), NobodyLooks())
    fleet = Fleet(CloudStackCloud(client), clock, progress.history, outlook)
    switch = KillSwitch(journal, folder / "STOP")
    operations = Operations(
        Door(journal, engine, lambda: POLICIES, RUNBOOKS, clock, switch, lambda _: None)
    )
    sources = Sources(
        journal, progress, fleet, lambda: POLICIES, switch, menu(), "/ilb",
        lambda: [(True, "poller: looked 3 s ago")],
    )  # fmt: skip
    try:
        yield House(journal, operations, Answers(sources), fleet, clock, world, switch)
    finally:
        await engine.close()
        await journal.close()
        await http.aclose()


def access(room: Room) -> SlackAccess:
    app = room.workspace.app
    return SlackAccess(
        SecretStr(app.bot_token), SecretStr(app.app_token), f"{room.url}/api/",
        patience_s=0.5, ping_s=1.0, watch_s=0.2,
    )  # fmt: skip


@asynccontextmanager
async def listening(room: Room, inside: House, **more: float) -> AsyncIterator[SlackHandler]:
    """Connect the real handler to the pretend Slack."""
    how = replace(access(room), **more)  # type: ignore[arg-type]  # floats of SlackAccess only
    handler = SlackHandler(how, Conversation(inside.operations, inside.answers))
    await handler.start()
    await room.has_connections(1)
    try:
        yield handler
    finally:
        await handler.stop()
