"""Serves a pretend name server on one loopback port, over UDP and TCP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from bot.sandbox.dns.nameserver import Nameserver

TRIES = 20
"""A port that TCP has got may be taken for UDP; another one is tried then."""


@asynccontextmanager
async def served(nameserver: Nameserver, host: str, port: int = 0) -> AsyncIterator[str]:
    """Serve until the context is left; yields `host:port`. Port 0 takes a free one."""
    tcp, udp = _sockets(host, port)
    loop = asyncio.get_running_loop()
    datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(nameserver), sock=udp)
    streams = await asyncio.start_server(lambda r, w: _stream(nameserver, r, w), sock=tcp)
    try:
        yield f"{host}:{tcp.getsockname()[1]}"
    finally:
        datagrams.close()
        streams.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, nameserver: Nameserver) -> None:
        self._nameserver = nameserver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not `isinstance`: before 3.12 asyncio's own is none.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if answer := self._nameserver.answer(data):
            delay_s = self._nameserver.faults.delay_s
            asyncio.get_running_loop().call_later(delay_s, self._send, answer, addr)

    def _send(self, answer: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, to)


async def _stream(
    nameserver: Nameserver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the messages of one connection, each after its length (RFC 1035 section 4.2.2)."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = nameserver.answer(await reader.readexactly(size), tcp=True)
            if not answer:
                break
            await asyncio.sleep(nameserver.faults.delay_s)
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()
    writer.close()


def _sockets(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    for tries_left in reversed(range(TRIES)):
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind((host, port))
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            if port or not tries_left:
                raise
        else:
            tcp.listen(128)
            udp.setblocking(False)
            return tcp, udp
    raise AssertionError("the last try returns or raises")
