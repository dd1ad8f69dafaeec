"""Turns the text of a TOML file into the place where each of its keys and values stands.

`tomllib` gives values without places. This scanner finds only places, so the two together
say what is wrong and where. What is not TOML is left to `tomllib` to refuse: the scanner
stops at the first thing it does not understand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

KeyPath = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_LITERAL = re.compile(r"'([^'\n]*)'")
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
_PLAIN_VALUE = re.compile(r"[^,\[\]{}#\n\"'=]+")
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class Place(NamedTuple):
    """A place in a text, both counted from 1; the column counts characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Spot:
    """One key as written: its full path, where it stands and where its value begins."""

    path: KeyPath
    key: Place
    value: Place


class _NotUnderstood(Exception):
    """The text is not TOML here."""


def spots(text: str) -> tuple[Spot, ...]:
    """Return every key and table header in the order of the text, repeated ones too."""
    scanner = _Scanner(text)
    found: list[Spot] = []
    try:
        for spot in scanner.document():
            found.append(spot)  # noqa: PERF402  what stands before a mistake is kept
    except (_NotUnderstood, RecursionError):
        found.extend(scanner.inner)
    return tuple(sorted(found, key=lambda spot: spot.key))


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.inner: list[Spot] = []

    def document(self) -> Iterator[Spot]:
        table: KeyPath = ()
        while self._skip(_BLANK) and self._at < len(self._text):
            start = self._place()
            if self._peek("["):
                array = self._peek("[[")
                self._take("[[" if array else "[")
                table = self._dotted_key()
                self._take("]]" if array else "]")
                yield Spot(table, start, start)
            else:
                yield self._key_and_value(table)
                yield from self.inner
                self.inner = []

    def _key_and_value(self, table: KeyPath) -> Spot:
        key = self._place()
        path = table + self._dotted_key()
        self._take("=")
        self._skip(_SPACE)
        value = self._place()
        self._value(path)
        return Spot(path, key, value)

    def _dotted_key(self) -> KeyPath:
        parts = [self._key_part()]
        while self._skip(_SPACE) and self._peek("."):
            self._take(".")
            parts.append(self._key_part())
        return tuple(parts)

    def _key_part(self) -> str:
        self._skip(_SPACE)
        for pattern in (_BASIC, _LITERAL):
            if match := pattern.match(self._text, self._at):
                self._at = match.end()
                return _unescaped(match[1]) if pattern is _BASIC else match[1]
        return self._take_match(_BARE_KEY)

    def _value(self, path: KeyPath) -> None:
        for pattern in (_LONG_BASIC, _LONG_LITERAL, _BASIC, _LITERAL):
            if match := pattern.match(self._text, self._at):
                self._at = match.end()
                return
        if self._peek("["):
            self._sequence("[", "]", lambda: self._value(path))
        elif self._peek("{"):
            self._sequence("{", "}", lambda: self._inner_key(path))
        else:
            self._take_match(_PLAIN_VALUE)

    def _inner_key(self, table: KeyPath) -> None:
        self.inner.append(self._key_and_value(table))

    def _sequence(self, opening: str, closing: str, item: Callable[[], None]) -> None:
        self._take(opening)
        self._skip(_BLANK)
        while not self._peek(closing):
            item()
            self._skip(_BLANK)
            if self._peek(","):
                self._take(",")
                self._skip(_BLANK)
            elif not self._peek(closing):
                raise _NotUnderstood
        self._take(closing)

    def _peek(self, token: str) -> bool:
        return self._text.startswith(token, self._at)

    def _take(self, token: str) -> None:
        self._skip(_SPACE)
        if not self._peek(token):
            raise _NotUnderstood
        self._at += len(token)

    def _take_match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise _NotUnderstood
        self._at = match.end()
        return match[0]

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self._text, self._at)
        assert match is not None, "a pattern that may be empty always matches"
        self._at = match.end()
        return True

    def _place(self) -> Place:
        before = self._text[: self._at]
        return Place(before.count("\n") + 1, self._at - (before.rfind("\n") + 1) + 1)


def _unescaped(text: str) -> str:
    """Resolve the escapes of a basic string (TOML 1.0, String)."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 1:
            return _ESCAPES.get(code, code)
        number = int(code[1:], 16)
        if number > sys.maxunicode:
            raise _NotUnderstood
        return chr(number)

    return re.sub(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", one, text)
