"""Turns the settings' own definition into a commented `ilbot.toml` that means the defaults."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from pydantic.fields import FieldInfo

from bot.settings import Settings
from bot.settings.given import PREFIX, group_fields, is_secret

_WIDTH = 96
_HEAD = """\
# Settings of ilbot. What is commented out shows the default.
#
# A variable of the environment comes before this file: for `port` in [http] it is
# {prefix}HTTP__PORT. A secret may stand in a file of its own: `bot_token_file = "/path"` here,
# or {prefix}SLACK__BOT_TOKEN_FILE. Relative paths count from the folder of this file.
# `ilbot check` tries everything out and says what is missing; `ilbot config` shows what is
# in force.
"""


def example_policies() -> str:
    """Return the text of a policies file that observes, with every rule explained."""
    return (resources.files("bot.cli") / "policies.example.yaml").read_text(encoding="utf-8")


def init_file() -> str:
    """Return the text of a settings file with every setting, its reason and its default."""
    parts = [_HEAD.format(prefix=PREFIX)]
    for group, info in Settings.model_fields.items():
        about = (info.annotation.__doc__ or "").strip() if info.annotation else ""
        parts.append("\n".join(["", *_comment(about), f"[{group}]"]))
        for key, field in group_fields(group).items():
            parts.append("\n".join(_setting(group, key, field)))
    return "\n".join(parts) + "\n"


def _setting(group: str, key: str, field: FieldInfo) -> Iterator[str]:
    yield from _comment(f"{field.description}.")
    if is_secret(group, key):
        yield f"#{key}_file = {toml('/etc/ilbot/secrets/' + f'{group}_{key}')}"
        return
    yield f"#{key} = {toml(_default(group, key, field))}"


def _default(group: str, key: str, field: FieldInfo) -> object:
    if field.default_factory is not None:
        return field.get_default(call_default_factory=True, validated_data={})
    return "" if field.default is None else field.default


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def toml(value: object) -> str:
    """Return a value as TOML has it; JSON's strings are TOML basic strings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return repr(int(value))
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        inner = ", ".join(f"{toml(name)} = {toml(one)}" for name, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    raise TypeError(f"no setting has a {type(value).__name__}")
