"""Turns all sources, the strongest first, into settings, or into every reason why not.

Arguments come before the environment, the environment before the file, the file before the
defaults. A secret may be given in each of them by the path of a file that holds it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bot.errors import Refused
from bot.settings.given import (
    CONFIG_VARIABLE,
    Given,
    Layer,
    Name,
    Source,
    from_arguments,
    from_environment,
    from_file,
    group_fields,
    is_path,
    is_secret,
    nearest,
)
from bot.settings.model import Settings
from bot.settings.toml_spots import Place

DEFAULT_FILE = Path("ilbot.toml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with where they come from.

    `file` is None where no file was read; `sources` names only what somebody gave.
    """

    settings: Settings
    file: Path | None
    sources: Mapping[Name, Source]
    warnings: tuple[str, ...]


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings in force; see `read_settings`."""
    return read_settings(path, environ).settings


def read_settings(
    path: Path | None,
    environ: Mapping[str, str],
    arguments: Mapping[str, Mapping[str, object]] | None = None,
) -> Loaded:
    """Read all sources. No path means `ILBOT_CONFIG`, else `ilbot.toml` here if there is one.

    Relative paths count from the folder of the file (from here, without a file).
    Raises `Refused` with one line for each thing that is wrong.
    """
    file = _file_to_read(path, environ)
    layers = [from_file(file)] if file else []
    layers += [from_environment(environ), from_arguments(arguments or {})]
    given: dict[Name, Given] = {}
    for layer in layers:
        given |= layer.values
    problems = [problem for layer in layers for problem in layer.problems]
    folder = file.parent if file else Path()
    settings, wrong = _validated(given, layers, folder)
    problems += wrong
    if problems or settings is None:
        raise Refused("The settings cannot be used:\n" + "\n".join(f"  {p}" for p in problems))
    return Loaded(
        settings=settings,
        file=file,
        sources={name: one.source for name, one in given.items()},
        warnings=tuple(warning for layer in layers for warning in layer.warnings),
    )


def _file_to_read(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _validated(
    given: Mapping[Name, Given], layers: list[Layer], folder: Path
) -> tuple[Settings | None, list[str]]:
    nested: dict[str, dict[str, object]] = {"bot": {}}
    for (group, key), one in given.items():
        nested.setdefault(group, {})[key] = _placed(group, key, one.value, folder)
    nested["bot"].setdefault("policies_file", str(folder / "policies.yaml"))
    try:
        return Settings.model_validate(nested), []
    except ValidationError as exc:
        return None, [_sentence(error, given, layers) for error in _in_order(exc, given)]


def _in_order(failure: ValidationError, given: Mapping[Name, Given]) -> list[ErrorDetails]:
    """Return the errors as they come in the file, what is not in it last."""

    def place(error: ErrorDetails) -> tuple[int, int]:
        one = given.get((str(error["loc"][0]), str(error["loc"][-1])))
        return one.source.key if one and one.source.key else Place(sys.maxsize, 0)

    return sorted(failure.errors(), key=place)


def _placed(group: str, key: str, value: object, folder: Path) -> object:
    if isinstance(value, str) and value and is_path(group, key):
        return str(folder / Path(value).expanduser())
    return value


def _sentence(error: ErrorDetails, given: Mapping[Name, Given], layers: list[Layer]) -> str:
    location = [str(part) for part in error["loc"]]
    group, key = location[0], location[1] if len(location) > 1 else ""
    one = given.get((group, key))
    if one is None:
        return f"{_of_group(group, given, layers)}: {group}: {_expected(error)}"
    if error["type"] == "extra_forbidden":
        hint = nearest(key, group_fields(group))
        return f"{one.source.at_key()}: unknown setting {group}.{key}; {hint}"
    shown = "" if is_secret(group, key) else f" is {_shown(one.value)},"
    return f"{one.source.at_value()}: {group}.{key}{shown} {_expected(error)}"


def _of_group(group: str, given: Mapping[Name, Given], layers: list[Layer]) -> str:
    """Say where a group stands: its table, else the first of its values."""
    for layer in layers:
        if group in layer.groups:
            return layer.groups[group].at_key()
    first = next((one.source for name, one in given.items() if name[0] == group), None)
    return first.at_key() if first else "settings"


def _shown(value: object) -> str:
    text = repr(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


_EXPECTATIONS = {
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text in quotes",
    "path_type": "expected a path in quotes",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than_equal": "expected {le:g} or less",
    "literal_error": "expected {expected}",
    "string_pattern_mismatch": "expected text of the form {pattern}",
    "string_too_short": "expected text, and it is empty",
}


def _expected(error: ErrorDetails) -> str:
    context: dict[str, Any] = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    known = _EXPECTATIONS.get(error["type"])
    return known.format(**context) if known else error["msg"]
