"""Why a machine is not running: the order of claims, and what each needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from bot.domain.cause import JUST_ENDED_S, LONGEST_RESTART_S, why_not_running
from bot.domain.cloud import VmState
from bot.domain.view import View
from tests.domain.views import HTTP, TIER, any_view, event, view

DOWN = VmState.STOPPED


def test_a_machine_that_died_is_unexpected() -> None:
    cause = why_not_running(view(state=DOWN, events=(event("VM.STOP", 60),)))
    assert not cause.on_purpose
    assert cause.reason == (
        "b-31-VM died by itself: 'Out of band VM power off' seen by CloudStack at 07:59:00 UTC"
    )
    assert cause.evidence == (
        "state Stopped",
        "newest start or stop: VM.STOP (Completed) by admin at 2027-01-15 07:59:00 UTC",
        "2 Active rules with members on 10.20.1.10",
        "tier app-tier is Implemented",
    )


def test_one_rule_is_told_as_one() -> None:
    evidence = why_not_running(replace(view(state=DOWN), tier_rules=(HTTP,))).evidence
    assert "1 Active rule with members on 10.20.1.10" in evidence


def test_a_machine_that_nothing_is_known_of_is_unexpected() -> None:
    cause = why_not_running(view(state=DOWN))
    assert (cause.on_purpose, cause.evidence[1]) == (
        False,
        "newest start or stop: none on record",
    )


@pytest.mark.parametrize("event_type", sorted({"INTERNALLBVM.STOP", "ROUTER.STOP"}))
@pytest.mark.parametrize("state", ["Scheduled", "Started", "Completed"])
def test_the_newest_stop_by_somebody_counts_at_any_stage(event_type: str, state: str) -> None:
    stop = event(event_type, 60, state)
    assert why_not_running(view(state=DOWN, events=(stop, event("VM.STOP", 90)))).on_purpose


@pytest.mark.parametrize("newer", ["INTERNALLBVM.START", "ROUTER.START", "VM.START", "VM.STOP"])
def test_an_older_stop_says_nothing(newer: str) -> None:
    events = (event(newer, 60), event("INTERNALLBVM.STOP", 90))
    assert not why_not_running(view(state=DOWN, events=events)).on_purpose


def test_a_stop_that_failed_stopped_nothing() -> None:
    failed = event("INTERNALLBVM.STOP", 60, level="ERROR")
    earlier = event("INTERNALLBVM.START", 90)
    assert not why_not_running(view(state=DOWN, events=(failed, earlier))).on_purpose


@pytest.mark.parametrize(("age_s", "on_purpose"), [(JUST_ENDED_S, True), (JUST_ENDED_S + 1, False)])
def test_a_restart_counts_until_shortly_after_its_end(age_s: float, on_purpose: bool) -> None:
    ended = event("VPC.RESTART", age_s, resource_id="v-1")
    assert why_not_running(view(state=DOWN, restarts=(ended,))).on_purpose is on_purpose


@pytest.mark.parametrize(
    ("age_s", "on_purpose"), [(LONGEST_RESTART_S, True), (LONGEST_RESTART_S + 1, False)]
)
def test_a_restart_that_never_ended_counts_for_an_hour(age_s: float, on_purpose: bool) -> None:
    begun = event("VPC.RESTART", age_s, "Started", resource_id="v-1")
    assert why_not_running(view(state=DOWN, restarts=(begun,))).on_purpose is on_purpose


def test_the_end_of_another_restart_is_not_this_ones() -> None:
    begun = event("VPC.RESTART", 30, "Started", resource_id="v-1")
    other = event("NETWORK.RESTART", 10, resource_id="t-1")
    earlier = event("VPC.RESTART", 3000, resource_id="v-1")
    cause = why_not_running(view(state=DOWN, restarts=(begun, earlier)))
    assert cause.reason == "a restart of its VPC is running"
    assert why_not_running(view(state=DOWN, restarts=(other, begun))).on_purpose


def test_our_own_operation_is_a_purpose() -> None:
    cause = why_not_running(view(state=DOWN, busy_with="261122-224013-k3fz"))
    assert cause.reason == "operation 261122-224013-k3fz of ours is at work on it"


@given(any_view())
def test_an_idle_tier_is_always_the_reason(seen: View) -> None:
    idle = replace(seen, tier=replace(TIER, state="Allocated"))
    cause = why_not_running(idle)
    assert cause.on_purpose
    assert cause.reason.startswith("tier app-tier is Allocated, not Implemented")


@given(any_view())
def test_what_serves_nobody_is_never_brought_back(seen: View) -> None:
    unused = replace(seen, tier_rules=(replace(HTTP, state="Add", members=()),))
    assert why_not_running(unused).on_purpose


@given(any_view())
def test_every_cause_has_a_reason_and_evidence(seen: View) -> None:
    cause = why_not_running(seen)
    assert cause.reason
    assert len(cause.evidence) == 4
