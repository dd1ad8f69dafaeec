"""Turns a record that nobody can use into a redacted letter in the dead-letter topic."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from bot.errors import Transient
from handlers.kafka_records import masked, redacted

_LONGEST_KEY = 4_096
_LONGEST_REASON = 500
_STOP_S = 5.0

log = structlog.get_logger(__name__)


class DeadLetters(Protocol):
    """Where records go that cannot be used; `Transient` where they cannot be written now."""

    async def write(self, record: ConsumerRecord, reason: str) -> None:
        """Keep the record with its reason; return only when it is kept."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class DeadLetterTopic:
    """Writes to `<topic>.dlq`: original key, redacted value, where it came from and why.

    A letter may be written twice after a lost answer; its headers name topic, partition and
    offset, which tell doubles apart. The producer must not be idempotent: one whose broker was
    away for longer than its request timeout never works again (`OutOfOrderSequenceNumber`).
    After any failure it is replaced all the same.
    """

    def __init__(
        self, producer_factory: Callable[[], AIOKafkaProducer], topic: str, *, timeout_s: float = 15
    ) -> None:
        self._new_producer = producer_factory
        self._topic = topic
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None

    async def write(self, record: ConsumerRecord, reason: str) -> None:
        """Produce one letter with acks=all, or raise `Transient`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                producer = await self._started()
                await producer.send_and_wait(
                    self._topic,
                    key=record.key[:_LONGEST_KEY] if record.key is not None else None,
                    value=redacted(record.value),
                    headers=_headers(record, reason),
                )
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise Transient(
                f"write {record.topic}/{record.partition}/{record.offset} to {self._topic}:"
                f" {type(error).__name__}",
                in_doubt=True,
            ) from error

    async def close(self) -> None:
        """Stop the producer, within five seconds."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with contextlib.suppress(KafkaError, TimeoutError):  # it is being thrown away
            async with asyncio.timeout(_STOP_S):
                await producer.stop()

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = self._new_producer()
            await self._producer.start()
        return self._producer


def _headers(record: ConsumerRecord, reason: str) -> list[tuple[str, bytes]]:
    facts = {
        "source-topic": record.topic,
        "source-partition": str(record.partition),
        "source-offset": str(record.offset),
        "source-timestamp-ms": str(record.timestamp),
        "reason": masked(reason)[:_LONGEST_REASON],
    }
    return [(name, text.encode()) for name, text in facts.items()]
