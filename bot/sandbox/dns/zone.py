"""One zone as values: its records, its serial, and what it looks like to a query (RFC 1034)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.name
import dns.rdata
import dns.rdataset
import dns.rdatatype
import dns.rrset
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import RdataType

TYPES = {
    "A": dns.rdatatype.A,
    "AAAA": dns.rdatatype.AAAA,
    "CNAME": dns.rdatatype.CNAME,
    "NS": dns.rdatatype.NS,
}
ALONE = frozenset({dns.rdatatype.CNAME, dns.rdatatype.SOA})
"""Types of which a name has one record at most."""
MINIMUM_S = 5
"""How long the absence of a record may be remembered (RFC 2308)."""

Node = dict[RdataType, tuple[int, frozenset[Rdata]]]
"""What a name has: by type, the TTL and the records."""


@dataclass
class Zone:
    """A zone with its SOA and NS at the top, and what people or updates put in it."""

    origin: Name
    serial: int = 1
    nodes: dict[Name, Node] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    """What was really changed, in order, one line for each RRset."""

    @classmethod
    def named(cls, text: str) -> Zone:
        """Return an empty zone of that name."""
        origin = dns.name.from_text(text)
        zone = cls(origin)
        zone.put(origin, dns.rdatatype.NS, 300, [_rdata(dns.rdatatype.NS, f"ns.{text}.")])
        return zone

    def __contains__(self, name: Name) -> bool:
        return name.is_subdomain(self.origin)

    def node(self, name: Name) -> Node:
        """Return what a name has; the SOA is made of the serial as it is."""
        found = dict(self.nodes.get(name, {}))
        if name == self.origin:
            found[dns.rdatatype.SOA] = (MINIMUM_S, frozenset({self._soa()}))
        return found

    def exists(self, name: Name) -> bool:
        """Whether a name has anything, or has a name below it (RFC 8020)."""
        return bool(self.node(name)) or any(one.is_subdomain(name) for one in self.nodes)

    def rrset(self, name: Name, rdtype: RdataType) -> dns.rrset.RRset | None:
        """Return the records of a type at a name, None where there are none."""
        ttl, records = self.node(name).get(rdtype, (0, frozenset()))
        return dns.rrset.from_rdata_list(name, ttl, sorted(records)) if records else None

    def delegation(self, name: Name) -> dns.rrset.RRset | None:
        """Return the NS records by which a name is somebody else's, None where it is ours."""
        above = [one for one in self.nodes if one != self.origin and name.is_subdomain(one)]
        found = (self.rrset(one, dns.rdatatype.NS) for one in sorted(above, key=len))
        return next((one for one in found if one is not None), None)

    def put(self, name: Name, rdtype: RdataType, ttl: int, records: Iterable[Rdata]) -> None:
        """Replace the records of a type at a name; none takes them away."""
        kept = frozenset(records)
        node = self.nodes.setdefault(name, {})
        if kept:
            node[rdtype] = (ttl, kept)
        else:
            node.pop(rdtype, None)
        if not node:
            del self.nodes[name]

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Note what is other afterwards than before; the serial moves where anything is."""
        before = {name: dict(node) for name, node in self.nodes.items()}
        yield
        noted = len(self.changes)
        for name in sorted(before.keys() | self.nodes.keys()):
            old, new = before.get(name, {}), self.nodes.get(name, {})
            for rdtype in sorted(old.keys() | new.keys()):
                if old.get(rdtype) != new.get(rdtype):
                    ttl, records = new.get(rdtype, (0, frozenset()))
                    told = " ".join(one.to_text() for one in sorted(records)) or "none"
                    self.changes.append(f"{name.to_text()} {ttl} {rdtype.name} {told}")
        if len(self.changes) > noted:
            self.serial += 1

    def set_record(self, name: str, ttl: int, kind: str, *values: str) -> None:
        """Do by hand what an operator does in the zone file; without values the record goes."""
        rdtype = TYPES[kind]
        with self.changing():
            self.put(dns.name.from_text(name), rdtype, ttl, [_rdata(rdtype, one) for one in values])

    def record(self, name: str) -> tuple[int, tuple[str, ...]]:
        """Return the TTL and the sorted addresses of a name."""
        ttl, records = self.node(dns.name.from_text(name)).get(dns.rdatatype.A, (0, frozenset()))
        return ttl, tuple(one.to_text() for one in sorted(records))

    def table(self) -> dict[str, list[str]]:
        """Return all records as text, by name."""
        return {
            name.to_text(): [
                f"{ttl} {rdtype.name} {one.to_text()}"
                for rdtype, (ttl, records) in sorted(node.items())
                for one in sorted(records)
            ]
            for name, node in sorted(self.nodes.items())
        }

    def _soa(self) -> Rdata:
        zone = self.origin.to_text()
        return _rdata(
            dns.rdatatype.SOA, f"ns.{zone} hostmaster.{zone} {self.serial} 60 10 600 {MINIMUM_S}"
        )


def _rdata(rdtype: RdataType, text: str) -> Rdata:
    return dns.rdata.from_text(IN, rdtype, text)
