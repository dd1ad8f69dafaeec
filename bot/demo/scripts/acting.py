"""What people do in scenarios, and what they wait for: the words that scripts are written in."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from confluent_kafka import Producer

from bot.demo.stage import Stage, connected, shifted
from bot.demo.staging import Staging
from bot.errors import Permanent
from bot.sandbox.dns.seed import APP
from bot.sandbox.slack.script import ScriptError

PLANNED = "Waiting for approval"
_RECORDED = {
    "ilb": ("7747a5cc-0516-4562-b5c7-2bd6e7a81633", "b-31-VM"),
    "router": ("26394604-b130-4320-b8db-3c374eb5a17a", "r-17-VM"),
}
"""Whom the records in `bot/demo/records` are about, by the first word of the file."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story: its script, how it is staged, and how each of its operations must end."""

    name: str
    summary: str
    expected: tuple[str, ...]
    play: Callable[[Stage], Awaitable[None]]
    staging: Staging = field(default_factory=Staging)


async def short_ttl(stage: Stage) -> None:
    """Let clients of app-tier look its name up every second, so that a scenario waits no longer."""
    await stage.control("dns/set-record", name=APP, values=["10.20.1.10"], ttl=1)


async def asked(stage: Stage, wish: str) -> int:
    """Ana asks and the plan comes; return where the feed of the page stood when she asked."""
    said = await stage.slack.says("ana", f"/ilb {wish}", wait=False)
    number = int(said["number"])
    await stage.slack.sees("ana", PLANNED, timeout_s=20, after=number)
    return number


async def approved_by_bruno(stage: Stage) -> None:
    """Bruno reads the plan and approves."""
    await stage.slack.clicks("bruno", "Approve")


async def told(stage: Stage, words: str, after: int = 0) -> None:
    """The card says so in the end; `after` is where the feed of the page stood."""
    await stage.slack.sees("ana", words, timeout_s=45, after=after)


async def done(stage: Stage, wish: str) -> None:
    """Ana asks, Bruno approves, and the receipt comes."""
    number = await asked(stage, wish)
    await approved_by_bruno(stage)
    await told(stage, "Receipt of", after=number)


async def fill_in(stage: Stage, tier: str, spec: str, **more: object) -> int:
    """Ana opens the form of a tier, replaces what it starts from, and submits it.

    Returns where the feed of the page stood then.
    """
    await stage.slack.says("ana", f"/ilb provision {tier}")
    await stage.slack.sees_modal("ana", "Spec", timeout_s=20)
    sent = await stage.slack.submits("ana", spec=spec, **more)
    if modal := await stage.slack.modal("ana"):
        raise Permanent(f"submit the spec of {tier}: {modal['errors'] or modal['trouble']}")
    return int(sent["number"])


async def recorded(stage: Stage, file: str, machine: dict[str, Any]) -> None:
    """Recorded bus records come as if they were about a machine of ours, and now."""
    await asyncio.to_thread(_publish, stage.broker, file, machine)


def _publish(broker: str, file: str, machine: dict[str, Any]) -> None:
    recorded_id, recorded_name = _RECORDED[file.partition("_")[0]]
    ids = {recorded_id: str(machine["id"]), recorded_name: str(machine["name"])}
    moment = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime())
    producer = Producer({"bootstrap.servers": broker})
    text = (resources.files("bot.demo") / "records" / file).read_text(encoding="utf-8")
    for line in text.splitlines():
        key, value = shifted(line, ids, moment)
        producer.produce("cloudstack", key=key, value=value)
    producer.flush(10)


async def noticed(stage: Stage, named: str, words: str) -> None:
    """Ana asks why until she reads these words: what is noticed by looking is told to nobody."""
    async with asyncio.timeout(30):
        while True:
            said = await stage.slack.says("ana", f"/ilb why {named}", wait=False)
            with contextlib.suppress(ScriptError):
                after = int(said["number"])
                await stage.slack.sees("ana", words, timeout_s=2, after=after)
                return


async def kill_and_restart(stage: Stage) -> None:
    """The bot dies as in a power cut, and comes back."""
    await stage.bot.kill()
    await stage.bot.start()
    await connected(stage)
