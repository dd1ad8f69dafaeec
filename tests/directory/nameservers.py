"""Two DNS servers behind one hand: the pretend one in process, and a real BIND 9 on loopback."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Protocol

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.update
from dns.message import Message
from pydantic import SecretStr

from bot.adapters.directory.exchange import Exchange, Server, over_network
from bot.adapters.directory.manual import ManualDirectory
from bot.adapters.directory.rfc2136 import Rfc2136Directory, UpdateKey, Updates
from bot.sandbox.dns.nameserver import Key, Nameserver
from bot.sandbox.dns.zone import Zone
from tests.services.nameserver import KEY, STRANGER, ZONE

TTL_S = 60


def in_process(server: Nameserver) -> Exchange:
    """Return the exchange with a pretend server, by the same bytes and no socket."""

    async def exchange(asked: Message) -> Message:
        wire = server.answer(asked.to_wire())
        answer = parsed(asked, wire)
        if answer.flags & dns.flags.TC:
            answer = parsed(asked, server.answer(asked.to_wire(), tcp=True))
        return answer

    return exchange


def parsed(asked: Message, wire: bytes) -> Message:
    """Read an answer as the network's exchange does, its signature verified."""
    return dns.message.from_wire(wire, keyring=asked.keyring, request_mac=asked.mac)


class Lab(Protocol):
    """A DNS server that a test breaks by hand and the adapter works on."""

    server: Server

    def exchange(self) -> Exchange:
        """Return the way to it."""
        ...

    def put(self, name: str, kind: str, *values: str, ttl_s: int = 30) -> None:
        """Set records as an operator would."""
        ...


@dataclass
class Pretended:
    """The pretend server, in process."""

    server: Server = field(default_factory=lambda: Server("127.0.0.1", 0))
    nameserver: Nameserver = field(
        default_factory=lambda: Nameserver(Zone.named(ZONE), (Key(*KEY),), (Key(*STRANGER),))
    )

    def exchange(self) -> Exchange:
        return in_process(self.nameserver)

    def put(self, name: str, kind: str, *values: str, ttl_s: int = 30) -> None:
        self.nameserver.zone.set_record(name, ttl_s, kind, *values)


@dataclass
class Real:
    """BIND 9."""

    server: Server

    def exchange(self) -> Exchange:
        return over_network(self.server, 5.0)

    def put(self, name: str, kind: str, *values: str, ttl_s: int = 30) -> None:
        key = UpdateKey(KEY[0], SecretStr(KEY[1])).for_dns()
        change = dns.update.UpdateMessage(ZONE, keyring=key)
        change.delete(dns.name.from_text(name), kind)
        for value in values:
            change.add(dns.name.from_text(name), ttl_s, kind, value)
        answer = dns.query.tcp(change, self.server.host, 5.0, self.server.port)
        assert answer.rcode() is dns.rcode.NOERROR


def directory(
    lab: Lab, *, key: tuple[str, str] = KEY, zone: str = ZONE, algorithm: str = "hmac-sha256"
) -> Rfc2136Directory:
    """Return the adapter on a lab."""
    update_key = UpdateKey(key[0], SecretStr(key[1]), algorithm)
    return Rfc2136Directory(Updates(lab.server, zone, TTL_S, update_key), lab.exchange())


def by_hand(lab: Lab) -> ManualDirectory:
    """Return the directory that people change, on a lab."""
    return ManualDirectory(lab.server, lab.exchange(), TTL_S)


def new_name() -> str:
    """Return a name that no other test uses: one real server serves all workers of a run."""
    return f"n{uuid.uuid4().hex[:12]}.{ZONE}"
