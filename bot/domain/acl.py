"""Network ACLs as arithmetic: which IPv4 sources may reach a TCP port, and what a change cuts.

A VPC router looks at a list's entries in the order of their numbers, the first that matches
decides, and what no entry matches is dropped on its way into a tier (systemvm `CsAddress.py`,
chain `ACL_INBOUND`). Clients in the tier itself reach a VIP without passing the router.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Network,
    NetmaskValueError,
    collapse_addresses,
    ip_network,
)

from bot.domain.cloud import Tier
from bot.domain.plan import digest, in_words
from bot.domain.site import AclRule, Site, by_tier_name
from bot.domain.spec import AclEntry, AclSpec
from bot.errors import Refused

EVERYWHERE = IPv4Network("0.0.0.0/0")
_GOING = frozenset({"Revoke"})
_TCP = "tcp"
_TCP_NUMBER = "6"
_STEP = 10

Sources = tuple[IPv4Network, ...]
"""Disjoint networks in order; empty for nobody."""


def decides(rules: Iterable[AclRule], source: IPv4Address, port: int) -> AclRule | None:
    """Return the entry that decides over a TCP connection into the tier, None: it is dropped."""
    return next(
        (
            rule
            for rule in in_order(rules)
            if _is_about(rule, port) and any(source in network for network in networks(rule))
        ),
        None,
    )


def allowed_sources(rules: Iterable[AclRule], port: int) -> Sources:
    """Return exactly the sources that may open a TCP connection to a port of the tier."""
    undecided: Sources = (EVERYWHERE,)
    allowed: Sources = ()
    for rule in in_order(rules):
        if not _is_about(rule, port):
            continue
        matched = intersection(undecided, networks(rule))
        if rule.allow:
            allowed = union(allowed, matched)
        undecided = difference(undecided, matched)
    return allowed


def in_order(rules: Iterable[AclRule]) -> tuple[AclRule, ...]:
    """Return the entries for traffic into the tier as the router looks at them."""
    counted = (rule for rule in rules if rule.is_ingress and rule.state not in _GOING)
    return tuple(sorted(counted, key=lambda rule: rule.number))


def networks(rule: AclRule) -> Sources:
    """Return the IPv4 sources of an entry; CloudStack takes host bits in a CIDR as the network."""
    found = (_network(cidr) for cidr in rule.cidrs)
    return tuple(collapse_addresses(one for one in found if one is not None))


def _network(cidr: str) -> IPv4Network | None:
    try:
        return IPv4Network(cidr, strict=False)
    except (AddressValueError, NetmaskValueError, ValueError):
        return None  # an IPv6 source: it is not one of a tier's clients


def _is_about(rule: AclRule, port: int) -> bool:
    if rule.protocol == "all":
        return True
    if rule.protocol not in {_TCP, _TCP_NUMBER}:
        return False
    if rule.start_port is None:
        return True
    end = rule.start_port if rule.end_port is None else rule.end_port
    return rule.start_port <= port <= end


def union(some: Sources, others: Sources) -> Sources:
    """Return what is in either."""
    return tuple(collapse_addresses([*some, *others]))


def intersection(some: Sources, others: Sources) -> Sources:
    """Return what is in both: of two networks that meet, one holds the other."""
    both = [
        one if one.prefixlen >= other.prefixlen else other
        for one in some
        for other in others
        if one.overlaps(other)
    ]
    return tuple(collapse_addresses(both))


def difference(some: Sources, others: Sources) -> Sources:
    """Return what is in the first and not in the second."""
    left = list(some)
    for other in others:
        left = [part for one in left for part in _without(one, other)]
    return tuple(collapse_addresses(left))


def _without(one: IPv4Network, other: IPv4Network) -> Iterable[IPv4Network]:
    if not one.overlaps(other):
        return (one,)
    return () if one.subnet_of(other) else one.address_exclude(other)


def wanted_rules(spec: AclSpec, tiers: Iterable[Tier]) -> tuple[AclRule, ...]:
    """Return the entries of a wanted list, tiers by their addresses, numbered 10, 20 and so on."""
    every = tuple(tiers)
    return tuple(
        _wanted(entry, number * _STEP, every) for number, entry in enumerate(spec.entries or (), 1)
    )


def _wanted(entry: AclEntry, number: int, tiers: Sequence[Tier]) -> AclRule:
    start, end = entry.ports or (None, None)
    icmp_type, icmp_code = entry.icmp or (None, None)
    return AclRule(
        id="",
        number=number,
        protocol=entry.protocol.lower(),
        cidrs=tuple(_cidr(source, tiers) for source in entry.sources),
        is_ingress=entry.is_ingress,
        allow=entry.allow,
        start_port=start,
        end_port=end,
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        reason=entry.reason,
    )


def _cidr(source: str, tiers: Sequence[Tier]) -> str:
    try:
        return str(ip_network(source, strict=False))
    except ValueError:
        known = by_tier_name(tiers)
    if source.casefold() not in known:
        raise Refused(
            f"The ACL names {source}, which is neither a CIDR nor a tier of the VPC.",
            instead=f"Its tiers are {in_words(sorted(tier.name for tier in tiers))}.",
        )
    return known[source.casefold()].cidr


def same_rules(some: Iterable[AclRule], others: Iterable[AclRule]) -> bool:
    """Whether two lists say the same in the same order, whatever their ids and numbers are."""
    return _canonical(some) == _canonical(others)


def acl_digest(rules: Iterable[AclRule]) -> str:
    """Return a fingerprint of what a list says; ids and numbers stay out of it."""
    return digest([list(row) for row in _canonical(rules)])[:16]


def _canonical(rules: Iterable[AclRule]) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (
            rule.protocol, _as_text(rule.cidrs), rule.is_ingress, rule.allow, rule.start_port,
            rule.end_port, rule.icmp_type, rule.icmp_code, rule.reason,
        )
        for rule in sorted(rules, key=lambda rule: rule.number)
    )  # fmt: skip


def _as_text(cidrs: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(str(ip_network(cidr, strict=False)) for cidr in cidrs))


@dataclass(frozen=True, slots=True)
class Reach:
    """Who may reach some ports of a tier: its other tiers, and addresses outside the VPC."""

    port: int
    sources: Sources

    def of(self, network: str) -> str:
        """Say how much of a network may: `all`, `part` or `none`."""
        whole = (IPv4Network(network, strict=False),)
        left = difference(whole, self.sources)
        if not left:
            return "all"
        return "none" if left == whole else "part"


def compare(
    site: Site, ports: Iterable[int], before: Iterable[AclRule], after: Iterable[AclRule]
) -> tuple[str, ...]:
    """Say who reaches the ports of a tier before and after a change of its list."""
    old, new = tuple(before), tuple(after)
    lines: dict[str, list[int]] = {}
    for port in ports:
        for line in _changes(site, Reach(port, allowed_sources(old, port)), new):
            lines.setdefault(line, []).append(port)
    words = [f"{_port_words(ports)}: {line}" for line, ports in lines.items()]
    same = f"Clients in tier {site.tier.name} itself reach it in any case: no router is between."
    return (*words, same)


def _changes(site: Site, before: Reach, new: tuple[AclRule, ...]) -> Iterable[str]:
    after = replace(before, sources=allowed_sources(new, before.port))
    for tier in sorted(site.tiers, key=lambda one: one.name):
        if tier.id != site.tier.id and tier.cidr:
            was, is_ = before.of(tier.cidr), after.of(tier.cidr)
            if was != is_:
                yield f"tier {tier.name} ({tier.cidr}) {_moves(was, is_)}"
    inside = tuple(IPv4Network(tier.cidr, strict=False) for tier in site.tiers if tier.cidr)
    outside = difference((EVERYWHERE,), inside)
    for some, others, what in (
        (before.sources, after.sources, "cut off"), (after.sources, before.sources, "let in")
    ):  # fmt: skip
        moved = intersection(difference(some, others), outside)
        if moved:
            who = "everybody is" if moved == outside else _some(moved)
            yield f"from outside the tiers, {who} {what}"


def _moves(was: str, is_: str) -> str:
    words = {"all": "reaches it", "part": "partly reaches it", "none": "does not reach it"}
    return f"{words[was]} now, and {words[is_]} afterwards"


def _some(sources: Sources, most: int = 4) -> str:
    shown = [str(one) for one in sources[:most]]
    more = f" and {len(sources) - most} more" if len(sources) > most else ""
    verb = "is" if len(sources) == 1 else "are"
    text = in_words(shown) if not more else ", ".join(shown) + more
    return f"{text} {verb}"


def _port_words(ports: Sequence[int]) -> str:
    return f"port{'' if len(ports) == 1 else 's'} {in_words([str(port) for port in ports])}"
