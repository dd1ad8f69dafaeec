"""Turns one DNS message into its answer: queries of the zone, and updates signed by TSIG.

Follows RFC 1035 for answers, RFC 2136 for updates and RFC 8945 for signatures. No sockets here.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdataclass import ANY
from dns.rdtypes.ANY.TSIG import TSIG
from dns.rrset import RRset

from bot.sandbox.dns.updates import update
from bot.sandbox.dns.zone import Zone

PLAIN_UDP = 512
"""Bytes that fit in a UDP answer to who did not say otherwise (RFC 1035 section 4.2.1)."""
FUDGE_S = 300


@dataclass(frozen=True, slots=True)
class Key:
    """Who may update; the secret is in base64, as everywhere in DNS."""

    name: str
    secret: str
    algorithm: str = "hmac-sha256"

    def for_dns(self) -> dns.tsig.Key:
        """Return it as the library has it."""
        return dns.tsig.Key(
            dns.name.from_text(self.name), base64.b64decode(self.secret), f"{self.algorithm}."
        )


@dataclass
class Faults:
    """What goes wrong here when somebody wants it to."""

    refuse_updates: bool = False
    fail_next: int = 0
    """So many next messages are answered SERVFAIL, without effect."""
    lose_next: int = 0
    """So many next updates take effect and are not answered."""
    delay_s: float = 0.0
    """How long a served answer takes; `answer` itself never waits."""


@dataclass
class Nameserver:
    """An authoritative server of one zone. `readers` may ask; only `writers` may update."""

    zone: Zone
    writers: tuple[Key, ...]
    readers: tuple[Key, ...] = ()
    faults: Faults = field(default_factory=Faults)

    def answer(self, wire: bytes, *, tcp: bool = False) -> bytes:
        """Return the answer to one message, `b""` for none."""
        keys = {one.name: one for one in map(Key.for_dns, (*self.writers, *self.readers))}
        try:
            asked = dns.message.from_wire(wire, keyring=keys)
        except dns.message.UnknownTSIGKey:
            return _badly_signed(_unverified(wire), dns.rcode.BADKEY)
        except (dns.tsig.BadSignature, dns.tsig.BadKey, dns.tsig.BadAlgorithm):
            return _badly_signed(_unverified(wire), dns.rcode.BADSIG)
        except dns.tsig.BadTime:
            return _badly_signed(_unverified(wire), dns.rcode.BADTIME)
        except dns.exception.DNSException:
            return _malformed(wire)
        if asked.flags & dns.flags.QR:
            return b""
        return self._answer(asked, tcp=tcp)

    def _answer(self, asked: Message, *, tcp: bool) -> bytes:
        response = dns.message.make_response(asked)
        is_update = isinstance(asked, dns.update.UpdateMessage)
        if self.faults.fail_next:
            self.faults.fail_next -= 1
            response.set_rcode(Rcode.SERVFAIL)
        elif isinstance(asked, dns.update.UpdateMessage):
            response.set_rcode(self._updated(asked))
        elif asked.opcode() is not dns.opcode.QUERY or len(asked.question) != 1:
            response.set_rcode(Rcode.NOTIMP)
        else:
            self._look_up(asked.question[0], response)
        if is_update and self.faults.lose_next:
            self.faults.lose_next -= 1
            return b""
        return _packed(asked, response, tcp=tcp)

    def _updated(self, asked: dns.update.UpdateMessage) -> Rcode:
        [zone] = asked.zone
        if zone.name != self.zone.origin:
            return Rcode.NOTAUTH
        writers = {one.for_dns().name for one in self.writers}
        if self.faults.refuse_updates or not asked.had_tsig or asked.keyname not in writers:
            return Rcode.REFUSED
        return update(self.zone, asked)

    def _look_up(self, question: RRset, response: Message) -> None:
        name: Name = question.name
        if name not in self.zone:
            response.set_rcode(Rcode.REFUSED)
            return
        if delegation := self.zone.delegation(name):
            response.authority = [delegation]
            return
        response.flags |= dns.flags.AA
        found = self.zone.rrset(name, question.rdtype)
        found = found or self.zone.rrset(name, dns.rdatatype.CNAME)
        if found is not None:
            response.answer = [found]
            return
        soa = self.zone.rrset(self.zone.origin, dns.rdatatype.SOA)
        assert soa is not None, "a zone has one"
        response.authority = [soa]
        if not self.zone.exists(name):
            response.set_rcode(Rcode.NXDOMAIN)


def _packed(asked: Message, response: Message, *, tcp: bool) -> bytes:
    """Return the bytes; what does not fit in a datagram is left out and said to be (TC)."""
    room = 65_535 if tcp else max(PLAIN_UDP, asked.payload if asked.edns >= 0 else 0)
    try:
        return response.to_wire(max_size=room)
    except dns.exception.TooBig:
        response.answer = []
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=room)


def _unverified(wire: bytes) -> Message:
    return dns.message.from_wire(wire, keyring=False)


def _badly_signed(asked: Message, error: Rcode) -> bytes:
    """Refuse a signature: NOTAUTH with a TSIG record that says why, itself unsigned (5.3.2)."""
    assert asked.tsig is not None, "it has a signature"
    tsig = asked.tsig[0]
    response = dns.message.make_response(asked)
    response.set_rcode(Rcode.NOTAUTH)
    record = TSIG(  # type: ignore[no-untyped-call]  # dnspython's, untyped
        ANY,
        dns.rdatatype.TSIG,
        tsig.algorithm,
        int(time.time()),
        FUDGE_S,
        b"",
        asked.id,
        error,
        b"",
    )
    response.tsig = dns.rrset.from_rdata(asked.tsig.name, 0, record)
    return response.to_wire()


def _malformed(wire: bytes) -> bytes:
    """Answer FORMERR by the header alone, and nothing where there is not even that."""
    if len(wire) < 12 or wire[2] & 0x80:
        return b""
    return wire[:2] + bytes([0x80 | (wire[2] & 0x78), Rcode.FORMERR]) + bytes(8)
