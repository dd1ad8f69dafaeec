"""How long an outage is predicted to be, and on what evidence; never a built-in number."""

from __future__ import annotations

from hypothesis import given

from bot.domain.exposure import outage
from bot.domain.view import View
from tests.domain.views import any_view, event, view

STOP, START = "INTERNALLBVM.STOP", "INTERNALLBVM.START"


def test_nothing_on_record_is_not_known() -> None:
    found = outage(view())
    assert (found.what, found.seconds, found.evidence) == (
        "10.20.1.10 ports 80, 443",
        None,
        "not known: no earlier stop and start of it is on record",
    )


def test_a_stop_and_start_is_measured_from_its_first_to_its_last_moment() -> None:
    events = (
        event(START, 100, "Completed"), event(START, 130, "Started"),
        event(STOP, 135, "Completed"), event(STOP, 160, "Started"),
    )  # fmt: skip
    assert outage(view(events=events)).seconds == 60.0


def test_the_newest_pair_counts() -> None:
    events = (
        event(START, 100, "Completed"), event(STOP, 120, "Started"),
        event(START, 900, "Completed"), event(STOP, 990, "Started"),
    )  # fmt: skip
    assert outage(view(events=events)).seconds == 20.0


def test_a_start_after_a_crash_is_no_measure_of_a_planned_stop() -> None:
    events = (event(START, 100, "Completed"), event("VM.STOP", 400), event(START, 5000))
    assert outage(view(events=events)).seconds is None


def test_a_stop_without_a_start_measures_nothing() -> None:
    assert outage(view(events=(event(STOP, 60, "Started"),))).seconds is None


def test_a_start_that_failed_ended_no_outage() -> None:
    events = (event(START, 100, level="ERROR"), event(STOP, 160, "Started"))
    assert outage(view(events=events)).seconds is None


def test_what_we_measured_ourselves_comes_first() -> None:
    events = (event(START, 100), event(STOP, 160, "Started"))
    found = outage(view(events=events, own_outages_s=(34.0, 50.0)))
    assert (found.seconds, found.evidence) == (34.0, "the last operation of ilbot on it took 34 s")


@given(any_view())
def test_a_number_always_comes_from_a_record(seen: View) -> None:
    found = outage(seen)
    assert found.seconds is None or found.seconds >= 0.0
    if not seen.own_outages_s and not seen.events:
        assert found.seconds is None
