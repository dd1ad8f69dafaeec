"""A house in which loads are heard of, and what is done for them is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from bot.domain.detect import Edge, Moment, Rule
from bot.domain.load import Load, Proposal
from bot.domain.operation import Mode, Operation, Outcome, Source
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.services.advice_news import AdviceNews
from bot.services.cards import Cards, CardSettings
from bot.services.cpu_after import CpuAfter
from bot.services.cpu_case import Hosts
from bot.services.incident_desk import Desk
from bot.services.saturation import Saturation
from tests.services.bulletin import CHANNEL, Bulletin
from tests.workflows.harness import RUNBOOKS, House, house, two_people
from workflows.words import Words

RULE = Rule(lateness_s=0)
ON_ONE_HOST = ("b-31-VM", "b-32-VM", "b-33-VM")


@dataclass
class Mover:
    """An advisor that says to move it, or that the members are slow."""

    says: Proposal = field(default_factory=lambda: Proposal("migrate", "its host is full"))

    async def advise(self, target_id: str, load: Load) -> Proposal:
        return self.says


@dataclass
class Office:
    """A house in which loads are heard of and told."""

    home: House
    chat: Bulletin = field(default_factory=Bulletin)

    def __post_init__(self) -> None:
        home = self.home
        desk = Desk(
            home.journal, home.operations, home.fleet, home.fleet._cloud, lambda: home.policies,
            home.clock, home.watch,
        )  # fmt: skip
        self.cards = Cards(
            home.journal, home.progress, self.chat, Words(), RUNBOOKS, CardSettings(CHANNEL, 0.0)
        )
        self.advisor = Mover()
        self.saturation = Saturation(
            desk, self.advisor, RULE, Source.KAFKA, lambda: None, Hosts(3, 300.0)
        )
        self.after = CpuAfter(desk, self.cards.changed)
        self.news = AdviceNews(home.journal, self.chat, CHANNEL)

    async def look(self) -> None:
        """Do what the bot does every half minute."""
        await self.after.look()
        await self.news.tell()
        await self.cards.flush()

    def edge(self, name: str, moment: Moment = Moment.DUE, percent: float = 97.0) -> Edge:
        now, machine = self.home.clock.now(), self.home.cloud.machine(name)
        return Edge(moment, machine.id, name, "", now - 300, now, percent)

    async def proposed(self, *names: str) -> tuple[list[Edge], Operation]:
        """Let machines be busy, and return their incidents and what is proposed."""
        for name in names:
            self.home.cloud.set_cpu(name, 97.0)
        self.home.later(240)
        edges = [self.edge(name) for name in names]
        for one in edges:
            await self.saturation.hear(replace(one, moment=Moment.ENTERED))
        for one in edges:
            await self.saturation.hear(one)
        found, *_ = await self.home.journal.operations()
        found = await self.home.quiet(found)
        await self.cards.show(found.id)
        return edges, found

    async def changed(self, *names: str) -> tuple[list[Edge], Operation]:
        """The same, approved and done."""
        edges, found = await self.proposed(*names)
        done = await self.home.approve(found)
        assert done.outcome is Outcome.DONE, done.reason
        await self.cards.show(found.id)
        return edges, done

    def share_a_full_host(self) -> str:
        """Put three machines on one host that is full; return its name."""
        host = self.home.cloud.machine(ON_ONE_HOST[0]).host
        assert host is not None
        host.cpu_percent = 96.0
        for name in ON_ONE_HOST:
            self.home.cloud.machine(name).host = host
        return host.name

    async def hears(self, edges: list[Edge], moment: Moment, percent: float = 97.0) -> None:
        """Hear of all of them that this happened now."""
        at = self.home.clock.now()
        for one in edges:
            await self.saturation.hear(replace(one, moment=moment, at=at, cpu_percent=percent))

    async def seen_gone(self, edge: Edge) -> None:
        """Let the machine be gone, and the incident end as at the next start of the bot."""
        self.home.cloud.lose_ilb_vm(edge.target_name)
        await self.saturation.opened()

    async def calms_down(self, edges: list[Edge], percent: float = 54.0) -> None:
        for one in edges:
            self.home.cloud.set_cpu(one.target_name, percent)
        self.home.later(180)
        await self.hears(edges, Moment.LEFT, percent)


@asynccontextmanager
async def an_office() -> AsyncIterator[Office]:
    """Yield one whose policies let a person decide on what is advised."""
    async with house() as home:
        kinds = (IncidentKind.CPU_SATURATED, IncidentKind.HOST_HOT)
        policies = {one: IncidentPolicy(one, "", Mode.APPROVE) for one in kinds}
        home.policies = replace(two_people(), incidents=policies)
        yield Office(home)
