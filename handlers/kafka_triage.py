"""Turns one Kafka record into a settled fact: observed or not, foreign, late, or a dead letter.

A record that cannot be settled now raises `Hold`: it is neither skipped nor committed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from aiokafka import ConsumerRecord

from bot.domain.bus import Unreadable, classify, kind_of
from bot.domain.observation import Observation, TargetType, observe
from bot.services.our_machines import Known
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
_MACHINES = frozenset({TargetType.ILB_VM, TargetType.ROUTER, TargetType.MACHINE})
_NOBODY = Known(frozenset(), 0.0)


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """What a record may be, and how long it is worth trying.

    `max_age_s`: older hints are history, not news; CloudStack's state is polled anyway.
    `max_ahead_s`: clocks differ, but an event from the future would never grow old.
    `max_bytes`: the largest record CloudStack was seen to write has 4 kB.
    `sink_timeout_s`: well below the consumer's `max_poll_interval_ms`.
    `poison_after`: attempts after which a failure nobody foresaw counts as the record's fault.
    `remembered`: how many decisions and how many keys are kept in mind.
    """

    max_age_s: float = 3_600.0
    max_ahead_s: float = 300.0
    max_bytes: int = 262_144
    sink_timeout_s: float = 60.0
    poison_after: int = 5
    remembered: int = 65_536


@dataclass(frozen=True, slots=True)
class Settled:
    """A record that is done with: it may be committed."""

    kind: str
    outcome: Outcome


class Machines(Protocol):
    """Knows which machines are worth a look."""

    def known(self) -> Known | None:
        """Return them as last listed, None where that is not known."""
        ...

    async def since(self, at: float) -> Known | None:
        """Return them as listed at that time (unix seconds) or later."""
        ...


class Triage:
    """Reads a record, and hands the hint in it to the sink.

    The sink returns only after its decision is stored. `Transient` from it means again later,
    for as long as it takes; `Refused` and `Permanent` condemn the record; what CloudStack
    itself failed at (530), and anything else, is tried a few times first. With `ours` a record
    whose key is none of those machines' is settled before it is decoded, or at least before the
    sink hears of it.
    """

    def __init__(
        self,
        sink: Sink,
        dead_letters: DeadLetters,
        metrics: IntakeMetrics,
        settings: TriageSettings | None = None,
        *,
        ours: Machines | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sink = sink
        self._ours = ours
        self._metrics = metrics
        self._settings = settings or TriageSettings()
        self._decisions = Decisions(
            dead_letters,
            timeout_s=self._settings.sink_timeout_s,
            poison_after=self._settings.poison_after,
        )
        self._now = now
        self._settled: OrderedDict[str, None] = OrderedDict()
        self._heard: dict[bytes, float] = {}
        """When each key was first heard, of those that were not known to be ours."""
        self._batch: Sequence[ConsumerRecord] = ()
        self._came = 0.0
        """The batch at work, and when it came."""
        self._ahead: tuple[ConsumerRecord, str, Observation] | None = None

    async def begin(self) -> None:
        """Nothing is known of partitions."""

    async def idle(self) -> None:
        """Nothing follows from silence on the bus."""

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        """Settle records up to one on which to decide, or that cannot be read.

        CloudStack's bus tells of everything in the cloud, keyed by the resource's uuid
        (`KafkaEventBus`). A key that was there before our machines were last listed and is none
        of theirs names something else for as long as there is a cloud. A record with a newer
        key, with an empty one or without one is always decoded.
        """
        if self._ahead is not None and self._ahead[0] is records[first]:
            return 0  # read already, and to be decided on
        now, ends_at = self._now(), time.monotonic() + _TURN_S
        if records is not self._batch:
            self._batch, self._came = records, now
        known, heard = (self._ours and self._ours.known()) or _NOBODY, self._heard
        if len(heard) > self._settings.remembered:
            heard.clear()
        keys, listed = known.keys, known.settled
        listed_ms, foreign = int(listed * 1000), 0
        counted = dict[tuple[str, Outcome], int]()
        for record in islice(records, first, None):
            key = record.key
            if (key and key not in keys) and (
                0 < record.timestamp < listed_ms or heard.setdefault(key, now) < listed
            ):
                foreign += 1
                continue
            try:
                kind, observation = self._read(record, now)
            except Unreadable:
                break
            outcome = self._settled_already(observation, now)
            if outcome is None:
                assert observation is not None, "there is something to decide on"
                self._ahead = record, kind, observation
                break
            counted[kind, outcome] = counted.get((kind, outcome), 0) + 1
            if time.monotonic() > ends_at:
                break
        if foreign:
            counted[_UNREAD, Outcome.FOREIGN] = foreign
        self._metrics.count(counted)
        return sum(counted.values())

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
        said = decode(record.value, limit=self._settings.max_bytes)
        found = classify(decode_key(record.key), said)
        observation = observe(found)
        if (
            observation is not None
            and observation.at.timestamp() - now > self._settings.max_ahead_s
        ):
            raise Unreadable("its event time lies in the future")
        return kind_of(found), observation

    async def _pass_on(self, record: ConsumerRecord, observation: Observation) -> Outcome:
        outcome = await self._decisions.take(record, lambda: self._decide(record, observation))
        if outcome is Outcome.OBSERVED:
            self._remember(observation.dedupe)
        return outcome

    async def _decide(self, record: ConsumerRecord, observation: Observation) -> Outcome:
        if await self._is_strangers(record, observation):
            return Outcome.FOREIGN
        await self._sink(observation)
        return Outcome.OBSERVED

    async def _is_strangers(self, record: ConsumerRecord, seen: Observation) -> bool:
        """Whether a machine is none of ours, by a list that is newer than the record.

        One list does for a whole batch, as when a host takes all its user VMs down.
        """
        if self._ours is None or seen.target_type not in _MACHINES:
            return False
        known = self._ours.known()
        if known is not None and record.key in known.keys:
            return False
        called = {one.encode() for one in (seen.target_id, seen.target_name) if one}
        if known is not None and not known.keys.isdisjoint(called):
            return False
        if known is None or not 0 < record.timestamp < known.settled * 1e3:
            known = await self._ours.since(self._came)
        return known is not None and known.keys.isdisjoint(called)

    def _remember(self, dedupe: str) -> None:
        """Spare the sink what it has stored; its own unique key is what counts after a restart."""
        self._settled[dedupe] = None
        while len(self._settled) > self._settings.remembered:
            self._settled.popitem(last=False)
