"""Turns a committed offset and a length of time into the offset that far before it."""

from __future__ import annotations

import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

_FETCH_MS = 1_000


async def before(
    consumer: AIOKafkaConsumer, partition: TopicPartition, committed: int, window_s: float
) -> int:
    """Return the first offset of the window that ends with the last record before `committed`.

    The window ends where the reading ended and not now: else a reader that was away for longer
    would find no past at all. It moves the partition's position; the caller seeks.
    """
    ends_ms = await _time_before(consumer, partition, committed)
    begins_ms = max(0, ends_ms - int(window_s * 1000))
    found = (await consumer.offsets_for_times({partition: begins_ms}))[partition]
    return min(committed, found.offset) if found is not None else committed


async def _time_before(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> int:
    """Return the time of the record before an offset in milliseconds; now, where it is gone."""
    consumer.seek(partition, max(offset - 1, 0))
    try:
        found = await consumer.getmany(partition, timeout_ms=_FETCH_MS, max_records=1)
    except OffsetOutOfRangeError:
        found = {}
    records = found.get(partition)
    return int(records[0].timestamp) if records else int(time.time() * 1000)
