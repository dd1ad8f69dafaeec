"""On a real broker: stored before committed, nothing lost over rebalances, deaths and refusals."""

import asyncio
import json
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client import CollectorRegistry

from bot.adapters.kafka import KafkaSettings, consumer, producer
from bot.domain.observation import Observation
from bot.errors import Transient
from handlers.kafka import Intake, IntakeSettings, ReadSettings, Start
from handlers.kafka_dead_letters import DeadLetterTopic
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_triage import Triage
from tests.handlers.bus_records import stopped
from tests.handlers.kafka_bus import PARTITIONS, Bus, bus_on, running
from tests.services.run import free_port
from tests.waiting import cancelled, until

WAIT_S = 40.0


def machines(count: int) -> list[str]:
    return [f"m-{number}" for number in range(count)]


def value_of(registry: CollectorRegistry, name: str) -> float:
    return registry.get_sample_value(name) or 0.0


def lag_of(registry: CollectorRegistry, partition: int) -> float | None:
    return registry.get_sample_value("ilbot_bus_lag_records", {"partition": str(partition)})


async def test_a_death_between_store_and_commit_delivers_again_and_stores_once(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        await bus.publish(*machines(3), partition=0)
        reached = asyncio.Event()

        async def store_and_never_return(observation: Observation) -> None:
            await bus.store(observation)
            if observation.target_id == "m-1":
                reached.set()
                await asyncio.Event().wait()

        doomed, _ = bus.intake(store_and_never_return)
        async with running(doomed):
            await asyncio.wait_for(reached.wait(), WAIT_S)
        assert (await bus.committed())[0] == 1

        survivor, _ = bus.intake()
        async with running(survivor):
            await until(lambda: "m-2" in bus.stored)

        assert bus.asked == ["m-0", "m-1", "m-1", "m-2"]
        assert bus.stored == machines(3)
        assert (await bus.committed())[0] == 3


async def test_a_second_member_joins_and_the_first_leaves_without_loss(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        first, _ = bus.intake(max_records=5)
        second, _ = bus.intake(max_records=5)
        async with running(first) as first_task:
            await until(lambda: first.health()[0])
            publishing = asyncio.create_task(bus.publish(*machines(400)))
            await until(lambda: len(bus.stored) > 20)
            async with running(second):
                await until(lambda: second.health()[0] and "partitions" in second.health()[1])
                await cancelled(first_task)
                await publishing
                await until(lambda: len(bus.stored) == 400)

        assert sorted(bus.stored) == sorted(machines(400))
        assert await bus.committed() == dict.fromkeys(range(PARTITIONS), 100)


async def test_what_is_in_hand_when_a_partition_is_taken_is_left_to_its_next_owner(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        named = [f"p{partition}-{number}" for number in range(5) for partition in range(PARTITIONS)]
        await bus.publish(*named)
        in_hand, go_on = asyncio.Event(), asyncio.Event()
        first_asked: list[str] = []
        second_asked: list[str] = []

        async def wait_in_the_middle(observation: Observation) -> None:
            first_asked.append(observation.target_id)
            in_hand.set()
            await go_on.wait()
            await bus.store(observation)

        async def note_second(observation: Observation) -> None:
            second_asked.append(observation.target_id)
            await bus.store(observation)

        first, _ = bus.intake(wait_in_the_middle)
        second, _ = bus.intake(note_second)
        async with running(first):
            await asyncio.wait_for(in_hand.wait(), WAIT_S)
            async with running(second):
                await until(lambda: len(second_asked) == 10)
                before = len(first_asked)
                go_on.set()
                await until(lambda: len(bus.stored) == 20)

        theirs = {machine.split("-")[0] for machine in second_asked}
        assert not [m for m in first_asked[before:] if m.split("-")[0] in theirs]
        assert sorted(bus.stored) == sorted(named)


async def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_goes_on(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        job = {"jobId": 7, "command": "c", "status": "s", "cmdInfo": {"apikey": "planted-key"}}
        await bus.send(json.dumps(job).encode(), b"\xff", None, partition=2, key=b"the-key")
        await bus.publish("m-after", partition=2)
        intake, registry = bus.intake()
        async with running(intake):
            await until(lambda: bus.stored == ["m-after"])
            letters = await asyncio.wait_for(bus.dead_letters(3), WAIT_S)

        headers, keys, values = zip(*letters, strict=True)
        assert keys == (b"the-key",) * 3
        assert [each["source-offset"] for each in headers] == ["0", "1", "2"]
        assert {each["source-partition"] for each in headers} == {"2"}
        assert {each["source-topic"] for each in headers} == {kafka_topic}
        assert [each["reason"] for each in headers] == [
            "jobId is not a text",
            "not UTF-8",
            "a tombstone: the record has no value",
        ]
        assert values[0] == b'{"jobId": 7, "command": "c", "status": "s"}'
        assert values[2] is None
        assert (await bus.committed())[2] == 4
        tombstones = {"kind": "tombstone", "outcome": "dead_letter"}
        assert registry.get_sample_value("ilbot_bus_records_total", tombstones) == 1


async def test_a_partition_whose_decision_must_wait_keeps_its_order_and_the_others_go_on(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        await bus.publish("a-0", "a-1", "a-2", partition=0)
        await bus.publish("b-0", "b-1", partition=1)
        open_again = asyncio.Event()

        async def not_a_yet(observation: Observation) -> None:
            if observation.target_id == "a-1" and not open_again.is_set():
                raise Transient("read ILB VMs: no answer")
            await bus.store(observation)

        intake, registry = bus.intake(not_a_yet)
        async with running(intake):
            await until(lambda: value_of(registry, "ilbot_bus_holds_total") >= 2)
            await until(lambda: {"b-0", "b-1"} <= set(bus.stored))
            healthy, why = intake.health()
            assert not healthy
            assert "partition 0 waits at 1: read ILB VMs: no answer" in why
            assert (await bus.committed())[0] == 1
            await until(lambda: lag_of(registry, 0) == 2 and lag_of(registry, 1) == 0)
            open_again.set()
            await until(lambda: "a-2" in bus.stored and lag_of(registry, 0) == 0)
            assert intake.health()[0]

        assert [machine for machine in bus.stored if machine[0] == "a"] == ["a-0", "a-1", "a-2"]
        assert bus.asked.count("a-2") == 1


async def test_a_dead_letter_that_cannot_be_written_stops_its_partition(
    kafka: str, kafka_topic: str
) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        bus.letters_go_to[0] = f"127.0.0.1:{free_port()}"
        await bus.send(b"not JSON", partition=0)
        await bus.publish("m-after", partition=0)
        intake, registry = bus.intake()
        async with running(intake):
            await until(lambda: value_of(registry, "ilbot_bus_holds_total") >= 1)
            assert (await bus.committed())[0] == 0
            assert bus.stored == []
            bus.letters_go_to[0] = kafka
            await until(lambda: bus.stored == ["m-after"])

        assert len(await asyncio.wait_for(bus.dead_letters(1), WAIT_S)) == 1
        assert (await bus.committed())[0] == 2


async def test_records_that_retention_took_are_a_counted_gap(kafka: str, kafka_topic: str) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        await bus.publish(*machines(2), partition=0)
        before, _ = bus.intake()
        async with running(before):
            await until(lambda: len(bus.stored) == 2)
        await bus.publish("lost-0", "lost-1", "kept", partition=0)
        await delete_before(kafka, TopicPartition(kafka_topic, 0), 4)

        after, registry = bus.intake()
        async with running(after):
            await until(lambda: "kept" in bus.stored)

        assert value_of(registry, "ilbot_bus_gaps_total") == 1
        assert bus.stored == ["m-0", "m-1", "kept"]


async def test_a_new_group_begins_one_window_before_now(kafka: str, kafka_topic: str) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        long_ago_ms = int((time.time() - 7_200) * 1000)
        await bus.send(stopped("history"), partition=0, timestamp_ms=long_ago_ms)
        await bus.publish("news", partition=0)
        intake, _ = bus.intake(start=Start.WINDOW, window_s=3_600)
        async with running(intake):
            await until(lambda: bus.stored)

        assert bus.stored == ["news"]


async def test_a_group_that_read_nothing_yet_still_loses_nothing_to_a_death(
    kafka: str, kafka_topic: str
) -> None:
    """Its first position is committed: else the second start would begin at the end again."""
    async with bus_on(kafka, kafka_topic) as bus:
        first, registry = bus.intake(start=Start.WINDOW, window_s=0)
        async with running(first):
            await until(lambda: first.health()[0])
            await until_committed(bus)
        await bus.publish("while-away", partition=0)

        second, registry = bus.intake(start=Start.WINDOW, window_s=0)
        async with running(second):
            await until(lambda: bus.stored)

        assert bus.stored == ["while-away"]
        assert value_of(registry, "ilbot_bus_gaps_total") == 0


async def test_a_slow_sink_cuts_the_batch_but_nothing_is_lost(kafka: str, kafka_topic: str) -> None:
    async with bus_on(kafka, kafka_topic) as bus:
        await bus.publish(*machines(6), partition=0)
        await bus.publish("other-0", "other-1", partition=1)
        intake, _ = bus.intake(turn_s=0)
        async with running(intake):
            await until(lambda: len(bus.stored) == 8)

        assert [machine for machine in bus.stored if machine[0] == "m"] == machines(6)
        assert len(bus.asked) == 8


async def test_clients_that_cannot_even_be_made_are_told_in_their_own_words() -> None:
    settings = KafkaSettings(bootstrap="k:1", security_protocol="SSL", ca_file="/no/such/ca")
    letters = DeadLetterTopic(lambda: producer(settings), "cloudstack.dlq")
    metrics = IntakeMetrics(CollectorRegistry())
    intake = Intake(
        lambda: consumer(settings),
        IntakeSettings(read=ReadSettings(topic="cloudstack"), reconnect_min_s=0.01),
        Triage(Bus("k:1", "cloudstack").store, letters, metrics),
        metrics=metrics,
    )
    async with running(intake):
        await until(lambda: "/no/such/ca" in intake.health()[1])
        assert not intake.health()[0]


async def until_committed(bus: Bus) -> None:
    async with (
        asyncio.timeout(WAIT_S),
        AIOKafkaConsumer(
            bootstrap_servers=bus.settings.bootstrap,
            group_id=bus.settings.group,
            enable_auto_commit=False,
        ) as looker,
    ):
        place = TopicPartition(bus.settings.topic, 0)
        looker.assign([place])
        while await looker.committed(place) is None:
            await asyncio.sleep(0.02)


async def delete_before(kafka: str, place: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()
