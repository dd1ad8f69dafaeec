"""What people type finds a name in any case, and a hint is the name as it is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.cloud import VmState
from bot.domain.fleet import Snapshot, find_tier
from bot.domain.members import members_of
from bot.domain.site import Site
from bot.domain.spec import MemberBy, MemberRef
from bot.domain.spelling import SHOWN_LENGTH, goes_by, nearest, quoted
from bot.domain.zone import Role, Router
from bot.errors import Refused
from bot.services.status import selection
from tests.domain.sites import TIER, VMS


def test_a_name_is_found_in_any_case_and_nothing_goes_by_an_empty_one() -> None:
    assert goes_by(" R-5-vm ", ["b-1-VM", "r-5-VM"])
    assert not goes_by("r-5", ["r-5-VM"])
    assert not goes_by(" ", ["", "r-5-VM"])


def test_a_hint_is_the_name_as_it_is_written() -> None:
    assert nearest("r-5-vn", ["b-31-VM", "r-5-VM"]) == "r-5-VM"
    assert nearest("SHOP-PRD", ["shop-prod"]) == "shop-prod"
    assert nearest("anything", ["shop-prod"]) == ""


def test_what_was_typed_is_said_back_short_and_harmless() -> None:
    assert quoted("app\n\x1b[2Jtier") == "“app [2Jtier”"
    assert len(quoted("x" * 10_000)) == SHOWN_LENGTH + 3


def test_a_tier_is_named_as_it_is_written() -> None:
    tier = replace(TIER, name="App-Tier")
    assert find_tier([tier], "APP-TIER") is tier
    with pytest.raises(Refused) as refusal:
        find_tier([tier], "app-teir")
    assert refusal.value.instead == "Did you mean `App-Tier`?"


def test_a_router_is_hinted_at_in_status_too() -> None:
    router = Router(
        "r-1", "r-5-VM", VmState.RUNNING, Role.UNKNOWN, False, "", "", "v-1", "shop", "z-1",
        "fra-1", "4.22.0", "4.22.0", "routers", "host-1",
    )  # fmt: skip
    with pytest.raises(Refused) as refusal:
        selection(Snapshot(0.0, (), (), routers=(router,)), "r-5-vn")
    assert refusal.value.instead == "Did you mean `r-5-VM`?"


def test_a_member_is_hinted_at_whatever_its_case() -> None:
    site = Site(0.0, TIER, (TIER,), (), machines=VMS)
    with pytest.raises(Refused) as refusal:
        members_of(site, [MemberRef(MemberBy.NAME, "APP-1")], "a rule")
    assert refusal.value.instead == "Did you mean app-1?"
