"""Other clients by HAProxy's own count: ours are taken off, and a new HAProxy counts from zero."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clients import STALE_S, drain
from bot.domain.counted import QUIET_S, Clients, Counted, Drain, Period
from bot.domain.evidence import add_up
from bot.domain.probing import Attempt, Failure, Held, Sample, Watched, Watching, sample_of

A = Watched("10.20.1.10", 80)
AWAY = replace(A, counts=False)
LEFT_ALONE = replace(AWAY, tried=False)
START = 1000


def second(
    at: int,
    total: int | None,
    *,
    place: Watched = A,
    open_: int = 0,
    vantage: str = "bot",
    closed: int = 0,
) -> Sample:
    """Ten attempts and five held connections where a place is tried, and what HAProxy counts."""
    attempts = [
        Attempt(at + n / 10, 0.001, Failure.CLOSED if n < closed else None)
        for n in range(10 * place.tried)
    ]
    held = Held(5 * place.counts * place.tried)
    one = sample_of(vantage, place, at, attempts, held)
    return replace(one, counted=None if total is None else Counted(open_, 0, total))


def clients(*samples: Sample, watched: Watched = A) -> Clients:
    history = [Watching(float(START), (watched,))]
    [found] = add_up(history, samples, START + 1000.0).clients
    return found


def period(found: Clients) -> Period:
    [one] = found.periods
    return one


def test_our_own_connections_are_no_clients() -> None:
    found = clients(*(second(START + n, 100 + 10 * n, open_=5) for n in range(10)))
    assert period(found) == Period(True, True, START, known_s=9, quiet_s=9)


def test_what_is_left_is_the_clients_own_rate() -> None:
    found = clients(*(second(START + n, 22 * n, open_=8) for n in range(11)))
    assert (period(found).per_s, period(found).open, period(found).quiet_s) == (12.0, 3, 0)


def test_connections_that_every_vantage_point_opened_are_ours() -> None:
    samples = [second(START + n, 25 * n, open_=10) for n in range(11)]
    samples += [second(START + n, None, vantage="web-1") for n in range(11)]
    assert period(clients(*samples)).per_s == 5.0


def test_what_haproxy_took_and_closed_was_ours_too() -> None:
    found = clients(*(second(START + n, 10 * n, open_=5, closed=10) for n in range(11)))
    assert period(found).new == 0


def test_held_connections_that_were_renewed_are_ours() -> None:
    samples = [replace(second(START + n, 12 * n, open_=5), renewed=2) for n in range(11)]
    assert period(clients(*samples)).new == 0


def test_a_reading_that_came_a_little_late_makes_no_client() -> None:
    late = [0, 10, 21, 30, 41, 50]
    found = clients(*(second(START + n, total, open_=5) for n, total in enumerate(late)))
    assert period(found).new == 0


def test_one_that_counts_from_zero_is_a_new_haproxy() -> None:
    totals = [100, 115, 130, 8, 23, 38]
    found = clients(*(second(START + n, total, open_=5) for n, total in enumerate(totals)))
    assert found.restarts == 1
    assert (period(found).known_s, period(found).new) == (4, 20)


def test_nothing_is_said_of_the_time_between_readings_far_apart() -> None:
    found = clients(second(START, 10), second(START + 1, 20), second(START + 30, 5000))
    assert (period(found).known_s, period(found).new) == (1, 0)


def test_a_page_that_nobody_read_is_known_as_that() -> None:
    assert clients(second(START, None), second(START + 1, None)).periods == ()


def test_periods_are_those_of_the_watch() -> None:
    history = [
        Watching(float(START), (A,)),
        Watching(START + 10.0, (LEFT_ALONE,)),
        Watching(START + 20.0, (A,)),
    ]
    samples, total = [], 0
    for n in range(30):
        place, theirs = (LEFT_ALONE, 1) if 10 <= n < 20 else (A, 7)
        total += theirs + 10 * place.tried
        samples.append(second(START + n, total, place=place, open_=2 + 5 * place.tried))
    [found] = add_up(history, samples, START + 30.0).clients
    assert [(one.counts, one.tried, one.since, one.per_s) for one in found.periods] == [
        (True, True, START, 7.0),
        (False, False, START + 10, 1.0),
        (True, True, START + 20, 7.0),
    ]
    assert found.drain is not None
    assert found.drain.open == 2


def test_time_in_which_a_place_was_left_alone_is_no_blindness() -> None:
    history = [Watching(float(START), (A,)), Watching(START + 5.0, (LEFT_ALONE,))]
    samples = [second(START + n, None) for n in range(5)]
    samples += [second(START + n, None, place=LEFT_ALONE) for n in range(5, 10)]
    found = add_up(history, samples, START + 10.0)
    assert (found.attempts, found.blind_s, found.seen_until) == (50, 0, START + 10.0)
    assert [(one.counts, one.seconds) for one in found.tallies] == [(True, 5)]


@given(st.randoms(use_true_random=False), st.integers(0, 20))
def test_the_order_in_which_samples_come_is_no_matter(random: Random, theirs: int) -> None:
    samples = [second(START + n, (10 + theirs) * n, open_=5 + theirs) for n in range(20)]
    random.shuffle(samples)
    found = period(clients(*samples))
    assert (found.new, found.open) == (19 * theirs, theirs)


# the wait for them to go


def left(*opens: int, port: int = 80) -> list[Sample]:
    place = replace(LEFT_ALONE, port=port)
    return [second(START + n, 100, place=place, open_=one) for n, one in enumerate(opens)]


def test_nobody_for_long_enough_is_quiet() -> None:
    found = drain([A.at], left(3, 2, *[0] * QUIET_S), START + 2.0 + QUIET_S)
    assert found == Drain(True, QUIET_S, 0)
    assert found.is_quiet


def test_a_moment_without_anybody_is_not() -> None:
    assert not drain([A.at], left(3, 2, 0, 0), START + 4.0).is_quiet


def test_a_new_connection_that_went_again_is_not_quiet() -> None:
    samples = left(*[0] * 10)
    counted = samples[-1].counted
    assert counted is not None
    samples[-1] = replace(samples[-1], counted=replace(counted, total=101))
    assert drain([A.at], samples, START + 10.0) == Drain(True, 0, 0)


def test_every_port_must_be_quiet() -> None:
    samples = [*left(*[0] * 10), *left(*[4] * 10, port=443)]
    found = drain([A.at, (A.vip, 443)], samples, START + 10.0)
    assert (found.is_quiet, found.open) == (False, 4)


def test_one_port_that_the_page_does_not_show_leaves_all_unknown() -> None:
    assert drain([A.at, (A.vip, 443)], left(*[0] * 10), START + 10.0) == Drain()


def test_a_page_that_went_away_is_not_quiet() -> None:
    assert drain([A.at], left(*[0] * 10), START + 11.0 + STALE_S) == Drain()
    assert drain([], [], START + 10.0) == Drain()
