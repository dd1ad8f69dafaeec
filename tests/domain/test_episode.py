"""When a failure begins, flaps, lasts and is over: arithmetic over readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.episode import (
    FLAP_WINDOW_S,
    LASTS_S,
    Episode,
    Reading,
    Turn,
    begun,
    passing,
    turn,
)
from bot.domain.health import CheckResult, CheckStatus

CHECKS = ("haproxy_check.py",)
READINGS = st.lists(
    st.tuples(st.integers(1, 2 * int(FLAP_WINDOW_S)), st.sampled_from(Reading)), max_size=30
)


def kept(readings: Sequence[tuple[int, Reading]]) -> list[Episode]:
    """Return the episodes of a target that was read so, each after so many seconds."""
    found: list[Episode] = []
    now = 1_000
    for after, reading in readings:
        now += after
        last = found[-1] if found else None
        match turn(last, reading, now):
            case Turn.BEGINS | Turn.FLAPS:
                found.append(begun(last, f"after {len(found)}", now, CHECKS))
            case Turn.ENDS:
                found[-1] = replace(found[-1], ended_at=now)
    return found


@given(READINGS)
def test_one_episode_ends_before_the_next_begins(readings: list[tuple[int, Reading]]) -> None:
    found = kept(readings)
    assert all(not one.is_open for one in found[:-1])
    assert all(one.ended_at <= later.began_at for one, later in pairwise(found))


@given(READINGS)
def test_an_incident_is_new_only_after_a_window_without_failure(
    readings: list[tuple[int, Reading]],
) -> None:
    found = kept(readings)
    for before, after in pairwise(found):
        is_new = after.began_at - before.ended_at >= FLAP_WINDOW_S
        assert (after.incident != before.incident) is is_new
        assert after.times == (1 if is_new else before.times + 1)


@given(READINGS)
def test_what_is_not_known_changes_nothing(readings: list[tuple[int, Reading]]) -> None:
    known, waited = [], 0
    for after, reading in readings:
        waited += after
        if reading is not Reading.NOT_KNOWN:
            known.append((waited, reading))
            waited = 0
    assert [one.incident for one in kept(known)] == [one.incident for one in kept(readings)]


def test_an_episode_that_lasts_is_proposed_for_itself() -> None:
    first = replace(begun(None, "after 0", 0.0, CHECKS), ended_at=10.0)
    again = begun(first, "after 2", 20.0, CHECKS)
    assert again.flaps
    assert again.key(20.0 + LASTS_S - 1) == "after 0"
    assert again.key(20.0 + LASTS_S) == "after 2"


def _results(**statuses: CheckStatus) -> list[CheckResult]:
    return [CheckResult("b-31", name, "basic", status) for name, status in statuses.items()]


def test_only_what_was_collected_and_says_so_passes() -> None:
    assert passing(_results(haproxy=CheckStatus.SUCCESS), ["haproxy"])
    assert passing(_results(haproxy=CheckStatus.WARNING), ["haproxy"])
    assert passing(_results(memory=CheckStatus.SUCCESS), ["haproxy"]), "it is checked no longer"
    assert not passing([], ["haproxy"])
    assert not passing(_results(haproxy=CheckStatus.UNKNOWN), ["haproxy"])
    assert not passing(_results(haproxy=CheckStatus.FAILED), ["haproxy"])
