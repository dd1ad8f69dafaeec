"""Checks the prerequisites of a dynamic update and applies it, whole or not at all (RFC 2136)."""

from __future__ import annotations

from collections import defaultdict

import dns.rdatatype
from dns.name import Name
from dns.rcode import Rcode
from dns.rdata import Rdata
from dns.rdataclass import ANY, NONE
from dns.rdatatype import RdataType
from dns.rrset import RRset
from dns.update import UpdateMessage

from bot.sandbox.dns.zone import ALONE, Zone

_KEPT_AT_THE_TOP = frozenset({dns.rdatatype.SOA, dns.rdatatype.NS})


def update(zone: Zone, message: UpdateMessage) -> Rcode:
    """Answer an update as section 3 says; the serial moves where anything changed."""
    if any(one.name not in zone for one in (*message.prerequisite, *message.update)):
        return Rcode.NOTZONE
    if refusal := _refusal(zone, message.prerequisite):
        return refusal
    with zone.changing():
        for one in message.update:
            _apply(zone, one)
    return Rcode.NOERROR


def _refusal(zone: Zone, prerequisites: list[RRset]) -> Rcode | None:
    """Return why the update must not be done (section 3.2)."""
    wanted: dict[tuple[Name, RdataType], set[Rdata]] = defaultdict(set)
    for one in prerequisites:
        is_any = one.rdtype == dns.rdatatype.ANY
        has = bool(zone.node(one.name)) if is_any else zone.rrset(one.name, one.rdtype) is not None
        if one.deleting == ANY and not has:
            return Rcode.NXDOMAIN if is_any else Rcode.NXRRSET
        if one.deleting == NONE and has:
            return Rcode.YXDOMAIN if is_any else Rcode.YXRRSET
        if one.deleting is None:
            wanted[one.name, one.rdtype] |= set(one)
    for (name, rdtype), records in wanted.items():
        if set(zone.rrset(name, rdtype) or ()) != records:
            return Rcode.NXRRSET
    return None


def _apply(zone: Zone, one: RRset) -> None:
    """Add or delete (section 3.4.2); what would break the zone is passed over without a word."""
    if one.deleting == ANY:
        types = list(zone.node(one.name)) if one.rdtype == dns.rdatatype.ANY else [one.rdtype]
        for rdtype in types:
            if not (one.name == zone.origin and rdtype in _KEPT_AT_THE_TOP):
                zone.put(one.name, rdtype, 0, ())
        return
    now = zone.rrset(one.name, one.rdtype)
    records = set(now or ())
    if one.deleting == NONE:
        zone.put(one.name, one.rdtype, now.ttl if now else 0, records - set(one))
    elif not _collides(zone, one):
        more = set(one) if one.rdtype in ALONE else records | set(one)
        zone.put(one.name, one.rdtype, one.ttl, more)


def _collides(zone: Zone, one: RRset) -> bool:
    """Whether an added record would stand beside a CNAME (section 3.4.2.2)."""
    others = set(zone.node(one.name)) - {dns.rdatatype.CNAME}
    has_alias = zone.rrset(one.name, dns.rdatatype.CNAME) is not None
    return bool(others) if one.rdtype == dns.rdatatype.CNAME else has_alias
