"""What the client makes of connections that are dropped, hang, drip or are not to be trusted."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bot.adapters.cloudstack.client import Client, Limits
from bot.errors import Refused, Transient
from tests.contract.client_calls import STOP, look
from tests.contract.client_setup import (
    ENDPOINT,
    READ_KEYS,
    WRITE_KEYS,
    StandingClock,
    json_answer,
)

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def loopback(peer: Peer, limits: Limits) -> AsyncIterator[tuple[Client, StandingClock]]:
    """A client of a real socket on the other side of which `peer` behaves as it likes."""
    open_ends: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.add(writer)
        await peer(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clock = StandingClock()
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            address = f"http://127.0.0.1:{port}/client/api"
            yield Client(address, READ_KEYS, WRITE_KEYS, http, clock, limits), clock
    finally:
        server.close()
        for writer in open_ends:
            writer.close()
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    ]
    await reader.readexactly(length)


def http_answer(payload: object) -> bytes:
    body = json.dumps({"xresponse": payload}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


SHORT = Limits(timeout_s=0.2, repeat_after_s=(0.2, 1.0))


async def test_a_change_whose_connection_is_dropped_is_in_doubt_and_sent_once() -> None:
    seen = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await read_request(reader)
        seen += 1
        writer.close()

    async with loopback(hang_up, Limits()) as (client, clock):
        with pytest.raises(Transient, match=r"^stop ILB VM b-31-VM: .* closed the conn") as caught:
            await client.submit(STOP)
    assert caught.value.in_doubt
    assert "look before repeating" in str(caught.value)
    assert seen == 1
    assert clock.slept == []


async def test_a_read_whose_connection_is_dropped_is_sent_again() -> None:
    seen = 0

    async def hang_up_twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await read_request(reader)
        seen += 1
        if seen == 3:
            writer.write(http_answer({}))
        writer.close()

    async with loopback(hang_up_twice, Limits()) as (client, clock):
        assert await look(client) == []
    assert seen == 3
    assert clock.slept == [0.2, 1.0]


async def test_a_read_gives_up_after_two_repetitions_and_is_never_in_doubt() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.close()

    async with loopback(hang_up, Limits()) as (client, clock):
        with pytest.raises(Transient, match=r"^list the VPC tiers: ") as caught:
            await look(client)
    assert not caught.value.in_doubt
    assert len(clock.slept) == 2


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        try:
            await asyncio.wait_for(reader.read(1), 0.05)
            return
        except TimeoutError:
            continue


@pytest.mark.parametrize("peer", [silent, dripping])
async def test_an_answer_that_does_not_come_in_time_leaves_only_a_change_in_doubt(
    peer: Peer,
) -> None:
    async with loopback(peer, SHORT) as (client, clock):
        with pytest.raises(Transient, match=r"within 0.2 s") as changed:
            await client.submit(STOP)
        with pytest.raises(Transient, match=r"within 0.2 s") as read:
            await look(client)
    assert changed.value.in_doubt
    assert not read.value.in_doubt
    assert clock.slept == []


async def test_an_answer_cut_short_is_a_lost_answer() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http_answer({"jobid": "job-1"})[:-5])
        writer.close()

    async with loopback(cut, Limits()) as (client, _):
        with pytest.raises(Transient) as caught:
            await client.submit(STOP)
    assert caught.value.in_doubt


async def test_a_change_that_found_no_connection_is_not_in_doubt() -> None:
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with httpx.AsyncClient(trust_env=False) as http:
        client = Client(
            f"http://127.0.0.1:{port}/client/api", READ_KEYS, WRITE_KEYS, http, StandingClock()
        )
        with pytest.raises(Transient, match="no connection to http://127") as caught:
            await client.submit(STOP)
    assert not caught.value.in_doubt


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_a_certificate_nobody_vouches_for_is_told_as_that(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
            *("ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    server = await asyncio.start_server(silent, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(trust_env=False) as http:
        client = Client(
            f"https://127.0.0.1:{port}/client/api", READ_KEYS, WRITE_KEYS, http, StandingClock()
        )
        with pytest.raises(Refused, match=r"is not trusted \(self.signed") as caught:
            await client.submit(STOP)
    assert "CA certificate" in caught.value.instead


async def test_only_so_many_calls_run_at_once() -> None:
    running: set[httpx.Request] = set()
    most = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal most
        running.add(request)
        for _ in range(100):  # as many turns as the others need to begin, were they let in
            most = max(most, len(running))
            await asyncio.sleep(0)
        running.remove(request)
        return json_answer({})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    client = Client(ENDPOINT, READ_KEYS, None, http, StandingClock(), Limits(concurrency=2))
    await asyncio.gather(*(look(client) for _ in range(6)))
    assert most == 2
