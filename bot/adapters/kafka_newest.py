"""Turns a topic into the time of its newest record, without a group and without a trace."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from bot.adapters.kafka import KafkaSettings, advice, last_words, looker
from bot.errors import Permanent

_LOOK_S = 20.0
_BATCH_S = 3.0
_BACK = 5
"""Records looked at from the end of a partition: the last offsets may belong to control records."""


async def newest_record_at(settings: KafkaSettings) -> float | None:
    """Return when the newest record was made (unix seconds), None where there is none.

    Raises `Permanent` with advice where the topic cannot be read.
    """
    reader = looker(settings, settings.topic)
    with last_words() as words:
        try:
            async with asyncio.timeout(_LOOK_S):
                await reader.start()
                return await _newest(reader)
        except (KafkaError, OSError, TimeoutError) as error:
            raise Permanent(advice(settings, error, words.last)) from error
        finally:
            with suppress(KafkaError, TimeoutError):  # nothing was committed, nothing is lost
                async with asyncio.timeout(_BATCH_S):
                    await reader.stop()


async def _newest(reader: AIOKafkaConsumer) -> float | None:
    parts = sorted(reader.assignment())
    first, end = await reader.beginning_offsets(parts), await reader.end_offsets(parts)
    waiting = {part for part in parts if end[part] > first[part]}
    for part in waiting:
        reader.seek(part, max(first[part], end[part] - _BACK))
    newest: float | None = None
    while waiting:
        batches = await reader.getmany(*waiting, timeout_ms=int(_BATCH_S * 1000))
        if not batches:
            break
        for part, records in batches.items():
            newest = max([record.timestamp / 1000 for record in records] + [newest or 0.0])
            if records[-1].offset >= end[part] - 1:
                waiting.discard(part)
    return newest
