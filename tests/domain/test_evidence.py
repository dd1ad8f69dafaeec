"""Evidence: what counts, what nobody saw, and what proves nothing."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.evidence import LATE_S, add_up
from bot.domain.probing import (
    Attempt,
    Evidence,
    Failure,
    Held,
    Sample,
    Watched,
    Watching,
    sample_of,
)

A = Watched("10.20.1.10", 80)
B = Watched("10.20.1.11", 80)
WATCHED = [Watching(1000.0, (A,))]
MUCH_LATER = 1000.0 + 100 * LATE_S


def second(
    at: int, place: Watched = A, vantage: str = "bot", *, failed: int = 0, resets: int = 0
) -> Sample:
    """A second of ten attempts, of which the first few are refused."""
    attempts = [
        Attempt(at + n / 10, 0.001, Failure.REFUSED if n < failed else None) for n in range(10)
    ]
    return sample_of(vantage, place, at, attempts, Held(5, resets), lag_s=0.002)


def seconds(*at: int, place: Watched = A, vantage: str = "bot") -> list[Sample]:
    return [second(one, place, vantage) for one in at]


def test_all_vantage_points_and_places_are_added_up() -> None:
    history = [Watching(1000.0, (A, B))]
    samples = [
        second(1000, A, failed=2), second(1000, B), second(1000, A, "web-1", resets=5),
        second(1001, A), second(1001, B), second(1001, A, "web-1"),
    ]  # fmt: skip
    found = add_up(history, samples, 1002.0)
    assert found.vantage_points == ("bot", "web-1")
    assert (found.attempts, found.failed, found.resets, found.lost) == (60, 2, 5, 7)
    assert round(found.longest_gap_s, 6) == 0.2
    assert (found.watched_s, found.blind_s, found.not_valid) == (2, 0, "")
    assert [str(one) for one in found.tallies] == [
        "10.20.1.10:80 from bot", "10.20.1.11:80 from bot", "10.20.1.10:80 from web-1",
    ]  # fmt: skip
    assert str(found.worst) == "10.20.1.10:80 from web-1"
    assert [(one.second, one.attempts, one.failed, one.resets) for one in found.series] == [
        (1000, 30, 2, 5),
        (1001, 30, 0, 0),
    ]


def test_what_was_withdrawn_is_told_apart() -> None:
    away = Watched(A.vip, A.port, counts=False)
    history = [Watching(1000.0, (A,)), Watching(1002.5, (away,)), Watching(1004.5, (A,))]
    samples = [second(at, failed=1) for at in range(1000, 1006)]
    found = add_up(history, samples, 1006.0)
    # It counted at some moment of 1000 to 1002, and again of 1004 and 1005.
    assert found.failed == 5
    assert [(one.counts, one.seen.failed) for one in found.tallies] == [(False, 1), (True, 5)]


def test_what_the_run_did_not_watch_is_not_its_evidence() -> None:
    found = add_up(WATCHED, [*seconds(990, 999, 1000), second(1000, B)], 1001.0)
    assert found.attempts == 10


def test_a_hole_is_blind_time() -> None:
    found = add_up(WATCHED, seconds(1000, 1001, 1005, 1006), 1007.0)
    assert (found.watched_s, found.blind_s) == (7, 3)


def test_a_place_that_nobody_saw_is_blind_time_though_another_was_seen() -> None:
    found = add_up([Watching(1000.0, (A, B))], seconds(1000, 1001), MUCH_LATER)
    assert found.blind_s == found.watched_s > 2


def test_one_that_looks_makes_up_for_another_that_does_not() -> None:
    samples = [*seconds(1000, 1001, 1002, 1003), *seconds(1000, vantage="web-1")]
    found = add_up(WATCHED, samples, 1000.0 + LATE_S + 4)
    assert (found.watched_s, found.blind_s, found.seen_until) == (4, 0, 1004.0)


def test_the_first_seconds_of_a_prober_that_begins_are_not_blind() -> None:
    assert add_up(WATCHED, seconds(1003, 1004), 1005.0).blind_s == 0
    late = add_up(WATCHED, seconds(1010, 1011), 1012.0)
    assert (late.watched_s, late.blind_s) == (12, 10)


def test_a_second_that_may_still_be_told_is_not_blind_yet() -> None:
    found = add_up(WATCHED, seconds(1000, 1001), 1010.0)
    assert (found.seen_until, found.watched_s, found.blind_s) == (1002.0, 2, 0)
    found = add_up(WATCHED, seconds(1000, 1001), 1010.0 + LATE_S)
    assert (found.seen_until, found.watched_s, found.blind_s) == (1010.0, 10, 8)


def test_nobody_saw_what_nobody_watched_from() -> None:
    found = add_up(WATCHED, [], MUCH_LATER)
    assert (found.vantage_points, found.attempts, found.worst) == ((), 0, None)
    assert found.blind_s == found.watched_s > 0


def test_without_a_watch_there_is_no_evidence() -> None:
    assert add_up([], seconds(1000), 1001.0) == Evidence()


def test_a_prober_that_lagged_proves_nothing_either_way() -> None:
    lagged = sample_of("web-1", A, 1000, [Attempt(1000.0, failure=Failure.REFUSED)], lag_s=0.281)
    found = add_up(WATCHED, [lagged], 1001.0)
    assert found.not_valid == (
        "the prober web-1 itself was up to 281 ms late (at most 150 ms are fair), so its numbers "
        "may be its own"
    )


def late(at: int, vantage: str = "bot", failed: int = 0) -> Sample:
    """A second in which the prober was 160 ms late."""
    attempts = [Attempt(at + n / 10, 0.001, Failure.REFUSED) for n in range(failed)]
    return sample_of(vantage, A, at, attempts, lag_s=0.16)


def test_losses_outside_the_seconds_of_a_late_prober_are_losses() -> None:
    samples = [late(1000, failed=3), second(1001, failed=4), second(1002, resets=2)]
    found = add_up(WATCHED, samples, 1003.0)
    assert found.not_valid
    assert (found.lost, found.surely_lost) == (9, 6)


def test_a_late_prober_excuses_no_other() -> None:
    found = add_up(WATCHED, [late(1000), second(1000, vantage="web-1", failed=4)], 1001.0)
    assert found.not_valid
    assert found.surely_lost == 4
    assert str(found.worst) == "10.20.1.10:80 from web-1"


def test_a_time_out_that_ended_while_the_prober_was_late_may_be_its_own() -> None:
    def timed_out(at: int) -> Sample:
        return sample_of("bot", A, at, [Attempt(float(at), failure=Failure.TIMED_OUT)])

    found = add_up(WATCHED, [timed_out(1000), timed_out(1020), late(1009)], 1021.0)
    assert (found.lost, found.surely_lost) == (2, 1)


def test_a_prober_without_descriptors_proves_nothing_either_way() -> None:
    unable = sample_of("bot", A, 1000, [Attempt(1000.0, failure=Failure.UNABLE)])
    found = add_up(WATCHED, [unable], 1001.0)
    assert (found.failed, found.attempts) == (0, 0)
    assert found.not_valid == ("the machine of the prober bot could not make 1 of its connections")


@given(
    st.lists(
        st.tuples(
            st.integers(1000, 1015), st.sampled_from([A, B]), st.sampled_from(["bot", "web-1"]),
            st.integers(0, 10), st.integers(0, 5),
        ),
        unique_by=lambda one: one[:3], max_size=30,
    ),
    st.randoms(),
)  # fmt: skip
def test_no_loss_anywhere_is_lost_whatever_the_order(
    given: list[tuple[int, Watched, str, int, int]], random: Random
) -> None:
    history = [Watching(1000.0, (A, B))]
    samples = [
        second(at, place, vantage, failed=failed, resets=resets)
        for at, place, vantage, failed, resets in given
    ]
    found = add_up(history, samples, 1100.0)
    assert found.lost == sum(failed + resets for *_, failed, resets in given)
    random.shuffle(samples)
    assert add_up(history, samples, 1100.0) == found
