"""What people type becomes Slack's text, and what apps call often becomes a refusal."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.slack import Workspace
from bot.sandbox.slack.limits import Allowance, RateLimits
from bot.sandbox.slack.messages import Timeline

ESCAPER = Workspace().escaper


@pytest.mark.parametrize(
    ("typed", "command", "message"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d", "a &lt; b &amp;&amp; c &gt; d"),
        ("ask @bruno.", "ask <@U0BRUNO001|bruno>.", "ask <@U0BRUNO001>."),
        ("ana@bruno.org", "ana@bruno.org", "ana@bruno.org"),
        ("@nobody #nowhere", "@nobody #nowhere", "@nobody #nowhere"),
        ("in #general", "in <#C0GENERAL1|general>", "in <#C0GENERAL1|general>"),
        ("see http://a.org/?x=1&y=#general,", None, "see <http://a.org/?x=1&amp;y=#general>,"),
        ("<@U0ANA00001>", None, "&lt;@U0ANA00001&gt;"),
    ],
)
def test_names_and_links_are_written_as_slack_writes_them(
    typed: str, command: str | None, message: str
) -> None:
    assert ESCAPER.message(typed) == message
    assert ESCAPER.command(typed) == (command or message)


@given(st.text(alphabet=st.characters(exclude_characters="@#/")))
def test_what_names_nothing_is_only_escaped(typed: str) -> None:
    written = ESCAPER.message(typed)
    assert "<" not in written
    assert ">" not in written
    assert html.unescape(written) == html.unescape(html.escape(typed, quote=False))


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60))
def test_no_window_ever_holds_more_than_its_allowance(gaps: list[float]) -> None:
    limits, allowance = RateLimits(), Allowance(5, 60)
    now, admitted = 1_000.0, []
    for gap in gaps:
        now += gap
        wait_s = limits.retry_after_s("chat.update", allowance, now)
        if wait_s is None:
            admitted.append(now)
        else:
            assert 1 <= wait_s <= 60
    assert all(later - first >= 60 for first, later in zip(admitted, admitted[5:], strict=False))


def test_waiting_as_long_as_told_is_enough() -> None:
    limits, allowance, now = RateLimits(), Allowance(2, 60), 0.5
    assert limits.retry_after_s("m", allowance, now) is None
    assert limits.retry_after_s("m", allowance, now + 7) is None
    wait_s = limits.retry_after_s("m", allowance, now + 8.2)
    assert wait_s is not None
    assert limits.retry_after_s("m", allowance, now + 8.2 + wait_s) is None


def test_a_scale_multiplies_what_is_allowed_and_zero_allows_all() -> None:
    double, off = RateLimits(scale=2), RateLimits(scale=0)
    answers = [double.retry_after_s("m", Allowance(3, 60), 0) for _ in range(7)]
    assert [wait is None for wait in answers] == [True] * 6 + [False]
    assert all(off.retry_after_s("m", Allowance(1, 60), 0) is None for _ in range(9))


def test_timestamps_rise_while_the_clock_stands_still_or_steps_back() -> None:
    timeline = Timeline()
    minted = [timeline.mint_ts(now) for now in (1_000.0, 1_000.0, 999.0, 1_000.5)]
    assert minted == ["1000.000000", "1000.000001", "1000.000002", "1000.500000"]
