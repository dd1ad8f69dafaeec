"""Who reaches a port of a tier, before and after a change of its network ACL list."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.acl import (
    EVERYWHERE,
    acl_digest,
    allowed_sources,
    compare,
    decides,
    difference,
    intersection,
    same_rules,
    union,
    wanted_rules,
)
from bot.domain.site import AclRule, Site
from bot.domain.spec import AclEntry, AclSpec
from bot.errors import Refused
from tests.domain.sites import OTHER, PORTS, TIER, VMS, acl_rules

ALLOW = AclRule("1", 10, "tcp", ("10.20.2.0/24",), True, True, 80, 80)
DENY = AclRule("2", 20, "all", ("0.0.0.0/0",), True, False)
SITE = Site(0.0, TIER, (TIER, OTHER), (), machines=VMS)

_sources = st.sampled_from(
    ["10.20.2.4", "10.20.2.5", "10.20.2.6", "10.20.1.9", "10.20.255.255", "10.21.0.0", "8.8.8.8"]
).map(IPv4Address)
_networks = st.lists(
    st.builds(
        lambda bits, length: IPv4Network((bits << 24, length), strict=False),
        st.integers(0, 255),
        st.integers(0, 10),
    ),
    max_size=4,
).map(tuple)


@given(acl_rules(), _sources, st.sampled_from(PORTS))
def test_the_set_of_allowed_sources_says_what_the_first_match_says(
    rules: tuple[AclRule, ...], source: IPv4Address, port: int
) -> None:
    entry = decides(rules, source, port)
    allowed = any(source in network for network in allowed_sources(rules, port))
    assert allowed == (entry is not None and entry.allow)


@given(acl_rules(), st.sampled_from(PORTS))
def test_the_order_in_which_entries_are_listed_says_nothing(
    rules: tuple[AclRule, ...], port: int
) -> None:
    assert allowed_sources(rules[::-1], port) == allowed_sources(rules, port)


@given(_networks, _networks, st.integers(0, 255))
def test_networks_are_sets(some: tuple[IPv4Network, ...], others: tuple[IPv4Network, ...],
                           first: int) -> None:  # fmt: skip
    address = IPv4Address(first << 24 | 1)
    in_some, in_others = (any(address in one for one in many) for many in (some, others))
    inside = {
        how: any(address in one for one in how(some, others))
        for how in (union, intersection, difference)
    }
    assert inside == {
        union: in_some or in_others,
        intersection: in_some and in_others,
        difference: in_some and not in_others,
    }


def test_without_an_entry_nobody_gets_in() -> None:
    assert allowed_sources((), 80) == ()
    assert decides((), IPv4Address("10.20.2.5"), 80) is None


@pytest.mark.parametrize(
    ("rule", "counts"),
    [
        (ALLOW, True),
        (replace(ALLOW, protocol="6"), True),
        (replace(ALLOW, start_port=None, end_port=None), True),
        (replace(ALLOW, end_port=None), True),
        (replace(ALLOW, is_ingress=False), False),
        (replace(ALLOW, protocol="udp"), False),
        (replace(ALLOW, protocol="icmp"), False),
        (replace(ALLOW, state="Revoke"), False),
        (replace(ALLOW, start_port=81, end_port=90), False),
        (replace(ALLOW, cidrs=("fd00::/8",)), False),
    ],
    ids=lambda value: f"{value.protocol} {value.state}" if isinstance(value, AclRule) else "",
)
def test_which_entries_decide_over_a_tcp_port(rule: AclRule, counts: bool) -> None:
    assert bool(allowed_sources((rule,), 80)) is counts


def test_the_lowest_number_decides() -> None:
    first = replace(DENY, number=5)
    assert allowed_sources((ALLOW, DENY), 80) == (IPv4Network("10.20.2.0/24"),)
    assert allowed_sources((ALLOW, first), 80) == ()


def test_host_bits_in_a_cidr_are_the_network_as_cloudstack_takes_them() -> None:
    assert allowed_sources((replace(ALLOW, cidrs=("10.20.2.7/24",)),), 80) == (
        IPv4Network("10.20.2.0/24"),
    )


def test_a_change_says_which_tiers_and_addresses_are_cut_or_let_in() -> None:
    everybody = (replace(DENY, allow=True),)
    lines = compare(SITE, [80], everybody, (ALLOW, DENY))
    assert lines[0].startswith("port 80: ")
    said = " ".join(lines)
    assert "from outside the tiers, everybody is cut off" in said
    assert "web-tier" not in said, "it reaches the port before and after"
    some = (replace(DENY, number=30, allow=True), replace(DENY, cidrs=("8.8.0.0/16",)))
    assert (
        "from outside the tiers, 8.8.0.0/16 is cut off" in compare(SITE, [80], everybody, some)[0]
    )
    shut = " ".join(compare(SITE, [80], everybody, (DENY,)))
    assert "tier web-tier (10.20.2.0/24) reaches it now, and does not reach it afterwards" in shut


def test_a_change_that_changes_nothing_for_anybody_says_only_what_always_holds() -> None:
    twice = (ALLOW, replace(ALLOW, id="3", number=15), DENY)
    assert compare(SITE, [80, 81], (ALLOW, DENY), twice) == (
        "Clients in tier app-tier itself reach it in any case: no router is between.",
    )


def test_the_words_of_ports_with_the_same_change_are_said_once() -> None:
    lines = compare(SITE, [80, 443], (replace(DENY, allow=True),), ())
    assert lines[0].startswith("ports 80 and 443: ")


def test_a_tier_of_the_vpc_is_named_and_becomes_its_addresses() -> None:
    entry = AclEntry(True, "TCP", ("Web-Tier", "0.0.0.0/0"), (80, 81), reason="clients")
    (rule,) = wanted_rules(AclSpec("", (entry,)), SITE.tiers)
    assert (rule.cidrs, rule.number, rule.protocol) == (("10.20.2.0/24", "0.0.0.0/0"), 10, "tcp")


def test_a_source_that_is_neither_is_refused_with_the_tiers_there_are() -> None:
    entry = AclEntry(True, "tcp", ("web-teir",))
    with pytest.raises(Refused, match="neither a CIDR nor a tier") as refusal:
        wanted_rules(AclSpec("", (entry,)), SITE.tiers)
    assert "app-tier and web-tier" in str(refusal.value)


@given(acl_rules())
def test_numbers_and_ids_are_not_what_a_list_says(rules: tuple[AclRule, ...]) -> None:
    ordered = sorted(rules, key=lambda one: one.number)
    moved = [replace(one, id="x", number=100 + at) for at, one in enumerate(ordered)]
    assert same_rules(rules, moved)
    assert acl_digest(rules) == acl_digest(moved)


def test_the_order_is_what_a_list_says() -> None:
    turned = (replace(ALLOW, number=30), DENY)
    assert not same_rules((ALLOW, DENY), turned)
    assert acl_digest((ALLOW, DENY)) != acl_digest(turned)


def test_everywhere_is_everywhere() -> None:
    assert allowed_sources((replace(DENY, allow=True),), 443) == (EVERYWHERE,)
