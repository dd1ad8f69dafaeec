"""Where settings come from, what is said of what is wrong, and that secrets stay secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.settings import Settings, load_settings, read_settings

PLANTED = "planted-s3cret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ilbot.toml"
    path.write_text("")
    path.chmod(0o600)
    return path


def problems(path: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(Refused) as refused:
        load_settings(path, environ or {})
    first, *rest = str(refused.value).splitlines()
    assert first == "The settings cannot be used:"
    return [line.strip().replace(str(path), "ilbot.toml") for line in rest]


# --- sources ---


def test_without_any_source_all_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(None, {})
    assert settings == Settings()
    assert not settings.can_write


def test_the_file_in_this_folder_is_read_where_none_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[http]\nport = 1\n")
    monkeypatch.chdir(file.parent)
    assert load_settings(None, {}).http.port == 1


def test_a_variable_can_name_the_file(file: Path) -> None:
    file.write_text("[http]\nport = 2\n")
    assert load_settings(None, {"ILBOT_CONFIG": str(file)}).http.port == 2


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.toml") == [
        "ilbot.toml: cannot be read: No such file or directory"
    ]


def test_the_environment_comes_before_the_file_and_arguments_before_both(file: Path) -> None:
    file.write_text("[http]\nport = 1\nhost = 'a'\n[poll]\ninterval_s = 10\n")
    environ = {"ILBOT_HTTP__PORT": "2", "ILBOT_HTTP__HOST": "b", "UNRELATED": "x"}
    loaded = read_settings(file, environ, {"http": {"port": 3}})
    assert loaded.settings.http.port == 3
    assert loaded.settings.http.host == "b"
    assert loaded.settings.poll.interval_s == 10.0
    assert loaded.sources[("http", "port")].what == "argument http.port"
    assert loaded.sources[("http", "host")].what == "environment variable ILBOT_HTTP__HOST"
    assert loaded.sources[("poll", "interval_s")].at_value() == f"{file}, line 5, column 14"


def test_a_secret_may_stand_in_a_file_of_its_own(file: Path) -> None:
    (file.parent / "token").write_text("xoxb-from-file\n")
    (file.parent / "token").chmod(0o600)
    file.write_text("[slack]\nbot_token_file = 'token'\n")
    token = load_settings(file, {}).slack.bot_token
    assert token is not None
    assert token.get_secret_value() == "xoxb-from-file"


def test_a_secret_file_named_by_the_environment_beats_a_secret_in_the_file(file: Path) -> None:
    secret = file.parent / "token"
    secret.write_text("xoxb-strong")
    file.write_text("[slack]\nbot_token = 'xoxb-weak'\n")
    token = load_settings(file, {"ILBOT_SLACK__BOT_TOKEN_FILE": str(secret)}).slack.bot_token
    assert token is not None
    assert token.get_secret_value() == "xoxb-strong"


def test_relative_paths_count_from_the_file(file: Path) -> None:
    file.write_text("[bot]\nstate_dir = 'state'\n[kafka]\nca_file = '/abs/ca.pem'\n")
    settings = load_settings(file, {})
    assert settings.bot.state_dir == file.parent / "state"
    assert settings.bot.policies_file == file.parent / "policies.yaml"
    assert settings.stop_file == file.parent / "state" / "STOP"
    assert settings.kafka.ca_file == Path("/abs/ca.pem")


def test_a_byte_order_mark_and_other_alphabets_are_read(file: Path) -> None:
    file.write_bytes("\ufeff[kafka]\r\nusername = 'Žofie 🦊'\r\n".encode())
    assert load_settings(file, {}).kafka.username == "Žofie 🦊"


# --- what follows from them ---


def test_a_write_key_lets_the_bot_write() -> None:
    keys = {"write_api_key": "a", "write_secret_key": "b"}
    assert Settings.model_validate({"cloudstack": keys}).can_write


def test_sqlite_files_in_the_state_folder_are_the_default() -> None:
    settings = Settings.model_validate({"bot": {"state_dir": "/var/lib/ilbot"}})
    assert settings.journal_url == "sqlite:////var/lib/ilbot/journal.db"
    assert settings.engine_url == "sqlite:////var/lib/ilbot/journal-engine.db"


@pytest.mark.parametrize("driver", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_postgresql_url_gets_the_driver_we_ship(driver: str) -> None:
    url = f"{driver}://ilbot:p%40ss@db.example.com/ilbot"
    settings = Settings.model_validate({"database": {"url": url}})
    assert settings.journal_url == "postgresql+psycopg://ilbot:p%40ss@db.example.com/ilbot"
    assert settings.engine_url == settings.journal_url


def test_what_run_cannot_do_without_is_named() -> None:
    assert Settings().missing() == (
        "cloudstack.endpoint",
        "cloudstack.read_api_key",
        "slack.bot_token",
        "slack.app_token",
        "slack.channel",
    )
    profile = Settings.model_validate({"cloudstack": {"cmk_profile": "prod"}})
    assert not any(name.startswith("cloudstack") for name in profile.missing())


# --- what is wrong ---


def test_every_problem_is_told_with_its_place(file: Path) -> None:
    file.write_text(
        """\
