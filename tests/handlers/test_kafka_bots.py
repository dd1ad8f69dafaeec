"""Two bots on a real broker: one joins in the middle of a burst, the other is killed in it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bot.adapters.clock import SystemClock
from bot.adapters.kafka import KafkaSettings, producer
from bot.sandbox.cloud.model import Kind
from bot.services.journal import Journal
from tests.handlers.bus_records import stopped
from tests.handlers.kafka_bus import PARTITIONS, bus_on
from tests.handlers.reading_bot import busy_world, dead_world, running, settings_of

pytestmark = pytest.mark.serial
MINUTES = 10
OTHERS = 300
WAIT_S = 60.0


@asynccontextmanager
async def bots() -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Start bots, and end those that still run."""
    all_of_them: list[Process] = []

    async def started(what: str, kafka: str, topic: str, folder: Path) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.handlers.reading_bot", what, kafka, topic, str(folder),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        all_of_them.append(process)
        return process

    try:
        yield started
    finally:
        for process in all_of_them:
            if process.returncode is None:
                process.kill()
            await process.wait()


def value(target: str, at: float, percent: float) -> bytes:
    return json.dumps({"target": target, "at": at, "cpu_percent": percent}).encode()


async def publish(sender: AIOKafkaProducer, topic: str, busy: list[str], minute: int) -> None:
    """One minute of everybody: a few busy machines among many that are somebody else's."""
    at = time.time() - 60 * (MINUTES - minute)
    everybody = [(f"other-{n}", 20.0) for n in range(OTHERS)]
    for place, target in enumerate(busy):
        everybody.insert(place * 40, (target, 97.0))
    for target, percent in everybody:
        await sender.send(topic, value(target, at, percent), key=target.encode())
    await sender.flush()


async def until_noted(journal: Journal, kind: str, number: int) -> None:
    async with asyncio.timeout(WAIT_S):
        # Another process writes, and tells nobody.
        while len(await journal.newest_notes(kind, limit=1_000)) < number:
            await asyncio.sleep(0.02)


async def behind(settings: KafkaSettings) -> int:
    places = [TopicPartition(settings.topic, n) for n in range(PARTITIONS)]
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap, group_id=settings.group, enable_auto_commit=False
    ) as looker:
        looker.assign(places)
        ends = await looker.end_offsets(places)
        return sum([ends[place] - (await looker.committed(place) or 0) for place in places])


async def test_no_sample_is_lost_and_no_load_is_acted_on_twice(
    kafka: str, kafka_topic: str, tmp_path: Path
) -> None:
    machines = running(busy_world())
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", SystemClock())
    await journal.open()
    settings = settings_of(kafka, kafka_topic)
    busy = [machine.id for machine in machines]
    async with bus_on(kafka, kafka_topic), producer(settings) as sender, bots() as started:
        first = await started("cpu", kafka, kafka_topic, tmp_path)
        for minute in range(4):
            await publish(sender, kafka_topic, busy, minute)
        await until_noted(journal, "cpu busy", 1)
        await started("cpu", kafka, kafka_topic, tmp_path)  # its joining is the rebalance
        for minute in range(4, 6):
            await publish(sender, kafka_topic, busy, minute)
        await until_noted(journal, "decided", 1)
        first.kill()
        await first.wait()
        await sender.send_and_wait(kafka_topic, b"not JSON", key=busy[0].encode())
        for minute in range(6, MINUTES):
            await publish(sender, kafka_topic, busy, minute)
        await until_noted(journal, "decided", len(busy))
        async with asyncio.timeout(WAIT_S):
            while await behind(settings):  # the broker tells nobody
                await asyncio.sleep(0.1)

    for kind in ("cpu busy", "decided"):
        noted = Counter(note.data["target"] for note in await journal.newest_notes(kind, limit=100))
        assert len(noted) == len(busy)
        assert set(noted.values()) == {1}
    operations = await journal.operations()
    assert sorted(one.wish.target for one in operations) == sorted(busy)
    assert (await journal.verify())[1] == ""
    await journal.close()


async def tell_of_deaths(
    sender: AIOKafkaProducer, topic: str, dead: list[str], rounds: range
) -> None:
    """Hints about our machines among those about user VMs, of which some say so in a key."""
    for number in rounds:
        at = time.time() - 60 * (MINUTES - number)
        everybody = [f"00000000-0000-4000-8000-{number:06}{n:06}" for n in range(OTHERS)]
        for place, machine in enumerate(dead):
            everybody.insert(place * 40, machine)
        for place, machine in enumerate(everybody):
            key = None if place % 50 == 0 else machine.encode()
            await sender.send(topic, stopped(machine, at), key=key)
    await sender.flush()


async def test_no_event_is_lost_and_no_death_is_acted_on_twice(
    kafka: str, kafka_topic: str, tmp_path: Path
) -> None:
    dead = [one.id for one in dead_world().machines(Kind.ILB) if one.state == "Stopped"]
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", SystemClock())
    await journal.open()
    settings = settings_of(kafka, kafka_topic)
    async with bus_on(kafka, kafka_topic), producer(settings) as sender, bots() as started:
        await tell_of_deaths(sender, kafka_topic, dead, range(3))
        first = await started("bus", kafka, kafka_topic, tmp_path)
        await until_noted(journal, "decided", 1)
        await started("bus", kafka, kafka_topic, tmp_path)  # its joining is the rebalance
        await tell_of_deaths(sender, kafka_topic, dead, range(3, 6))
        await until_noted(journal, "decided", 3 * len(dead) + 1)
        first.kill()
        await first.wait()
        await tell_of_deaths(sender, kafka_topic, dead, range(6, MINUTES))
        await until_noted(journal, "decided", MINUTES * len(dead))
        async with asyncio.timeout(WAIT_S):
            while await behind(settings):  # the broker tells nobody
                await asyncio.sleep(0.1)

    decided = Counter(one.operation for one in await journal.newest_notes("decided", limit=1_000))
    assert len(decided) == MINUTES * len(dead)
    assert set(decided.values()) == {1}
    operations = await journal.operations()
    assert sorted(one.wish.target for one in operations) == sorted(dead)
    assert {one.wish.runbook for one in operations} == {"recover"}
    assert (await journal.verify())[1] == ""
    await journal.close()
