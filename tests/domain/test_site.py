"""What a plan about a tier relies on: whatever in it would make another plan is a fact of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.site import AclList, AclRule, Site
from tests.domain.sites import TIER

PING = AclRule("1", 10, "icmp", ("10.20.2.0/24",), True, True, icmp_type=8, icmp_code=0)
WEB = AclRule("2", 20, "tcp", ("10.20.2.0/24",), True, True, 80, 443)


def facts(*rules: AclRule) -> dict[str, str]:
    site = Site(0.0, TIER, (TIER,), (), acl=AclList("a-1", "own", "v-1", rules=rules))
    return {fact.name: fact.value for fact in site.facts()}


@pytest.mark.parametrize(
    "changed",
    [
        {"icmp_type": 13}, {"icmp_code": 1}, {"protocol": "all"}, {"cidrs": ("10.20.9.0/24",)},
        {"is_ingress": False}, {"allow": False}, {"number": 30}, {"start_port": 1},
        {"end_port": 2},
    ],
    ids=str,
)  # fmt: skip
def test_any_change_of_an_entry_is_another_acl(changed: dict[str, Any]) -> None:
    assert facts(replace(PING, **changed), WEB)["ACL"] != facts(PING, WEB)["ACL"]


def test_the_order_in_which_entries_are_listed_is_no_change() -> None:
    assert facts(WEB, PING) == facts(PING, WEB)
