"""The arithmetic of a partition: complete, even, deterministic; and how people write it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.partition import Item, balanced, groups_in, in_groups, joined, weights_in
from bot.errors import Refused

_labels = st.sampled_from("abcdefgh")
_weights = st.integers(0, 50).map(float)


@st.composite
def items(draw: st.DrawFn) -> tuple[Item, ...]:
    """Up to eight things, of which one may stay."""
    labels = draw(st.lists(_labels, min_size=2, unique=True))
    stays = draw(st.sampled_from(["", *labels]))
    return tuple(Item((label,), draw(_weights), label == stays) for label in labels)


@given(items(), st.integers(2, 5))
def test_everything_is_in_one_group_and_no_group_is_empty(
    every: tuple[Item, ...], into: int
) -> None:
    assume(len(every) >= into)
    groups = balanced(every, into)
    assert len(groups) == into
    assert sorted(label for one in groups for label in one.labels) == sorted(
        label for one in every for label in one.labels
    )
    assert all(one.labels for one in groups)


@given(items(), st.integers(2, 4))
def test_the_heaviest_group_is_within_the_bound_of_the_best_one(
    every: tuple[Item, ...], into: int
) -> None:
    assume(into <= len(every) <= 6)
    best = min(
        max(
            sum(one.weight for one, at in zip(every, where, strict=True) if at == group)
            for group in range(into)
        )
        for where in product(range(into), repeat=len(every))
    )
    heaviest = max(one.weight for one in balanced(every, into))
    assert heaviest <= (4 / 3 - 1 / (3 * into)) * best + 1e-9


@given(items(), st.integers(2, 4))
def test_what_stays_is_in_the_first_group_and_else_the_heaviest_is(
    every: tuple[Item, ...], into: int
) -> None:
    assume(len(every) >= into)
    first, *others = balanced(every, into)
    if staying := [label for one in every if one.stays for label in one.labels]:
        assert set(staying) <= set(first.labels)
    else:
        assert all(first.weight >= one.weight for one in others)


@given(items(), st.integers(2, 4), st.data())
def test_the_order_in_which_things_are_listed_says_nothing(
    every: tuple[Item, ...], into: int, data: st.DataObject
) -> None:
    assume(len(every) >= into)
    shuffled = data.draw(st.permutations(every))
    assert balanced(shuffled, into) == balanced(every, into)


@given(items(), st.lists(st.lists(_labels, min_size=2, max_size=3, unique=True), max_size=4))
def test_what_must_stay_together_does(every: tuple[Item, ...], together: list[list[str]]) -> None:
    found = joined(every, together)
    known = {label for one in every for label in one.labels}
    for kept in together:
        homes = [one for one in found if set(kept) & known & set(one.labels)]
        assert len(homes) <= 1
    assert sum(one.stays for one in found) <= 1
    assert sum(one.weight for one in found) == sum(one.weight for one in every)


def test_a_heavy_service_gets_an_ilb_of_its_own() -> None:
    every = (Item(("web",), 70.0), Item(("api",), 20.0), Item(("admin",), 10.0))
    assert [one.labels for one in balanced(every, 2)] == [("web",), ("admin", "api")]


@given(st.lists(st.lists(_labels, min_size=1, max_size=3), min_size=1, max_size=4))
def test_groups_are_read_as_they_are_written(groups: list[list[str]]) -> None:
    assert groups_in(in_groups(groups)) == tuple(tuple(one) for one in groups)


@pytest.mark.parametrize("text", ["|web", "web|", "web,,api|admin", " | ", ","])
def test_a_group_without_a_service_is_none(text: str) -> None:
    with pytest.raises(Refused, match="names no groups"):
        groups_in(text)


def test_weights_are_read_as_people_write_them() -> None:
    assert weights_in("web:3, api:1.5,port-80:1") == (("web", 3.0), ("api", 1.5), ("port-80", 1.0))


@pytest.mark.parametrize("text", ["web", "web:", "web:0", "web:-1", ":3", "web:nan", "web:1e9", ""])
def test_what_is_no_positive_number_is_no_weight(text: str) -> None:
    with pytest.raises(Refused, match="is no weight"):
        weights_in(text)


def test_a_weight_is_said_once() -> None:
    with pytest.raises(Refused, match="twice"):
        weights_in("web:1,web:2")
