"""What follows from CPU samples is told once and before they count as settled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry

from bot.domain.detect import Edge, Moment, Rule
from bot.errors import Permanent, Transient
from handlers.kafka_cpu import CpuSettings, CpuSettler
from handlers.kafka_decisions import Hold
from handlers.kafka_metrics import CpuMetrics

NOW = 1_795_385_915.0
RULE = Rule(dwell_s=120, needed=2, of=3, silence_s=150, lateness_s=0, gather_s=60)


class Ear:
    """Hears moments, unless it is told to fail first; decides once, as `Saturation` does."""

    def __init__(self) -> None:
        self.heard: list[Edge] = []
        self.failures: list[Exception] = []
        self.open: dict[str, float] = {}
        self.decided: set[str] = set()

    async def opened(self) -> Mapping[str, float]:
        return dict(self.open)

    async def hear(self, edge: Edge) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if edge.moment is Moment.DUE and edge.incident in self.decided:
            return
        self.heard.append(edge)
        if edge.moment is Moment.DUE:
            self.decided.add(edge.incident)
        if edge.moment is Moment.ENTERED:
            self.open[edge.target_id] = edge.since
        if edge.moment is Moment.LEFT:
            del self.open[edge.target_id]

    @property
    def moments(self) -> list[Moment]:
        return [edge.moment for edge in self.heard]


class Letters:
    def __init__(self) -> None:
        self.kept: list[tuple[int, str]] = []

    async def write(self, record: ConsumerRecord, reason: str) -> None:
        self.kept.append((record.offset, reason))

    async def close(self) -> None:
        self.kept.clear()


class Topic:
    """One partition of the CPU topic with what was settled of it, as an intake reads it."""

    def __init__(self) -> None:
        self.ear, self.letters = Ear(), Letters()
        self.records: list[ConsumerRecord] = []
        self.settled = 0
        self.now = NOW
        self.ours: frozenset[bytes] | None = None
        self.rule = RULE
        self.restart()

    def restart(self) -> None:
        """A new process: what is read before `settled` is no news to it."""
        self.registry = CollectorRegistry()
        metrics = CpuMetrics(self.registry)
        self.settler = CpuSettler(
            self.ear, self.letters, metrics, CpuSettings(self.rule), ours=lambda: self.ours,
            now=lambda: self.now,
        )  # fmt: skip

    def minutes(self, *percents: float, target: str = "vm-1") -> None:
        for percent in percents:
            at = NOW - 3000 + 60 * len(self.records)
            self.add(json.dumps({"target": target, "at": at, "cpu_percent": percent}).encode())

    def add(self, value: bytes | None, key: bytes | None = None) -> None:
        self.records.append(
            ConsumerRecord(
                topic="t", partition=0, offset=len(self.records), timestamp=int(NOW * 1000),
                timestamp_type=0, key=key, value=value, checksum=None, serialized_key_size=0,
                serialized_value_size=0, headers=(),
            )
        )  # fmt: skip

    async def read(self, *, since: int = 0) -> None:
        """Settle everything from an offset on, as `Intake` does."""
        await self.settler.begin()
        number, news_from = since, self.settled
        while number < len(self.records):
            number += self.settler.skim(self.records, number, news_from)
            self.settled = max(self.settled, number)
            if number < len(self.records):
                await self.settler.settle(self.records[number])
                number += 1
                self.settled = max(self.settled, number)

    def counted(self, outcome: str) -> float:
        labels = {"kind": "cpu sample", "outcome": outcome}
        return self.registry.get_sample_value("ilbot_cpu_records_total", labels) or 0.0


@pytest.fixture
def topic() -> Topic:
    return Topic()


async def test_a_busy_machine_is_told_of_when_it_entered_is_due_and_left(topic: Topic) -> None:
    topic.minutes(95, 95, 95, 95, 50, 50, 50)
    await topic.read()
    assert topic.ear.moments == [Moment.ENTERED, Moment.DUE, Moment.LEFT]
    assert topic.counted("nothing") == 4
    assert topic.counted("observed") == 3


async def test_a_record_whose_moment_cannot_be_stored_waits_and_is_told_once(topic: Topic) -> None:
    topic.minutes(95, 95, 95, 95)
    topic.ear.failures = [Transient("database away")]
    with pytest.raises(Hold, match="database away"):
        await topic.read()
    assert topic.settled == 2
    await topic.settler.settle(topic.records[2])
    assert topic.settler.skim(topic.records, 3, 0) == 0
    await topic.settler.settle(topic.records[3])
    assert topic.ear.moments == [Moment.ENTERED, Moment.DUE]


async def test_a_restart_reads_the_past_again_and_tells_nothing_twice(topic: Topic) -> None:
    for length in range(1, 8):
        topic.minutes([95, 95, 95, 95, 50, 50, 50][length - 1])
        topic.restart()
        await topic.read()
    assert topic.ear.moments == [Moment.ENTERED, Moment.DUE, Moment.LEFT]
    assert topic.counted("nothing") + topic.counted("observed") == 1


async def test_an_end_that_nobody_heard_of_is_told_even_of_the_past(topic: Topic) -> None:
    topic.minutes(95, 95, 95, 95, 50, 50, 50)
    await topic.read()
    topic.ear.open["vm-1"] = topic.ear.heard[0].since
    topic.restart()
    await topic.read()
    assert topic.ear.moments == [Moment.ENTERED, Moment.DUE, Moment.LEFT, Moment.LEFT]


async def test_what_was_to_be_decided_when_it_stopped_is_decided_by_the_next(topic: Topic) -> None:
    """Seen again it is due at once, as it became busy later than `dwell_s` after it began."""
    for at in (0, 100, 200):
        sample = {"target": "vm-1", "at": NOW - 3000 + at, "cpu_percent": 95}
        topic.add(json.dumps(sample).encode())
    await topic.read()
    assert topic.ear.moments == [Moment.ENTERED]
    topic.restart()
    await topic.read()
    await topic.settler.idle()
    assert topic.ear.moments[:2] == [Moment.ENTERED, Moment.DUE]


async def test_what_time_brought_is_not_lost_with_a_process_that_could_not_tell(
    topic: Topic,
) -> None:
    """The last sample of one waits to be put in order, and another's later one ends that."""
    topic.rule = replace(RULE, lateness_s=30)
    topic.restart()
    topic.minutes(95, 95, 95)
    topic.minutes(10, target="vm-2")
    topic.ear.failures = [Transient("database away")]
    await topic.read()
    await topic.settler.idle()
    assert (topic.settled, topic.ear.heard) == (4, [])
    topic.restart()
    await topic.read()
    await topic.settler.idle()
    assert topic.ear.moments[0] is Moment.ENTERED


