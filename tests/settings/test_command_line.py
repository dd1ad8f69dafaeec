"""What a person types in a shell: the journal answers alone, and mistakes end with a sentence."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.__main__ import cli
from bot.cli.around import read_spec_file
from bot.domain.operation import Mode
from bot.errors import Refused
from bot.services.policy_file import PolicyFile
from handlers.routes import RUNBOOKS

Type = Callable[..., Result]


@pytest.fixture
def type_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Type a command in an empty folder, with nothing set but where state is kept."""
    monkeypatch.chdir(tmp_path)
    environment = {"ILBOT_BOT__STATE_DIR": str(tmp_path / "state")}
    return lambda *words: CliRunner(env=environment).invoke(cli, words)


def test_changes_are_stopped_and_resumed_without_a_cloudstack(type_: Type, tmp_path: Path) -> None:
    stopped = type_("stop", "a freeze")
    assert (stopped.exit_code, "All changes are stopped" in stopped.stdout) == (0, True)
    (tmp_path / "state" / "STOP").touch()
    still = type_("resume")
    assert (still.exit_code, "STOP exists" in still.stdout) == (1, True)
    (tmp_path / "state" / "STOP").unlink()
    assert type_("resume").stdout == "Changes may start again.\n"


def test_a_journal_that_cannot_be_opened_keeps_nobody_from_stopping(
    type_: Type, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "journal.db").write_bytes(b"this is no database" * 100)
    stopped = type_("stop")
    assert (stopped.exit_code, (state / "STOP").exists()) == (0, True)
    assert f"To resume, remove the stop file {state / 'STOP'} first" in stopped.stdout


def test_the_journal_is_listed_and_verified_without_a_cloudstack(type_: Type) -> None:
    assert type_("op", "list").stdout == "No operation yet.\n"
    assert json.loads(type_("op", "list", "--json").stdout) == []
    type_("stop")
    assert type_("audit", "verify").stdout == "The audit journal is sound: 1 rows.\n"


def test_what_needs_a_cloudstack_says_what_is_not_set(type_: Type) -> None:
    for words in (["plan", "roll", "app-tier"], ["status"], ["run"]):
        told = type_(*words)
        assert isinstance(told.exception, Refused), words
        assert "cloudstack" in str(told.exception).casefold()


def test_init_writes_a_file_for_its_owner_alone_and_never_over_another(
    type_: Type, tmp_path: Path
) -> None:
    written, policies = tmp_path / "ilbot.toml", tmp_path / "policies.yaml"
    policies.write_text("people: []\n")
    assert "ilbot check --config ilbot.toml" in type_("init").stdout
    assert oct(written.stat().st_mode)[-3:] == "600"
    assert policies.read_text() == "people: []\n"
    written.write_text("# mine\n")
    again = type_("init")
    assert (again.exit_code, written.read_text()) == (1, "# mine\n")
    assert "is left alone" in again.stderr


def test_init_writes_policies_that_the_bot_takes(type_: Type, tmp_path: Path) -> None:
    assert "It observes" in type_("init").stdout
    policies = PolicyFile(tmp_path / "policies.yaml", tuple(RUNBOOKS))
    assert policies.health()[0]
    assert policies().runbook("roll").mode is Mode.OBSERVE


def test_config_shows_what_is_in_force_and_no_secret(type_: Type, tmp_path: Path) -> None:
    (tmp_path / "ilbot.toml").write_text('[slack]\nbot_token = "xoxb-hush-hush"\n')
    shown = type_("config").stdout
    assert "hush" not in shown
    assert 'bot_token = "********"  # ilbot.toml, line 2' in shown


def test_check_fails_while_something_is_refused_and_ends_with_the_next_step(type_: Type) -> None:
    told = type_("check")
    assert told.exit_code == 1
    assert "refused  cloudstack" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("next ")


@pytest.mark.parametrize("option", ["--headless", "--json"])
def test_nothing_is_played_headless_without_a_name(type_: Type, option: str) -> None:
    told = type_("demo", option)
    assert (told.exit_code, "ilbot demo --list" in told.stderr) == (2, True)


def test_a_pretend_world_without_its_port_ends_with_a_sentence(type_: Type) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = type_("sandbox", "--slack-port", str(taken.getsockname()[1]))
    assert isinstance(told.exception, Refused)
    assert "cannot listen: Address already in use" in str(told.exception)


def test_an_unknown_scenario_is_answered_with_those_there_are(type_: Type) -> None:
    told = type_("demo", "--scenario", "rol")
    assert told.exit_code == 2
    assert "roll-approved" in told.stderr


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_a_spec_is_read_whatever_its_line_ends_are(tmp_path: Path, end: str) -> None:
    spec = tmp_path / "ilb.yaml"
    spec.write_bytes(b"\xef\xbb\xbf" + f"tier: a{end}ilbs: []{end}".encode())
    assert read_spec_file(spec) == ("tier: a\nilbs: []\n", str(spec))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/dev/zero", "longer than 4 MiB"), ("/", "Is a directory"), ("a\nb", "spec a b cannot"),
        ("/nowhere/ilb.yaml", "No such file"), ("x" * 300, "File name too long"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_spec_ends_with_a_sentence(name: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refusal:
        read_spec_file(Path(name))
    assert "\n" not in str(refusal.value)


def test_an_answer_that_cannot_be_written_ends_with_a_sentence(
    type_: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("typer.echo", full)
    assert str(type_("op", "list").exception) == (
        "The answer cannot be written: No space left on device."
    )
