"""A spec reads as it was meant, and what is wrong in it is said with its line and its reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.comparison import Verdict
from bot.domain.export import spec_of, unsaid
from bot.domain.reconcile import compare
from bot.domain.site import Site
from bot.domain.spec import (
    AclEntry,
    Algorithm,
    IlbSpec,
    MemberBy,
    MemberRef,
    RuleSpec,
    ServiceSpec,
    Spec,
)
from bot.errors import Refused
from bot.services.spec_file import read_spec
from bot.services.spec_format import json_schema
from bot.services.spec_text import EXAMPLE, spec_text
from tests.domain.sites import sites, specs
from tests.examples import at_most

WHOLE = """\
tier: shop/app-tier
provider: InternalLbVm
offering: internal
ilbs:
  - vip: 10.20.1.10
    services:
      - name: orders
        fqdn: orders.shop.internal
        members: [app-1, {id: 6f9d}, {tag: role=web}]
        rules:
          - {port: 80, to: 8080, stickiness: {method: SourceBased, parameters: {expire: 20m}}}
          - {port: 443, algorithm: leastconn, members: [app-2], name: tls}
          - {port: 81, absent: true}
acl:
  name: app-acl
  rules:
    - {action: allow, protocol: tcp, ports: 80-443, from: [web-tier, 10.0.0.0/8], reason: clients}
    - {action: deny, protocol: icmp, icmp: [8, -1], from: [0.0.0.0/0], direction: egress}
    - {action: deny, protocol: 47, from: [0.0.0.0/0]}
