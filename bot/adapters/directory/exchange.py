"""Carries one DNS message to a server and its answer back: over UDP, or TCP where that is needed.

A truncated answer is asked for again over TCP; updates go over TCP at once, so that none is sent
twice by the network (RFC 2136 section 6.2 allows either).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import dns.asyncquery
import dns.exception
import dns.message
import dns.opcode
import dns.query
import dns.resolver
from dns.message import Message

from bot.errors import Transient

DNS_PORT = 53

Exchange = Callable[[Message], Awaitable[Message]]
"""Raises `Transient`, in doubt where an update may have arrived, and `dns.tsig` errors as such."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask. With no host it is the first resolver of this machine."""

    host: str = ""
    port: int = DNS_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host or 'the resolver of this machine'}:{self.port}"


def over_network(server: Server, timeout_s: float) -> Exchange:
    """Return the exchange with a real server."""

    async def exchange(asked: Message) -> Message:
        is_update = asked.opcode() is dns.opcode.UPDATE
        what = f"{'update' if is_update else 'ask'} DNS server {server}"
        try:
            address = await _address(server)
        except OSError as exc:
            raise Transient(f"{what}: its host is not found") from exc
        try:
            if is_update:
                return await dns.asyncquery.tcp(asked, address, timeout_s, server.port)
            answer, _ = await dns.asyncquery.udp_with_fallback(
                asked, address, timeout_s, server.port, ignore_unexpected=True
            )
        except ConnectionRefusedError as exc:
            raise Transient(f"{what}: it refuses connections") from exc
        except dns.exception.Timeout as exc:
            text = f"{what}: no answer within {timeout_s:g} s"
            raise Transient(text, in_doubt=is_update) from exc
        except (OSError, EOFError, dns.query.BadResponse) as exc:
            text = f"{what}: no whole answer ({type(exc).__name__})"
            raise Transient(text, in_doubt=is_update) from exc
        return answer

    return exchange


async def _address(server: Server) -> str:
    host = server.host or str(dns.resolver.Resolver().nameservers[0])
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, server.port, type=socket.SOCK_STREAM)
    return str(found[0][4][0])
