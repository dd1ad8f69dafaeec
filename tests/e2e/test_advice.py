"""Advice from a real bot: its agent reads the stats page over a real socket when somebody asks."""

from __future__ import annotations

import pytest

from bot.demo.stage import staged
from bot.demo.staging import Staging
from tests.e2e.test_provision_cli import ilbot

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(120)]


async def test_advice_has_the_rates_that_an_agent_reads() -> None:
    async with staged(Staging(pace=0.02)) as stage:
        load = {"per_s": 2400, "open": 60, "mbit_per_s": 160, "connect_ms": 1, "response_ms": 24}
        await stage.control("set-load", target="10.20.1.10:80", **load)
        await stage.slack.says("ana", "/ilb advise app-tier cpu=93")
        await stage.slack.sees(
            "ana", "members take 23 ms", "`/ilb pair b-31-VM` plans it.", timeout_s=40
        )
        here = await ilbot(stage, "advise", "app-tier", "--cpu", "93")
        assert (here.code, here.err) == (0, "")
        assert "ilbot pair b-31-VM plans it." in here.out
        assert "nobody looks from where its clients are" in here.out
        assert await stage.look("effects") == []
