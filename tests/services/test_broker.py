"""The broker the tests run on is a real one: groups rebalance, positions are kept."""

import asyncio
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

PARTITIONS = 4
RECORDS = 40

Place = tuple[int, int]
"""Partition and offset of a record read."""


def member(kafka: str, topic: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka,
        group_id=f"{topic}-group",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=300,
        session_timeout_ms=6000,
    )


async def make_topic(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    finally:
        await admin.close()


async def produce(kafka: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    try:
        for n in range(RECORDS):
            await producer.send_and_wait(topic, b"a record", partition=n % PARTITIONS)
    finally:
        await producer.stop()


async def read(consumer: AIOKafkaConsumer, seen: list[Place], wanted: int) -> None:
    while len(seen) < wanted:
        for partition, records in (await consumer.getmany(timeout_ms=100)).items():
            seen.extend((partition.partition, record.offset) for record in records)


async def assigned_evenly(*members: AIOKafkaConsumer) -> None:
    while any(len(each.assignment()) != PARTITIONS // len(members) for each in members):
        for each in members:
            await each.getmany(timeout_ms=50)


async def test_two_members_share_a_topic_and_the_one_left_goes_on_where_both_committed(
    kafka: str, kafka_topic: str
) -> None:
    await make_topic(kafka, kafka_topic)
    seen: list[Place] = []
    async with asyncio.timeout(60), AsyncExitStack() as stack:
        first, second = member(kafka, kafka_topic), member(kafka, kafka_topic)
        for each in (first, second):
            await each.start()
            stack.push_async_callback(each.stop)
        await assigned_evenly(first, second)

        await produce(kafka, kafka_topic)
        await asyncio.gather(*(read(each, seen, RECORDS) for each in (first, second)))
        for each in (first, second):
            await each.commit()
        await second.stop()
        await assigned_evenly(first)

        await produce(kafka, kafka_topic)
        await read(first, seen, 2 * RECORDS)

    per_partition = 2 * RECORDS // PARTITIONS
    assert sorted(seen) == [(p, o) for p in range(PARTITIONS) for o in range(per_partition)]
