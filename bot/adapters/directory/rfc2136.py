"""Publishes names by dynamic updates (RFC 2136), signed by TSIG (RFC 8945)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rdatatype
import dns.tsig
from dns.rcode import Rcode
from dns.update import UpdateMessage
from pydantic import SecretStr

from bot.adapters.directory.exchange import Exchange, Server
from bot.adapters.directory.lookup import Lookup, absolute, verified
from bot.domain.names import DirectoryKind, Record
from bot.errors import Permanent, Refused, Transient

_ANOTHER_RECORD = frozenset({Rcode.YXDOMAIN, Rcode.YXRRSET, Rcode.NXDOMAIN, Rcode.NXRRSET})
"""A prerequisite is not met (RFC 2136 section 2.2)."""


@dataclass(frozen=True, slots=True)
class UpdateKey:
    """The TSIG key that updates are signed with; its secret is in base64."""

    name: str
    secret: SecretStr
    algorithm: str = "hmac-sha256"

    def for_dns(self) -> dns.tsig.Key:
        """Return it as the library has it; `Refused` where the secret is not in base64."""
        try:
            secret = base64.b64decode(self.secret.get_secret_value(), validate=True)
        except (binascii.Error, ValueError):
            raise Refused(
                "directory.tsig_secret is not in base64.",
                instead="Copy it from the key statement, as `tsig-keygen` printed it.",
            ) from None
        return dns.tsig.Key(absolute(self.name), secret, f"{self.algorithm}.")


@dataclass(frozen=True, slots=True)
class Updates:
    """Which zone is updated where. `ttl_s` is for records that are made."""

    server: Server
    zone: str
    ttl_s: int
    key: UpdateKey


class Rfc2136Directory:
    """`bot.ports.Directory` on the primary server of a zone."""

    def __init__(self, updates: Updates, exchange: Exchange) -> None:
        self._updates = updates
        self._exchange = exchange
        self._key = updates.key.for_dns()
        self._lookup = Lookup(updates.server, exchange, updates.ttl_s, self._key)

    @property
    def kind(self) -> DirectoryKind:
        """We change records ourselves."""
        return DirectoryKind.RFC2136

    async def look(self, name: str) -> Record:
        """Return what the server itself has, looked up with no cache between."""
        self._refuse_unless_ours(name)
        return await self._lookup.record(name)

    async def replace(self, before: Record, after: Record) -> bool:
        """Replace the addresses by one update message, which does all or nothing.

        Its prerequisites are that the name has just the addresses of `before` (section 2.4.2) or
        none (2.4.3), and neither IPv6 ones nor an alias. A TTL is kept where there is a record.
        """
        self._refuse_unless_ours(before.name)
        update = self._update()
        name = absolute(before.name)
        update.absent(name, dns.rdatatype.AAAA)
        if before.addresses:
            update.present(name, dns.rdatatype.A, *before.addresses)
        else:
            update.absent(name, dns.rdatatype.A)
            update.absent(name, dns.rdatatype.CNAME)
        update.delete(name, dns.rdatatype.A)
        ttl_s = after.ttl_s if before.addresses else self._updates.ttl_s
        for address in after.addresses:
            update.add(name, ttl_s, dns.rdatatype.A, address)
        return await self._send(update, f"update {before.name}")

    async def try_out(self) -> int:
        """Send a signed update that changes nothing, only states that the zone is there.

        Returns the serial of the zone. What the key may change shows at the first change alone.
        """
        serial = await self._lookup.serial(self._updates.zone)
        update = self._update()
        update.present(absolute(self._updates.zone), dns.rdatatype.SOA)
        if not await self._send(update, f"try an update of zone {self._updates.zone}"):
            raise Refused(
                f"DNS server {self._updates.server} has no SOA for {self._updates.zone}.",
                instead="Name the zone in directory.zone as the server's configuration has it.",
            )
        return serial

    def _update(self) -> UpdateMessage:
        return UpdateMessage(absolute(self._updates.zone), keyring=self._key)

    async def _send(self, update: UpdateMessage, act: str) -> bool:
        what = f"{act} at DNS server {self._updates.server}"
        rcode = (await verified(self._exchange, update, what)).rcode()
        if rcode is Rcode.NOERROR:
            return True
        if rcode in _ANOTHER_RECORD:
            return False
        if rcode is Rcode.REFUSED:
            raise Refused(
                f"{what}: the key {self._updates.key.name} may not do that (REFUSED).",
                instead="Grant it on the server, by allow-update or update-policy of the zone.",
            )
        if rcode in {Rcode.NOTAUTH, Rcode.NOTZONE}:
            raise Refused(
                f"{what}: it does not have zone {self._updates.zone} to change ({rcode.name}).",
                instead="Name the zone and its primary server in [directory].",
            )
        if rcode is Rcode.NOTIMP:
            raise Refused(
                f"{what}: it does not take dynamic updates (NOTIMP).",
                instead='Allow them there, or set directory.kind = "manual".',
            )
        if rcode is Rcode.SERVFAIL:
            raise Transient(f"{what}: it failed (SERVFAIL)", in_doubt=True)
        raise Permanent(f"{what}: it answered {rcode.name}")

    def _refuse_unless_ours(self, name: str) -> None:
        if not absolute(name).is_subdomain(absolute(self._updates.zone)):
            raise Refused(
                f"{name} is not in zone {self._updates.zone}, the only one that is updated.",
                instead="Give the service a name in it, or name its zone in directory.zone.",
            )
