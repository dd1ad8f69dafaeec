"""Turns one Kafka record into a settled fact: observed, nothing, late, duplicate, dead letter.

A record that cannot be settled now raises `Hold`: it is neither skipped nor committed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from bot.domain.bus import Unreadable, classify, kind_of
from bot.domain.observation import Observation, observe
from handlers.kafka_dead_letters import DeadLetters
from handlers.kafka_decisions import Decisions, Hold
from handlers.kafka_metrics import IntakeMetrics, Outcome
from handlers.kafka_records import decode, decode_key

__all__ = ["Hold", "Settled", "Sink", "Triage", "TriageSettings"]

Sink = Callable[[Observation], Awaitable[None]]


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
        self._metrics = metrics
        self._settings = settings or TriageSettings()
        self._decisions = Decisions(
            dead_letters,
            timeout_s=self._settings.sink_timeout_s,
            poison_after=self._settings.poison_after,
        )
        self._now = now
        self._settled: OrderedDict[str, None] = OrderedDict()

    async def begin(self) -> None:
        """Nothing is kept of one assignment of partitions that another would not need."""

    async def idle(self) -> None:
        """Nothing follows from silence on the bus."""

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        """Settle none at once: each may take a decision."""
        return 0

    async def close(self) -> None:
        """Let go of the dead letters."""
        await self._decisions.close()

    async def settle(self, record: ConsumerRecord) -> Settled:
        """Do all that the record asks for and count it, or raise `Hold`."""
        settled = await self._settle(record)
        self._metrics.records.labels(settled.kind, settled.outcome).inc()
        return settled

    async def _settle(self, record: ConsumerRecord) -> Settled:
        try:
            kind, observation = self._read(record)
        except Unreadable as why:
            await self._decisions.bury(record, str(why))
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
        outcome = await self._decisions.take(record, lambda: self._sink(observation))
        if outcome is Outcome.OBSERVED:
            self._remember(observation.dedupe)
        return outcome

    def _remember(self, dedupe: str) -> None:
        """Spare the sink what it has stored; its own unique key is what counts after a restart."""
        self._settled[dedupe] = None
        while len(self._settled) > self._settings.remembered:
            self._settled.popitem(last=False)
