"""Small servers on loopback that do to connections what load balancers do."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: a close is a reset."""


@dataclass
class Server:
    """Accepts and keeps connections open, until told otherwise."""

    port: int
    closes_at_once: bool = False
    accepted: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one connection until the client goes."""
        self.accepted += 1
        if not self.closes_at_once:
            self.writers.add(writer)
            with suppress(OSError):
                await reader.read()
            self.writers.discard(writer)
        writer.close()

    @property
    def held(self) -> int:
        """How many connections are open."""
        return len(self.writers)

    def cut(self, *, reset: bool) -> int:
        """Cut every connection that is open; return how many there were."""
        cut = list(self.writers)
        self.writers.clear()
        for writer in cut:
            if reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.close()
        return len(cut)


@asynccontextmanager
async def answering(port: int = 0, *, closes_at_once: bool = False) -> AsyncIterator[Server]:
    """A server on loopback."""
    one = Server(port, closes_at_once)
    server = await asyncio.start_server(one.serve, "127.0.0.1", port, reuse_address=True)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.cut(reset=True)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
