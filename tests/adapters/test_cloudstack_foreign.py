"""Foreign texts become one short line without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.cloudstack.foreign import LONGEST, attributed, cleaned

SECRET = "0123456789-secret"


@given(st.text(), st.text())
def test_any_text_becomes_one_short_printable_line(before: str, after: str) -> None:
    line = cleaned(f"{before}{SECRET}{after}", [SECRET])
    assert len(line) <= LONGEST
    assert line.isprintable()
    assert SECRET not in line


def test_an_empty_secret_hides_nothing() -> None:
    assert cleaned("no such VM", [""]) == "no such VM"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("apikey=abc&command=x", "apikey=***&command=x"),
        ('{"secretkey": "abc", "id": 4}', '{"secretkey": "***", "id": 4}'),
        ("Password: abc is wrong", "Password: *** is wrong"),
        ("signature=a%2Bb%3D&x=1", "signature=***&x=1"),
        ("see https://user:pw@cloud.test/x", "see https://***@cloud.test/x"),
        ("the token is missing", "the token is missing"),
    ],
)
def test_evident_secrets_go_and_the_rest_stays(text: str, line: str) -> None:
    assert cleaned(text) == line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Can't find router by id", "CloudStack says “Can't find router by id”"),
        ("Internal error", "CloudStack says “Internal error”"),
        ("", "CloudStack gives no reason"),
        ("java.lang.NullPointerException", "CloudStack's own Java text: “java.lang.Null"),
        ("class com.cloud.agent.api.X cannot be cast to", "CloudStack's own Java text: “class"),
    ],
)
def test_a_quotation_says_whose_words_these_are(text: str, says: str) -> None:
    assert attributed(text).startswith(says)
