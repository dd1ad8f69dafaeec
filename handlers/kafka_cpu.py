"""Turns records of the CPU topic into moments of incidents, each told before it is committed.

What detectors know of the past is read again whenever partitions are given out: then records
come that were settled before, which teach them and are told to nobody.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from aiokafka import ConsumerRecord

from bot.domain.bus import Unreadable
from bot.domain.detect import Detector, Edge, Moment, Rule
from bot.errors import IlbotError
from handlers.kafka_cpu_records import CPU, OwnSample, plain_samples, samples_of
from handlers.kafka_dead_letters import DeadLetters
from handlers.kafka_decisions import Decisions
from handlers.kafka_metrics import CpuMetrics, Outcome

log = structlog.get_logger(__name__)
_IDLE_TICK_S = 5.0
_TURN_S = 0.002
"""Records that are slow to read are taken for no longer at once."""
_TOGETHER = 64
"""So many are decoded at once: where one leads to more, what was decoded after it is lost."""
_PLAIN = (CPU, Outcome.NOTHING)
"""What nearly every record is."""
_FOREIGN = (CPU, Outcome.FOREIGN)
_ENDS = frozenset({Moment.LEFT, Moment.LOST})


class Watchman(Protocol):
    """Who is told of incidents."""

    async def opened(self) -> Mapping[str, float]:
        """Return the incidents that are open: target ids, and since when in unix seconds."""
        ...

    async def hear(self, edge: Edge) -> None:
        """Take a moment of an incident; it is stored when this returns."""
        ...


@dataclass(frozen=True, slots=True)
class CpuSettings:
    """When a machine is busy, and which samples count at all.

    `max_age_s`: older samples are history. `max_ahead_s`: clocks differ, but one sample from the
    future would make all that follow look late.
    """

    rule: Rule
    max_age_s: float = 3_600.0
    max_ahead_s: float = 60.0
    sink_timeout_s: float = 60.0
    poison_after: int = 5


@dataclass(slots=True)
class _Partition:
    """What is known of one partition: its machines, and what is still to be told of them."""

    detector: Detector
    news_from: int = 0
    fed: int = -1
    """The offset of the last record whose samples were taken, and what it was."""
    fed_as: tuple[str, Outcome] = ("", Outcome.NOTHING)
    owed: tuple[Edge, ...] = ()
    ticked_at: float = 0.0


class CpuSettler:
    """Watches the machines of all partitions that are ours.

    `ours` gives the keys of machines worth a look, None where all are: a record with another key
    is settled before it is decoded. One without a key is always decoded.
    """

    def __init__(
        self,
        watchman: Watchman,
        dead_letters: DeadLetters,
        metrics: CpuMetrics,
        settings: CpuSettings,
        *,
        ours: Callable[[], Container[bytes] | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._watchman = watchman
        self._ours = ours
        self._metrics = metrics
        self._settings = settings
        self._decisions = Decisions(
            dead_letters, timeout_s=settings.sink_timeout_s, poison_after=settings.poison_after
        )
        self._now = now
        self._tick_s = settings.rule.silence_s / 4
        self._opened: Mapping[str, float] = {}
        self._partitions: dict[int, _Partition] = {}

    async def begin(self) -> None:
        """Forget everything but the incidents that are open, which are on record."""
        self._opened = await self._watchman.opened()
        self._partitions.clear()

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        """Take records up to one from which something follows, or that cannot be read.

        Also no further than to the first that is news, if this one is not, and for no longer
        than a moment, as nothing else is done meanwhile.
        """
        here, ours = self._partition(records[first].partition), self._ours()
        here.news_from = news_from
        if here.owed:
            return 0
        alike = records[first : _end_of_like(records, first, news_from)]
        is_news = alike[0].offset >= news_from
        mine = alike
        if ours is not None:  # in one sweep, as on a shared topic this is all there is to do
            mine = [one for one in alike if not one.key or one.key in ours]
        taken, counted = self._take_all(here, mine, is_news=is_news)
        settled = len(alike) if taken == len(mine) else alike.index(mine[taken])
        if settled and is_news:
            counted[_FOREIGN] += settled - taken
            self._metrics.count(counted)
            if not here.owed:  # what time brings of the past is news: it comes then
                self._pass_time(here, here.detector.newest, self._tick_s)
        return settled

    def _take_all(
        self, here: _Partition, records: Sequence[ConsumerRecord], *, is_news: bool
    ) -> tuple[int, Counter[tuple[str, Outcome]]]:
        """Take records up to where `skim` ends; return how many, and what they were.

        The plain samples among them are decoded together, and fed to the detector together.
        """
        bounds, counted, taken = self._bounds(), Counter[tuple[str, Outcome]](), 0
        samples, end, ends_at = list[OwnSample](), 0, time.monotonic() + _TURN_S
        while taken < len(records):
            if taken >= end:
                samples = plain_samples(records[taken : taken + _TOGETHER])
                end = taken + len(samples)
            left = samples[taken - end :] if taken < end else ()
            fed, edges = here.detector.feed_known(left, *bounds)
            taken += fed
            counted[_PLAIN] += fed
            if edges:
                self._owe(here, edges, is_news=is_news)
                if here.owed:
                    taken -= 1
                    counted[_PLAIN] -= 1
                    here.fed, here.fed_as = records[taken].offset, _PLAIN
                    break
                continue
            if time.monotonic() > ends_at:
                break
            if fed and taken == end:
                continue
            try:
                settled = self._take(here, records[taken], bounds)
            except Unreadable:
                if is_news:
                    break
                settled = _PLAIN
            if here.owed:
                break
            taken += 1
            counted[settled] += 1
        return taken, counted

    async def settle(self, record: ConsumerRecord) -> None:
        """Tell what is owed, and take the record if it was not taken yet."""
        here = self._partition(record.partition)
        outcome = await self._tell(record, here)
        if here.fed != record.offset:
            await self._take_slowly(here, record)
            outcome = await self._tell(record, here)
        if record.offset >= here.news_from:
            kind, was = here.fed_as
            self._metrics.count({(kind, outcome or was): 1})

    async def idle(self) -> None:
        """Let time pass for the machines: with nothing more to read, the clock tells it."""
        now = self._now()
        for here in self._partitions.values():
            self._pass_time(here, now, _IDLE_TICK_S)
            await self._tell_without_record(here)
        self._metrics.show([here.detector for here in self._partitions.values()])

    async def close(self) -> None:
        """Let go of the dead letters."""
        await self._decisions.close()

    def _partition(self, number: int) -> _Partition:
        here = self._partitions.get(number)
        if here is None:
            detector = Detector(self._settings.rule, self._opened)
            here = self._partitions[number] = _Partition(detector)
        return here

    async def _take_slowly(self, here: _Partition, record: ConsumerRecord) -> None:
        """Take a record that `skim` left: what cannot be read is buried."""
        if _is_foreign(record, self._ours()):
            here.fed, here.fed_as = record.offset, _FOREIGN
            return
        try:
            self._take(here, record, self._bounds())
        except Unreadable as why:
            await self._decisions.bury(record, str(why))
            here.fed, here.fed_as = record.offset, (why.kind, Outcome.DEAD_LETTER)

    def _bounds(self) -> tuple[float, float]:
        """Return the earliest and the latest time of a sample that counts."""
        now = self._now()
        return now - self._settings.max_age_s, now + self._settings.max_ahead_s

    def _take(
        self, here: _Partition, record: ConsumerRecord, bounds: tuple[float, float]
    ) -> tuple[str, Outcome]:
        """Feed a record's samples to the detector; `Unreadable` before any of them is taken."""
        kind, samples = samples_of(record.value, record.key)
        settled = _PLAIN if kind is CPU else (kind, Outcome.NOTHING)
        (oldest, latest), feed = bounds, here.detector.feed
        for sample in samples:
            if sample[1] > latest:
                raise Unreadable("its event time lies in the future", kind=kind)
        for target, at, percent, name, host in samples:
            if at < oldest:
                settled = kind, Outcome.LATE
            elif edges := feed(target, at, percent, name, host):
                self._owe(here, edges, is_news=record.offset >= here.news_from)
        here.fed, here.fed_as = record.offset, settled
        return settled

    def _owe(self, here: _Partition, edges: Sequence[Edge], *, is_news: bool) -> None:
        """Keep what is to be told; of the past what was perhaps never told, which does no harm."""
        told = edges if is_news else [edge for edge in edges if self._may_be_untold(edge)]
        here.owed = (*here.owed, *told)

    def _may_be_untold(self, edge: Edge) -> bool:
        """Whether a moment of the past can be one that nobody was told of.

        An incident on record may be due earlier when seen again: only its beginning is known.
        """
        if edge.moment is Moment.DUE:
            return self._opened.get(edge.target_id) == edge.since
        return edge.moment in _ENDS

    async def _tell(self, record: ConsumerRecord, here: _Partition) -> Outcome | None:
        """Tell what is owed, one after the other; `Hold` where that must wait."""
        outcome = None
        while here.owed:
            outcome = await self._decisions.take(record, partial(self._hear, here.owed[0]))
            here.owed = here.owed[1:]
        return outcome

    async def _hear(self, edge: Edge) -> Outcome:
        await self._watchman.hear(edge)
        return Outcome.OBSERVED

    async def _tell_without_record(self, here: _Partition) -> None:
        """Tell what time brought; what cannot be told now is told with the next record."""
        try:
            while here.owed:
                await self._watchman.hear(here.owed[0])
                here.owed = here.owed[1:]
        except IlbotError as error:
            log.warning("cpu_moment_not_told", moment=here.owed[0].moment, error=str(error))

    def _pass_time(self, here: _Partition, now: float, every_s: float) -> None:
        """Look for who is silent; not for each sample, as it goes through all machines."""
        if now - here.ticked_at >= every_s:
            here.ticked_at = now
            self._owe(here, here.detector.tick(now), is_news=True)


def _is_foreign(record: ConsumerRecord, ours: Container[bytes] | None) -> bool:
    """Whether its key says that it is about nobody we know; an empty key says nothing."""
    return ours is not None and bool(record.key) and record.key not in ours


def _end_of_like(records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
    """Return where in a batch the news begins, or its end where all from `first` on are alike."""
    if records[first].offset >= news_from or records[-1].offset < news_from:
        return len(records)
    return next(n for n in range(first, len(records)) if records[n].offset >= news_from)
