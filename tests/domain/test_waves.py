"""Waves begin with one, never hold two that fail together, and leave nobody out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.operation import Outcome
from bot.domain.waves import Candidate, Ended, Toll, lots, waves


def candidate(name: str, *domains: str, toll: Toll = Toll.EVERYTHING, weight: int = 1) -> Candidate:
    lane = f"lane of {name}"
    return Candidate(
        name, name, lane, "outage", "4.22.0", toll, weight, frozenset({lane, *domains})
    )


@st.composite
def fleets(draw: st.DrawFn) -> list[Candidate]:
    domains = st.frozensets(st.sampled_from("abcdefgh"), max_size=3)
    many = draw(st.lists(st.tuples(domains, st.sampled_from(Toll), st.integers(0, 3)), max_size=30))
    return [
        candidate(f"b-{n}-VM", *sorted(shared), toll=toll, weight=weight)
        for n, (shared, toll, weight) in enumerate(many)
    ]


caps = st.integers(1, 8)


def names(found: Sequence[Sequence[Candidate]]) -> list[list[str]]:
    return [[one.name for one in wave] for wave in found]


@given(fleets(), caps)
def test_each_target_is_in_one_wave(fleet: list[Candidate], cap: int) -> None:
    found = [one.name for wave in waves(fleet, cap) for one in wave]
    assert sorted(found) == sorted(one.name for one in fleet)


@given(fleets(), caps)
def test_no_two_of_a_wave_fail_together(fleet: list[Candidate], cap: int) -> None:
    for wave in waves(fleet, cap):
        shared = [domain for one in wave for domain in one.domains]
        assert len(shared) == len(set(shared))


@given(fleets(), caps)
def test_waves_grow_from_one_up_to_the_cap(fleet: list[Candidate], cap: int) -> None:
    found = waves(fleet, cap)
    for number, wave in enumerate(found):
        assert 1 <= len(wave) <= min(cap, 2 ** max(0, number - 1))


@given(fleets(), caps, st.randoms(use_true_random=False))
def test_the_order_in_which_targets_are_read_changes_nothing(
    fleet: list[Candidate], cap: int, random: object
) -> None:
    mixed = list(fleet)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis types its own random loosely
    assert waves(mixed, cap) == waves(fleet, cap)


@given(fleets(), caps)
def test_the_canary_costs_least(fleet: list[Candidate], cap: int) -> None:
    found = waves(fleet, cap)
    if found:
        [canary] = found[0]
        assert canary.toll == min(one.toll for one in fleet)


def test_what_shares_nothing_goes_by_one_one_two_and_four() -> None:
    fleet = [candidate(f"b-{n}-VM") for n in range(10, 22)]
    assert [len(wave) for wave in waves(fleet, 4)] == [1, 1, 2, 4, 4]


def test_a_crowded_domain_goes_first_so_that_waves_are_few() -> None:
    crowd = [candidate(f"z-{n}-VM", "host 1") for n in range(4)]
    alone = [candidate(f"a-{n}-VM") for n in range(4)]
    found = names(waves([*alone, *crowd], 4))
    assert found[1] == ["z-0-VM"]
    assert all(any(name.startswith("z") for name in wave) for wave in found[1:5])
    assert len(found) == 5


def test_lots_are_numbered_over_all_waves() -> None:
    fleet = [candidate(f"b-{n}-VM") for n in range(4)]
    assert [(lot.number, lot.wave) for lot in lots(waves(fleet, 4))] == [
        ("01", 1), ("02", 2), ("03", 3), ("04", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "outcome", [Outcome.FAILED, Outcome.PARKED, Outcome.ROLLED_BACK, Outcome.UNVERIFIED,
                Outcome.REFUSED, Outcome.OBSERVED, None],
)  # fmt: skip
def test_what_went_wrong_spends_the_budget(outcome: Outcome | None) -> None:
    ended = Ended("01", outcome, "")
    assert (ended.spends, ended.is_well) == (True, False)


@pytest.mark.parametrize("outcome", [Outcome.STALE, Outcome.EXPIRED, Outcome.REJECTED])
def test_what_was_not_begun_spends_nothing_and_is_not_well(outcome: Outcome) -> None:
    ended = Ended("01", outcome, "")
    assert (ended.spends, ended.is_well) == (False, False)
