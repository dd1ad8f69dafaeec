"""The pretend cloud behind a real socket: other clients, dropped connections, its control API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import cs
import httpx
import pytest
import uvicorn

from bot.sandbox.cloud import ADMIN, Latencies, World, create_app, seed_demo
from tests.sandbox.cloud_caller import signed

pytestmark = pytest.mark.slow


@asynccontextmanager
async def served(http: str = "auto") -> AsyncIterator[str]:
    """Serve a fast demo cloud on a free port; yields its address."""
    world = World(time.time, Latencies().scaled(0.01))
    seed_demo(world)
    config = uvicorn.Config(
        create_app(world), port=0, log_level="critical", http=http, lifespan="on"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


async def call(http: httpx.AsyncClient, command: str, **parameters: str) -> httpx.Response:
    plain = {"command": command, "response": "json", "apikey": ADMIN.api_key} | parameters
    return await http.post("/client/api", data=signed(plain, ADMIN.secret_key))


async def control(http: httpx.AsyncClient, action: str, **body: Any) -> httpx.Response:
    return await http.post(f"/control/{action}", json=body)


async def test_the_client_library_cs_works_against_it() -> None:
    async with served() as address:
        cloud = cs.CloudStack(
            endpoint=f"{address}/client/api",
            key=ADMIN.api_key,
            secret=ADMIN.secret_key,
            poll_interval=0.02,
        )

        def use() -> tuple[str, str, int]:
            [vm] = cloud.listInternalLoadBalancerVMs(name="b-31-VM")["internalloadbalancervm"]
            stopped = cloud.stopInternalLoadBalancerVM(id=vm["id"], fetch_result=True)
            started = cloud.startInternalLoadBalancerVM(id=vm["id"], fetch_result=True)
            with pytest.raises(cs.CloudStackApiException) as refused:
                cloud.startInternalLoadBalancerVM(id="nobody")
            key = "internalloadbalancervm"
            return stopped[key]["state"], started[key]["version"], refused.value.error["errorcode"]

        assert await asyncio.to_thread(use) == ("Stopped", "4.22.0", 431)


@pytest.mark.parametrize("protocol", ["h11", "httptools"])
async def test_a_lost_answer_is_a_dropped_connection(protocol: str) -> None:
    if protocol == "httptools":
        pytest.importorskip("httptools")
    async with served(protocol) as address, httpx.AsyncClient(base_url=address) as http:
        assert (await call(http, "listZones")).status_code == 200
        await control(http, "fault", command="listZones", kind="lose_answer")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await call(http, "listZones")
        assert (await call(http, "listZones")).status_code == 200


async def test_a_hanging_call_ends_with_the_callers_patience() -> None:
    async with served() as address, httpx.AsyncClient(base_url=address, timeout=0.2) as http:
        await control(http, "fault", command="listZones", kind="hang")
        with pytest.raises(httpx.ReadTimeout):
            await call(http, "listZones")
        assert (await call(http, "listZones")).status_code == 200


async def test_control_shows_effects_calls_and_state() -> None:
    async with served() as address, httpx.AsyncClient(base_url=address) as http:
        lost = await control(http, "lose-ilb-vm", target="b-34-VM")
        assert lost.json() == {"done": True, "result": None}
        await call(http, "listZones")
        assert (await control(http, "power-off", target="nobody")).status_code == 400
        [effect] = (await http.get("/control/effects")).json()
        assert (effect["kind"], effect["target"]) == ("ilb_vm.lost", "b-34-VM")
        calls = (await http.get("/control/calls")).json()
        assert calls["by_command"] == {"listZones": 1}
        assert calls["by_role"] == {"root-admin": {"listZones": 1}}
        state = (await http.get("/control/state")).json()
        assert "b-34-VM" not in [one["name"] for one in state["machines"]]
        await control(http, "reset")
        assert (await http.get("/control/effects")).json() == []


async def test_time_passes_though_nobody_calls() -> None:
    async with served() as address, httpx.AsyncClient(base_url=address) as http:
        await control(http, "power-off", target="b-31-VM")
        world_sees = asyncio.timeout(30)
        async with world_sees:
            while True:
                state = (await http.get("/control/state")).json()
                vm = next(one for one in state["machines"] if one["name"] == "b-31-VM")
                if vm["state"] == "Stopped":
                    break
        assert vm["powered_on"] is False


async def test_a_killed_server_refuses_or_says_503_until_it_is_back() -> None:
    async with served() as address, httpx.AsyncClient(base_url=address) as http:
        await control(http, "kill-server", refuses_connections=True)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await call(http, "listZones")
        await control(http, "start-server")
        await control(http, "kill-server")
        assert (await call(http, "listZones")).status_code == 503
        await control(http, "start-server")
        assert (await call(http, "listZones")).status_code == 200
