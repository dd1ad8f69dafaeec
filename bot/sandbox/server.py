"""Serves the pretend world as one process: a cloud, a Slack with its page, a broker and DNS.

It outlives a killed bot, prints where everything is as one JSON line, and ends when told to or
when the process that started it is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bot.sandbox.broker import Broker
from bot.sandbox.cloud.app import create_app as cloud_app
from bot.sandbox.cloud.latencies import Latencies
from bot.sandbox.cloud.model import Vpc
from bot.sandbox.cloud.seed import seed_demo
from bot.sandbox.cloud.world import World
from bot.sandbox.dataplane import DataPlane
from bot.sandbox.dns.control import control_routes as dns_control
from bot.sandbox.dns.seed import demo_nameserver
from bot.sandbox.dns.server import served as dns_served
from bot.sandbox.loopback import Loopback
from bot.sandbox.slack.app import create_app as slack_app
from bot.sandbox.slack.seed import default_seed
from bot.sandbox.slack.workspace import Workspace

TOPIC = "cloudstack"
NO_TRAFFIC = "No free loopback addresses but 127.0.0.1 can be had here: no VIP is served."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to serve. Ports of 0 are chosen; `pace` below 1 makes the cloud faster.

    Without `bus` the cloud publishes nothing, and only others write to the broker.
    """

    host: str = "127.0.0.1"
    cloud_port: int = 0
    slack_port: int = 0
    pace: float = 1.0
    rate_limits: float = 1.0
    bus: bool = True


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the world is, for whoever started it.

    `vips` maps blocks of VIPs to the loopback addresses that serve them, at a port that is
    `port_offset` higher; it is empty where the system has no such addresses.
    """

    cloud: str
    slack: str
    broker: str
    dns: str
    topic: str = TOPIC
    vips: dict[str, str] = field(default_factory=dict)
    port_offset: int = 0


async def serve(wanted: Wanted, *, parent: int = 0) -> None:
    """Serve until cancelled, or until the process `parent` is gone where one is named."""
    broker = Broker()
    bootstrap = broker.start()

    def publish(key: str | None, value: dict[str, Any]) -> None:
        record = json.dumps(value).encode()
        broker.publish(TOPIC, None if key is None else key.encode(), record)

    world = World(time.time, Latencies().scaled(wanted.pace), publish if wanted.bus else None)
    seed_demo(world)
    workspace = Workspace(default_seed(), time.time, rate_scale=wanted.rate_limits)
    nameserver = demo_nameserver()
    cloud = _Server(cloud_app(world, dns_control(nameserver)))
    slack = _Server(slack_app(workspace))
    cloud_socket, slack_socket = (
        _listener(wanted.host, port) for port in (wanted.cloud_port, wanted.slack_port)
    )
    loopback = Loopback.claim(one.cidr for one in world.all(Vpc))
    plane = DataPlane(world, loopback)
    plane.follow()  # whoever reads the addresses may connect to them
    try:
        async with dns_served(nameserver, wanted.host) as dns:
            addresses = Addresses(
                f"{_url(cloud_socket)}/client/api",
                f"{_url(slack_socket)}/api/",
                bootstrap,
                dns,
                vips=loopback.shown(),
                port_offset=loopback.port_offset,
            )
            print(json.dumps(asdict(addresses)), flush=True)  # noqa: T201  the starter reads it
            if not loopback.blocks:
                print(NO_TRAFFIC, file=sys.stderr)  # noqa: T201  there is no log here
            serving = asyncio.gather(cloud.serve([cloud_socket]), slack.serve([slack_socket]))
            try:
                await _until_one_ends(plane.run(), _until_gone(parent))
            finally:
                cloud.should_exit = slack.should_exit = True
                await serving
    finally:
        loopback.close()
        broker.close()


async def _until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Go on until one of them ends, raise what it ended by, and end the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it: there are two in one process."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="websockets")
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(host: str, port: int) -> socket.socket:
    """Listen at once, so that whoever reads the address may connect to it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(128)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


async def _until_gone(parent: int) -> None:
    while not parent or _is_alive(parent):  # noqa: ASYNC110  a pid has no event everywhere
        await asyncio.sleep(0.5)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
