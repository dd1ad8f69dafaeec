"""A spec of a tier says what can be said; what it leaves out is named, and so is the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.cloud import LbRule
from bot.domain.export import first_spec, spec_of, unsaid
from bot.domain.reconcile import compare
from bot.domain.site import AclList, AclRule, Site
from bot.domain.spec import NAME_TAG, MemberBy, Stickiness
from bot.errors import Refused
from tests.domain.sites import TIER, VMS, member

WEB = LbRule("r-1", "web", TIER.id, "10.20.1.10", 80, 80, "roundrobin", "Active", (member(VMS[0]),))
API = replace(WEB, id="r-2", name="api", source_port=81)
SITE = Site(0.0, TIER, (TIER,), (WEB, API), machines=VMS)


def ports(site: Site) -> list[int]:
    spec = spec_of(site)
    return [rule.port for ilb in spec.ilbs for one in ilb.services for rule in one.rules]


def test_a_rule_with_a_cookie_that_haproxy_no_longer_knows_is_left_out() -> None:
    site = replace(SITE, stickiness=(("r-2", Stickiness("AppCookie")),))
    assert ports(site) == [80]
    [line] = unsaid(site)
    assert line.startswith("left out, 10.20.1.10:81 (api): it is sticky by AppCookie")
    assert "LbCookie or SourceBased works" in line
    assert compare(site, spec_of(site)).is_empty


def test_a_rule_whose_tag_is_no_dns_name_is_left_out() -> None:
    site = replace(SITE, rules=(WEB, replace(API, tags=((NAME_TAG, "my orders"),))))
    assert ports(site) == [80]
    assert unsaid(site) == (
        "left out, 10.20.1.10:81 (api): its tag ilbot.name is no DNS name",
    )  # fmt: skip


def test_a_dns_name_without_a_service_is_written_down() -> None:
    site = replace(SITE, rules=(replace(WEB, tags=((NAME_TAG, "orders.shop.internal"),)),))
    [service] = spec_of(site).ilbs[0].services
    assert (service.name, service.fqdn) == ("", "orders.shop.internal")


def test_where_no_rule_can_be_said_the_reasons_are() -> None:
    site = replace(SITE, rules=(replace(WEB, algorithm="random"),))
    with pytest.raises(Refused, match=r"10\.20\.1\.10:80 \(web\): its algorithm is random"):
        spec_of(site)


def test_a_list_that_cannot_be_said_goes_by_its_name() -> None:
    ah = AclRule("1", 1, "ah", ("10.0.0.0/8",), True, True)
    site = replace(SITE, acl=AclList("a-1", "own", "v-1", rules=(ah,)))
    acl = spec_of(site).acl
    assert acl is not None
    assert (acl.name, acl.entries) == ("own", None)
    assert unsaid(site) == ("ACL list own has entries that cannot be said: only its name is",)
    assert compare(site, spec_of(site)).is_empty


def test_names_too_long_for_one_line_are_an_id() -> None:
    site = replace(SITE, tier=replace(TIER, vpc_name="v" * 255))
    assert spec_of(site).tier == TIER.id


def test_a_first_spec_names_two_vms_of_one_name_by_id() -> None:
    twice = replace(SITE, rules=(), machines=(VMS[0], replace(VMS[1], name=VMS[0].name)))
    [rule] = first_spec(twice).ilbs[0].services[0].rules
    assert {one.by for one in rule.members} == {MemberBy.ID}
