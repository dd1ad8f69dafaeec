"""With the broker that ships for the demo: one reader takes all partitions, and outlives it."""

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from bot.adapters.kafka import KafkaSettings, advice, check, consumer, last_words, producer
from bot.domain.observation import Observation
from bot.sandbox.broker import Broker
from handlers.kafka import ClientMode, Intake, IntakeSettings, ReadSettings, Start
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_triage import Triage
from tests.handlers.bus_records import stopped
from tests.waiting import cancelled, until

pytestmark = pytest.mark.slow

TOPIC = "cloudstack"


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


class Reader:
    """An intake that reads wherever `settings` points at the time."""

    def __init__(self, bootstrap: str) -> None:
        self.settings = self.at(bootstrap)
        self.stored: list[str] = []

    def at(self, bootstrap: str) -> KafkaSettings:
        return KafkaSettings(bootstrap=bootstrap, client_mode="assign")

    async def store(self, observation: Observation) -> None:
        self.stored.append(observation.target_id)

    def intake(self) -> Intake:
        read = ReadSettings(
            topic=TOPIC, mode=ClientMode.ASSIGN, start=Start.EARLIEST, commit_timeout_s=1
        )
        settings = IntakeSettings(read=read, silence_s=2, reconnect_min_s=0.1, reconnect_max_s=0.1)
        letters = DeadLetterTopic(lambda: producer(self.settings), f"{TOPIC}.dlq")
        metrics = IntakeMetrics(CollectorRegistry())
        return Intake(
            lambda: consumer(self.settings),
            settings,
            Triage(self.store, letters, metrics),
            metrics=metrics,
            explain=lambda error: advice(self.settings, error),
        )


async def test_one_reader_takes_all_partitions_and_resumes_where_it_committed(
    broker: Broker,
) -> None:
    reader = Reader(broker.start())
    for number in range(20):
        broker.publish(TOPIC, f"k{number}".encode(), stopped(f"m-{number}"))

    first = asyncio.create_task(reader.intake().run())
    await until(lambda: len(reader.stored) == 20)
    await cancelled(first)
    broker.publish(TOPIC, None, stopped("m-20"))
    second = asyncio.create_task(reader.intake().run())
    await until(lambda: len(reader.stored) == 21)
    await cancelled(second)

    assert sorted(reader.stored) == sorted(f"m-{number}" for number in range(21))


async def test_a_broker_that_goes_away_is_told_and_the_next_one_is_read(broker: Broker) -> None:
    reader = Reader(broker.start())
    broker.publish(TOPIC, None, stopped("before"))
    intake = reader.intake()
    task = asyncio.create_task(intake.run())
    await until(lambda: reader.stored == ["before"])

    broker.close()
    await until(lambda: not intake.health()[0] and "cannot be used" in intake.health()[1])
    assert not task.done()
    assert not [each for each in asyncio.all_tasks() if "md_synchronizer" in repr(each)]
    successor = Broker()
    try:
        reader.settings = reader.at(successor.start())
        successor.publish(TOPIC, None, stopped("after"))
        await until(lambda: reader.stored == ["before", "after"])
        assert intake.health()[0]
        await cancelled(task)
    finally:
        successor.close()


async def test_a_check_says_what_it_found(broker: Broker) -> None:
    settings = KafkaSettings(bootstrap=broker.start())
    broker.publish(TOPIC, None, b"{}")

    with last_words() as words:
        assert (await check(settings)).endswith("topic cloudstack is there.")
    assert words.last == ""
