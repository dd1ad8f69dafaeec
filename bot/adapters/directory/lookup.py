"""Turns what a DNS server says of a name into a record, or into why it cannot be one of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.tsig
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from bot.adapters.directory.exchange import Exchange, Server
from bot.domain.names import Record
from bot.errors import Permanent, Refused, Transient

PAYLOAD = 1232
"""Bytes of a UDP answer that pass everywhere unfragmented (DNS Flag Day 2020)."""
CHECK_KEY = (
    "Compare directory.tsig_name, tsig_secret and tsig_algorithm with the key statement of the "
    "server's configuration."
)


@dataclass(frozen=True, slots=True)
class Lookup:
    """Asks one server for names, with queries signed by `key` where there is one.

    `authoritative` says that only what it knows of its own counts, and that it is not to ask
    others. `ttl_s` is that of records that are not there yet.
    """

    server: Server
    exchange: Exchange
    ttl_s: int
    key: dns.tsig.Key | None = field(default=None, repr=False)  # the library's shows its secret
    authoritative: bool = True

    async def record(self, name: str) -> Record:
        """Return the IPv4 addresses of a name; `Refused` where it is an alias or has IPv6 ones."""
        answer = await self._ask(name, dns.rdatatype.A)
        addresses = self._found(name, answer, dns.rdatatype.A)
        if answer.rcode() is not Rcode.NXDOMAIN:
            ipv6 = await self._ask(name, dns.rdatatype.AAAA)
            if self._found(name, ipv6, dns.rdatatype.AAAA):
                raise Refused(
                    f"{name} also has IPv6 addresses, which would go on leading to where they do.",
                    instead="Give the service a name with IPv4 addresses alone.",
                )
        if not addresses:
            return Record(name, (), self.ttl_s)
        ttl_s = min(one.ttl for one in answer.answer if one.rdtype == dns.rdatatype.A)
        if not self._is_first_hand(answer):
            ttl_s = max(ttl_s, self.ttl_s)  # a cache tells what is left of it, not what it is
        return Record(name, (), ttl_s).with_addresses(*addresses)

    async def serial(self, zone: str) -> int:
        """Return the serial of a zone, 0 where the server tells none."""
        answer = await self._ask(zone, dns.rdatatype.SOA)
        soa = [one for one in answer.answer if one.rdtype == dns.rdatatype.SOA]
        return int(soa[0][0].serial) if soa else 0

    async def _ask(self, name: str, rdtype: RdataType) -> Message:
        question = dns.message.make_query(absolute(name), rdtype, use_edns=0, payload=PAYLOAD)
        if self.authoritative:
            question.flags &= ~dns.flags.RD
        if self.key is not None:
            question.use_tsig(self.key)
        what = f"look up {name} at DNS server {self.server}"
        answer = await verified(self.exchange, question, what)
        self._refuse_unless_answered(name, answer, what)
        return answer

    def _refuse_unless_answered(self, name: str, answer: Message, what: str) -> None:
        rcode = answer.rcode()
        if rcode in {Rcode.REFUSED, Rcode.NOTAUTH}:
            raise Refused(
                f"DNS server {self.server} refuses to answer for {name} ({rcode.name}).",
                instead="Name the server that has its zone, and let this machine ask it.",
            )
        if rcode is Rcode.SERVFAIL:
            raise Transient(f"{what}: it has trouble with its zone (SERVFAIL)")
        if rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
            raise Permanent(f"{what}: it answered {rcode.name}")
        if self.authoritative and not self._is_first_hand(answer):
            raise Refused(
                f"DNS server {self.server} is no authority for {name}: its answer is second-hand.",
                instead="Name the primary server of its zone in directory.server.",
            )

    def _is_first_hand(self, answer: Message) -> bool:
        return bool(answer.flags & dns.flags.AA)

    def _found(self, name: str, answer: Message, rdtype: RdataType) -> tuple[str, ...]:
        at_name = [one for one in answer.answer if one.name == absolute(name)]
        if alias := [one for one in at_name if one.rdtype == dns.rdatatype.CNAME]:
            raise Refused(
                f"{name} is an alias (CNAME) of {alias[0][0].target.to_text(omit_final_dot=True)}.",
                instead="Use the name it leads to, or one with addresses of its own.",
            )
        return tuple(one.to_text() for rrset in at_name if rrset.rdtype == rdtype for one in rrset)


def absolute(name: str) -> Name:
    """Return a name as DNS has it; `Refused` where it is none."""
    try:
        return dns.name.from_text(name)
    except dns.exception.DNSException as exc:
        raise Refused(f"{name!r} is no DNS name.", instead="As in orders.acme.internal.") from exc


async def verified(exchange: Exchange, asked: Message, what: str) -> Message:
    """Return the answer; what is wrong with the key is told, and what is not signed is no answer.

    An answer without the signature that was asked for may come from anybody (RFC 8945 section
    5.3). One that says no is believed all the same: servers need not sign it.
    """
    is_update = asked.opcode() is dns.opcode.UPDATE
    try:
        answer = await exchange(asked)
    except (dns.tsig.PeerError, dns.tsig.BadTime) as exc:
        _refuse_key(exc, what)
    except (dns.exception.DNSException, NotImplementedError) as exc:
        text = f"{what}: its answer cannot be verified ({type(exc).__name__})"
        raise Transient(text, in_doubt=is_update) from exc
    says_yes = answer.rcode() in {Rcode.NOERROR, Rcode.NXDOMAIN}
    if asked.keyring and not answer.had_tsig and says_yes:
        raise Transient(f"{what}: its answer is not signed", in_doubt=is_update)
    return answer


def _refuse_key(error: Exception, what: str) -> NoReturn:
    if isinstance(error, dns.tsig.PeerBadTime | dns.tsig.BadTime):
        raise Refused(
            f"{what}: the clocks of this machine and the server differ too much (BADTIME).",
            instead="Set both by NTP.",
        ) from error
    why = "it does not take the signature"
    if isinstance(error, dns.tsig.PeerBadKey):
        why = "it does not know the key (BADKEY)"
    elif isinstance(error, dns.tsig.PeerBadSignature):
        why = "its key has another secret (BADSIG)"
    raise Refused(f"{what}: {why}.", instead=CHECK_KEY) from error
