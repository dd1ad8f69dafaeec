"""Call a pretend cloud in process, signed by hand, on a clock that only moves when told."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from bot.sandbox.cloud import Latencies, World, create_app, seed_demo
from bot.sandbox.cloud.build import KeyPair
from bot.sandbox.cloud.seed import ADMIN

START = 1_795_000_000.0


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class Bus:
    """What the world published, in order."""

    records: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, key: str | None, value: dict[str, Any]) -> None:
        self.records.append((key, value))


def signed(parameters: dict[str, str], secret: str) -> dict[str, str]:
    """Add a signature as the API documentation describes it: independent of the sandbox's code."""
    text = "&".join(
        f"{name}={quote(parameters[name], safe='*').replace('~', '%7E')}"
        for name in sorted(parameters)
    ).lower()
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return parameters | {"signature": base64.b64encode(digest).decode()}


@dataclass
class Caller:
    world: World
    clock: Clock
    bus: Bus
    http: httpx.AsyncClient
    keys: KeyPair = ADMIN

    async def send(
        self, command: str, *, keys: KeyPair | None = None, **parameters: str
    ) -> httpx.Response:
        used = keys or self.keys
        plain = {"command": command, "response": "json", "apikey": used.api_key} | {
            name: str(value) for name, value in parameters.items()
        }
        return await self.http.post("/client/api", data=signed(plain, used.secret_key))

    async def call(self, command: str, **parameters: Any) -> dict[str, Any]:
        """Return what is inside the wrapper of a 200."""
        response = await self.send(command, **parameters)
        assert response.status_code == 200, response.text
        wrapped: dict[str, dict[str, Any]] = response.json()
        [body] = wrapped.values()
        return body

    async def refused(self, command: str, **parameters: Any) -> tuple[int, str]:
        response = await self.send(command, **parameters)
        [(_, body)] = response.json().items()
        assert body["errorcode"] == response.status_code
        return response.status_code, body["errortext"]

    async def poll(self, job_id: str) -> dict[str, Any]:
        return await self.call("queryAsyncJobResult", jobid=job_id)

    async def job(self, command: str, **parameters: Any) -> dict[str, Any]:
        """Submit and let time pass until the job ends."""
        job_id = (await self.call(command, **parameters))["jobid"]
        return await self.ended(job_id)

    async def ended(self, job_id: str, *, within_s: float = 600.0) -> dict[str, Any]:
        end = self.clock.now + within_s
        while self.clock.now < end:
            found = await self.poll(job_id)
            if found["jobstatus"] != 0:
                return found
            due = self.world.processes.next_due()
            assert due is not None, "the job waits for something that will never come"
            self.clock.now = max(due, self.clock.now)
        raise AssertionError(f"job {job_id} is still pending after {within_s} s")

    async def ilb_vm(self, name: str) -> dict[str, Any]:
        body = await self.call("listInternalLoadBalancerVMs", listall="true", projectid="-1")
        rows: list[dict[str, Any]] = body["internalloadbalancervm"]
        [found] = [one for one in rows if one["name"] == name]
        return found

    async def rule(self, name: str) -> dict[str, Any]:
        body = await self.call("listLoadBalancers", listall="true", projectid="-1", name=name)
        rows: list[dict[str, Any]] = body["loadbalancer"]
        return rows[0]

    def effects(self) -> list[str]:
        return [f"{one.kind} {one.target}" for one in self.world.effects]


@asynccontextmanager
async def demo_cloud(latencies: Latencies | None = None) -> AsyncIterator[Caller]:
    clock, bus = Clock(), Bus()
    world = World(clock, latencies or Latencies(), publish=bus)
    seed_demo(world)
    transport = httpx.ASGITransport(app=create_app(world))
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as http:
        yield Caller(world, clock, bus, http)
