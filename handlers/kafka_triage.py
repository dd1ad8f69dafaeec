"""Turns one Kafka record into a settled fact: observed or not, foreign, late, or a dead letter.

A record that cannot be settled now raises `Hold`: it is neither skipped nor committed.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from bot.domain.bus import Unreadable, classify, kind_of
from bot.domain.observation import Observation, observe
from bot.domain.strangers import stranger_in
from handlers.kafka_dead_letters import DeadLetters
from handlers.kafka_decisions import Decisions, Hold
from handlers.kafka_metrics import IntakeMetrics, Outcome
from handlers.kafka_records import decode, decode_key

__all__ = ["Hold", "Settled", "Sink", "Triage", "TriageSettings"]

Sink = Callable[[Observation], Awaitable[None]]
_TURN_S = 0.002
"""Records are read at once for no longer: nothing else is done meanwhile."""
_UNREAD = "unread"
"""The kind of a record that was not decoded."""


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """What a record may be, and how long it is worth trying.

    `max_age_s`: older hints are history, not news; CloudStack's state is polled anyway.
    `max_ahead_s`: clocks differ, but an event from the future would never grow old.
    `max_bytes`: the largest record CloudStack was seen to write has 4 kB.
    `sink_timeout_s`: well below the consumer's `max_poll_interval_ms`.
    `poison_after`: attempts after which a failure nobody foresaw counts as the record's fault.
    `strangers`: how many keys are kept that are known to be none of ours, and `strangers_s` for
    how long at most: a record that lies about one silences it no longer.
    """

    max_age_s: float = 3_600.0
    max_ahead_s: float = 300.0
    max_bytes: int = 262_144
    sink_timeout_s: float = 60.0
    poison_after: int = 5
    remembered: int = 4_096
    strangers: int = 65_536
    strangers_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Settled:
    """A record that is done with: it may be committed."""

    kind: str
    outcome: Outcome


class Triage:
    """Reads a record, and hands the hint in it to the sink.

    The sink returns only after its decision is stored. `Transient` from it means again later,
    for as long as it takes; `Refused` and `Permanent` condemn the record; what CloudStack
    itself failed at (530), and anything else, is tried a few times first.
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
        self._strangers: dict[bytes, None] = {}
        self._strangers_since = 0.0
        self._ahead: tuple[ConsumerRecord, str, Observation] | None = None

    async def begin(self) -> None:
        """Forget who is a stranger: partitions were given out again, and it is soon learned."""
        self._strangers.clear()

    async def idle(self) -> None:
        """Nothing follows from silence on the bus."""

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        """Settle records up to one on which to decide, or that cannot be read.

        Those about strangers are not decoded: nearly all, on the bus of a large cloud. A record
        without a key always is.
        """
        now, ends_at = self._now(), time.monotonic() + _TURN_S
        if now - self._strangers_since > self._settings.strangers_s:
            self._strangers.clear()
            self._strangers_since = now
        strangers, number, foreign = self._strangers, first, 0
        counted = Counter[tuple[str, Outcome]]()
        for record in records[first:] if first else records:
            if record.key in strangers:
                foreign += 1
            else:
                try:
                    kind, observation = self._read(record, now)
                except Unreadable:
                    break
                outcome = self._settled_already(observation, now)
                if outcome is None:
                    assert observation is not None, "there is something to decide on"
                    self._ahead = record, kind, observation
                    break
                counted[kind, outcome] += 1
                if time.monotonic() > ends_at:
                    number += 1
                    break
            number += 1
        if foreign:
            counted[_UNREAD, Outcome.FOREIGN] = foreign
        self._metrics.count(counted)
        return number - first

    async def close(self) -> None:
        """Let go of the dead letters."""
        await self._decisions.close()

    async def settle(self, record: ConsumerRecord) -> Settled:
        """Do all that the record asks for and count it, or raise `Hold`."""
        settled = await self._settle(record)
        self._metrics.count({(settled.kind, settled.outcome): 1})
        return settled

    async def _settle(self, record: ConsumerRecord) -> Settled:
        if self._ahead is not None and self._ahead[0] is record:
            _, kind, observation = self._ahead
            return Settled(kind, await self._pass_on(record, observation))
        now = self._now()
        try:
            kind, read = self._read(record, now)
        except Unreadable as why:
            await self._decisions.bury(record, str(why))
            return Settled(why.kind, Outcome.DEAD_LETTER)
        outcome = self._settled_already(read, now)
        if outcome is None:
            assert read is not None, "there is something to decide on"
            outcome = await self._pass_on(record, read)
        return Settled(kind, outcome)

    def _settled_already(self, observation: Observation | None, now: float) -> Outcome | None:
        """Return what became of it without a decision, None where one must be taken."""
        if observation is None:
            return Outcome.NOTHING
        if now - observation.at.timestamp() > self._settings.max_age_s:
            return Outcome.LATE
        return Outcome.DUPLICATE if observation.dedupe in self._settled else None

    def _read(self, record: ConsumerRecord, now: float) -> tuple[str, Observation | None]:
        value = decode(record.value, limit=self._settings.max_bytes)
        found = classify(decode_key(record.key), value)
        observation = observe(found)
        if observation is None:
            self._note_stranger(record.key, stranger_in(found))
        elif observation.at.timestamp() - now > self._settings.max_ahead_s:
            raise Unreadable("its event time lies in the future")
        return kind_of(found), observation

    def _note_stranger(self, key: bytes | None, stranger: str) -> None:
        """Keep the key of what can be none of ours; keys must be what CloudStack makes them."""
        if not key or not stranger or key != stranger.encode():
            return
        while len(self._strangers) >= self._settings.strangers:
            del self._strangers[next(iter(self._strangers))]
        self._strangers[key] = None

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
