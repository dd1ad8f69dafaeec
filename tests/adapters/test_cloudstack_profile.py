"""Reading a CloudMonkey profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.adapters.cloudstack.profile import read_profile
from bot.errors import Refused

GOOD = """\
[core]
prompt = 🐱
asyncblock = true
timeout = 1800
verifycert = false
profile = lab

[lab]
url = https://cloud.example.org/client/api
username = admin
apikey = the-%api-key
secretkey = the-secret=key
domain = /
[other]
url = http://other.example.org/client/api
apikey =
secretkey = hush
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def refusal(config: Path, text: str, name: str = "") -> str:
    config.write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        read_profile(config, name)
    assert "hush" not in f"{caught.value}{caught.value.__cause__}"
    return str(caught.value).replace(str(config), "config")


def test_the_chosen_profile_is_read(config: Path) -> None:
    config.write_text(GOOD, encoding="utf-8")
    profile = read_profile(config)
    assert (profile.name, profile.endpoint) == ("lab", "https://cloud.example.org/client/api")
    assert profile.keys.api.get_secret_value() == "the-%api-key"
    assert profile.keys.secret.get_secret_value() == "the-secret=key"
    assert not profile.verify_tls
    assert "the-" not in repr(profile)


def test_a_named_profile_wins_over_the_chosen_one(config: Path) -> None:
    assert refusal(config, GOOD, "other").startswith("config:14: profile other has no apikey.")


def test_a_missing_profile_is_told_with_those_there_are(config: Path) -> None:
    assert refusal(config, GOOD, "prod") == (
        "config:1: there is no profile prod. It has: lab, other."
    )


def test_no_choice_is_told(config: Path) -> None:
    assert refusal(config, "[lab]\nurl = x\n").startswith("config:1: no profile is chosen.")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("secretkey = hush\n[core]\n", 1),
        ("[core]\nprofile = lab\nhush\n", 3),
        ("[core]\nprofile = lab\n[core]\n", 3),
        ("[lab]\nsecretkey = hush\nsecretkey = hush\n", 3),
    ],
)
def test_a_broken_file_is_told_by_its_line_and_not_quoted(
    config: Path, text: str, line: int
) -> None:
    assert refusal(config, text).startswith(f"config:{line}: ")


def test_a_file_that_is_not_there_is_told(config: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        read_profile(config)


def test_a_file_that_is_no_text_is_told(config: Path) -> None:
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refused, match="not a text file"):
        read_profile(config)
