"""Turns a TOML file, the environment and secret files into given values, each with its source."""

from __future__ import annotations

import difflib
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bot.settings.groups import Group
from bot.settings.model import Settings
from bot.settings.toml_spots import Place, Spot, spots

PREFIX = "ILBOT_"
CONFIG_VARIABLE = "ILBOT_CONFIG"
_MAX_SECRET_BYTES = 64 * 1024
_MAX_FILE_BYTES = 1024 * 1024

Name = tuple[str, str]
"""Group and field."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was given: `what` is a file or an environment variable."""

    what: str
    key: Place | None = None
    value: Place | None = None

    def at_key(self) -> str:
        """Say where its name stands."""
        return self._at(self.key)

    def at_value(self) -> str:
        """Say where its value stands."""
        return self._at(self.value)

    def _at(self, place: Place | None) -> str:
        if place is None:
            return self.what
        return f"{self.what}, line {place.line}, column {place.column}"


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given, not looked at yet."""

    value: object
    source: Source


@dataclass(slots=True)
class Layer:
    """What one source gave, with what is wrong with it as far as the source itself can tell."""

    values: dict[Name, Given] = field(default_factory=dict)
    groups: dict[str, Source] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, name: Name, given: Given, folder: Path) -> None:
        """Take one value; one by the name `<secret>_file` is replaced by that file's content."""
        group, key = name
        if key.endswith("_file") and is_secret(group, key.removesuffix("_file")):
            self._take_secret_file((group, key.removesuffix("_file")), given, folder)
            return
        if name in self.values:
            self._given_twice(name, given)
        self.values[name] = given

    def _take_secret_file(self, name: Name, given: Given, folder: Path) -> None:
        if not isinstance(given.value, str) or not given.value:
            self.problems.append(f"{given.source.at_value()}: expected the path of a file")
            return
        path = folder / Path(given.value).expanduser()
        if name in self.values:
            self._given_twice(name, given)
            return
        try:
            secret = _secret_in(path)
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc)
            self.problems.append(f"{given.source.at_value()}: secret file {path}: {why}")
            return
        if path.stat().st_mode & stat.S_IROTH:
            self.warnings.append(
                f"secret file {path} can be read by everybody on this machine: chmod o-r {path}"
            )
        self.values[name] = Given(secret, Source(f"secret file {path}"))

    def _given_twice(self, name: Name, given: Given) -> None:
        first = self.values[name].source.at_key()
        self.problems.append(
            f"{given.source.at_key()}: {'.'.join(name)} is given twice, also in {first}"
        )


def from_file(path: Path) -> Layer:
    """Read a TOML file; `problems` holds why it could not be, with line and column."""
    layer = Layer()
    try:
        text = _text_of(path)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        layer.problems.append(f"{path}: cannot be read: {why}")
        return layer
    found = spots(text)
    layer.problems.extend(_repeated(path, found))
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        if not layer.problems:
            layer.problems.append(_not_toml(path, text, exc))
        return layer
    except RecursionError:
        layer.problems.append(f"{path}: too deeply nested")
        return layer
    _take_document(layer, document, path, found)
    if _holds_plain_secret(layer, path) and path.stat().st_mode & stat.S_IROTH:
        layer.warnings.append(
            f"{path} holds secrets and can be read by everybody on this machine: chmod o-r {path}"
        )
    return layer


def from_environment(environ: Mapping[str, str]) -> Layer:
    """Read `ILBOT_<GROUP>__<FIELD>`; a near miss of such a name is a problem, not nothing."""
    layer = Layer()
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        group, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        source = Source(f"environment variable {variable}")
        if not separator:
            if group.partition("_")[0] in Settings.model_fields:
                layer.problems.append(f"{source.what}: unknown; {_spelling(group)}")
        elif group not in Settings.model_fields:
            hint = nearest(group, Settings.model_fields)
            layer.problems.append(f"{source.what}: unknown group {group}; {hint}")
        else:
            layer.take((group, key), Given(text, source), Path())
    return layer