"""


def complaint(text: str) -> str:
    with pytest.raises(Refused) as refusal:
        read_spec(text, "ilb.yaml")
    return str(refusal.value)


def test_everything_that_can_be_said_is_read() -> None:
    spec = read_spec(WHOLE, "ilb.yaml")
    (ilb,) = spec.ilbs
    (service,) = ilb.services
    http, tls, gone = service.rules
    assert (spec.tier, spec.offering, ilb.vip) == ("shop/app-tier", "internal", "10.20.1.10")
    assert (service.name, service.fqdn) == ("orders", "orders.shop.internal")
    assert http.members == (
        MemberRef(MemberBy.NAME, "app-1"), MemberRef(MemberBy.ID, "6f9d"),
        MemberRef(MemberBy.TAG, "role=web"),
    )  # fmt: skip
    assert (http.to, http.algorithm) == (8080, Algorithm.ROUNDROBIN)
    assert http.stickiness is not None
    assert http.stickiness.parameters == (("expire", "20m"),)
    assert (tls.to, tls.algorithm, tls.name, len(tls.members)) == (
        443, Algorithm.LEASTCONN, "tls", 1,
    )  # fmt: skip
    assert gone.is_absent
    assert spec.acl is not None
    assert spec.acl.entries == (
        AclEntry(True, "tcp", ("web-tier", "10.0.0.0/8"), (80, 443), reason="clients"),
        AclEntry(False, "icmp", ("0.0.0.0/0",), None, is_ingress=False, icmp=(8, -1)),
        AclEntry(False, "47", ("0.0.0.0/0",)),
    )


@at_most(60)
@given(sites(broken=False))
def test_a_file_of_what_is_there_reads_back_and_finds_nothing_to_do(site: Site) -> None:
    try:
        written = spec_of(site)
    except Refused as no:
        assert not site.rules or "can be written down" in str(no)
        return
    spec = read_spec(spec_text(written, unsaid(site)), "ilb.yaml")
    assert spec == written
    found = compare(site, spec)
    assert found.is_empty, [one.text for one in found.differences]
    assert not found.of(Verdict.DRIFT)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_whatever_people_call_a_rule_reads_back(name: str) -> None:
    ilb = IlbSpec((ServiceSpec((RuleSpec(80, 80, name=name),)),), "10.20.1.10")
    spec = Spec("shop/app-tier", (ilb,))
    assert read_spec(spec_text(spec, [name]), "ilb.yaml") == spec


def test_a_dns_name_needs_no_service_where_the_address_is_given() -> None:
    text = "tier: a\nilbs: [{vip: 10.20.1.10, services: [{fqdn: a.b, rules: [{port: 80}]}]}]"
    (ilb,) = read_spec(text, "ilb.yaml").ilbs
    assert (ilb.services[0].name, ilb.services[0].fqdn) == ("", "a.b")


def test_one_service_may_be_on_two_addresses_as_twins_are() -> None:
    ilb = "  - {{vip: {}, services: [{{name: orders, rules: [{{port: 80}}]}}]}}\n"
    text = f"tier: shop/app-tier\nilbs:\n{ilb.format('10.20.1.10')}{ilb.format('10.20.1.11')}"
    assert len(read_spec(text, "ilb.yaml").ilbs) == 2
    assert "give both a vip" in complaint(text.replace("vip: 10.20.1.11, ", ""))


@at_most(60)
@given(specs())
def test_a_spec_that_is_written_reads_back_as_the_same(spec: Spec) -> None:
    assert read_spec(spec_text(spec), "ilb.yaml") == spec


def test_the_example_is_a_spec() -> None:
    assert read_spec(EXAMPLE, "ilb.yaml").tier == "VPC/TIER"


WRONG = {
    "an unknown name": ("port: 80, too: 8080", "line 6, column 26", "did you mean to?"),
    "port 0": ("port: 0", "line 6, column 22", "expected 1 or more"),
    "a port beyond": ("port: 65536", "line 6, column 22", "expected 65535 or less"),
    "a port in words": ("port: http", "line 6, column 22", "expected a whole number"),
    "an unknown algorithm": ("port: 80, algorithm: random", "line 6", "roundrobin"),
    "UDP": ("port: 53, protocol: udp", "line 6", "works instead"),
    "TLS": ("port: 443, tls: true", "line 6", "Pass TLS through"),
    "UDP as a switch": ("port: 53, udp: true", "line 6", "TCP only"),
    "a certificate": ("port: 443, ssl_cert: x", "line 6", "Pass TLS through"),
    "a health policy": ("port: 80, health-check-policy: {}", "line 6", "CloudStack answers 430"),
    "a health check": ("port: 80, healthcheck: /up", "line 6", "works instead"),
    "a cookie that HAProxy no longer knows": (
        "port: 80, stickiness: {method: AppCookie}", "line 6", "appsession",
    ),
    "a parameter of another method": (
        "port: 80, stickiness: {method: SourceBased, parameters: {mode: x}}", "line 6",
        "SourceBased takes tablesize, expire",
    ),
    "more about a rule that is absent": ("port: 80, absent: true, to: 8080", "line 6", "absent"),
    "a tag without a value": ("port: 80, members: [{tag: role}]", "line 6", "key=value"),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "place", "why"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_in_a_rule_is_said_with_its_place(rule: str, place: str, why: str) -> None:
    said = complaint(
        "tier: shop/app-tier\nilbs:\n  - vip: 10.20.1.10\n    services:\n      - rules:\n"
        f"          - {{  {rule}}}\n"
    )
    assert f"ilb.yaml, {place}" in said
    assert why in said


NONSENSE = {
    "a port twice": ("  - vip: 10.20.1.10\n    services: [{rules: [{port: 80}, {port: 80}]}]",
                     "a VIP has one rule on a port"),
    "a VIP twice": ("  - {vip: 10.20.1.10, services: [{rules: [{port: 80}]}]}\n"
                    "  - {vip: 10.20.1.10, services: [{rules: [{port: 81}]}]}", "there twice"),
    "no way to find it again": ("  - services: [{rules: [{port: 80}]}]", "each needs a name"),
    "a VIP of IPv6": ("  - {vip: 'fd00::1', services: [{rules: [{port: 80}]}]}", "IPv4"),
    "a name of a DNS name alone": (
        "  - {services: [{fqdn: a.b, rules: [{port: 80}]}]}", "needs a name"),
    "no DNS name": ("  - {vip: 10.20.1.10, services: [{name: a, fqdn: a b, rules: [{port: 80}]}]}",
                    "expected a DNS name"),
    "a service of two ILBs": (
        "  - {services: [{name: a, rules: [{port: 80}]}]}\n"
        "  - {services: [{name: a, rules: [{port: 81}]}]}", "another ILB"),
    "no rule": ("  - {vip: 10.20.1.10, services: []}", "services"),
}  # fmt: skip


@pytest.mark.parametrize(("ilbs", "why"), NONSENSE.values(), ids=NONSENSE.keys())
def test_what_cloudstack_would_take_or_answer_unclearly_is_refused(ilbs: str, why: str) -> None:
    assert why in complaint(f"tier: shop/app-tier\nilbs:\n{ilbs}\n")


ACLS = {
    "neither name nor rules": ("{}", "expected the name of a list"),
    "ports without a port": ("{rules: [{action: allow, protocol: all, ports: 80, from: [a]}]}",
                             "has no ports"),
    "a range the wrong way": (
        "{rules: [{action: allow, protocol: tcp, ports: 90-80, from: [a]}]}", "80-443"),
    "no protocol": ("{rules: [{action: allow, protocol: tpc, from: [a]}]}", "expected tcp"),
    "host bits": ("{rules: [{action: allow, protocol: tcp, from: [10.1.1.1/8]}]}",
                  "takes as 10.0.0.0/8"),
    "half a CIDR": ("{rules: [{action: allow, protocol: tcp, from: [10.1.1/8]}]}", "a CIDR"),
    "a type without icmp": (
        "{rules: [{action: allow, protocol: tcp, icmp: [8, 0], from: [a]}]}", "only icmp"),
}  # fmt: skip


@pytest.mark.parametrize(("acl", "why"), ACLS.values(), ids=ACLS.keys())
def test_what_is_wrong_in_an_acl_is_said(acl: str, why: str) -> None:
    rest = "ilbs: [{vip: 10.20.1.10, services: [{rules: [{port: 80}]}]}]"
    assert why in complaint(f"tier: shop/app-tier\n{rest}\nacl: {acl}\n")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "42", "tier: [", "\0", "a: &a [*a]", "tier: x\ntier: y", "!!python/object:os.system",
     "tier: x\nilbs: null", "\ud800", "tier: 10.20", "- " * 500],
)  # fmt: skip
def test_rubbish_is_refused_and_breaks_nothing(text: str) -> None:
    assert complaint(text)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = complaint(
        "tier: shop/app-tier\nilbs:\n  - vip: 10.20.1.10\n    services:\n"
        "      - rules: [{port: 0}, {port: 70000}, {prot: 1}]\n"
    )
    assert len([line for line in said.splitlines() if "ilb.yaml, line 5" in line]) >= 3


def test_a_value_that_means_nothing_is_said_beside_one_of_a_wrong_kind() -> None:
    said = complaint(
        "tier: shop/app-tier\nilbs:\n  - vip: 10.20.3.999\n    services:\n      - fqdn: a b\n"
        "        rules:\n          - {port: 0, stickiness: {method: AppCookie}}\n"
        "acl:\n  rules:\n"
        "    - {action: alow, protocol: tpc, ports: 90-80, from: [web-tier, 10.1.1.1/8]}\n"
    )
    told = [line.split(": ", 2)[1] for line in said.splitlines()[1:]]
    assert told == [
        "ilbs.1.vip", "ilbs.1.services.1.fqdn", "ilbs.1.services.1.rules.1.port",
        "ilbs.1.services.1.rules.1.stickiness.method", "acl.rules.1.action",
        "acl.rules.1.protocol", "acl.rules.1.ports", "acl.rules.1.from.2",
    ]  # fmt: skip


ODD = {
    "a member of no kind": ("members: [5]", ["members.1: expected the name of a VM, {id"]),
    "a member named twice": ("members: [{id: x, tag: a=b}]", ["members.1.id: a member is named o"]),
    "an unknown way to name one": (
        "members: [{nam: x}]", ["members.1: id is missing", "nam: unknown; expected one of id,"],
    ),
    "a name given three times": ("to: 1, to: 2, to: 3", ["rules.1.to: given twice"]),
    "a name with an escape": ('"a\\e[2J\\nb": 1', ["rules.1.a [2J b: unknown"]),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "says"), ODD.values(), ids=ODD.keys())
def test_each_thing_is_said_once_in_words_of_the_format(rule: str, says: list[str]) -> None:
    said = complaint(
        f"tier: a\nilbs: [{{vip: 10.20.1.10, services: [{{rules: [{{port: 80, {rule}}}]}}]}}]"
    )
    lines = said.splitlines()[1:]
    assert len(lines) == len(says), said
    for line, words in zip(lines, says, strict=True):
        assert words in line


@pytest.mark.slow
def test_of_very_many_things_that_are_wrong_the_first_are_said() -> None:
    rules = "".join(f"        - {{prot: {port}}}\n" for port in range(5000))
    said = complaint(f"tier: a\nilbs:\n  - vip: 10.20.1.10\n    services:\n      - rules:\n{rules}")
    assert len(said.splitlines()) == 42
    assert said.endswith("and 9960 more")


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "ilb.yaml: it is empty"), ("# nothing\n", "ilb.yaml: it is empty"),
     ("tier: a\n---\ntier: b\n", "expected a single document"), ("tier:\ta\n", "a tab;")],
)  # fmt: skip
def test_a_text_that_is_no_document_is_told_as_that(text: str, says: str) -> None:
    assert says in complaint(text)


def test_the_spec_in_the_guide_is_one() -> None:
    guide = Path("docs/PROVISION.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert read_spec(shown, "ilb.yaml").ilbs[0].services[0].fqdn == "orders.shop.internal"


def test_the_published_schema_is_that_of_the_format() -> None:
    published = Path("docs/ilb.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json_schema()
