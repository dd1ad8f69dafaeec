"""A busy machine whose clients wait for its members gets an advice and no change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.detect import Rule
from bot.domain.operation import Mode, Source
from bot.domain.policy import IncidentKind, IncidentPolicy
from bot.sandbox.cloud.counters import Load as Rates
from bot.services.advice_news import AdviceNews
from bot.services.advising import Advising
from bot.services.cpu_reading import CpuWatch
from bot.services.incident_desk import Desk
from bot.services.saturation import Saturation
from handlers.routes import RUNBOOKS
from tests.services.bulletin import CHANNEL, Bulletin
from tests.workflows.harness import House, house, two_people

VIP, VM = "10.20.1.10", "b-31-VM"


@pytest.fixture
async def inside() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as opened:
        kind = IncidentKind.CPU_SATURATED
        wanted = {kind: IncidentPolicy(kind, "", Mode.APPROVE)}
        opened.policies = replace(two_people(), incidents=wanted)
        opened.cloud.set_load(VIP, 80, Rates(900.0, 1600, 60.0, 0, 0, 1, 1800))
        yield opened


async def busy_for(inside: House, minutes: int) -> Bulletin:
    """Let it be busy under the thresholds that come with the bot; return what was told."""
    rule, chat = Rule(), Bulletin()
    desk = Desk(
        inside.journal, inside.operations, inside.fleet, inside.fleet._cloud,
        lambda: inside.policies, inside.clock, inside.watch,
    )  # fmt: skip
    advisor = Advising(inside.fleet, RUNBOOKS)
    saturation = Saturation(desk, advisor, rule, Source.POLL, lambda: None)
    looking = CpuWatch(desk.cloud, inside.clock, rule, saturation)
    inside.cloud.set_cpu(VM, 92.0)
    for _ in range(minutes):
        inside.later(60)
        await looking.look()
    await AdviceNews(inside.journal, chat, CHANNEL).tell()
    return chat


async def test_slow_members_of_a_busy_machine_are_an_advice_and_no_proposal(inside: House) -> None:
    chat = await busy_for(inside, 8)
    assert await inside.journal.operations() == ()
    (card,) = chat.posts
    assert card.body[0].startswith(
        "*Advice:* The members are the bottleneck: Those of port 80 take 1.8 s, while the CPU is "
        "at 92 %. Its CPU is too high as well, and comes next: twin. A second ILB serves"
    )


async def test_the_same_load_with_quick_members_is_proposed_for(inside: House) -> None:
    inside.cloud.set_load(VIP, 80, Rates(900.0, 20, 60.0, 0, 0, 1, 18))
    chat = await busy_for(inside, 8)
    (opened,) = await inside.journal.operations()
    assert (opened.wish.runbook, chat.posts) == ("pair", [])
