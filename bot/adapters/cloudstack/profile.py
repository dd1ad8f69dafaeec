"""Turns a CloudMonkey configuration file (`~/.cmk/config`) into an endpoint and its keys."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.adapters.cloudstack.signing import Keys
from bot.errors import Refused

_SECTION = re.compile(r"\s*\[(?P<name>[^\]]+)\]")


@dataclass(frozen=True, slots=True)
class Profile:
    """One server profile of CloudMonkey; `verify_tls` is its `verifycert`."""

    name: str
    endpoint: str
    keys: Keys
    verify_tls: bool = True


def read_profile(path: Path, name: str = "") -> Profile:
    """Return the named profile, or the one that `[core] profile` chooses.

    Raises `Refused` with the file and the line; no line is quoted, it may hold a key.
    """
    text = _text(path)
    parser = _parsed(path, text)
    name = name or parser.get("core", "profile", fallback="").strip()
    if not name:
        raise Refused(
            f"{path}:{_line_of(text, 'core')}: no profile is chosen.",
            instead="Name one, or set `profile` in [core] (`cmk set profile …`).",
        )
    if not parser.has_section(name):
        known = ", ".join(section for section in parser.sections() if section != "core")
        raise Refused(
            f"{path}:{_line_of(text, 'core')}: there is no profile {name}.",
            instead=f"It has: {known}." if known else "It has none at all.",
        )
    return Profile(
        name=name,
        endpoint=_value(path, text, parser, name, "url"),
        keys=Keys(
            api=SecretStr(_value(path, text, parser, name, "apikey")),
            secret=SecretStr(_value(path, text, parser, name, "secretkey")),
        ),
        verify_tls=parser.get("core", "verifycert", fallback="true").strip().lower() != "false",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: is not a text file.") from error


def _parsed(path: Path, text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.ParsingError as error:
        # `MissingSectionHeaderError` is one too. Their texts quote the line: not passed on.
        line: int = getattr(error, "lineno", 0)
        line = line or min((number for number, _ in error.errors), default=1)
        raise Refused(f"{path}:{line}: not a `[section]` nor a `name = value`.") from None
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as error:
        raise Refused(f"{path}:{error.lineno}: given twice.") from None
    return parser


def _value(
    path: Path, text: str, parser: configparser.ConfigParser, section: str, option: str
) -> str:
    value = parser.get(section, option, fallback="").strip()
    if not value:
        raise Refused(
            f"{path}:{_line_of(text, section)}: profile {section} has no {option}.",
            instead="`cmk` shows a user's keys with `get userkeys`."
            if option != "url"
            else "It looks like https://cloud.example.org/client/api.",
        )
    return value


def _line_of(text: str, section: str) -> int:
    lines = enumerate(text.splitlines(), start=1)
    headers = ((n, found["name"]) for n, line in lines if (found := _SECTION.match(line)))
    return next((n for n, name in headers if name == section), 1)
