"""Each record is settled in exactly one way, counted exactly once, and never lost in silence."""

import json
import time

import pytest
import structlog
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from bot.domain.observation import Observation
from bot.errors import Permanent, Refused, ServerFailed, Transient
from bot.services.our_machines import Known
from handlers.kafka_metrics import IntakeMetrics, Outcome
from handlers.kafka_triage import Hold, Settled, Triage, TriageSettings

NOW = 1_795_385_915.0
AT = "2026-11-22 22:18:35 +0000"


class Letters:
    """A drawer for dead letters that can be shut."""

    def __init__(self) -> None:
        self.kept: list[tuple[ConsumerRecord, str]] = []
        self.shut = False

    async def write(self, record: ConsumerRecord, reason: str) -> None:
        if self.shut:
            raise Transient("write a dead letter: nobody there")
        self.kept.append((record, reason))

    async def close(self) -> None:
        self.shut = True


class Decisions:
    """A sink that stores by the hint's key, and fails as told first."""

    def __init__(self, *failures: Exception) -> None:
        self.stored: list[str] = []
        self.asked = 0
        self._failures = list(failures)

    async def __call__(self, observation: Observation) -> None:
        self.asked += 1
        if self._failures:
            raise self._failures.pop(0)
        self.stored.append(observation.dedupe)


class Machines:
    """Our machines, as listed so far and as they would be listed now."""

    def __init__(self, known: Known | None) -> None:
        self.listed, self.anew = known, known
        self.asked: list[float] = []

    def known(self) -> Known | None:
        return self.listed

    async def since(self, at: float) -> Known | None:
        if self.listed is None or self.listed.at < at:
            self.asked.append(at)
            self.listed = self.anew
        return self.listed


class World:
    def __init__(self, *failures: Exception, known: Known | None = None, **settings: float) -> None:
        self.machines = Machines(known)
        self.now = NOW
        self.letters, self.decisions = Letters(), Decisions(*failures)
        self.registry = CollectorRegistry()
        self.triage = Triage(
            self.decisions,
            self.letters,
            IntakeMetrics(self.registry),
            TriageSettings(**settings),  # type: ignore[arg-type]  # tests pass numbers only
            ours=self.machines,
            now=lambda: self.now,
        )

    def counted(self) -> dict[tuple[str, str], float]:
        samples = [sample for metric in self.registry.collect() for sample in metric.samples]
        return {
            (sample.labels["kind"], sample.labels["outcome"]): sample.value
            for sample in samples
            if sample.name == "ilbot_bus_records_total"
        }


def record(value: bytes | None, *, key: bytes | None = None, offset: int = 0) -> ConsumerRecord:
    return ConsumerRecord(
        topic="cloudstack",
        partition=0,
        offset=offset,
        timestamp=int(NOW * 1000),
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=len(key or b""),
        serialized_value_size=len(value or b""),
        headers=(),
    )


def stop(at: str = AT, machine: str = "machine-1") -> bytes:
    return json.dumps(
        {
            "eventDateTime": at,
            "resource": "VirtualMachine",
            "id": machine,
            "old-state": "Running",
            "new-state": "Stopped",
            "status": "postStateTransitionEvent",
        }
    ).encode()


async def test_a_hint_is_settled_once_its_decision_is_stored() -> None:
    world = World()

    settled = await world.triage.settle(record(stop()))

    assert settled == Settled("state", Outcome.OBSERVED)
    assert world.decisions.stored == ["bus:state:MACHINE_STOPPED:machine-1:2026-11-22T22:18:35Z"]


async def test_a_record_that_comes_again_is_counted_as_a_duplicate() -> None:
    world = World()

    await world.triage.settle(record(stop()))
    again = await world.triage.settle(record(stop(), offset=9))

    assert again.outcome is Outcome.DUPLICATE
    assert world.decisions.asked == 1


async def test_records_out_of_order_are_each_decided() -> None:
    world = World()

    for at in ("2026-11-22 22:18:35 +0000", "2026-11-22 22:18:01 +0000"):
        await world.triage.settle(record(stop(at)))

    assert len(world.decisions.stored) == 2


async def test_old_news_is_late_and_not_decided() -> None:
    world = World(max_age_s=60)

    settled = await world.triage.settle(record(stop("2026-11-22 22:10:00 +0000")))

    assert settled.outcome is Outcome.LATE
    assert world.decisions.asked == 0
    assert world.letters.kept == []


async def test_news_from_the_future_is_a_dead_letter() -> None:
    world = World()

    settled = await world.triage.settle(record(stop("2027-01-01 00:00:00 +0000")))

    assert settled.outcome is Outcome.DEAD_LETTER
    assert "future" in world.letters.kept[0][1]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "tombstone"), (b"x" * 300_000, "oversized"), (b"\xff", "unreadable")],
)
async def test_what_nobody_can_read_is_a_dead_letter_with_its_reason(
    value: bytes | None, kind: str
) -> None:
    world = World()

    settled = await world.triage.settle(record(value))

    assert settled == Settled(kind, Outcome.DEAD_LETTER)
    assert len(world.letters.kept) == 1
    assert world.counted() == {(kind, "dead_letter"): 1.0}


