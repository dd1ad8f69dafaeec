"""A curve says in words what it shows, and puts seconds together without hiding a loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.curve import MOST_WORDS, Curve, Mark, Point, Span

NOON = 1_800_014_400


def second(at: int, **seen: int | float | None) -> Point:
    return Point(NOON + at, **{"attempts": 20, "p50_s": 0.001, "p99_s": 0.004} | seen)  # type: ignore[arg-type]


QUIET = Curve(tuple(second(at) for at in range(60)))


def test_a_quiet_curve_says_that_nothing_was_lost() -> None:
    assert QUIET.in_words() == (
        "New connections per second over 60 seconds: 1200 attempts, none failed; no held "
        "connections were cut. The slowest second had a 99th percentile of 4 ms."
    )


def test_losses_blind_seconds_withdrawn_places_and_steps_are_told_with_their_times() -> None:
    points = [second(at) for at in range(60) if not 50 <= at < 53]
    points[20] = second(20, failed=3, resets=2, p99_s=0.95)
    points[21] = second(21, failed=20, p50_s=None, p99_s=None)
    points[30] = second(30, resets=1)
    curve = Curve(
        tuple(points),
        (Span(NOON + 18.0, NOON + 40.0, "10.1.1.10:80"),),
        (Mark(NOON + 19.4, "Stop b-1-VM"),),
    )
    assert curve.in_words() == (
        "New connections per second over 60 seconds: 1140 attempts, 23 failed; 3 held connections "
        "were cut. Lost from 20 to 22 s, 30 to 31 s. The slowest second had a 99th percentile of "
        "950 ms. Nobody looked from 50 to 53 s. 10.1.1.10:80 was withdrawn from 18 to 40 s. "
        "Stop b-1-VM at 19 s."
    )


def test_words_stay_within_what_slack_takes() -> None:
    points = tuple(second(at * 2, failed=at % 2) for at in range(400))
    marks = tuple(Mark(NOON + at, f"Step number {at}") for at in range(100))
    words = Curve(points, (), marks).in_words()
    assert len(words) == MOST_WORDS
    assert "195 more times" in words


def test_a_short_curve_is_not_put_together() -> None:
    assert QUIET.at_most(60) is QUIET


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5), st.booleans()), min_size=1),
    st.integers(1, 40),
)
def test_putting_seconds_together_loses_no_loss(
    seen: list[tuple[int, int, bool]], count: int
) -> None:
    points = [
        second(at, attempts=attempts + lost, failed=lost, resets=lost, p99_s=at / 1000)
        for at, (attempts, lost, is_seen) in enumerate(seen)
        if is_seen or at == 0
    ]
    whole = Curve(tuple(points))
    merged = whole.at_most(count)
    assert len(merged.points) <= max(count, 1)
    for field in ("attempts", "failed", "resets"):
        assert sum(getattr(one, field) for one in merged.points) == sum(
            getattr(one, field) for one in points
        )
    assert max(one.p99_s or 0 for one in merged.points) == max(one.p99_s or 0 for one in points)
    assert merged.since == whole.since


def test_a_second_without_an_answer_has_no_latency_to_put_together() -> None:
    dead = Curve(tuple(second(at, failed=20, p50_s=None, p99_s=None) for at in range(4)))
    [merged] = dead.at_most(1).points
    assert (merged.attempts, merged.failed, merged.p50_s, merged.p99_s) == (80, 80, None, None)
    assert merged.width_s == 4
