"""A saturated ILB VM, from CloudStack's statistics over the topic to a message in the channel."""

from __future__ import annotations

import asyncio

import pytest

from bot.cli.sample import sample
from bot.demo.stage import Stage, staged
from bot.demo.staging import Staging
from bot.settings import Settings, read_settings

pytestmark = [pytest.mark.slow, pytest.mark.serial, pytest.mark.timeout(120)]


def sampler_settings(stage: Stage) -> Settings:
    return read_settings(None, stage.environment).settings


async def test_samples_on_the_topic_become_one_advice_in_the_channel() -> None:
    settings = (("ILBOT_CPU__SOURCE", "kafka"), ("ILBOT_CPU__LATENESS_S", "0"))
    async with staged(Staging(settings=settings, probed=False)) as stage:
        machine = await stage.machine("app-tier")
        await stage.control("set-cpu", target=machine["name"], percent=97, for_s=900)
        assert await sample(sampler_settings(stage), asyncio.Event(), once=True) > 10
        card = await stage.slack.sees("ana", f"{machine['name']} on host", "is saturated")
        assert "CPU now 97 %" in str(card)
        await stage.slack.says("ana", f"/ilb why {machine['name']}")
        await stage.slack.sees("ana", "advice only")
