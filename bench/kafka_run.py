"""Reads one topic once and prints what that took: `python -m bench.kafka_run JSON`.

One process for each reading, so that none inherits another's memory or warm caches.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from prometheus_client import CollectorRegistry

from bench.kafka_load import PARTITIONS, BusLoad, CpuLoad, Percentiles, percentiles
from bot.adapters.kafka import KafkaSettings, consumer
from bot.domain.detect import Edge, Moment, Rule
from bot.domain.observation import Observation
from bot.services.our_machines import Known
from handlers.kafka import Intake, IntakeSettings, ReadSettings, Settler, Start
from handlers.kafka_cpu import CpuSettings, CpuSettler
from handlers.kafka_metrics import CpuMetrics, IntakeMetrics
from handlers.kafka_triage import Triage, TriageSettings

_TICK_S = 0.002
_ACK_S = 0.02
_BUSY_S = 4.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to read, and how: `bare`, `whole`, or `lag`: whole, and how late others are.

    `busy` reads nothing: what others suffer from a loop that works for a millisecond a turn.
    """

    how: str
    bootstrap: str
    topic: str
    machines_or_rounds: int
    strangers: int

    @property
    def load(self) -> CpuLoad | BusLoad:
        """What was sent to the topic."""
        kind = BusLoad if self.topic.startswith("bus") else CpuLoad
        return kind(self.machines_or_rounds, self.strangers)


@dataclass(frozen=True, slots=True)
class Took:
    """What a reading took, from its first batch to its last: counts, seconds, MiB, incidents."""

    records: int
    cpu_s: float
    wall_s: float
    rss_quarter_mib: float
    rss_mib: float
    incidents: int
    lag_ms: Percentiles = (0.0, 0.0, 0.0)
    ack_ms: Percentiles = (0.0, 0.0, 0.0)


class Watch:
    """Counts records and stops the time at the last; the clock starts after the first batch."""

    def __init__(self, count: int, others: Others | None = None) -> None:
        self._others = others
        self._late = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        self.ended = asyncio.Event()
        self._count = count
        self._first = self._seen = 0
        self._began = self._end = (0.0, 0.0)
        self._rss_quarter = self._rss = 0.0

    def note(self, records: int) -> None:
        self._seen += records
        if not self._first:
            self._first, self._began = self._seen, (time.process_time(), time.perf_counter())
            if self._others:
                self._others.begin()
        if not self._rss_quarter and self._seen * 4 >= self._count:
            self._rss_quarter = _rss_mib()
        if self._seen >= self._count and not self.ended.is_set():
            self._rss = _rss_mib()
            self._end = (time.process_time(), time.perf_counter())
            if self._others:
                self._late = self._others.end()
            self.ended.set()

    def took(self, incidents: int) -> Took:
        cpu_s, wall_s = (end - began for end, began in zip(self._end, self._began, strict=True))
        records = self._seen - self._first
        return Took(records, cpu_s, wall_s, self._rss_quarter, self._rss, incidents, *self._late)


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class Counted:
    """A settler that tells a watch what is settled."""

    def __init__(self, settler: Settler, watch: Watch) -> None:
        self._settler = settler
        self._watch = watch
        self.begin, self.idle, self.close = settler.begin, settler.idle, settler.close

    def skim(self, records: Sequence[ConsumerRecord], first: int, news_from: int) -> int:
        if skimmed := self._settler.skim(records, first, news_from):
            self._watch.note(skimmed)
        return skimmed

    async def settle(self, record: ConsumerRecord) -> None:
        await self._settler.settle(record)
        self._watch.note(1)


class Watchman:
    """Who is told of busy machines, and only counts."""

    def __init__(self) -> None:
        self.entered = 0

    async def opened(self) -> Mapping[str, float]:
        return {}

    async def hear(self, edge: Edge) -> None:
        self.entered += edge.moment is Moment.ENTERED


class Sink:
    """Who is told of hints, and only counts them."""

    def __init__(self) -> None:
        self.heard = 0

    async def hear(self, seen: Observation) -> None:
        self.heard += 1


