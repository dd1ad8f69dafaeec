"""Measures reading Kafka whole, from broker to what is decided, against aiokafka alone.

On a real broker, one process for each reading, by turns; `kafka_load` says what is sent.
A reading that found another number of incidents than was sent is void.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from bench.kafka_bot import HINTS
from bench.kafka_bot import Took as BotTook
from bench.kafka_load import BusLoad, CpuLoad
from bench.kafka_run import Job, Took
from bench.kafka_send import make_topic, send
from bench.table import Row, Table
from tests.services.broker import Lacking, broker_of
from tests.services.run import Controller

Load = CpuLoad | BusLoad
_WITHIN_S = 600
_BARS = "0.55 where all records matter, 0.80 on a shared bus"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is read: rounds of each ratio, and machines of the longest reading."""

    rounds: int
    backlog: int
    machines: int


SMALL = Size(rounds=3, backlog=1_000, machines=1_000)
FULL = Size(rounds=9, backlog=5_000, machines=50_000)
"""A backlog of a million records, and 10 million of 50,000 machines."""


def measure() -> Iterator[Table]:
    """Give the tables as they are ready; `BENCH_KAFKA=full` for the full size."""
    size = FULL if os.environ.get("BENCH_KAFKA") == "full" else SMALL
    try:
        with _broker() as bootstrap:
            yield _ratios(bootstrap, size)
            yield _lag(bootstrap, size)
            yield _bot(bootstrap, size)
            yield _memory(bootstrap, size)
    except Lacking as lack:
        yield Table(f"Kafka: not measured: {lack}", (), ())


@contextmanager
def _broker() -> Iterator[str]:
    controller = Controller()
    try:
        yield broker_of(controller.run)
    finally:
        controller.close()


def _ratios(bootstrap: str, size: Size) -> Table:
    loads: tuple[tuple[str, str, Load], ...] = (
        ("CPU samples, all ours", "cpu", CpuLoad(1_000)),
        ("CPU samples, 95 % not ours", "cpu", CpuLoad(50, 19)),
        ("event bus, all ours", "bus", BusLoad(300)),
        ("event bus, 95 % not ours", "bus", BusLoad(45, 19)),
    )
    rows = tuple(_ratio(bootstrap, size, *load) for load in loads)
    headings = ("bare", "whole", "bare / whole", "of the fastest", "incidents")
    return Table(f"Kafka: CPU of a record, median of {size.rounds} pairs; {_BARS}", headings, rows)


def _ratio(bootstrap: str, size: Size, what: str, kind: str, load: Load) -> Row:
    topic = _topic_of(bootstrap, kind, load)
    bare, whole = [], []
    for _ in range(size.rounds):
        bare.append(_cpu_us(_read("bare", bootstrap, topic, load)))
        whole.append(_cpu_us(_read("whole", bootstrap, topic, load)))
    paired = statistics.median(one / other for one, other in zip(bare, whole, strict=True))
    cells = (
        f"{statistics.median(bare):.2f} µs", f"{statistics.median(whole):.2f} µs",
        f"{paired:.2f}", f"{min(bare) / min(whole):.2f}", str(load.incidents),
    )  # fmt: skip
    return Row(what, cells)


def _lag(bootstrap: str, size: Size) -> Table:
    nothing = asdict(Job("busy", "", "", 0, 0))
    took = Took(**json.loads(_output_of("bench.kafka_run", json.dumps(nothing))))
    rows = [Row("1 ms of work a turn", ("-", *map(_ms, took.lag_ms), *map(_ms, took.ack_ms)))]
    for what, kind, load in (
        ("CPU samples", "cpu", CpuLoad(size.backlog)),
        ("event bus", "bus", BusLoad(size.backlog * 200 // 219)),
    ):
        took = _read("lag", bootstrap, _topic_of(bootstrap, kind, load), load)
        cells = (f"{load.count:,}", *map(_ms, took.lag_ms), *map(_ms, took.ack_ms))
        rows.append(Row(what, cells))
    headings = ("records", "lag p50", "lag p99", "max", "ack p50", "ack p99", "max")
    title = "Kafka: the event loop during a backlog; bar: lag p99 of 5 ms"
    return Table(title, headings, tuple(rows))


def _bot(bootstrap: str, size: Size) -> Table:
    read = size.backlog // 50, size.backlog // 2
    told = _output_of("bench.kafka_bot", bootstrap, *map(str, read))
    took = BotTook(**json.loads(told))
    rows = (
        Row("acknowledged, backlog", (f"{took.commands}", *map(_ms, took.ack_behind_ms))),
        Row("acknowledged, idle", ("-", *map(_ms, took.ack_idle_ms))),
        Row("hint sent to first call", (f"{HINTS}", *map(_ms, took.call_ms))),
    )
    title = f"Kafka: the whole bot, {took.backlog:,} records behind, read in {took.wall_s:.1f} s"
    return Table(title, ("times", "p50", "p99", "max"), rows)


def _memory(bootstrap: str, size: Size) -> Table:
    load = CpuLoad(size.machines)
    took = _read("whole", bootstrap, _topic_of(bootstrap, "cpu", load), load)
    at_end = f"{took.rss_quarter_mib:.0f} MiB", f"{took.rss_mib:.0f} MiB"
    cells = (f"{load.count:,}", f"{load.machines:,}", *at_end)
    headings = ("records", "machines", "after a quarter", "at the end")
    return Table("Kafka: memory (RSS)", headings, (Row("CPU samples", cells),))


def _topic_of(bootstrap: str, kind: str, load: Load) -> str:
    topic = f"{kind}-{uuid.uuid4().hex[:8]}"
    make_topic(bootstrap, topic)
    send(bootstrap, topic, load.records())
    return topic


def _read(how: str, bootstrap: str, topic: str, load: Load) -> Took:
    much = load.machines if isinstance(load, CpuLoad) else load.rounds
    job = Job(how, bootstrap, topic, much, load.strangers)
    took = Took(**json.loads(_output_of("bench.kafka_run", json.dumps(asdict(job)))))
    if took.incidents != load.incidents:
        raise RuntimeError(f"void: {took.incidents} incidents of {load.incidents} in {topic}")
    return took


def _output_of(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=_WITHIN_S
    ).stdout


def _cpu_us(took: Took) -> float:
    return took.cpu_s / took.records * 1e6


def _ms(number: float) -> str:
    return f"{number:.1f} ms"


if __name__ == "__main__":
    from bench.table import shown

    for table in measure():
        print(f"\n{shown(table)}", flush=True)
