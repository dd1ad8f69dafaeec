"""Measures the bot itself at a real broker: `python -m bench.kafka_bot BOOTSTRAP ROUNDS MACHINES`.

The bot is a process as in production, with its engine, journal, poller and Slack's socket; the
pretend CloudStack and Slack are processes of their own. While it reads a backlog of both topics a
person uses a command again and again, then hints about our machines come one by one, until a call
to CloudStack names each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.kafka_load import BusLoad, CpuLoad, Percentiles, percentiles
from bench.kafka_send import make_topic, send
from bot.adapters.kafka import KafkaSettings, producer
from bot.demo.processes import Child
from bot.demo.stage import Stage, connected, staged, until
from bot.demo.staging import Staging, free_port

HINTS = 100
_EVERY_S = 0.05
_PAUSE_S = 0.3
"""Between two hints: by then the one before is decided on."""
_COMMAND = "/ilb help"


@dataclass(frozen=True, slots=True)
class Took:
    """How many records were behind and for how many seconds; percentiles in ms."""

    backlog: int
    wall_s: float
    commands: int
    ack_behind_ms: Percentiles
    ack_idle_ms: Percentiles
    call_ms: Percentiles


@dataclass
class Ear:
    """Stands before CloudStack and hears when a call names a machine; the call goes on to it."""

    cloud: httpx.AsyncClient
    machine: str = ""
    heard_at: float = 0.0
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: Request) -> Response:
        now, body = time.perf_counter(), (await request.body()).decode()
        if self.machine and self.machine in body:
            self.machine, self.heard_at = "", now
            self.heard.set()
        headers = {"Content-Type": request.headers.get("Content-Type", "")}
        told = await self.cloud.post("/client/api", content=body, headers=headers)
        return Response(told.content, told.status_code, {"Content-Type": "application/json"})


@asynccontextmanager
async def listening(ear: Ear) -> AsyncIterator[str]:
    """Serve it and give its address."""
    port = free_port()
    app = Starlette(routes=[Route("/client/api", ear.answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    serving = asyncio.create_task(server.serve())
    try:
        yield f"http://127.0.0.1:{port}/client/api"
    finally:
        server.should_exit = True
        await serving


async def acknowledged(stage: Stage, until_done: asyncio.Future[None]) -> list[float]:
    """Use a command again and again until then; return the seconds until Slack had each answer."""
    took: list[float] = []
    while not until_done.done():
        began = time.perf_counter()
        await stage.slack.says("ana", _COMMAND)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(_EVERY_S)
    return took


async def all_read(metrics: str, count: int) -> None:
    """Wait until so many records of both topics are settled."""
    async with httpx.AsyncClient() as http:

        async def is_read() -> bool:
            told = (await http.get(metrics)).text.splitlines()
            settled = [
                float(line.rpartition(" ")[2])
                for line in told
                if line.startswith(("ilbot_bus_records_total", "ilbot_cpu_records_total"))
            ]
            return sum(settled) >= count

        await until(is_read, 600)


def stop(machine: str, at: float) -> bytes:
    """A machine stopped then (`UserVmStateListener`)."""
    return json.dumps(
        {
            "eventDateTime": time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(at)),
            "old-state": "Running", "resource": "VirtualMachine", "id": machine,
            "new-state": "Stopped", "status": "postStateTransitionEvent",
        }
    ).encode()  # fmt: skip


async def hinted(bootstrap: str, topic: str, ear: Ear, machines: list[str]) -> list[float]:
    """Send hints one by one; return the seconds until a call names the machine of each."""
    took: list[float] = []
    async with producer(KafkaSettings(bootstrap=bootstrap, topic=topic)) as sender:
        for number in range(HINTS):
            await asyncio.sleep(_PAUSE_S)
            ear.machine = machine = machines[number % len(machines)]
            ear.heard.clear()
            began = time.perf_counter()
            record = stop(machine, time.time() - number)  # another moment is another hint
            await sender.send_and_wait(topic, record, key=machine.encode())
            await asyncio.wait_for(ear.heard.wait(), 30)
            took.append(ear.heard_at - began)
    return took


async def main(bootstrap: str, rounds: int, machines: int) -> Took:
    """Return what was measured."""
    mark = uuid.uuid4().hex[:8]
    bus, cpu = f"bus-{mark}", f"cpu-{mark}"
    behind: dict[str, BusLoad | CpuLoad] = {bus: BusLoad(rounds, 19), cpu: CpuLoad(machines)}
    for topic, load in behind.items():
        make_topic(bootstrap, topic)
        send(bootstrap, topic, load.records())
    kafka = {
        "ILBOT_KAFKA__BOOTSTRAP": bootstrap,
        "ILBOT_KAFKA__TOPIC": bus,
        "ILBOT_KAFKA__GROUP": f"g-{mark}",
        "ILBOT_KAFKA__CLIENT_MODE": "group",
        "ILBOT_KAFKA__START": "earliest",
        "ILBOT_CPU__SOURCE": "kafka",
        "ILBOT_CPU__TOPIC": cpu,
    }
    async with staged(Staging(bus_of_world=False, probed=False)) as stage:
        await stage.bot.stop()
        async with (
            httpx.AsyncClient(base_url=stage.cloud.base_url, timeout=60) as cloud,
            listening(ear := Ear(cloud)) as endpoint,
        ):
            variables = {**stage.environment, **kafka, "ILBOT_CLOUDSTACK__ENDPOINT": endpoint}
            bot = stage.bot = Child("bot", ["run"], variables, stage.folder / "read.log")
            await bot.start()
            try:
                await connected(stage)
                metrics = f"http://127.0.0.1:{variables['ILBOT_HTTP__PORT']}/metrics"
                count, began = sum(one.count for one in behind.values()), time.perf_counter()
                reading = asyncio.ensure_future(all_read(metrics, count))
                busy = await acknowledged(stage, reading)
                await reading
                wall_s = time.perf_counter() - began
                pause = asyncio.ensure_future(asyncio.sleep(5.0))
                idle = await acknowledged(stage, pause)
                state = (await stage.look("state"))["machines"]
                ilbs = [one["id"] for one in state if one.get("role") == "INTERNAL_LB_VM"]
                took = await hinted(bootstrap, bus, ear, ilbs)
            finally:
                await bot.stop()
    return Took(count, wall_s, len(busy), percentiles(busy), percentiles(idle), percentiles(took))


if __name__ == "__main__":
    given = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(asdict(asyncio.run(main(*given)))))