async def test_a_sink_that_cannot_now_holds_the_record_and_nothing_is_counted() -> None:
    world = World(Transient("read ILB VMs: no answer", retry_after_s=7))

    with pytest.raises(Hold, match="no answer") as held:
        await world.triage.settle(record(stop()))
    assert held.value.retry_after_s == 7
    assert world.counted() == {}

    assert (await world.triage.settle(record(stop()))).outcome is Outcome.OBSERVED


async def test_a_sink_that_never_answers_holds_the_record() -> None:
    world = World(TimeoutError())

    with pytest.raises(Hold, match="no decision within"):
        await world.triage.settle(record(stop()))


@pytest.mark.parametrize("no", [Refused("not this one"), Permanent("a person must look")])
async def test_a_record_that_the_sink_condemns_is_a_dead_letter_at_once(no: Exception) -> None:
    world = World(no)

    assert (await world.triage.settle(record(stop()))).outcome is Outcome.DEAD_LETTER
    assert str(no) in world.letters.kept[0][1]


async def test_a_record_that_trips_a_bug_is_tried_five_times_and_then_buried() -> None:
    world = World(*[ZeroDivisionError("secret=hunter2") for _ in range(5)])

    for _ in range(4):
        with pytest.raises(Hold, match="ZeroDivisionError"):
            await world.triage.settle(record(stop(), offset=3))
    settled = await world.triage.settle(record(stop(), offset=3))

    assert settled.outcome is Outcome.DEAD_LETTER
    assert world.letters.kept[0][1] == "deciding failed: ZeroDivisionError"


async def test_what_the_server_failed_at_is_tried_again_and_buried_after_five_times() -> None:
    failed = [ServerFailed("read b-31-VM: failed (530): CloudStack says “NPE”.")] * 5
    world = World(*failed[:2])
    for _ in range(2):
        with pytest.raises(Hold, match=r"failed \(530\)"):
            await world.triage.settle(record(stop()))
    assert (await world.triage.settle(record(stop()))).outcome is Outcome.OBSERVED
    world = World(*failed)
    for _ in range(4):
        with pytest.raises(Hold):
            await world.triage.settle(record(stop()))
    assert (await world.triage.settle(record(stop()))).outcome is Outcome.DEAD_LETTER
    assert world.letters.kept[0][1].startswith("the decision failed: read b-31-VM: failed (530)")


async def test_a_bug_at_one_record_does_not_count_against_the_next() -> None:
    world = World(*[ZeroDivisionError() for _ in range(5)])

    for offset in range(5):
        with pytest.raises(Hold):
            await world.triage.settle(record(stop(), offset=offset))


async def test_a_dead_letter_that_cannot_be_written_holds_the_record() -> None:
    world = World()
    world.letters.shut = True

    with pytest.raises(Hold, match="nobody there"):
        await world.triage.settle(record(b"not JSON"))
    assert world.counted() == {}


async def test_no_secret_of_a_job_reaches_the_log() -> None:
    world = World()
    job = {"jobId": 7, "command": "c", "status": "s", "cmdInfo": {"apikey": "planted-key"}}

    with structlog.testing.capture_logs() as lines:
        await world.triage.settle(record(json.dumps(job).encode()))

    assert lines
    assert "planted" not in repr(lines)
    assert "planted" not in world.letters.kept[0][1]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
WHOLE = stop()
DAMAGED = st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=4)).map(
    lambda cut: WHOLE[: cut[0]] + cut[1] + WHOLE[cut[0] :]
)


@given(
    st.lists(
        st.tuples(st.none() | st.binary(max_size=8), st.none() | st.binary() | JSON | DAMAGED),
        max_size=6,
    )
)
async def test_whatever_bytes_come_each_record_is_counted_exactly_once(
    records: list[tuple[bytes | None, bytes | None]],
) -> None:
    world = World()

    outcomes = [
        (await world.triage.settle(record(value, key=key, offset=offset))).outcome
        for offset, (key, value) in enumerate(records)
    ]

    assert sum(world.counted().values()) == len(records)
    assert len(world.letters.kept) == outcomes.count(Outcome.DEAD_LETTER)
    assert len(world.decisions.stored) == outcomes.count(Outcome.OBSERVED)


async def test_a_deep_record_costs_little_time() -> None:
    world, began = World(), time.perf_counter()

    await world.triage.settle(record(b'{"a":' * 40_000 + b"}" * 40_000))

    assert time.perf_counter() - began < 2
