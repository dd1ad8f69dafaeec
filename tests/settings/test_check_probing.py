"""`ilbot check` says who would see a change."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cli.check_line import Verdict
from bot.cli.check_probing import check_probing
from bot.settings import Settings

TOKEN = "0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("groups", "verdict", "text"),
    [
        (
            {}, Verdict.WARNING,
            "nobody probes: changes that promise to lose nothing end unverified",
        ),
        (
            {"probe": {"from_bot": True, "agents": {"web-1": TOKEN}, "rate": 5}}, Verdict.OK,
            "from the bot itself and web-1, 5 new connections a second and 5 held at each place",
        ),
        (
            {"probe": {"agents": {"web-1": TOKEN}}, "http": {"port": 0}}, Verdict.WARNING,
            "web-1 cannot deliver: http.port is 0",
        ),
    ],
    ids=["nobody", "two", "no way in"],
)  # fmt: skip
def test_who_would_see_a_change_is_told(
    groups: dict[str, Any], verdict: Verdict, text: str
) -> None:
    line = check_probing(Settings.model_validate(groups))
    assert (line.part, line.verdict, line.text) == ("probing", verdict, text)
    assert TOKEN not in str(line)
