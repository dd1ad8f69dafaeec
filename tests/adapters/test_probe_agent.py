"""A probe agent against the bot's own intake: it loses nothing, says nothing twice, never ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bot.adapters import probe_agent
from bot.adapters.probe_agent import ALONE_S, Agent, ServerTime
from bot.domain.probing import Sample, Watched
from bot.engine.memory import VirtualClock
from bot.errors import Refused, Transient
from bot.services.probing import ProbeDesk
from handlers.http import create_app
from handlers.probe_agents import routes
from tests.services.journals import Disk, asked, disk
from tests.services.vantage import Scripted
from tests.waiting import cancelled, until

TOKEN = "0123456789abcdef01234567"
PLACE = Watched("10.20.1.10", 80)


@dataclass
class Bot(httpx.AsyncBaseTransport):
    """The bot's HTTP server, which can be away, lose answers, or say anything."""

    app: httpx.ASGITransport
    is_away: bool = False
    loses_answers: int = 0
    says: int = 0
    calls: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if self.is_away:
            raise httpx.ConnectError("refused", request=request)
        if self.says:
            return httpx.Response(self.says, text="no")
        answer = await self.app.handle_async_request(request)
        if self.loses_answers and request.method == "POST":
            self.loses_answers -= 1
            raise httpx.ReadError("cut", request=request)
        return answer


class Eyes(Scripted):
    """A prober whose time a test sets."""

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Lab:
    disk: Disk
    desk: ProbeDesk
    bot: Bot
    eyes: Eyes
    agent: Agent
    run: str

    async def later(self, seconds: int) -> None:
        for _ in range(seconds):
            self.disk.clock.advance(1.0)
            try:
                await self.agent.once()
            except Transient:
                continue

    async def attempts(self) -> int:
        return (await self.desk.evidence(self.run)).attempts


@pytest.fixture
async def lab(tmp_path: Any) -> AsyncIterator[Lab]:
    async with disk(f"sqlite:///{tmp_path}/journal.db") as one:
        journal = await one.journal()
        desk = ProbeDesk(journal, one.clock)
        opened, _ = await journal.open_operation(asked(1), "click", {})
        app = create_app(
            dict, _none, CollectorRegistry(), routes(desk, {"web-1": SecretStr(TOKEN)})
        )
        bot = Bot(httpx.ASGITransport(app))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(transport=bot, base_url="http://bot", headers=headers) as http:
            eyes = Eyes("web-1")
            agent = Agent(http, eyes, ServerTime(one.clock.now))  # type: ignore[arg-type]
            await desk.watch(opened.apply_run, [PLACE])
            yield Lab(one, desk, bot, eyes, agent, opened.apply_run)


async def _none() -> list[Any]:
    return []


async def test_it_watches_what_the_bot_says_and_tells_what_it_saw(lab: Lab) -> None:
    await lab.later(5)
    assert lab.eyes.places == (PLACE,)
    assert await lab.desk.vantage_points() == ("web-1",)
    assert await lab.attempts() == 40
    assert await lab.desk.answered_in_a_row(lab.run, PLACE.vip) == 40


async def test_a_delivery_whose_answer_was_lost_is_counted_once(lab: Lab) -> None:
    await lab.later(3)
    lab.bot.loses_answers = 2
    await lab.later(5)
    assert await lab.attempts() == 70


async def test_what_it_sees_while_the_bot_is_away_is_told_afterwards(lab: Lab) -> None:
    await lab.later(3)
    lab.bot.is_away = True
    await lab.later(20)
    assert lab.eyes.places == (PLACE,)
    lab.bot.is_away = False
    await lab.later(1)
    found = await lab.desk.evidence(lab.run)
    assert (found.attempts, found.blind_s) == (230, 0)


async def test_a_bot_that_stays_away_is_not_worked_for(lab: Lab) -> None:
    await lab.later(3)
    lab.bot.is_away = True
    await lab.later(int(ALONE_S) + 1)
    assert lab.eyes.places == ()


async def test_what_waits_for_the_bot_is_bounded(lab: Lab) -> None:
    await lab.later(3)
    lab.bot.is_away = True
    await lab.later(600)
    assert len(lab.agent._waiting) == 600
    assert lab.agent._waiting.maxlen == probe_agent.MOST_KEPT


async def test_a_delivery_that_is_refused_does_not_hold_up_the_next(lab: Lab) -> None:
    await lab.later(3)
    original = lab.eyes.second
    bad = original(PLACE, 5)
    lab.agent._waiting.append(Sample("web-1", "localhost", 0, 5, bad.seen))
    await lab.later(5)
    assert len(lab.agent._waiting) == 0
    assert await lab.attempts() >= 50


async def test_a_token_that_is_not_known_is_told_without_it(lab: Lab) -> None:
    lab.bot.says = 401
    with pytest.raises(Refused) as refused:
        await lab.agent.once()
    assert "does not know this token as that of web-1" in str(refused.value)
    assert TOKEN not in str(refused.value)


async def test_it_never_ends_and_asks_less_and_less_often(lab: Lab) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 12:
            lab.bot.is_away = False
        if len(waits) == 14:
            await asyncio.Event().wait()

    lab.bot.is_away = True
    lab.agent._sleep = sleep
    task = asyncio.create_task(lab.agent.run())
    await until(lambda: len(waits) == 14)
    await cancelled(task)
    assert 1.0 <= waits[0] <= 2.0
    assert 15.0 <= waits[11] <= 30.0
    assert waits[12:] == [1.0, 1.0]


def test_two_clocks_need_not_agree() -> None:
    own = VirtualClock(500.0)
    clock = ServerTime(own.now)
    asked_at = clock.own()
    own.advance(0.2)
    clock.hear(1000.1, asked_at)
    assert clock() == 1000.2
    clock.hear(1000.4, clock.own())
    assert clock() == 1000.2, "a little is no difference: every attempt would have moved"
