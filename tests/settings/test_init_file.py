"""`ilbot init` and `ilbot config`: the file that is made from the settings, and back."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from bot.cli.effective import effective
from bot.cli.init_file import init_file
from bot.settings import Settings, read_settings
from bot.settings.given import group_fields, is_secret


def test_the_file_names_every_setting_with_its_reason() -> None:
    text = init_file()
    for group in Settings.model_fields:
        assert f"\n[{group}]\n" in text
        for key, field in group_fields(group).items():
            shown = f"{key}_file" if is_secret(group, key) else key
            assert re.search(rf"^#{shown} = ", text, re.MULTILINE), key
            assert field.description, f"{group}.{key} has no reason"
            assert not field.description.endswith("."), "the file adds the full stop"


def test_the_file_as_it_is_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "ilbot.toml"
    path.write_text(init_file())
    changed = {"policies_file": str(tmp_path / "policies.yaml")}
    assert read_settings(path, {}).settings == Settings.model_validate({"bot": changed})


def test_the_file_with_all_settings_uncommented_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "ilbot.toml"
    lines = [
        line[1:] if re.match(r"#\w+ = ", line) else line
        for line in init_file().splitlines()
        if not re.match(r"#\w+_file = \"/etc/ilbot/secrets/", line)
    ]
    path.write_text("\n".join(lines))
    loaded = read_settings(path, {})
    assert len(loaded.sources) > 30
    defaults = tmp_path / "defaults.toml"
    defaults.write_text("[cloudstack]\ncmk_config = '~/.cmk/config'\n[bot]\nstate_dir = '")
    defaults.write_text(defaults.read_text() + "~/.local/state/ilbot'\n")
    assert loaded.settings == read_settings(defaults, {}).settings


def test_no_line_of_the_file_is_too_long() -> None:
    assert max(map(len, init_file().splitlines())) <= 100


def test_the_effective_settings_are_toml_with_sources_and_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "ilbot.toml"
    path.write_text("[slack]\nbot_token = 'xoxb-planted'\n[kafka]\nusername = 'Žo\"fie'\n")
    text = effective(read_settings(path, {"ILBOT_HTTP__PORT": "1"}))
    document = tomllib.loads(text)
    assert document["slack"]["bot_token"] == "********"
    assert document["slack"]["app_token"] == ""
    assert document["kafka"]["username"] == 'Žo"fie'
    assert "planted" not in text
    assert "port = 1  # environment variable ILBOT_HTTP__PORT" in text
    assert f"# {path}, line 4, column 12" in text
    assert 'host = "127.0.0.1"  # default' in text
