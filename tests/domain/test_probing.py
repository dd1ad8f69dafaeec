"""Samples of probing: nothing is lost when they are added up, in whatever order."""

from __future__ import annotations

import math
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.latency import BOUNDS_S, Latency
from bot.domain.probing import (
    GOOD_S,
    MOST_PER_VIP,
    SLOW_S,
    Attempt,
    Failure,
    Held,
    Pacing,
    Sample,
    Seen,
    Watched,
    answered_in_a_row,
    sample_of,
)
from bot.domain.stretch import Stretch

PLACE = Watched("10.20.1.10", 80)
counts = st.integers(0, 1000)
answers = st.floats(0.0, 12.0)
latencies = st.lists(answers, max_size=20).map(Latency.of)
seens = st.builds(
    Seen, counts, counts, counts, counts, counts, counts, counts, st.floats(0, 5), latencies
)


@st.composite
def histories(draw: st.DrawFn) -> list[Attempt]:
    """Attempts at one place over some seconds, ten or fewer in each."""
    offsets = draw(st.lists(st.integers(0, 80), min_size=1, max_size=40, unique=True))
    kinds = st.one_of(st.none(), st.sampled_from(Failure))
    return [
        Attempt(1000.0 + offset / 10, 0.0 if failure else draw(answers), failure)
        for offset in sorted(offsets)
        for failure in [draw(kinds)]
    ]


def by_second(attempts: list[Attempt]) -> list[Sample]:
    groups = groupby(attempts, key=lambda one: math.floor(one.due))
    return [sample_of("bot", PLACE, second, list(group)) for second, group in groups]


@given(seens, seens, seens)
def test_adding_is_the_same_in_any_order(a: Seen, b: Seen, c: Seen) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Seen() == a


@given(seens, seens)
def test_no_lost_connection_is_lost_in_a_sum(a: Seen, b: Seen) -> None:
    assert (a + b).lost == a.lost + b.lost
    assert (a + b).attempts == a.attempts + b.attempts
    assert (a + b).lag_s == max(a.lag_s, b.lag_s)


@given(histories())
def test_seconds_add_up_to_what_all_attempts_say_at_once(attempts: list[Attempt]) -> None:
    total = Seen()
    for one in by_second(attempts):
        total += one.seen
    assert total == sample_of("bot", PLACE, 0, attempts).seen
    assert total.failed == sum(a.failure not in {None, Failure.UNABLE} for a in attempts)
    assert total.slow == sum(a.failure is None and a.answer_s >= SLOW_S for a in attempts)
    assert total.attempts + total.unable == len(attempts)


@given(histories())
def test_the_gap_joined_over_seconds_is_that_over_all_attempts(attempts: list[Attempt]) -> None:
    joined: Stretch | None = None
    for one in by_second(attempts):
        if one.stretch is not None:
            joined = joined.then(one.stretch) if joined else one.stretch
    made = [one for one in attempts if one.failure is not Failure.UNABLE]
    assert (joined.longest_s if joined else 0.0) == longest_gap(made)


def longest_gap(attempts: list[Attempt]) -> float:
    """Look at every attempt once: from the first bad one to the next good one, or to the last."""
    longest, since = 0.0, None
    for one in attempts:
        if since is not None:
            longest = max(longest, one.due - since)
        if one.is_good:
            since = None
        elif since is None:
            since = one.due
    return longest


@given(histories(), st.data())
def test_a_gap_can_be_joined_in_any_grouping(attempts: list[Attempt], data: st.DataObject) -> None:
    parts = [stretch for one in by_second(attempts) if (stretch := one.stretch)]
    if len(parts) < 3:
        return
    cut = data.draw(st.integers(1, len(parts) - 1))
    left, right = parts[0], parts[cut]
    for one in parts[1:cut]:
        left = left.then(one)
    for one in parts[cut + 1 :]:
        right = right.then(one)
    whole = parts[0]
    for one in parts[1:]:
        whole = whole.then(one)
    assert left.then(right) == whole


def test_a_gap_goes_from_the_first_bad_attempt_to_the_next_good_one() -> None:
    bad = {1000.4, 1000.6, 1001.0, 1001.2}
    attempts = [
        Attempt(due, failure=Failure.REFUSED if due in bad else None)
        for due in (1000.0, 1000.2, 1000.4, 1000.6, 1000.8, 1001.0, 1001.2, 1002.5)
    ]
    stretch = Stretch.of((one.due, one.is_good) for one in attempts)
    assert stretch is not None
    assert stretch.longest_s == 1002.5 - 1001.0


def test_an_answer_saved_by_the_second_syn_is_slow_and_part_of_a_gap() -> None:
    one = Attempt(1000.0, 1.01)
    assert not one.is_good
    assert sample_of("bot", PLACE, 1000, [one]).seen.slow == 1
    assert Attempt(1000.0, GOOD_S).is_good


@given(st.lists(answers, min_size=1, max_size=50), st.sampled_from([0.5, 0.99, 1.0]))
def test_a_quantile_is_never_too_short_and_within_its_bucket(took: list[float], q: float) -> None:
    true = sorted(took)[math.ceil(q * len(took)) - 1]
    told = Latency.of(took).quantile_s(q)
    assert true <= told <= max(took)
    assert told <= min((bound for bound in BOUNDS_S if bound >= true), default=max(took))


def test_no_answer_has_no_quantile() -> None:
    assert Latency().quantile_s(0.99) == 0.0


# in a row


def rows(*in_a_row: tuple[int, int, int]) -> list[Sample]:
    """Samples by second, attempts, and how many of them were answered in a row at the end."""
    return [
        Sample("bot", *PLACE.at, second, Seen(attempts), in_a_row=row)
        for second, attempts, row in in_a_row
    ]


def test_a_row_goes_on_over_seconds_and_ends_at_the_newest_failure() -> None:
    assert answered_in_a_row(rows((1, 10, 4), (2, 10, 10), (3, 10, 10)), 3) == 24


def test_a_second_that_nobody_saw_ends_the_row() -> None:
    assert answered_in_a_row(rows((1, 10, 10), (3, 10, 10)), 3) == 10


def test_a_row_that_is_not_told_any_more_is_no_row() -> None:
    assert answered_in_a_row(rows((1, 10, 10), (2, 10, 10)), 3) == 0
    assert answered_in_a_row([], 3) == 0


def test_an_attempt_that_could_not_be_made_is_not_answered() -> None:
    made = [Attempt(1000.0), Attempt(1000.5, failure=Failure.UNABLE)]
    sample = sample_of("bot", PLACE, 1000, made, Held(open=5, resets=1), lag_s=0.01)
    assert (sample.in_a_row, sample.seen.attempts, sample.seen.unable) == (0, 1, 1)
    assert (sample.held, sample.seen.resets) == (5, 1)
    assert answered_in_a_row([sample], 1000) == 0


# rate


def test_no_vip_is_probed_faster_than_a_small_vm_carries() -> None:
    ports = [Watched("10.20.1.10", port) for port in range(80, 90)] + [Watched("10.20.1.11", 80)]
    pacing = Pacing(10.0).within_limits(ports, vantage_points=2)
    assert pacing.rate * 10 * 2 == MOST_PER_VIP
    assert Pacing(10.0).within_limits(ports[:1], 1) == Pacing(10.0)
    assert Pacing(10.0).within_limits([], 0) == Pacing(10.0)
