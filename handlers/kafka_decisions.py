"""Turns a decision on a record into an outcome: taken, to be tried again, or a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka import ConsumerRecord

from bot.errors import Permanent, Refused, ServerFailed, Transient
from handlers.kafka_dead_letters import DeadLetters
from handlers.kafka_metrics import Outcome
from handlers.kafka_records import masked

log = structlog.get_logger(__name__)


class Hold(Exception):
    """The record must be tried again later; its partition waits."""

    def __init__(self, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Decisions:
    """Has decisions taken, each stored when it returns; and buries what cannot be decided on.

    `Transient` means again later, for as long as it takes; `Refused` and `Permanent` condemn the
    record; what the server failed at and anything else is tried `poison_after` times first.
    `timeout_s` is for one decision, well below the consumer's `max_poll_interval_ms`.
    """

    def __init__(self, dead_letters: DeadLetters, *, timeout_s: float, poison_after: int) -> None:
        self._dead_letters = dead_letters
        self._timeout_s = timeout_s
        self._poison_after = poison_after
        self._failures: dict[tuple[str, int], tuple[int, int]] = {}

    async def take(
        self, record: ConsumerRecord, decide: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Have it decided; `Hold` where the record must wait."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await decide()
        except Transient as error:
            raise Hold(str(error), retry_after_s=error.retry_after_s) from error
        except TimeoutError as error:
            raise Hold(f"no decision within {self._timeout_s:g} s") from error
        except ServerFailed as error:
            self._count_failure(record, error, str(error))
            await self.bury(record, f"the decision failed: {error}")
            return Outcome.DEAD_LETTER
        except (Refused, Permanent) as error:
            await self.bury(record, f"the decision failed: {error}")
            return Outcome.DEAD_LETTER
        except Exception as error:
            # A bug in deciding must not stop the bus, nor lose the record at the first stumble.
            self._count_failure(record, error, f"deciding failed: {type(error).__name__}")
            await self.bury(record, f"deciding failed: {type(error).__name__}")
            return Outcome.DEAD_LETTER

    async def bury(self, record: ConsumerRecord, reason: str) -> None:
        """Write it to the dead letters; `Hold` where that cannot be done now."""
        try:
            await self._dead_letters.write(record, reason)
        except Transient as error:
            raise Hold(str(error), retry_after_s=error.retry_after_s) from error
        log.warning(
            "bus_record_dead_lettered",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=masked(reason),
        )

    async def close(self) -> None:
        """Let go of the dead letters."""
        await self._dead_letters.close()

    def _count_failure(self, record: ConsumerRecord, error: Exception, why: str) -> None:
        """Count it, and raise `Hold` unless it was often enough."""
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
        if failures < self._poison_after:
            raise Hold(why) from error
