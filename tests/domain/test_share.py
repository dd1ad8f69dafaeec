"""What a change cost: time that nobody accounts for is the bot's own."""

from __future__ import annotations

from bot.domain.share import NO_CALLS, Calls, Share, Spent, share


def test_waits_are_not_the_bots_own() -> None:
    steps = (Spent("begin", 1.0), Spent("await_job", 40.0, waits=True), Spent("look", 0.5))
    assert share(41.5, steps, NO_CALLS).own_s == 1.5


def test_neither_is_what_a_plan_lets_pass() -> None:
    assert share(61.0, (Spent("bake_s", 0.0, slept_s=60.0),), NO_CALLS).own_s == 1.0


def test_time_between_steps_is() -> None:
    assert share(45.0, (Spent("await_job", 40.0, waits=True),), NO_CALLS).own_s == 5.0


def test_a_wait_that_was_cut_short_makes_no_debt() -> None:
    assert share(10.0, (Spent("bake_s", 0.0, slept_s=60.0),), NO_CALLS).own_s == 0.0


def test_it_is_one_sentence() -> None:
    found = Share(1.2, 63.0, Calls(reads=20, changes=2, polls=9) + Calls(reads=7, polls=3))
    assert found.text == (
        "ilbot's own share: 1.2 s of 63 s; 41 CloudStack calls, 12 of them job polls."
    )