class Listed:
    """Our machines, listed once."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def known(self) -> Known:
        return self._known

    async def since(self, at: float) -> Known:
        return self._known


class NoLetters:
    """Dead letters, of which there must be none."""

    async def write(self, record: ConsumerRecord, reason: str) -> None:
        raise AssertionError(f"a dead letter at {record.partition}/{record.offset}: {reason}")

    async def close(self) -> None:
        pass


async def bare(job: Job, watch: Watch) -> int:
    """Read everything as aiokafka hands it over."""
    places = [TopicPartition(job.topic, number) for number in range(PARTITIONS)]
    reader = AIOKafkaConsumer(bootstrap_servers=job.bootstrap, auto_offset_reset="earliest")
    await reader.start()
    reader.assign(places)
    await reader.seek_to_beginning(*places)
    while not watch.ended.is_set():
        found = await reader.getmany(timeout_ms=200, max_records=500)
        watch.note(sum(map(len, found.values())))
    await reader.stop()
    return job.load.incidents


def intake_of(job: Job, settler: Settler, metrics: IntakeMetrics) -> Intake:
    """Return what reads the topic from its beginning, as the bot does."""
    group = f"g-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(bootstrap=job.bootstrap, topic=job.topic, group=group)
    read = ReadSettings(job.topic, start=Start.EARLIEST, again_s=Rule().window_s, max_records=500)
    return Intake(lambda: consumer(settings), IntakeSettings(read), settler, metrics=metrics)


async def whole(job: Job, watch: Watch) -> int:
    """Read everything as the bot does, but for what is decided at the end."""
    watchman, sink, load = Watchman(), Sink(), job.load
    settler: Settler
    keys = load.ours if load.strangers else None
    if isinstance(load, CpuLoad):
        metrics = CpuMetrics(CollectorRegistry())
        settings = CpuSettings(Rule(), max_age_s=1e6)
        settler = CpuSettler(watchman, NoLetters(), metrics, settings, ours=lambda: keys)
        intake = intake_of(job, Counted(settler, watch), metrics)
    else:
        of_bus = IntakeMetrics(CollectorRegistry())
        listed = None if keys is None else Listed(Known(keys, time.time()))
        triaged = TriageSettings(max_age_s=1e9)
        settler = Triage(sink.hear, NoLetters(), of_bus, triaged, ours=listed)
        intake = intake_of(job, Counted(settler, watch), of_bus)
    reading = asyncio.create_task(intake.run())
    ended = asyncio.create_task(watch.ended.wait())
    await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    await asyncio.wait({reading})
    return watchman.entered + sink.heard


class Others:
    """The rest of the process: how late a timer fires, and an acknowledgement asked for outside."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lags: list[float] = []
        self._acks: list[float] = []
        self._over = threading.Event()

    def begin(self) -> None:
        self._tick(self._loop.time())
        threading.Thread(target=self._ask, daemon=True).start()

    def end(self) -> tuple[Percentiles, Percentiles]:
        self._over.set()
        return percentiles(self._lags), percentiles(self._acks)

    def _tick(self, due: float) -> None:
        now = self._loop.time()
        self._lags.append(now - due)
        self._loop.call_at(now + _TICK_S, self._tick, now + _TICK_S)

    def _ask(self) -> None:
        """Ask as Slack's socket does, from outside of the loop's own time."""
        while not self._over.wait(_ACK_S):
            self._loop.call_soon_threadsafe(self._acknowledge, self._loop.time())

    def _acknowledge(self, asked: float) -> None:
        self._acks.append(self._loop.time() - asked)


async def busy(others: Others) -> Took:
    """Only work for a millisecond a turn: what the machine itself lets a loop have."""
    others.begin()
    ends_at = time.perf_counter() + _BUSY_S
    while time.perf_counter() < ends_at:
        turn_ends_at = time.thread_time() + 0.001
        while time.thread_time() < turn_ends_at:
            pass
        await asyncio.sleep(0)
    return Took(0, 0.0, _BUSY_S, 0.0, 0.0, 0, *others.end())


async def main(job: Job) -> Took:
    """Return what the reading took."""
    if job.how == "busy":
        return await busy(Others())
    watch = Watch(job.load.count, Others() if job.how == "lag" else None)
    incidents = await (bare if job.how == "bare" else whole)(job, watch)
    return watch.took(incidents)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    gc.freeze()  # as the bot does
    print(json.dumps(asdict(asyncio.run(main(Job(**json.loads(sys.argv[1])))))))