async def test_what_cannot_be_read_is_buried_once_and_the_rest_goes_on(topic: Topic) -> None:
    topic.minutes(95, 95)
    topic.add(b"\xff")
    topic.add(None)
    topic.add(json.dumps({"target": "vm-1", "at": NOW + 3600, "cpu_percent": 1}).encode())
    topic.minutes(95)
    await topic.read()
    buried = [
        (2, "not JSON"),
        (3, "a tombstone: the record has no value"),
        (4, "its event time lies in the future"),
    ]
    assert topic.letters.kept == buried
    topic.restart()
    await topic.read()
    assert topic.letters.kept == buried


async def test_a_moment_that_can_never_be_stored_is_buried_with_its_record(topic: Topic) -> None:
    topic.minutes(95, 95, 95, 20)
    topic.ear.failures = [Permanent("no such column")]
    await topic.read()
    assert topic.letters.kept == [(2, "the decision failed: no such column")]
    assert topic.settled == 4


async def test_history_is_counted_and_not_looked_into(topic: Topic) -> None:
    topic.now = NOW + 7200
    topic.minutes(95, 95, 95, 95)
    await topic.read()
    assert topic.ear.heard == []
    assert topic.counted("late") == 4


async def test_silence_is_told_by_the_clock_once_all_is_read(topic: Topic) -> None:
    topic.minutes(95, 95, 95, 95)
    await topic.read()
    await topic.settler.idle()
    assert topic.ear.moments == [Moment.ENTERED, Moment.DUE, Moment.SILENT]
    machines = {
        state: topic.registry.get_sample_value("ilbot_cpu_machines", {"state": state})
        for state in ("watched", "busy", "unknown")
    }
    assert machines == {"watched": 1, "busy": 1, "unknown": 1}


