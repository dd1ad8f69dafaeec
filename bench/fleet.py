"""Measures what reading the whole fleet costs as it grows: calls (exact), memory and time.

The pretend cloud's answers are recorded first and replayed, so that memory and time are the bot's.
"""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import httpx
from pydantic import SecretStr

from bench.plan import seed
from bench.table import Row, Table
from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.domain.fleet import Snapshot
from bot.engine.memory import VirtualClock
from bot.sandbox.cloud import READ_ONLY, World, create_app
from bot.services.snapshot import read_snapshot

SIZES = (50, 500, 5000)
_OF_THE_SIGNATURE = frozenset({"signature", "apikey", "expires", "signatureversion"})

Question = tuple[tuple[str, str], ...]


@dataclass
class Recorder(httpx.AsyncBaseTransport):
    """Asks the pretend cloud once for each question and answers it from memory afterwards."""

    inner: httpx.AsyncBaseTransport
    answers: dict[Question, bytes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        form = parse_qsl((await request.aread()).decode(), keep_blank_values=True)
        question = tuple(sorted(pair for pair in form if pair[0].lower() not in _OF_THE_SIGNATURE))
        self.calls[dict(form)["command"]] += 1
        if question not in self.answers:
            response = await self.inner.handle_async_request(request)
            self.answers[question] = await response.aread()
        return httpx.Response(200, content=self.answers[question])


@dataclass(frozen=True, slots=True)
class Cost:
    """What one reading of a fleet cost; `kept` is the snapshot, `peak` the most at any time."""

    calls: Counter[str]
    answer_bytes: int
    kept_bytes: int
    peak_bytes: int
    seconds: float


async def measure() -> tuple[Table, Table]:
    """Return two tables of a snapshot of fleets of some sizes: its cost, its calls by command."""
    costs = [await cost_of(size) for size in SIZES]
    sizes = tuple(f"{size} tiers" for size in SIZES)
    rows = (
        Row("calls", tuple(str(cost.calls.total()) for cost in costs)),
        Row("answers", tuple(_mb(cost.answer_bytes) for cost in costs)),
        Row("memory kept", tuple(_mb(cost.kept_bytes) for cost in costs)),
        Row("memory at its peak", tuple(_mb(cost.peak_bytes) for cost in costs)),
        Row("time of the bot alone", tuple(f"{cost.seconds:.2f} s" for cost in costs)),
    )
    commands = sorted({name for cost in costs for name in cost.calls})
    calls = tuple(Row(name, tuple(str(cost.calls[name]) for cost in costs)) for name in commands)
    return (
        Table("fleet: one snapshot of everything", sizes, rows),
        Table("fleet: CloudStack calls of one", sizes, calls),
    )


async def cost_of(size: int) -> Cost:
    """Return what a snapshot of a fleet of that many tiers costs."""
    clock = VirtualClock()
    world = World(clock.now)
    seed(world, size)
    recorder = Recorder(httpx.ASGITransport(app=create_app(world)))
    keys = Keys(SecretStr(READ_ONLY.api_key), SecretStr(READ_ONLY.secret_key))
    async with httpx.AsyncClient(transport=recorder) as http:
        cloud = CloudStackCloud(Client("http://cloud/client/api", keys, None, http, clock))
        await _whole(cloud, clock, size)  # records, and warms what is made once per process
        recorder.calls.clear()
        began = time.process_time()
        await _whole(cloud, clock, size)
        seconds = time.process_time() - began
        calls = Counter(recorder.calls)
        gc.collect()
        tracemalloc.start()
        kept = await _whole(cloud, clock, size)
        gc.collect()
        now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del kept
    return Cost(calls, sum(map(len, recorder.answers.values())), now, peak, seconds)


async def _whole(cloud: CloudStackCloud, clock: VirtualClock, size: int) -> Snapshot:
    found = await read_snapshot(cloud, clock)
    assert len(found.ilbs) == size, "it was seeded with one ILB for each tier"
    assert not found.not_read, json.dumps(found.not_read)
    return found


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
