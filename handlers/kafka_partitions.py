"""Turns an aiokafka consumer into batches that are ours to settle, and settled ones into commits.

aiokafka delivers records while `on_partitions_assigned` still runs (aiokafka#738), loses pause
flags in a rebalance and swallows what a callback raises. So no callback here seeks: positions
are chosen in the poll loop, when aiokafka says that there is none, and whatever is in hand when
partitions are revoked is dropped, because its next owner gets it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
)

from handlers.kafka_decisions import Hold
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_window import before

_METADATA_POLL_S = 0.1

log = structlog.get_logger(__name__)


class Start(StrEnum):
    """Where to begin on a partition that the group never committed."""

    EARLIEST = "earliest"
    WINDOW = "window"


class ClientMode(StrEnum):
    """How partitions are found: shared by a consumer group, or all of them taken."""

    GROUP = "group"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """How the topic is read.

    `window_s` is how far back `Start.WINDOW` begins. `again_s` is how much from before the
    committed offset is delivered again to whoever gets a partition, and cannot be committed; 0
    for none. `assign` is for one reader and for
    brokers without rebalancing (librdkafka's mock cluster); it commits under the same group id,
    and sees new partitions when it reconnects.
    """

    topic: str
    mode: ClientMode = ClientMode.GROUP
    start: Start = Start.WINDOW
    window_s: float = 3_600.0
    again_s: float = 0.0
    max_records: int = 200
    poll_ms: int = 200
    commit_interval_s: float = 1.0
    commit_timeout_s: float = 10.0
    retry_min_s: float = 1.0
    retry_max_s: float = 60.0


@dataclass(slots=True)
class _Held:
    """A partition that waits at one record."""

    offset: int
    since: float
    attempts: int
    until: float
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, and the assignment under which they came.

    Those before offset `news_from` were settled before, by us or by another member.
    """

    partition: TopicPartition
    records: list[ConsumerRecord]
    epoch: int
    news_from: int = 0


class Partitions(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One consumer's partitions from joining to leaving.

    `wall` is unix seconds, to choose where to begin; waiting is measured by the event loop.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        settings: ReadSettings,
        metrics: IntakeMetrics,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._consumer = consumer
        self._settings = settings
        self._metrics = metrics
        self._wall = wall
        self.epoch = 0
        """The number of the assignment: another one means that partitions were given out anew."""
        self._news_from: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}
        self._reached: dict[TopicPartition, ConsumerRecord] = {}
        self._held: dict[TopicPartition, _Held] = {}
        self._committed_at = 0.0

    async def join(self) -> None:
        """Connect and get partitions; the consumer's own errors come through."""
        if self._settings.mode is ClientMode.GROUP:
            self._consumer.subscribe([self._settings.topic], listener=self)
            await self._consumer.start()
            return
        await self._consumer.start()
        self._consumer.assign(await self._all_partitions())

    async def leave(self) -> None:
        """Commit what is settled and let go, without waiting for a broker that is away.

        `stop()` is never cancelled: half stopped, a consumer keeps its tasks and connections.
        """
        await self.commit()
        self._forget_lag()
        stopping = asyncio.create_task(self._consumer.stop())
        await asyncio.wait({stopping}, timeout=self._settings.commit_timeout_s)
        if not stopping.done():
            log.warning("bus_consumer_stops_slowly")
        elif stopping.cancelled():
            # With the broker away, aiokafka 0.14's Fetcher.close lets out the cancellation of its
            # own retry, and stop() never comes to closing the client, which then calls for ever.
            await self._consumer._client.close()
        elif error := stopping.exception():
            log.warning("bus_consumer_not_stopped", error=type(error).__name__)

    def owned(self) -> set[TopicPartition]:
        """Return the partitions that are ours now."""
        return set(self._consumer.assignment())

    def still_ours(self, batch: Batch) -> bool:
        """Whether no rebalance came between; without that, its records are somebody else's."""
        return batch.epoch == self.epoch and batch.partition in self._consumer.assignment()

    async def poll(self) -> list[Batch]:
        """Return what came, perhaps nothing; also what keeps us a member of the group."""
        self._release_due()
        await self._wind_back()
        try:
            found = await self._consumer.getmany(
                timeout_ms=self._settings.poll_ms, max_records=self._settings.max_records
            )
        except NoOffsetForPartitionError as error:
            await self._begin(error.args[0])
        except OffsetOutOfRangeError as error:
            for partition, wanted in error.args[0].items():
                await self._skip_gap(partition, wanted)
        except RecordTooLargeError as error:
            self._metrics.gaps.inc()
            log.error("bus_record_larger_than_fetch", error=str(error))
        else:
            return [
                Batch(tp, records, self.epoch, self._news_from.get(tp, 0))
                for tp, records in found.items()
                # What came before its partition was wound back comes again.
                if records and (tp in self._news_from or not self._settings.again_s)
            ]
        return []

    async def are_all_read(self) -> bool:
        """Whether there is no record, of any partition of ours, that was not delivered yet."""
        for partition in self.owned():
            end = self._consumer.highwater(partition)
            if partition in self._held or end is None:
                return False
            try:
                if await self._consumer.position(partition) < end:
                    return False
            except IllegalStateError:
                return False  # taken from us meanwhile
        return True

    def done(self, batch: Batch, record: ConsumerRecord) -> None:
        """Note that a record is settled: it may be committed, if it was not before."""
        if record.offset >= batch.news_from:
            self._done[batch.partition] = record.offset + 1
        self._held.pop(batch.partition, None)
        self._reached[batch.partition] = record

    def rewind(self, batch: Batch, record: ConsumerRecord) -> None:
        """Have this record and those after it delivered again."""
        if self.still_ours(batch):
            self._consumer.seek(batch.partition, record.offset)

    def hold(self, batch: Batch, record: ConsumerRecord, hold: Hold) -> None:
        """Pause the partition at a record, longer each time; the others go on."""
        if not self.still_ours(batch):
            return
        now = asyncio.get_running_loop().time()
        before = self._held.get(batch.partition)
        again = before is not None and before.offset == record.offset
        attempts = before.attempts + 1 if before and again else 1
        wait = min(
            self._settings.retry_min_s * 2 ** min(attempts - 1, 16), self._settings.retry_max_s
        )
        self._held[batch.partition] = _Held(
            offset=record.offset,
            since=before.since if before and again else now,
            attempts=attempts,
            until=now + max(wait, hold.retry_after_s),
            reason=str(hold),
        )
        self._metrics.holds.inc()
        self._reached.setdefault(batch.partition, record)
        self._consumer.seek(batch.partition, record.offset)
        self._consumer.pause(batch.partition)
        log.warning(
            "bus_partition_held",
            partition=batch.partition.partition,
            offset=record.offset,
            attempt=attempts,
            reason=str(hold),
        )

    def longest_hold(self) -> tuple[float, str]:
        """Return for how many seconds a partition has waited, and a sentence saying at what."""
        if not self._held:
            return 0.0, ""
        partition, held = min(self._held.items(), key=lambda item: item[1].since)
        waited = asyncio.get_running_loop().time() - held.since
        return waited, f"partition {partition.partition} waits at {held.offset}: {held.reason}"

    def last_answer_at(self) -> float | None:
        """Return when the broker last answered a fetch, unix seconds; None where none is due.

        Nothing is fetched of a paused partition, and nothing while we own none.
        """
        if not (fetching := self.owned() - self._consumer.paused()):
            return None
        answers = (self._consumer.last_poll_timestamp(tp) for tp in fetching)
        return max((at / 1000 for at in answers if at is not None), default=0.0)

    async def commit_if_due(self) -> None:
        """Commit what is settled and show how far behind we are, about once a second."""
        now = asyncio.get_running_loop().time()
        if now - self._committed_at >= self._settings.commit_interval_s:
            self._committed_at = now
            await self.commit()
            self._show_lag()

    async def commit(self) -> None:
        """Commit the settled offsets of partitions that are ours; a refusal is not the end.

        Never `commit()` without offsets: that commits what was delivered, settled or not.
        """
        owned = self.owned()
        offsets = {tp: offset for tp, offset in self._done.items() if tp in owned}
        if not offsets:
            return
        try:
            async with asyncio.timeout(self._settings.commit_timeout_s):
                await self._consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            # CommitFailedError and IllegalStateError are KafkaErrors too: a rebalance won.
            self._metrics.commit_failures.inc()
            log.warning("bus_commit_failed", error=type(error).__name__)
            return
        for partition, offset in offsets.items():
            if self._done.get(partition) == offset:
                del self._done[partition]

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Commit while it is still allowed, then forget: what is in hand is the next owner's.

        aiokafka's rebalances are eager: what is revoked is all we have.
        """
        self.epoch += 1
        await self.commit()
        self._done.clear()
        self._held.clear()
        self._news_from.clear()
        self._forget_lag()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take note only: records may have been delivered already when this is called."""
        log.info("bus_partitions_assigned", partitions=sorted(tp.partition for tp in assigned))

    async def _all_partitions(self) -> list[TopicPartition]:
        """Ask which partitions there are; aiokafka only learns that of a topic it reads from."""
        topic = self._settings.topic
        self._consumer.assign([TopicPartition(topic, 0)])
        # aiokafka tells nobody when the answer comes; the join's time limit ends this.
        while not (numbers := self._consumer.partitions_for_topic(topic)):  # noqa: ASYNC110
            await asyncio.sleep(_METADATA_POLL_S)
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def _release_due(self) -> None:
        now = asyncio.get_running_loop().time()
        due = [tp for tp, held in self._held.items() if held.until <= now]
        self._consumer.resume(*(tp for tp in due if tp in self._consumer.paused()))

    async def _wind_back(self) -> None:
        """Go back by `again_s` on partitions that are new to us; those never committed begin."""
        if not self._settings.again_s:
            return
        for partition in self.owned() - self._news_from.keys():
            epoch = self.epoch
            try:
                committed = await self._consumer.committed(partition)
                if committed is None:
                    continue  # the poll says that there is none, and it begins
                again = await before(self._consumer, partition, committed, self._settings.again_s)
                if epoch != self.epoch:
                    return
                self._consumer.seek(partition, again)
            except IllegalStateError:
                return  # taken from us meanwhile
            self._news_from[partition] = committed
            log.info(
                "bus_partition_wound_back",
                partition=partition.partition, again_from=again, news_from=committed,
            )  # fmt: skip

    async def _begin(self, partition: TopicPartition) -> None:
        """Choose and commit a first position: else a death before the first commit loses records.

        A broker without look-up by time (librdkafka's mock cluster) gives the end.
        """
        epoch = self.epoch
        if self._settings.start is Start.EARLIEST:
            offset = (await self._consumer.beginning_offsets([partition]))[partition]
        else:
            since_ms = int((self._wall() - self._settings.window_s) * 1000)
            found = (await self._consumer.offsets_for_times({partition: since_ms}))[partition]
            offset = (
                found.offset
                if found is not None
                else (await self._consumer.end_offsets([partition]))[partition]
            )
        log.info("bus_partition_begun", partition=partition.partition, offset=offset)
        await self._go_to(partition, offset, epoch)

    async def _skip_gap(self, partition: TopicPartition, wanted: int) -> None:
        """Retention, or a topic made anew, took what we had not read: say so and read on."""
        epoch = self.epoch
        offset = (await self._consumer.beginning_offsets([partition]))[partition]
        self._metrics.gaps.inc()
        log.error(
            "bus_records_lost", partition=partition.partition, wanted=wanted, oldest_left=offset
        )
        await self._go_to(partition, offset, epoch)

    async def _go_to(self, partition: TopicPartition, offset: int, epoch: int) -> None:
        if epoch != self.epoch:
            return
        try:
            self._consumer.seek(partition, offset)
        except IllegalStateError:
            return  # taken from us meanwhile
        self._news_from[partition] = self._done[partition] = offset
        await self.commit()

    def _show_lag(self) -> None:
        for partition in self.owned() & self._reached.keys():
            reached, held = self._reached[partition], self._held.get(partition)
            following = held.offset if held else reached.offset + 1
            behind = (self._consumer.highwater(partition) or 0) - following
            age_s = self._wall() - reached.timestamp / 1000
            self._metrics.show_lag(partition.partition, behind, age_s)

    def _forget_lag(self) -> None:
        for partition in self._reached:
            self._metrics.forget(partition.partition)
        self._reached.clear()
