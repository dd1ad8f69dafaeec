"""What a change for a load did to it is told where the change is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from bot.domain.detect import Edge, Moment, Rule
from bot.domain.load import Load, Proposal
from bot.domain.operation import Mode, Operation, Outcome, Source, State
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.account import account_of
from bot.services.advice_news import AdviceNews
from bot.services.cards import Cards, CardSettings
from bot.services.cpu_after import GIVE_UP_S, CpuAfter
from bot.services.cpu_case import Hosts
from bot.services.incident_desk import Desk
from bot.services.saturation import Saturation
from tests.services.bulletin import CHANNEL, Bulletin
from tests.workflows.harness import RUNBOOKS, House, house, two_people
from workflows.words import Words

RULE = Rule(lateness_s=0)
FOLLOW_S = 2 * RULE.dwell_s
PENDING = (
    "CPU after: not measured yet, since CloudStack has no sample of it; the thread tells it in "
    "about 6 min."
)


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

    async def calms_down(self, edges: list[Edge], percent: float = 54.0) -> None:
        for one in edges:
            self.home.cloud.set_cpu(one.target_name, percent)
        self.home.later(180)
        for one in edges:
            at = self.home.clock.now()
            calm = replace(one, moment=Moment.LEFT, at=at, cpu_percent=percent)
            await self.saturation.hear(calm)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with house() as home:
        kinds = (IncidentKind.CPU_SATURATED, IncidentKind.HOST_HOT)
        policies = {one: IncidentPolicy(one, "", Mode.APPROVE) for one in kinds}
        home.policies = replace(two_people(), incidents=policies)
        yield Office(home)


async def test_a_receipt_shows_the_load_before_and_says_that_after_is_not_known_yet(
    office: Office,
) -> None:
    await office.changed("b-31-VM")
    assert office.chat.titles()[-1].startswith("Receipt of ")
    (receipt,) = office.chat.replies[-1].body[-1:]
    assert f"CPU before: b-31-VM 97 %.\n{PENDING}" in receipt
    assert office.chat.last.body[-1] == f"CPU before: b-31-VM 97 %.\n{PENDING}"
    await office.look()
    assert len(office.chat.replies) == 2


async def test_once_it_is_calm_the_card_and_its_thread_tell_the_load_after(office: Office) -> None:
    edges, done = await office.changed("b-31-VM")
    await office.calms_down(edges)
    for _ in range(2):
        await office.look()
    assert office.chat.titles()[2:] == ["b-31-VM is calm again"]
    lines = "CPU before: b-31-VM 97 %.\nCPU after: b-31-VM 54 %, 2 min 59 s after the end."
    assert office.chat.replies[-1].body == ("*b-31-VM is calm again*", lines)
    assert office.chat.last.body[-1] == lines
    assert len(office.chat.posts) == 1, "the channel hears of it by the card alone"
    assert await office.home.journal.has_note(done.id, "", "card final")
    notes = await office.home.journal.notes(done.id)
    page = account_of(done, notes, (), str)
    (load,) = [one for one in page.sections if one.heading == "Load"]
    assert [row[0] for row in load.rows] == lines.split("\n")


async def test_a_load_that_no_change_helped_is_told_too_and_its_end_later(office: Office) -> None:
    edges, _ = await office.changed("b-31-VM")
    office.home.later(FOLLOW_S - 60)
    await office.look()
    assert len(office.chat.replies) == 2
    office.home.later(60)
    await office.look()
    assert office.chat.titles()[2:] == ["The incident of b-31-VM is not over yet"]
    assert "CPU after: b-31-VM 97 %, " in office.chat.last.body[-1]
    await office.calms_down(edges, 40.0)
    await office.look()
    assert office.chat.titles()[3:] == ["b-31-VM is calm again"]
    assert "CPU after: b-31-VM 40 %, " in office.chat.last.body[-1]


async def test_without_a_sample_of_after_the_load_is_told_to_be_not_known(office: Office) -> None:
    await office.changed("b-31-VM")
    office.home.cloud.settings["vm.stats.interval"].value = "0"
    office.home.later(FOLLOW_S)
    await office.look()
    assert len(office.chat.replies) == 2
    office.home.later(GIVE_UP_S - FOLLOW_S)
    await office.look()
    assert office.chat.titles()[2:] == ["It is not known how busy b-31-VM is"]
    assert "CPU after: not known, CloudStack had no sample in 60 min." in office.chat.last.body[-1]


async def test_a_machine_that_is_gone_is_not_called_calm(office: Office) -> None:
    edges, _ = await office.changed("b-31-VM")
    note = (await office.saturation._notes.open())[edges[0].incident]
    await office.saturation._notes.gone(note, office.home.clock.now())
    office.home.cloud.settings["vm.stats.interval"].value = "0"
    office.home.later(GIVE_UP_S)
    await office.look()
    assert office.chat.titles()[2:] == ["It is not known how busy b-31-VM is"]


async def test_a_cloudstack_that_does_not_answer_is_asked_again(office: Office) -> None:
    edges, _ = await office.changed("b-31-VM")
    await office.calms_down(edges)
    office.home.cloud.fail_next(Fault("listSystemVmsUsageHistory", FaultKind.ERROR, status=530))
    await office.look()
    assert len(office.chat.replies) == 2
    await office.look()
    assert office.chat.titles()[2:] == ["b-31-VM is calm again"]


async def test_a_receipt_that_comes_late_tells_the_load_after_at_once(office: Office) -> None:
    edges, found = await office.proposed("b-31-VM")
    await office.home.approve(found)
    await office.calms_down(edges)
    for _ in range(2):
        await office.look()
        await office.cards.show(found.id)
    assert len(office.chat.replies) == 2
    assert "CPU after: b-31-VM 54 %, 2 min 59 s after the end." in office.chat.replies[-1].body[-1]


async def test_a_migration_tells_the_load_of_all_that_were_busy_on_the_host(office: Office) -> None:
    names = ("b-31-VM", "b-32-VM", "b-33-VM")
    host = office.home.cloud.machine(names[0]).host
    assert host is not None
    host.cpu_percent = 96.0
    for name in names:
        office.home.cloud.machine(name).host = host
    edges, done = await office.changed(*names)
    assert done.wish.runbook == "migrate"
    before, _ = office.chat.last.body[-1].split("\n")
    assert before.startswith(f"CPU before (busy together on host {host.name}): b-3")
    await office.calms_down(edges[:2])
    await office.look()
    assert len(office.chat.replies) == 2
    await office.calms_down(edges[2:], 30.0)
    await office.look()
    assert office.chat.titles()[-1].endswith(f" of host {host.name} are calm again")
    _, after = office.chat.last.body[-1].split("\n")
    for said in ("b-31-VM 54 %", "b-32-VM 54 %", "b-33-VM 30 %"):
        assert said in after


async def test_what_a_person_does_because_of_an_advice_tells_the_load_too(office: Office) -> None:
    home = office.home
    office.advisor.says = Proposal("", "the members are slow")
    home.cloud.set_cpu("b-31-VM", 97.0)
    home.later(240)
    busy = office.edge("b-31-VM")
    await office.saturation.hear(replace(busy, moment=Moment.ENTERED))
    await office.saturation.hear(busy)
    other = await home.ask("migrate", "b-32-VM")
    asked = await home.ask("migrate", "b-31-VM")
    await office.look()
    done = await home.approve(asked)
    await office.cards.show(done.id)
    assert f"CPU before: b-31-VM 97 %.\n{PENDING}" in office.chat.replies[-1].body[-1]
    await office.calms_down([busy])
    await office.look()
    assert "CPU after: b-31-VM 54 %, 2 min 59 s after the end." in office.chat.replies[-1].body[-1]
    await home.approve(other)
    await office.cards.show(other.id)
    assert "CPU" not in office.chat.replies[-1].body[-1]


async def test_the_end_of_what_nobody_approved_is_told_in_its_thread(office: Office) -> None:
    edges, found = await office.proposed("b-31-VM")
    await office.home.decide(found, approve=False)
    await office.calms_down(edges)
    await office.look()
    assert office.chat.titles()[-1].startswith("b-31-VM is calm again: CPU 54 %")
    assert len(office.chat.posts) == 1


async def test_a_proposal_for_a_load_that_is_over_is_withdrawn_with_the_reason(
    office: Office,
) -> None:
    edges, found = await office.proposed("b-31-VM")
    await office.look()
    assert (await office.home.look(found)).state is State.WAITING
    await office.calms_down(edges)
    await office.look()
    withdrawn = await office.home.quiet(found)
    await office.cards.show(found.id)
    assert (withdrawn.state, withdrawn.outcome) == (State.ENDED, Outcome.STALE)
    assert office.chat.last.body[0] == (
        "*:arrows_counterclockwise: Withdrawn before anybody decided*"
    )
    assert office.chat.last.body[-1] == "b-31-VM is calm again: CPU 54 %, and it was 97 %"
    assert office.chat.last.buttons == ()
    assert office.chat.titles() == ["Evidence"]
    verdict = await office.home.decide(found)
    assert "has ended: stale (b-31-VM is calm again" in verdict.text


async def test_what_was_withdrawn_is_proposed_again_when_it_is_busy_again(office: Office) -> None:
    edges, first = await office.proposed("b-31-VM")
    await office.calms_down(edges)
    await office.look()
    _, second = await office.proposed("b-31-VM")
    assert second.id != first.id
    assert second.state is State.WAITING
