"""Publishes CloudStack's CPU samples on Kafka, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bot import connections
from bot.adapters import kafka as kafka_client
from bot.adapters.clock import SystemClock
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.domain.load import CpuSample
from bot.errors import IlbotError, Permanent, Transient
from bot.ports import Clock
from bot.services.cpu_format import encode
from bot.services.cpu_reading import Sampler
from bot.settings import Settings

log = structlog.get_logger(__name__)
_STOP_S = 5.0


async def sample(settings: Settings, stop: asyncio.Event, *, once: bool = False) -> int:
    """Read and publish at an interval; return how many samples were published.

    The first read goes back by the detector's window, so that a pause of the sampler leaves no
    hole. A sample that is published twice is counted once. What fails is tried again after the
    interval, except with `once`.
    """
    clock, published = SystemClock(), 0
    async with _sampler(settings, clock) as sampler:
        while not stop.is_set():
            try:
                published += await sampler.once()
            except IlbotError as error:
                if once:
                    raise
                log.warning("cpu_samples_not_published", error=str(error))
            if once:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(settings.cpu.interval_s):
                    await stop.wait()
    return published


@asynccontextmanager
async def _sampler(settings: Settings, clock: Clock) -> AsyncIterator[Sampler]:
    access = connections.cloud_access(settings.cloudstack)
    topic = connections.cpu_topic(settings)
    async with (
        connections.cloud_http(settings.cloudstack, access) as http,
        _producer(topic) as producer,
    ):
        client = connections.cloud_client(settings.cloudstack, access, http, clock)

        async def publish(one: CpuSample) -> None:
            key, value = encode(one)
            try:
                await producer.send_and_wait(
                    topic.topic, value, key=key, timestamp_ms=int(one.at * 1000)
                )
            except KafkaError as error:
                what = f"publish a CPU sample of {one.target_name} on {topic.topic}"
                raise Transient(f"{what}: {type(error).__name__}", in_doubt=True) from error

        window_s = connections.cpu_rule(settings.cpu).window_s
        yield Sampler(CloudStackCloud(client), clock, publish, window_s)


@asynccontextmanager
async def _producer(topic: kafka_client.KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka_client.producer(topic)
    with kafka_client.last_words() as words:
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise Permanent(kafka_client.advice(topic, error, words.last)) from error
    try:
        yield producer
    finally:
        with suppress(KafkaError, TimeoutError):  # what was not sent is read again
            async with asyncio.timeout(_STOP_S):
                await producer.stop()
