"""Turns topics on Kafka into settled records: what follows from each is stored, then committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from bot.errors import IlbotError
from handlers.kafka_decisions import Hold
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_partitions import Batch, ClientMode, Partitions, ReadSettings, Start

__all__ = ["ClientMode", "Intake", "IntakeSettings", "ReadSettings", "Settler", "Start"]

log = structlog.get_logger(__name__)
_OTHERS_TURN_S = 0.001
"""After so long a batch lets the rest of the process have its turn."""


class Silent(Exception):
    """The broker stopped answering without saying so: aiokafka waits for it without a word."""


class Settler(Protocol):
    """What records are for. It keeps what it knows of partitions until the next `begin`."""

    async def begin(self) -> None:
        """Start anew: partitions were given out again, and their records come again."""
        ...

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        """Settle records from that place on, as long as none needs waiting; return how many.

        They are of one partition; those before offset `news_from` were settled earlier, and
        come again for what is to be known of the past.
        """
        ...

    async def settle(self, record: ConsumerRecord) -> object:
        """Do all that the record asks for, or raise `Hold`."""
        ...

    async def idle(self) -> None:
        """Note that there is nothing to read just now."""
        ...

    async def close(self) -> None:
        """Let go of what is held."""
        ...


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """How a topic is read, and when we are worried.

    `turn_s`: a batch whose decisions take longer is cut there, the rest is delivered again, so
    that polling never stops for as long as the group would bear (`max_poll_interval_ms`).
    `silence_s`: without an answer to a fetch for that long, the connection is made anew; an
    idle broker answers twice a second.
    `hold_alarm_s`: a partition that waits longer makes us unhealthy. `called`: what the topic
    is called in health.
    """

    read: ReadSettings
    turn_s: float = 60.0
    join_timeout_s: float = 60.0
    silence_s: float = 30.0
    hold_alarm_s: float = 30.0
    called: str = "event bus"
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 30.0


class Intake:
    """Reads one topic for as long as the process lives.

    The factory returns what is not started yet. The consumer must set `group_id`,
    `enable_auto_commit=False` and `auto_offset_reset="none"`. `explain` turns what aiokafka
    raised into a sentence with the next thing to do.
    """

    def __init__(
        self,
        consumer_factory: Callable[[], AIOKafkaConsumer],
        settings: IntakeSettings,
        settler: Settler,
        *,
        metrics: IntakeMetrics | None = None,
        explain: Callable[[BaseException], str] = repr,
    ) -> None:
        self._new_consumer = consumer_factory
        self._settings = settings
        self._settler = settler
        self._metrics = metrics or IntakeMetrics()
        self._explain = explain
        self._partitions: Partitions | None = None
        self._trouble = "not connected yet"
        self._failures = 0

    async def run(self) -> None:
        """Read until cancelled; a lost broker, or anything else, is reported and tried again."""
        try:
            while True:
                try:
                    await self._listen()
                except asyncio.CancelledError:
                    if _somebody_cancels_us():
                        raise
                    self._note_loss(Silent("the client cancelled itself"))
                except Exception as error:
                    # Whatever it was: the process has more to do than this, and health() tells.
                    self._note_loss(error)
                await asyncio.sleep(self._pause_s())
        finally:
            await self._settler.close()

    def health(self) -> tuple[bool, str]:
        """Return whether records are read and settled, and a sentence for people."""
        partitions, called = self._partitions, self._settings.called
        if partitions is None or self._trouble:
            return False, f"{called}: {self._trouble}"
        waited_s, why = partitions.longest_hold()
        if waited_s > self._settings.hold_alarm_s:
            return False, f"{called}: for {waited_s:.0f} s {why}"
        owned = sorted(tp.partition for tp in partitions.owned())
        if not owned:
            return True, f"{called}: connected; another member reads all partitions"
        return True, f"{called}: reading partitions {', '.join(map(str, owned))}"

    async def _listen(self) -> None:
        """Read with one consumer until it fails."""
        partitions = Partitions(self._new_consumer(), self._settings.read, self._metrics)
        try:
            async with asyncio.timeout(self._settings.join_timeout_s):
                await partitions.join()
            self._note_connection(partitions)
            heard_at, epoch = time.time(), -1
            while True:
                batches = await partitions.poll()
                if epoch != partitions.epoch:
                    epoch = partitions.epoch
                    await self._settler.begin()
                if batches:
                    await asyncio.sleep(0)  # unpacking them took as long as settling them will
                    await self._settle_all(partitions, batches)
                elif await partitions.are_all_read():
                    await self._settler.idle()
                await partitions.commit_if_due()
                heard_at = self._listen_for_silence(partitions, heard_at, busy=bool(batches))
                await asyncio.sleep(0)
        finally:
            self._partitions = None
            self._metrics.connected.set(0)
            await partitions.leave()

    async def _settle_all(self, partitions: Partitions, batches: list[Batch]) -> None:
        ends_at = asyncio.get_running_loop().time() + self._settings.turn_s
        for number, batch in enumerate(batches):
            # One record a turn is settled however late it is: else nothing would ever move.
            await self._settle(partitions, batch, ends_at, at_least=0 if number else 1)

    async def _settle(
        self, partitions: Partitions, batch: Batch, ends_at: float, *, at_least: int
    ) -> None:
        """Settle a batch in order, up to the first record that must wait."""
        number, loop = 0, asyncio.get_running_loop()
        others_at = loop.time() + _OTHERS_TURN_S
        while number < len(batch.records):
            if loop.time() > others_at:
                # Slack waits three seconds for its acknowledgement, and a rebalance for us.
                await asyncio.sleep(0)
                others_at = loop.time() + _OTHERS_TURN_S
            if not partitions.still_ours(batch):
                return
            if skimmed := self._settler.skim(batch.records, number, batch.news_from):
                number += skimmed
                partitions.done(batch, batch.records[number - 1])
                continue
            record = batch.records[number]
            if number >= at_least and loop.time() > ends_at:
                partitions.rewind(batch, record)
                return
            try:
                await self._settler.settle(record)
            except Hold as hold:
                partitions.hold(batch, record, hold)
                return
            if not partitions.still_ours(batch):
                return  # settled, but no longer ours to commit
            partitions.done(batch, record)
            number += 1

    def _listen_for_silence(self, partitions: Partitions, heard_at: float, *, busy: bool) -> float:
        """Return when the broker was last heard; raise `Silent` when that is too long ago."""
        now, answered_at = time.time(), partitions.last_answer_at()
        heard_at = now if busy or answered_at is None else max(heard_at, answered_at)
        if now - heard_at > self._settings.silence_s:
            raise Silent(f"no answer from the broker for {now - heard_at:.0f} s")
        return heard_at

    def _note_connection(self, partitions: Partitions) -> None:
        self._partitions, self._trouble, self._failures = partitions, "", 0
        self._metrics.connected.set(1)
        log.info("bus_connected", topic=self._settings.read.topic)

    def _note_loss(self, error: Exception) -> None:
        """Log the first loss in full and then ever more rarely: at 1, 2, 4, 8 … attempts."""
        self._failures += 1
        self._metrics.reconnects.inc()
        ours = isinstance(error, Silent | IlbotError)
        self._trouble = str(error) if ours else self._explain(error)
        if self._failures & (self._failures - 1) == 0:
            log.warning("bus_connection_lost", attempt=self._failures, why=self._trouble)

    def _pause_s(self) -> float:
        grown = self._settings.reconnect_min_s * 2 ** min(max(self._failures - 1, 0), 16)
        return float(min(grown, self._settings.reconnect_max_s))


def _somebody_cancels_us() -> bool:
    """Whether a cancellation is meant for this task; a client that stops may let its own out."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
