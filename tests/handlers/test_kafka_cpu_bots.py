"""Two bots on a real broker: one joins in the middle of a burst, the other is killed in it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bot.adapters.clock import SystemClock
from bot.adapters.kafka import KafkaSettings, producer
from bot.services.journal import Journal
from tests.handlers.cpu_reader import busy_world, running, settings_of
from tests.handlers.kafka_bus import PARTITIONS, bus_on

pytestmark = pytest.mark.serial
MINUTES = 10
OTHERS = 300
WAIT_S = 60.0


async def bot(kafka: str, topic: str, folder: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.handlers.cpu_reader", kafka, topic, str(folder),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


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
        while len(await journal.newest_notes(kind, limit=100)) < number:
            await asyncio.sleep(0.02)


async def behind(settings: KafkaSettings) -> int:
    places = [TopicPartition(settings.topic, n) for n in range(PARTITIONS)]
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap, group_id=settings.group, enable_auto_commit=False
    ) as looker:
        looker.assign(places)
        ends = await looker.end_offsets(places)
        return sum([ends[place] - (await looker.committed(place) or 0) for place in places])


async def test_nothing_is_lost_and_nothing_is_acted_on_twice(
    kafka: str, kafka_topic: str, tmp_path: Path
) -> None:
    machines = running(busy_world())
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}", SystemClock())
    await journal.open()
    settings = settings_of(kafka, kafka_topic)
    busy = [machine.id for machine in machines]
    async with bus_on(kafka, kafka_topic), producer(settings) as sender:
        first = await bot(kafka, kafka_topic, tmp_path)
        for minute in range(4):
            await publish(sender, kafka_topic, busy, minute)
        await until_noted(journal, "cpu busy", 1)
        second = await bot(kafka, kafka_topic, tmp_path)  # its joining is the rebalance
        for minute in range(4, 6):
            await publish(sender, kafka_topic, busy, minute)
        await until_noted(journal, "decided", 1)
        first.kill()
        await first.wait()
        await sender.send_and_wait(kafka_topic, b"not JSON", key=busy[0].encode())
        for minute in range(6, MINUTES):
            await publish(sender, kafka_topic, busy, minute)
        try:
            await until_noted(journal, "decided", len(busy))
            async with asyncio.timeout(WAIT_S):
                while await behind(settings):  # the broker tells nobody
                    await asyncio.sleep(0.1)
        finally:
            second.kill()
            await second.wait()

    for kind in ("cpu busy", "decided"):
        noted = Counter(note.data["target"] for note in await journal.newest_notes(kind, limit=100))
        assert len(noted) == len(busy)
        assert set(noted.values()) == {1}
    operations = await journal.operations()
    assert sorted(one.wish.target for one in operations) == sorted(busy)
    assert (await journal.verify())[1] == ""
    await journal.close()
