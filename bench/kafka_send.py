"""Sends a load to a topic made for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.kafka_load import PARTITIONS, Sent

_AT_ONCE = 1_000
_BEHIND_S = 300


def make_topic(bootstrap: str, topic: str) -> None:
    """Make a topic of the size that a load has."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    for future in made.values():
        future.result()


def send(bootstrap: str, topic: str, records: Iterator[Sent]) -> None:
    """Send everything, as what has been behind for a while, and return when the broker has it."""
    told_ms = int((time.time() - _BEHIND_S) * 1000)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "batch.size": 16_384,
            "linger.ms": 5,
            "queue.buffering.max.messages": 500_000,
        }
    )
    for number, (partition, key, value) in enumerate(records):
        while True:
            try:
                producer.produce(topic, value, key, partition, timestamp=told_ms)
                break
            except BufferError:
                producer.poll(0.1)
        if number % _AT_ONCE == 0:
            producer.poll(0)
    producer.flush()
