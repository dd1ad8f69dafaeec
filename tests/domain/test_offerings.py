"""Which system offering a machine may get: by name or id, and only one made for its kind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.offerings import ILB_TYPE, ROUTER_TYPE, chosen, in_full, less_than
from bot.domain.zone import Offering
from bot.errors import Refused

SMALL = Offering("o-1", "small", ILB_TYPE, 1, 256, 512)
LARGE = Offering("o-2", "large", ILB_TYPE, 2, 1000, 1024)
ROUTER = Offering("o-3", "router", ROUTER_TYPE, 1, 500, 512)
CONSOLE = Offering("o-4", "console", "consoleproxy", 1, 500, 1024)
UNTYPED = Offering("o-5", "untyped", "", 1, 500, 1024)
EVERY = (LARGE, SMALL, ROUTER, CONSOLE, UNTYPED)


def refusal(named: str, kind: str = ILB_TYPE, offerings: tuple[Offering, ...] = EVERY) -> str:
    with pytest.raises(Refused) as no:
        chosen(offerings, named, kind)
    return str(no.value)


@pytest.mark.parametrize("named", ["large", "o-2", "Large", " O-2 "])
def test_it_goes_by_its_name_or_its_id(named: str) -> None:
    assert chosen(EVERY, named, ILB_TYPE) == LARGE


def test_one_that_nobody_knows_is_refused_with_those_that_fit() -> None:
    assert refusal("huge") == (
        "CloudStack shows no system offering “huge”. Choose one of: large (2 × 1000 MHz, 1024 MB) "
        "and small (1 × 256 MHz, 512 MB)."
    )


def test_where_none_is_named_those_that_fit_are_listed() -> None:
    assert refusal("", ROUTER_TYPE) == (
        "Nobody said which offering it shall get. Choose one of: router (1 × 500 MHz, 512 MB)."
    )


@pytest.mark.parametrize(
    ("named", "made_for"),
    [("router", "a router"), ("console", "consoleproxy"), ("untyped", "no kind of system VM")],
)
def test_one_made_for_another_kind_is_refused_though_cloudstack_takes_it(
    named: str, made_for: str
) -> None:
    assert refusal(named).startswith(
        f"{named} is made for {made_for}, not for an ILB VM; CloudStack would take it all the same."
    )


def test_a_name_that_two_have_is_no_name() -> None:
    twice = (*EVERY, replace(LARGE, id="o-9"))
    assert refusal("large", offerings=twice) == (
        "2 system offerings are called “large”. Say its id: o-2 and o-9."
    )
    assert chosen(twice, "o-9", ILB_TYPE).id == "o-9"


def test_two_names_that_differ_in_case_are_told_apart_as_they_are_written() -> None:
    twice = (*EVERY, replace(LARGE, id="o-9", name="LARGE"))
    assert chosen(twice, "LARGE", ILB_TYPE).id == "o-9"
    assert "2 system offerings are called “Large”" in refusal("Large", offerings=twice)


def test_a_name_shared_with_another_kind_is_still_a_name() -> None:
    assert chosen((*EVERY, replace(ROUTER, name="large")), "large", ILB_TYPE) == LARGE


def test_where_none_is_made_for_it_there_is_none_to_choose() -> None:
    assert refusal("small", ROUTER_TYPE, (SMALL,)).endswith("Add one for a router in CloudStack.")


@given(st.lists(st.sampled_from(EVERY), unique=True), st.sampled_from([ILB_TYPE, ROUTER_TYPE]))
def test_whatever_is_chosen_is_made_for_it(there: list[Offering], kind: str) -> None:
    for named in ("small", "large", "router", "o-4", "untyped"):
        try:
            assert chosen(there, named, kind).for_type == kind
        except Refused as no:
            assert not any(in_full(one) in str(no) for one in there if one.for_type != kind)


def test_what_an_offering_gives_less_is_told_with_both_numbers() -> None:
    assert less_than(LARGE, SMALL) == ""
    assert less_than(SMALL, LARGE) == "256 instead of 2000 MHz in all and 512 instead of 1024 MB"
    assert less_than(replace(SMALL, cpus=2, mhz=128), SMALL) == ""