async def test_what_time_brought_and_cannot_be_told_is_told_with_the_next_record(
    topic: Topic,
) -> None:
    topic.minutes(95, 95, 95, 95)
    await topic.read()
    topic.ear.failures = [Transient("database away")]
    await topic.settler.idle()
    topic.minutes(95, target="vm-2")
    assert topic.settler.skim(topic.records, 4, 0) == 0
    await topic.settler.settle(topic.records[4])
    assert topic.ear.moments[-1] is Moment.SILENT
    assert topic.counted("observed") == 2


async def test_what_the_key_says_is_not_ours_is_not_even_decoded(topic: Topic) -> None:
    topic.ours = frozenset({b"vm-1"})
    topic.add(b"not JSON", key=b"somebody-else")
    topic.add(b"not JSON", key=b"")
    topic.add(b"not JSON", key=b"vm-1")
    topic.add(b"not JSON")
    await topic.read()
    assert [offset for offset, _ in topic.letters.kept] == [1, 2, 3]
    assert topic.counted("foreign") == 1
    topic.ours = None
    topic.add(b"not JSON", key=b"somebody-else")
    await topic.read(since=4)
    assert topic.letters.kept[-1] == (4, "not JSON")


async def test_a_record_that_is_not_ours_after_one_that_waits_is_passed_over(topic: Topic) -> None:
    topic.ours = frozenset({b"vm-1"})
    topic.minutes(95, 95, 95, 95)
    await topic.read()
    topic.ear.failures = [Transient("database away")]
    await topic.settler.idle()
    topic.add(b"not JSON", key=b"somebody-else")
    assert topic.settler.skim(topic.records, 4, 0) == 0
    await topic.settler.settle(topic.records[4])
    assert topic.ear.moments[-1] is Moment.SILENT
    assert topic.letters.kept == []


async def test_records_of_every_sort_in_one_batch_are_each_counted_once(topic: Topic) -> None:
    topic.ours = frozenset({b"vm-1"})
    metric = {
        "name": "cpu",
        "tags": {"host": "vm-3"},
        "fields": {"usage_idle": 9},
        "timestamp": NOW,
    }
    for number in range(6):
        topic.minutes(20, 30, target=f"vm-{number}")
        topic.add(b"not JSON", key=b"somebody-else")
        topic.add(json.dumps(metric | {"timestamp": NOW + number}).encode())
        topic.add(b"not JSON", key=b"vm-1")
    await topic.read()
    assert topic.counted("nothing") == 12
    assert topic.counted("foreign") == 6
    assert topic.counted("dead_letter") == len(topic.letters.kept) == 6
    labels = {"kind": "telegraf", "outcome": "nothing"}
    assert topic.registry.get_sample_value("ilbot_cpu_records_total", labels) == 6


async def test_a_target_that_is_no_id_is_refused_in_any_batch(topic: Topic) -> None:
    topic.minutes(20, 20, 20)
    topic.minutes(20, 20, target="no id")
    await topic.read()
    assert [offset for offset, _ in topic.letters.kept] == [3, 4]


async def test_a_batch_is_taken_up_to_where_the_news_begins(topic: Topic) -> None:
    topic.minutes(20, 20, 20, 20)
    await topic.settler.begin()
    assert topic.settler.skim(topic.records, 0, 3) == 3
    assert topic.counted("nothing") == 0
    assert topic.settler.skim(topic.records, 3, 3) == 1
    assert topic.counted("nothing") == 1
