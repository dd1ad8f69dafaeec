"""Turns one Kafka record into a settled fact: observed, nothing, late, duplicate, dead letter.

A record that cannot be settled now raises `Hold`: it is neither skipped nor committed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiokafka import ConsumerRecord

from bot.domain.bus import Unreadable, classify, kind_of
from bot.domain.observation import Observation, observe
from bot.errors import Permanent, Refused, Transient
from handlers.kafka_dead_letters import DeadLetters
from handlers.kafka_metrics import IntakeMetrics, Outcome
from handlers.kafka_records import decode, decode_key, masked

log = structlog.get_logger(__name__)

Sink = Callable[[Observation], Awaitable[None]]


class Hold(Exception):
    """The record must be tried again later; its partition waits."""

    def __init__(self, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """What a record may be, and how long it is worth trying.

    `max_age_s`: older hints are history, not news; CloudStack's state is polled anyway.
    `max_ahead_s`: clocks differ, but an event from the future would never grow old.
    `max_bytes`: the largest record CloudStack was seen to write has 4 kB.
    `sink_timeout_s`: well below the consumer's `max_poll_interval_ms`.
    `poison_after`: attempts after which a failure nobody foresaw counts as the record's fault.
    """

    max_age_s: float = 3_600.0
    max_ahead_s: float = 300.0
    max_bytes: int = 262_144
    sink_timeout_s: float = 60.0
    poison_after: int = 5
    remembered: int = 4_096


@dataclass(frozen=True, slots=True)
class Settled:
    """A record that is done with: it may be committed."""

    kind: str
    outcome: Outcome


class Triage:
    """Reads a record, and hands the hint in it to the sink.

    The sink returns only after its decision is stored. `Transient` from it means again later,
    for as long as it takes; `Refused` and `Permanent` condemn the record; anything else is
    tried a few times first.
    """

    def __init__(
        self,
        sink: Sink,
        dead_letters: DeadLetters,
        metrics: IntakeMetrics,
        settings: TriageSettings | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sink = sink
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._settings = settings or TriageSettings()
        self._now = now
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._failures: dict[tuple[str, int], tuple[int, int]] = {}

    async def settle(self, record: ConsumerRecord) -> Settled:
        """Do all that the record asks for and count it, or raise `Hold`."""
        settled = await self._settle(record)
        self._metrics.records.labels(settled.kind, settled.outcome).inc()
        return settled

    async def _settle(self, record: ConsumerRecord) -> Settled:
        try:
            kind, observation = self._read(record)
        except Unreadable as why:
            await self._bury(record, str(why))
            return Settled(why.kind, Outcome.DEAD_LETTER)
        if observation is None:
            return Settled(kind, Outcome.NOTHING)
        if self._now() - observation.at.timestamp() > self._settings.max_age_s:
            return Settled(kind, Outcome.LATE)
        if observation.dedupe in self._settled:
            return Settled(kind, Outcome.DUPLICATE)
        return Settled(kind, await self._pass_on(record, observation))

    def _read(self, record: ConsumerRecord) -> tuple[str, Observation | None]:
        value = decode(record.value, limit=self._settings.max_bytes)
        found = classify(decode_key(record.key), value)
        observation = observe(found)
        if observation and observation.at.timestamp() - self._now() > self._settings.max_ahead_s:
            raise Unreadable("its event time lies in the future")
        return kind_of(found), observation

    async def _pass_on(self, record: ConsumerRecord, observation: Observation) -> Outcome:
        try:
            async with asyncio.timeout(self._settings.sink_timeout_s):
                await self._sink(observation)
        except Transient as error:
            raise Hold(str(error), retry_after_s=error.retry_after_s) from error
        except TimeoutError as error:
            waited = f"no decision within {self._settings.sink_timeout_s:g} s"
            raise Hold(waited) from error
        except (Refused, Permanent) as error:
            await self._bury(record, f"the decision failed: {error}")
            return Outcome.DEAD_LETTER
        except Exception as error:
            # A bug in deciding must not stop the bus, nor lose the record at the first stumble.
            self._count_failure(record, error)
            await self._bury(record, f"deciding failed: {type(error).__name__}")
            return Outcome.DEAD_LETTER
        self._remember(observation.dedupe)
        return Outcome.OBSERVED

    def _count_failure(self, record: ConsumerRecord, error: Exception) -> None:
        place = (record.topic, record.partition)
        offset, failures = self._failures.get(place, (record.offset, 0))
        failures = failures + 1 if offset == record.offset else 1
        self._failures[place] = (record.offset, failures)
        log.error(
            "bus_record_not_decided",
            partition=record.partition,
            offset=record.offset,
            attempt=failures,
            error=type(error).__name__,
            exc_info=error,
        )
        if failures < self._settings.poison_after:
            raise Hold(f"deciding failed: {type(error).__name__}") from error

    async def _bury(self, record: ConsumerRecord, reason: str) -> None:
        try:
            await self._dead_letters.write(record, reason)
        except Transient as error:
            raise Hold(str(error), retry_after_s=error.retry_after_s) from error
        log.warning(
            "bus_record_dead_lettered",
            partition=record.partition,
            offset=record.offset,
            reason=masked(reason),
        )

    def _remember(self, dedupe: str) -> None:
        """Spare the sink what it has stored; its own unique key is what counts after a restart."""
        self._settled[dedupe] = None
        while len(self._settled) > self._settings.remembered:
            self._settled.popitem(last=False)
