"""Frame by frame, the pretend Slack speaks Socket Mode."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bot.sandbox.slack import Timings, Workspace

from .slack_world import Room, pretend_slack

pytestmark = pytest.mark.slow


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    timings = Timings(ack_s=0.5, refresh_warning_s=0.2, event_retries_s=())
    async with pretend_slack(Workspace(timings=timings, rate_scale=0)) as room:
        yield room


async def link(room: Room) -> str:
    opened = await room.client().apps_connections_open(app_token=room.workspace.app.app_token)
    return str(opened["url"])


async def frame(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        return dict(json.loads(await socket.recv()))


async def test_a_connection_begins_with_hello(room: Room) -> None:
    async with connect(await link(room)) as socket:
        hello = await frame(socket)
    assert hello["type"] == "hello"
    assert hello["num_connections"] == 1
    assert hello["connection_info"] == {"app_id": "A0ILBOT001"}
    assert hello["debug_info"]["approximate_connection_time"] > 0


async def test_a_url_is_for_one_connection(room: Room) -> None:
    url = await link(room)
    async with connect(url) as socket:
        await frame(socket)
        with pytest.raises(InvalidStatus):
            await connect(url)


async def test_a_ping_comes_back_with_what_it_carried(room: Room) -> None:
    async with connect(await link(room)) as socket:
        async with asyncio.timeout(5):
            await (await socket.ping("sdk-ping-pong:1795300000.25"))


async def test_an_ack_may_come_on_another_socket(room: Room) -> None:
    async with connect(await link(room)) as one, connect(await link(room)) as other:
        await frame(one)
        await frame(other)
        sent = asyncio.create_task(room.script.says("ana", "/ilb status"))
        receiving = {asyncio.create_task(frame(s)): s for s in (one, other)}
        done, waiting = await asyncio.wait(receiving, return_when=asyncio.FIRST_COMPLETED)
        (envelope,) = (task.result() for task in done)
        (silent,) = (receiving[task] for task in waiting)
        await silent.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
        assert (await sent)["delivery"] == "acked"
        for task in waiting:
            task.cancel()
    assert envelope["type"] == "slash_commands"
    assert envelope["accepts_response_payload"] is True


async def test_an_event_says_which_attempt_it_is(room: Room) -> None:
    async with connect(await link(room)) as socket:
        await frame(socket)
        await room.script.says("ana", "@ilbot hello")
        envelope = await frame(socket)
    assert envelope["type"] == "events_api"
    assert (envelope["retry_attempt"], envelope["retry_reason"]) == (0, "")
    assert envelope["accepts_response_payload"] is False


async def test_an_eleventh_connection_is_one_too_many(room: Room) -> None:
    async with AsyncExitStack() as sockets:
        for number in range(1, 11):
            socket = await sockets.enter_async_context(connect(await link(room)))
            assert (await frame(socket))["num_connections"] == number
        surplus = await sockets.enter_async_context(connect(await link(room)))
        assert (await frame(surplus))["reason"] == "too_many_websockets"
        with pytest.raises(ConnectionClosed):
            await frame(surplus)


async def test_a_refresh_is_announced_asked_for_and_enforced(room: Room) -> None:
    async with connect(await link(room)) as socket:
        await frame(socket)
        await room.script.disconnects("warning")
        reasons = [(await frame(socket))["reason"] for _ in range(2)]
        with pytest.raises(ConnectionClosed):
            await frame(socket)
    assert reasons == ["warning", "refresh_requested"]


async def test_a_lost_envelope_is_a_missing_ack(room: Room) -> None:
    await room.script.breaks("lose_envelope")
    async with connect(await link(room)) as socket:
        await frame(socket)
        sent = await room.script.says("ana", "/ilb status")
    assert sent["delivery"] == "operation_timeout"


async def test_a_response_url_expires(room: Room) -> None:
    async with connect(await link(room)) as socket:
        await frame(socket)
        sent = asyncio.create_task(room.script.says("ana", "/ilb status"))
        envelope = await frame(socket)
        await socket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
        await sent
    thirty_minutes_on = room.workspace.now() + 30 * 60 + 1
    room.workspace.now = lambda: thirty_minutes_on
    async with httpx.AsyncClient() as http:
        answer = await http.post(envelope["payload"]["response_url"], json={"text": "late"})
    assert (answer.status_code, answer.json()["error"]) == (404, "expired_url")
