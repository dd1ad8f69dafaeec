"""The names by which clients find services, and what a directory publishes for them, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address


class DirectoryKind(StrEnum):
    """Who changes the records of a directory."""

    RFC2136 = "rfc2136"
    """We do, by dynamic updates."""
    MANUAL = "manual"
    """A person does, when we show the record."""
    NONE = "none"
    """Nobody: names cannot be moved."""


def as_recorded(name: str) -> str:
    """Return a name as a `Record` has it; spelled otherwise it is the same name (RFC 4343)."""
    return name.lower().removesuffix(".")


@dataclass(frozen=True, slots=True)
class Record:
    """A name with its IPv4 addresses, sorted; without an address there is no such record.

    `name` is absolute, in lower case and without the last dot. `ttl_s` is how long clients may
    go on using what they looked up.
    """

    name: str
    addresses: tuple[str, ...] = ()
    ttl_s: int = 0

    def with_addresses(self, *addresses: str) -> Record:
        """Return it with just these addresses, in their order as numbers."""
        return replace(self, addresses=tuple(sorted(set(addresses), key=IPv4Address)))

    def with_one(self, address: str) -> Record:
        """Return it with that address too."""
        return self.with_addresses(*self.addresses, address)

    def without(self, address: str) -> Record:
        """Return it without that address."""
        return self.with_addresses(*(one for one in self.addresses if one != address))

    def lines(self) -> tuple[str, ...]:
        """Return it as lines of a zone file (RFC 1035 section 5.1)."""
        return tuple(f"{self.name}. {self.ttl_s} IN A {one}" for one in self.addresses)
