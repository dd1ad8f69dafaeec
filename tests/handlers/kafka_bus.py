"""One topic of a real broker and an intake on it, for tests that break either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry

from bot.adapters.kafka import KafkaSettings, advice, consumer, producer
from bot.domain.observation import Observation
from handlers.kafka import Intake, IntakeSettings, ReadSettings, Start
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_triage import Triage
from tests.handlers.bus_records import stopped
from tests.waiting import cancelled

PARTITIONS = 4
Sink = Callable[[Observation], Awaitable[None]]


class Bus:
    """One topic of a real broker, its group, and what the sink stored."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.settings = KafkaSettings(
            bootstrap=bootstrap, topic=topic, group=f"{topic}-g", heartbeat_ms=300, session_ms=6_000
        )
        self.stored: list[str] = []
        self.asked: list[str] = []
        self.letters_go_to = [bootstrap]

    async def store(self, observation: Observation) -> None:
        """Store once by the hint's key, as the house does."""
        self.asked.append(observation.target_id)
        if observation.target_id not in self.stored:
            self.stored.append(observation.target_id)

    def intake(
        self,
        sink: Sink | None = None,
        *,
        start: Start = Start.EARLIEST,
        turn_s: float = 60,
        **read: float,
    ) -> tuple[Intake, CollectorRegistry]:
        registry = CollectorRegistry()
        letters = DeadLetterTopic(self._letter_producer, self.settings.dead_letters, timeout_s=3)
        settings = IntakeSettings(
            read=ReadSettings(
                topic=self.settings.topic,
                start=start,
                retry_min_s=0.05,
                commit_interval_s=0.1,
                **read,  # type: ignore[arg-type]  # tests pass numbers only
            ),
            turn_s=turn_s,
            reconnect_min_s=0.1,
            hold_alarm_s=0.0,
        )
        metrics = IntakeMetrics(registry)
        intake = Intake(
            lambda: consumer(self.settings),
            settings,
            Triage(sink or self.store, letters, metrics),
            metrics=metrics,
            explain=lambda error: advice(self.settings, error),
        )
        return intake, registry

    def _letter_producer(self) -> AIOKafkaProducer:
        where = self.letters_go_to[0]
        return producer(KafkaSettings(bootstrap=where, topic=self.settings.topic))

    async def publish(self, *machines: str, partition: int | None = None) -> None:
        await self.send(*(stopped(machine) for machine in machines), partition=partition)

    async def send(
        self,
        *values: bytes | None,
        partition: int | None = None,
        key: bytes | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        async with producer(self.settings) as sender:
            for number, value in enumerate(values):
                place = number % PARTITIONS if partition is None else partition
                await sender.send_and_wait(
                    self.settings.topic,
                    value,
                    key=key,
                    partition=place,
                    timestamp_ms=timestamp_ms,
                )

    async def committed(self) -> dict[int, int]:
        async with AIOKafkaConsumer(
            bootstrap_servers=self.settings.bootstrap,
            group_id=self.settings.group,
            enable_auto_commit=False,
        ) as looker:
            places = [TopicPartition(self.settings.topic, n) for n in range(PARTITIONS)]
            looker.assign(places)
            return {tp.partition: await looker.committed(tp) or 0 for tp in places}

    async def dead_letters(self, wanted: int) -> list[tuple[dict[str, str], bytes, bytes]]:
        found: list[tuple[dict[str, str], bytes, bytes]] = []
        async with AIOKafkaConsumer(
            self.settings.dead_letters,
            bootstrap_servers=self.settings.bootstrap,
            auto_offset_reset="earliest",
        ) as looker:
            while len(found) < wanted:
                record = await looker.getone()
                headers = {name: text.decode() for name, text in record.headers}
                found.append((headers, record.key, record.value))
        return found


@asynccontextmanager
async def bus_on(bootstrap: str, topic: str) -> AsyncIterator[Bus]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1), NewTopic(f"{topic}.dlq", 1, 1)])
    finally:
        await admin.close()
    yield Bus(bootstrap, topic)


@asynccontextmanager
async def running(intake: Intake) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(intake.run())
    try:
        yield task
    finally:
        await cancelled(task)
