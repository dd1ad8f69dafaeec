"""CloudStack's text for CPU use is read whatever the server's locale."""

import pytest

from bot.domain.load import percent_of


@pytest.mark.parametrize(
    ("text", "percent"),
    [("10%", 10.0), ("12.5%", 12.5), ("12,5%", 12.5), (".5%", 0.5), (" 7 %", 7.0), ("104.2%", 100)],
)
def test_a_share_is_read(text: str, percent: float) -> None:
    assert percent_of(text) == percent


@pytest.mark.parametrize("text", ["", "%", "n/a", "-1%", "NaN%", "Infinity%", "�%"])
def test_what_is_no_share_is_none(text: str) -> None:
    assert percent_of(text) is None