[cloudstack]
endpoint = "ftp://cloud"
  timeout_s = true
[slak]
channel = "C1"
[slack]
chanel = "C1"
[http]
port = 99999
host = 5
[kafka]
bootstrap = "broker"
security_protocol = "TLS"
enabled = "perhaps"
"""
    )
    environ = {
        "ILBOT_SLACK_BOT_TOKEN": "x",
        "ILBOT_HTTP__PRT": "3",
        "ILBOT_POLL__INTERVAL_S": "often",
        "ILBOT_POLE__X": "1",
    }
    assert problems(file, environ) == [
        "ilbot.toml, line 4, column 1: unknown group [slak]; did you mean slack?",
        "environment variable ILBOT_POLE__X: unknown group pole; did you mean poll?",
        "environment variable ILBOT_SLACK_BOT_TOKEN: unknown; did you mean ILBOT_SLACK__BOT_TOKEN?",
        "ilbot.toml, line 2, column 12: cloudstack.endpoint is 'ftp://cloud',"
        " expected an address like https://host/path",
        "ilbot.toml, line 3, column 15: cloudstack.timeout_s is true, expected a number",
        "ilbot.toml, line 7, column 1: unknown setting slack.chanel; did you mean channel?",
        "ilbot.toml, line 9, column 8: http.port is 99999, expected 65535 or less",
        "ilbot.toml, line 10, column 8: http.host is 5, expected text in quotes",
        "ilbot.toml, line 12, column 13: kafka.bootstrap is 'broker',"
        " expected host:port, several with commas between them",
        "ilbot.toml, line 13, column 21: kafka.security_protocol is 'TLS',"
        " expected 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'",
        "ilbot.toml, line 14, column 11: kafka.enabled is 'perhaps', expected true or false",
        "environment variable ILBOT_HTTP__PRT: unknown setting http.prt; did you mean port?",
        "environment variable ILBOT_POLL__INTERVAL_S: poll.interval_s is 'often',"
        " expected a number",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("slack = 1", "line 1, column 1: slack: expected a group, as in [slack]"),
        ("slck = 1", "line 1, column 1: slck: unknown; did you mean slack?"),
        ("[[slack]]\n", "line 1, column 1: slack: expected a group, as in [slack]"),
        ("[slack]\nx", "ilbot.toml, line 2, column 2: this is not TOML: Expected '='"),
        ("[slack]\nx y\n", "ilbot.toml, line 2, column 3: this is not TOML: Expected '='"),
        ("[slack]\na = 1\n a = 2", "line 3, column 2: slack.a is given twice, first in line 2"),
        ("[slack]\n[poll]\n[slack]", "line 3, column 1: slack is given twice, first in line 1"),
        ("a = " + "[" * 5000, "too deeply nested"),
        ("[http]\nport = 1.5", "line 2, column 8: http.port is 1.5, expected a whole number"),
        ("[http]\nport = 1979-05-27", "line 2, column 8: http.port is"),
        ("[http]\nport = [1]", "line 2, column 8: http.port is [1], expected a whole number"),
        ("[http]\nport = {a = 1}", "line 2, column 8: http.port is {'a': 1}, expected"),
        ("[poll]\ninterval_s = nan", "line 2, column 14: poll.interval_s is nan, expected"),
        ("[poll]\ninterval_s = inf", "line 2, column 14: poll.interval_s is inf, expected"),
        ("[slack]\nchannel = true", "line 2, column 11: slack.channel is true, expected text"),
        ("[slack]\ncommand = 'ilb'", "line 2, column 11: slack.command is 'ilb', expected"),
        ("[bot]\nstate_dir = 3", "line 2, column 13: bot.state_dir is 3, expected a path"),
        (
            "[kafka]\ntopic = 'no such topic'",
            "line 2, column 9: kafka.topic is 'no such topic', expected",
        ),
        (
            "[cloudstack]\nread_api_key = 'a'",
            "line 1, column 1: cloudstack: read_api_key is set and read_secret_key is not",
        ),
        (
            "[kafka]\nsecurity_protocol = 'SASL_SSL'",
            "line 1, column 1: kafka: SASL_SSL needs username and password",
        ),
        ("[kafka]\ncert_file = 'c'", "line 1, column 1: kafka: cert_file and key_file belong"),
        ("[slack]\nbot_token_file = 7", "line 2, column 18: expected the path of a file"),
        (
            "[slack]\nbot_token = 'xoxb-1'\nbot_token_file = 'x'",
            "line 3, column 1: slack.bot_token is given twice, also in",
        ),
    ],
)
def test_rubbish_in_the_file_is_told_with_its_place(file: Path, text: str, problem: str) -> None:
    file.write_text(text)
    assert any(problem in line for line in problems(file)), problems(file)


def test_bytes_that_are_no_text_are_told_with_their_line(file: Path) -> None:
    file.write_bytes(b"[slack]\n# \xff\xfe\n")
    assert problems(file) == ["ilbot.toml: cannot be read: line 2 is not UTF-8"]


def test_a_huge_file_is_not_read_to_its_end(file: Path) -> None:
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    assert problems(file) == ["ilbot.toml: cannot be read: it is larger than 1 MiB"]


def test_pairs_are_told_of_the_environment_too(file: Path) -> None:
    (problem,) = problems(file, {"ILBOT_CLOUDSTACK__WRITE_SECRET_KEY": PLANTED})
    assert problem == (
        "environment variable ILBOT_CLOUDSTACK__WRITE_SECRET_KEY: cloudstack:"
        " write_secret_key is set and write_api_key is not; they belong together"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file or directory"),
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        (b"x" * 70_000, "it is larger than 64 KiB, so it is not a secret"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_told(
    file: Path, content: bytes | None, why: str
) -> None:
    secret = file.parent / "token"
    if content is not None:
        secret.write_bytes(content)
    file.write_text("[slack]\nbot_token_file = 'token'\n")
    assert problems(file) == [f"ilbot.toml, line 2, column 18: secret file {secret}: {why}"]


def test_a_secret_file_may_not_be_a_folder(file: Path) -> None:
    (problem,) = problems(file, {"ILBOT_SLACK__BOT_TOKEN_FILE": str(file.parent)})
    assert problem.endswith("Is a directory")


# --- secrets ---


@pytest.mark.parametrize(
    "field",
    [
        "cloudstack.read_api_key",
        "slack.bot_token",
        "slack.app_token",
        "kafka.password",
        "database.url",
    ],
)
@pytest.mark.parametrize("rubbish", [" {} ", "{}\\n{}", "mysql://u:{}@h/d", "{}", "\\u0000{}"])
def test_no_refusal_shows_a_secret(file: Path, field: str, rubbish: str) -> None:
    group, key = field.split(".")
    file.write_text(f'[{group}]\n{key} = "{rubbish.replace("{}", PLANTED)}"\n[http]\nport = -1\n')
    told = "\n".join(problems(file))
    assert "http.port" in told
    assert PLANTED not in told


def test_no_repr_shows_a_secret(file: Path) -> None:
    file.write_text(
        f"[cloudstack]\nread_api_key = '{PLANTED}'\nread_secret_key = '{PLANTED}'\n"
        f"[database]\nurl = 'postgresql://u:{PLANTED}@h/d'\n"
    )
    loaded = read_settings(file, {})
    assert PLANTED not in repr(loaded)
    assert PLANTED not in loaded.settings.model_dump_json()


def test_the_wrong_kind_of_slack_token_is_named(file: Path) -> None:
    file.write_text(f"[slack]\nbot_token = 'xapp-{PLANTED}'\n")
    assert problems(file) == [
        "ilbot.toml, line 2, column 13: slack.bot_token"
        " expected a bot token, which begins with xoxb-"
    ]


def test_a_secret_file_that_all_can_read_is_a_warning(file: Path) -> None:
    secret = file.parent / "token"
    secret.write_text("xoxb-1")
    secret.chmod(0o644)
    file.write_text("[slack]\nbot_token_file = 'token'\n")
    assert read_settings(file, {}).warnings == (
        f"secret file {secret} can be read by everybody on this machine: chmod o-r {secret}",
    )


def test_a_settings_file_with_secrets_that_all_can_read_is_a_warning(file: Path) -> None:
    file.write_text("[slack]\nbot_token = 'xoxb-1'\n")
    file.chmod(0o644)
    (warning,) = read_settings(file, {}).warnings
    assert "holds secrets" in warning
    file.chmod(0o640)
    assert read_settings(file, {}).warnings == ()


def test_a_settings_file_without_secrets_may_be_read_by_all(file: Path) -> None:
    file.write_text("[http]\nport = 1\n")
    file.chmod(0o644)
    assert read_settings(file, {}).warnings == ()


@given(st.text(max_size=80))
def test_no_text_gives_anything_but_settings_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, newline="")
    try:
        load_settings(path, {})
    except Refused as refused:
        assert str(path) in str(refused)
