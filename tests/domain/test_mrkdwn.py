"""Foreign text in Slack's mrkdwn, and durations for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import mrkdwn
from bot.domain.page import duration


@given(st.text())
def test_no_foreign_text_forges_a_mention_or_a_link(text: str) -> None:
    assert not set(mrkdwn.escape(text)) & {"<", ">"}


@given(st.text())
def test_code_has_one_beginning_and_one_end(text: str) -> None:
    shown = mrkdwn.code(text)
    assert (shown[0], shown[-1], shown.count("`")) == ("`", "`", 2)


@given(st.text())
def test_strong_words_have_one_beginning_and_one_end(text: str) -> None:
    shown = mrkdwn.strong(text)
    assert (shown[0], shown[-1], shown.count("*")) == ("*", "*", 2)


@given(st.text().filter(lambda text: not set(text) & {"*", "`", ":", "_"}))
def test_plain_gives_back_what_was_escaped(text: str) -> None:
    assert mrkdwn.plain(mrkdwn.escape(text)) == text


def test_only_slack_ids_are_mentioned() -> None:
    assert mrkdwn.mention("U0ANA") == "<@U0ANA>"
    assert mrkdwn.mention("W0ANA") == "<@W0ANA>"
    assert mrkdwn.mention("policy <1>") == "policy &lt;1&gt;"
    assert mrkdwn.mention("U0>x<!here") == "U0&gt;x&lt;!here"


def test_a_moment_is_in_the_readers_time_zone() -> None:
    assert mrkdwn.moment(1_800_014_400.7) == "<!date^1800014400^{time}|12:00 UTC>"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "under 0.1 s"),
        (0.04, "under 0.1 s"),
        (0.06, "0.1 s"),
        (0.4, "0.4 s"),
        (6.0, "6 s"),
        (6.04, "6 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (34.4, "34 s"),
        (89.4, "89 s"),
        (90.0, "1 min 30 s"),
        (120.0, "2 min"),
        (130.0, "2 min 10 s"),
        (3900.0, "65 min"),
        (5400.0, "1 h 30 min"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_a_duration_is_said_the_way_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_plain_text_has_no_emoji_names_and_keeps_underscores_of_names() -> None:
    told = ":warning: *Start* from `systemvm-x86_64` _(from here there is no way back)_"
    assert mrkdwn.plain(told) == "Start from systemvm-x86_64 (from here there is no way back)"


def test_plain_text_has_no_italics_around_a_name_with_underscores_either() -> None:
    told = "1. Put it in force _(undo: put default_allow back)_ and _then_ look"
    assert mrkdwn.plain(told) == "1. Put it in force (undo: put default_allow back) and then look"
