"""Times hints from being sent to their first call: `python -m bench.kafka_live BOOTSTRAP TOPIC`.

The call is where the house would ask CloudStack: the sink of hints does that before anything
else. Nothing is behind; a hint comes every 20 ms, and each is about a machine not heard of before.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid

import structlog
from prometheus_client import CollectorRegistry

from bench.kafka_run import Job, NoLetters, intake_of, percentiles
from bot.adapters.kafka import KafkaSettings, producer
from bot.domain.observation import Observation
from handlers.kafka_metrics import IntakeMetrics
from handlers.kafka_triage import Triage

HINTS = 500
_EVERY_S = 0.02


class Calls:
    """Who is told of hints, and notes how long each was under way."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.took: list[float] = []
        self.all_came = asyncio.Event()

    async def hear(self, seen: Observation) -> None:
        self.took.append(time.perf_counter() - self.sent[seen.target_id])
        if len(self.took) == HINTS:
            self.all_came.set()


def stop(machine: str) -> bytes:
    """A machine stopped just now (`UserVmStateListener`)."""
    return json.dumps(
        {
            "eventDateTime": time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime()),
            "old-state": "Running", "resource": "VirtualMachine", "id": machine,
            "new-state": "Stopped", "status": "postStateTransitionEvent",
        }
    ).encode()  # fmt: skip


async def main(bootstrap: str, topic: str) -> tuple[float, float, float]:
    """Return the 50th and the 99th percentile and the largest, in ms."""
    calls, metrics = Calls(), IntakeMetrics(CollectorRegistry())
    intake = intake_of(
        Job("live", bootstrap, topic, 0, 0), Triage(calls.hear, NoLetters(), metrics), metrics
    )
    reading = asyncio.create_task(intake.run())
    # Nobody is told when a group's first assignment comes.
    while "reading partitions" not in intake.health()[1]:  # noqa: ASYNC110
        await asyncio.sleep(_EVERY_S)
    async with producer(KafkaSettings(bootstrap=bootstrap, topic=topic)) as sender:
        for _ in range(HINTS):
            machine = str(uuid.uuid4())
            calls.sent[machine] = time.perf_counter()
            await sender.send_and_wait(topic, stop(machine), key=machine.encode())
            await asyncio.sleep(_EVERY_S)
        await calls.all_came.wait()
    reading.cancel()
    await asyncio.wait({reading})
    return percentiles(calls.took)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