def from_arguments(groups: Mapping[str, Mapping[str, object]]) -> Layer:
    """Take values from the caller, by group and field."""
    layer = Layer()
    for group, fields in groups.items():
        for key, value in fields.items():
            layer.take((group, key), Given(value, Source(f"argument {group}.{key}")), Path())
    return layer


def group_fields(group: str) -> Mapping[str, FieldInfo]:
    """Return the fields of a group by name, none where there is no such group."""
    info = Settings.model_fields.get(group)
    model = info.annotation if info else None
    return model.model_fields if isinstance(model, type) and issubclass(model, Group) else {}


def is_secret(group: str, key: str) -> bool:
    """Whether a field of that name holds a secret."""
    return _takes(group, key, SecretStr)


def is_path(group: str, key: str) -> bool:
    """Whether a field of that name holds a path."""
    return _takes(group, key, Path)


def _takes(group: str, key: str, kind: type) -> bool:
    info = group_fields(group).get(key)
    return info is not None and kind in _plain_types(info.annotation)


def _plain_types(annotation: object) -> Iterator[object]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain_types(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for part in get_args(annotation):
            yield from _plain_types(part)
    elif origin is dict:
        yield from _plain_types(get_args(annotation)[1])
    elif annotation is not NoneType:
        yield annotation


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint with the known word that looks most like this one, or with all of them."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"expected one of {', '.join(choices)}" if choices else "nothing is expected here"


def _spelling(group: str) -> str:
    name = next(name for name in Settings.model_fields if group.startswith(name))
    rest = group.removeprefix(name).strip("_") or "<FIELD>"
    return f"did you mean {PREFIX}{name.upper()}__{rest.upper()}?"


def _text_of(path: Path) -> str:
    """Return the file's text without a byte order mark, which editors on Windows leave."""
    with path.open("rb") as file:
        content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise ValueError("it is larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ValueError(f"line {line} is not UTF-8") from exc


def _secret_in(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_SECRET_BYTES + 1)
    if len(content) > _MAX_SECRET_BYTES:
        raise ValueError("it is larger than 64 KiB, so it is not a secret")
    try:
        secret = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None  # the cause would quote the secret
    if not secret.strip():
        raise ValueError("it is empty")
    return secret


def _not_toml(path: Path, text: str, exc: tomllib.TOMLDecodeError) -> str:
    """Say it as all other problems are said; `tomllib` has the place at the end of its text."""
    why, _, place = str(exc).rpartition(" (at ")
    if place == "end of document)":
        lines = text.split("\n")
        place = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    return f"{path}, {place.rstrip(')')}: this is not TOML: {why or exc}"


def _repeated(path: Path, found: Iterable[Spot]) -> Iterator[str]:
    first: dict[tuple[str, ...], Spot] = {}
    for spot in found:
        earlier = first.setdefault(spot.path, spot)
        if earlier is not spot:
            where = Source(str(path), spot.key).at_key()
            name = ".".join(spot.path)
            yield f"{where}: {name} is given twice, first in line {earlier.key.line}"


def _take_document(
    layer: Layer, document: Mapping[str, Any], path: Path, found: Iterable[Spot]
) -> None:
    by_path = {spot.path: spot for spot in found}

    def source(*keys: str) -> Source:
        spot = by_path.get(keys) or next((s for s in found if s.path[: len(keys)] == keys), None)
        return Source(str(path), spot.key, spot.value) if spot else Source(str(path))

    for group, content in document.items():
        layer.groups[group] = source(group)
        if not isinstance(content, dict):
            hint = (
                f"expected a group, as in [{group}]"
                if group in Settings.model_fields
                else f"unknown; {nearest(group, Settings.model_fields)}"
            )
            layer.problems.append(f"{layer.groups[group].at_key()}: {group}: {hint}")
        elif group not in Settings.model_fields:
            hint = nearest(group, Settings.model_fields)
            layer.problems.append(f"{source(group).at_key()}: unknown group [{group}]; {hint}")
        else:
            for key, value in content.items():
                layer.take((group, key), Given(value, source(group, key)), path.parent)


def _holds_plain_secret(layer: Layer, path: Path) -> bool:
    return any(
        is_secret(*name) and given.source.what == str(path) for name, given in layer.values.items()
    )
