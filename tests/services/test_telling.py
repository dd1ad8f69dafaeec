"""What tells the news goes on telling, also after a failure."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import Transient
from bot.services import telling
from bot.services.telling import Telling
from tests.waiting import cancelled, until


async def test_it_tells_at_once_and_again_when_it_is_rung() -> None:
    told: list[int] = []

    async def tell() -> None:
        told.append(len(told))

    news = Telling("news", tell)
    task = asyncio.create_task(news.run())
    await until(lambda: told == [0])
    news.changed()
    await until(lambda: told == [0, 1])
    await cancelled(task)


async def test_what_could_not_be_told_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "AGAIN_S", 0.01)
    tries: list[int] = []

    async def tell() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Transient("Slack is away")

    task = asyncio.create_task(Telling("news", tell).run())
    await until(lambda: len(tries) > 1)
    await cancelled(task)
