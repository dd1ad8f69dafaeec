"""Measures what it costs to understand CloudStack's event-bus records, against parsing them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.table import Row, Table, best_of, times
from bot.domain.bus import classify
from bot.domain.observation import observe
from handlers.kafka_records import decode, decode_key

RECORDINGS = ("event-bus.jsonl", "event-bus-crash.jsonl")
WIRE = Path(__file__).parents[1] / "tests" / "contract" / "wire"
ROUNDS, RUNS, LIMIT = 20, 5, 1 << 20
Record = tuple[bytes | None, bytes]


def measure() -> Table:
    """Return the table: CPU time of a record, by how far it is understood."""
    records = recorded()
    parse_s = best_of(RUNS, lambda: _parse(records))
    decode_s = best_of(RUNS, lambda: _decode(records))
    whole_s = best_of(RUNS, lambda: _understand(records))
    count = len(records) * ROUNDS
    named = (
        ("json.loads alone", parse_s),
        ("decode", decode_s),
        ("decode, classify, observe", whole_s),
    )
    rows = tuple(
        Row(
            name,
            (
                f"{seconds / count * 1e6:.1f} µs",
                times(seconds, parse_s),
                f"{count / seconds:,.0f}",
            ),
        )
        for name, seconds in named
    )
    title = f"event bus: {len(records)} recorded records, {ROUNDS} times"
    return Table(title, ("CPU a record", "of json.loads", "records/s"), rows)


def recorded() -> list[Record]:
    """Return keys and values as a broker would hand them over; line one of a file is a header."""
    lines = [
        json.loads(line)
        for name in RECORDINGS
        for line in (WIRE / name).read_text("utf-8").splitlines()[1:]
    ]
    return [
        (row["key"].encode() if row["key"] is not None else None, json.dumps(row["value"]).encode())
        for row in lines
    ]


def _parse(records: Sequence[Record]) -> None:
    for _ in range(ROUNDS):
        for _key, value in records:
            json.loads(value)


def _decode(records: Sequence[Record]) -> None:
    for _ in range(ROUNDS):
        for key, value in records:
            decode_key(key)
            decode(value, limit=LIMIT)


def _understand(records: Sequence[Record]) -> None:
    for _ in range(ROUNDS):
        for key, value in records:
            observe(classify(decode_key(key), decode(value, limit=LIMIT)))
