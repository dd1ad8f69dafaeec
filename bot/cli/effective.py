"""Turns the settings in force into text: each value with where it comes from, secrets masked."""

from __future__ import annotations

from pydantic import SecretStr

from bot.cli.init_file import toml
from bot.settings import Loaded
from bot.settings.given import group_fields

MASK = "********"


def effective(loaded: Loaded) -> str:
    """Return what is in force, in the order and form of the settings file."""
    lines = [f"# file: {loaded.file or 'none'}"]
    for group in type(loaded.settings).model_fields:
        lines += ["", f"[{group}]"]
        values = getattr(loaded.settings, group)
        for key in group_fields(group):
            source = loaded.sources.get((group, key))
            where = source.at_value() if source else "default"
            lines.append(f"{key} = {_shown(getattr(values, key))}  # {where}")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return toml({name: _masked(one) for name, one in value.items()})
    return toml(_masked("" if value is None else value))


def _masked(value: object) -> object:
    return MASK if isinstance(value, SecretStr) else value
