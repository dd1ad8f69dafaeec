"""What HAProxy counted of other clients, in the words of a receipt."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.counted import Counted
from bot.domain.evidence import add_up
from bot.domain.probing import Evidence, Watched, Watching
from bot.services.traffic_clients import in_lines, not_seen
from tests.services.vantage import Count, Scripted

A = Watched("10.1.1.10", 80)
WITHDRAWN = replace(A, counts=False)
LEFT_ALONE = replace(WITHDRAWN, tried=False)
START = 1000
RATE = "Other clients at 10.1.1.10:80, by HAProxy's count: "


def seen(*stages: tuple[Watched, ...], counted: Count | None = None) -> Evidence:
    """What a vantage point sees of twenty seconds of each stage."""
    prober = Scripted() if counted is None else Scripted(counted=counted)
    history = [Watching(START + 20.0 * n, places) for n, places in enumerate(stages)]
    samples = [
        prober.second(place, START + 20 * n + second)
        for n, places in enumerate(stages)
        for place in places
        for second in range(20)
    ]
    return add_up(history, samples, START + 20.0 * len(stages))


class Clients:
    """A page: some new clients each second while a place is published, and some that stay."""

    def __init__(self, per_s: int = 0, stay: int = 0, late: int = 0) -> None:
        self.per_s, self.stay, self.late = per_s, stay, late
        self.total = 0

    def __call__(self, place: Watched, second: int) -> Counted:
        new = self.per_s if place.counts else self.late
        self.total += new + 10 * place.tried
        ours = 5 * (place.counts and place.tried)
        return Counted(ours + (self.per_s if place.counts else self.stay), 0, self.total)


def test_the_clients_rate_is_told_before_during_and_after() -> None:
    found = seen((A,), (WITHDRAWN,), (LEFT_ALONE,), (A,), counted=Clients(per_s=12))
    assert in_lines(found) == [
        f"{RATE}about 12 new a second, then none while withdrawn, then about 12 new a second.",
        "10.1.1.10 was left alone until it was quiet: nobody else for 20 s.",
    ]


def test_a_few_are_not_rounded_to_nobody() -> None:
    counted = Clients()
    few = replace(A)

    def page(place: Watched, second: int) -> Counted:
        one = counted(place, second)
        return replace(one, total=one.total + (second - START) // 5)

    assert in_lines(seen((few,), counted=page)) == [f"{RATE}less than 1 new a second."]


def test_who_was_still_connected_is_told() -> None:
    found = seen((A,), (LEFT_ALONE,), counted=Clients(per_s=3, stay=3))
    assert in_lines(found)[1] == (
        "10.1.1.10 was left alone and did not get quiet: 3 connections of others were open at "
        "the end of the wait."
    )
    found = seen((A,), (LEFT_ALONE,), counted=Clients(per_s=3, stay=1))
    assert in_lines(found)[1] == (
        "10.1.1.10 was left alone and did not get quiet: 1 connection of others was open at "
        "the end of the wait."
    )


def test_who_came_and_went_all_the_time_is_told() -> None:
    found = seen((A,), (LEFT_ALONE,), counted=Clients(per_s=3, late=2))
    assert in_lines(found)[1] == (
        "10.1.1.10 was left alone and did not get quiet: 40 new connections of others came "
        "during the wait."
    )


def test_a_vip_is_quiet_when_all_of_its_ports_are() -> None:
    other = replace(LEFT_ALONE, port=443)
    pages = {80: Clients(), 443: Clients(stay=2)}

    def page(place: Watched, second: int) -> Counted:
        return pages[place.port](place, second)

    found = seen((A, replace(A, port=443)), (LEFT_ALONE, other), counted=page)
    assert in_lines(found)[1:] == [
        "10.1.1.10 was left alone and did not get quiet: 2 connections of others were open at "
        "the end of the wait."
    ]


def test_a_new_haproxy_is_told_with_what_it_hides() -> None:
    def page(place: Watched, second: int) -> Counted:
        return Counted(5, 0, 10 * ((second - START) % 10))

    assert in_lines(seen((A,), counted=page))[-1] == (
        "HAProxy at 10.1.1.10 counted from zero once: it was reloaded or started again, and who "
        "was connected before a reload is not in its count."
    )
    assert "counted from zero 3 times: " in in_lines(seen((A,), (A,), counted=page))[-1]


def test_members_that_were_down_are_told() -> None:
    def page(place: Watched, second: int) -> Counted:
        return Counted(5, 0, 10 * (second - START), up=2, down=1)

    assert in_lines(seen((A,), counted=page))[-1] == (
        "HAProxy saw 1 member of 10.1.1.10:80 down, at most at once."
    )


def test_a_page_that_nobody_saw_is_a_blind_spot_and_nothing_else() -> None:
    found = seen((A,), (LEFT_ALONE,), (A,))
    assert in_lines(found) == []
    assert not_seen(found) == [
        "what other clients did at 10.1.1.10:80 (HAProxy's stats page was not seen)"
    ]
    assert not_seen(seen((A,), counted=Clients())) == []
