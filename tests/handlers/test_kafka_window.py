"""Whoever gets a partition reads the past of it again, for itself and for no offset."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from bot.adapters.kafka import consumer
from handlers.kafka import Intake, IntakeSettings, ReadSettings, Start
from handlers.kafka_decisions import Hold
from handlers.kafka_metrics import IntakeMetrics
from tests.handlers.kafka_bus import Bus, bus_on, running

WINDOW_S = 600.0


class Notes:
    """A settler that notes what it is given: offset, and whether it is news."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, bool]] = []
        self.idled = asyncio.Event()

    async def begin(self) -> None:
        self.seen.clear()

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        left = records[first:]
        self.seen += [(one.offset, one.offset >= news_from) for one in left]
        return len(left)

    async def settle(self, record: ConsumerRecord) -> None:
        raise AssertionError("all was skimmed")

    async def idle(self) -> None:
        if self.seen:
            self.idled.set()

    async def close(self) -> None:
        pass


class Stuck(Notes):
    """One that takes records one by one, and cannot settle the last one of the past."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at
        self.held = asyncio.Event()

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        record = records[first]
        if record.offset < self._at:
            self.seen.append((record.offset, record.offset >= news_from))
        return 0

    async def settle(self, record: ConsumerRecord) -> None:
        if record.offset == self._at:
            self.held.set()
            raise Hold("not now")


def intake(bus: Bus, notes: Notes) -> Intake:
    read = ReadSettings(
        bus.settings.topic, start=Start.EARLIEST, again_s=WINDOW_S, commit_interval_s=0.05
    )
    metrics = IntakeMetrics(CollectorRegistry())
    return Intake(lambda: consumer(bus.settings), IntakeSettings(read), notes, metrics=metrics)


async def publish(bus: Bus, *ages_s: float) -> None:
    for age_s in ages_s:
        at_ms = int((time.time() - 86_400 - age_s) * 1000)
        await bus.send(b"x", partition=0, timestamp_ms=at_ms)


async def test_the_window_is_read_again_however_long_ago_it_was_read(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        await publish(bus, 1_000, 599, 300, 0)
        first = Notes()
        async with running(intake(bus, first)):
            await asyncio.wait_for(first.idled.wait(), 40)
        assert first.seen == [(0, True), (1, True), (2, True), (3, True)]
        assert (await bus.committed())[0] == 4

        second = Stuck(at=3)
        async with running(intake(bus, second)):
            await asyncio.wait_for(second.held.wait(), 40)
        assert second.seen == [(1, False), (2, False)]
        assert (await bus.committed())[0] == 4, "what is read again took the offset back"
