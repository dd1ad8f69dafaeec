"""Turns a record's bytes into its fields, or into a copy from which secrets are gone.

A job record of CloudStack's bus carries the API key and signature of whoever called
(`ApiServer.handleAsyncJobPublishEvent`), so nothing of a record is logged, stored or
dead-lettered but what `redacted` leaves.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import NoReturn

from msgspec import MsgspecError, ValidationError
from msgspec.json import Decoder

from bot.domain.bus import LONGEST_TEXT, Fields, Unreadable

_DEEPEST = 32
_LONGEST_NUMBER = 20
_LARGEST = 10**_LONGEST_NUMBER
_LONGEST_COPY = 65_536
_MASK = "***"
_fields_of = Decoder(Fields).decode
_DROPPED = ("cmdinfo", "jobresult")
_SECRET_NAME = re.compile(
    r"api_?key|secret|signature|passw|sessionkey|token|credential|private_?key|authorization",
    re.IGNORECASE,
)
# A name, whatever quotes and escapes stand between, and all that may still be its value.
_SECRET_PAIR = re.compile(rf"({_SECRET_NAME.pattern})(\w*)(\W{{1,8}})[^\n\"'&]+", re.IGNORECASE)
_LOGIN = re.compile(r"(://)[^\s/@\"']+@")
"""A name and a password in an address (RFC 3986, userinfo)."""
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_=%.-]{20,}")
_PLAIN_WORD = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z.]+|[A-Z.]+", re.I)


def decode(raw: bytes | None, *, limit: int) -> Fields:
    """Return what is read of a record, or raise `Unreadable` with a reason that quotes nothing."""
    if raw is None:
        raise Unreadable("a tombstone: the record has no value", kind="tombstone")
    if len(raw) > limit:
        raise Unreadable(f"{len(raw)} bytes, the limit is {limit}", kind="oversized")
    try:
        return _fields_of(raw)
    except ValidationError as error:
        raise Unreadable(_why_not_valid(str(error))) from None
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        _parse(raw)  # which knows why
        raise Unreadable("not JSON, or a text in it that is not Unicode") from None


def _why_not_valid(error: str) -> str:
    """Say in our words what msgspec says of a field; it names it and quotes nothing."""
    what, _, name = error.partition(" - at `$.")
    if not name:
        return "JSON, but not an object"
    name = name.rstrip("`")
    if "length" in what:
        return f"{name} is longer than {LONGEST_TEXT} characters"
    return f"{name} is not a text"


def decode_key(raw: bytes | None) -> str | None:
    """Return the record's key as text; most are a resource's uuid, many are missing."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Unreadable("the key is not UTF-8") from None


def redacted(raw: bytes | None) -> bytes | None:
    """Return what may be kept of a record: it classifies as before and holds no secret.

    What cannot be parsed cannot be trusted to name its secrets. Of it only the text before
    `cmdInfo` is kept, with every value after a telling name and every long run of letters and
    digits masked, uuids and words excepted. The whole record stays in its topic, at the offset
    that the dead letter names.
    """
    if raw is None:
        return None
    try:
        value = _parse(raw[: 16 * _LONGEST_COPY])
        _check_inside(value)
        return _cut(json.dumps(_clean(value)).encode())
    except Unreadable:
        pass  # the reason was told when the record was decoded
    return _cut(masked(raw[:_LONGEST_COPY].decode(errors="replace")).encode())


def masked(text: str) -> str:
    """Return free text without anything that looks like a secret."""
    lowered = text.lower()
    ends = [at for name in _DROPPED if (at := lowered.find(name)) >= 0]
    kept = text[: min(ends)] if ends else text
    named = _SECRET_PAIR.sub(rf"\1\2\3{_MASK}", _LOGIN.sub(rf"\1{_MASK}@", kept))
    return _LONG_RUN.sub(lambda run: _unless_plain(run.group()), named)


def _unless_plain(run: str) -> str:
    return run if _PLAIN_WORD.fullmatch(run) else _MASK


def _parse(raw: bytes) -> object:
    try:
        return json.loads(
            raw.decode(), parse_constant=_not_a_number, parse_int=_whole, parse_float=_fraction
        )
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8") from None
    except RecursionError:
        raise Unreadable(f"nested deeper than {_DEEPEST} levels") from None
    except ValueError:
        raise Unreadable("not JSON") from None


def _not_a_number(_: str) -> NoReturn:
    raise Unreadable("a number that JSON does not have: NaN or Infinity")


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > _LONGEST_NUMBER:
        raise Unreadable(f"a number of more than {_LONGEST_NUMBER} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Unreadable("a number too large to hold")
    return number


def _check_inside(value: object) -> None:
    """Refuse what is nested too deep, and whole numbers that `_whole` did not see."""
    layer = [value]
    for _ in range(_DEEPEST):
        layer = [inner for outer in layer for inner in _children(outer)]
        if not layer:
            return
        if any(type(one) is int and not -_LARGEST < one < _LARGEST for one in layer):
            raise Unreadable(f"a number of more than {_LONGEST_NUMBER} digits")
    raise Unreadable(f"nested deeper than {_DEEPEST} levels")


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _clean(value: object) -> object:
    if isinstance(value, dict):
        return {
            name: _MASK if _SECRET_NAME.search(name) else _clean(inner)
            for name, inner in value.items()
            if name.lower() not in _DROPPED
        }
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    return masked(value) if isinstance(value, str) else value


def _cut(copy: bytes) -> bytes:
    return copy[:_LONGEST_COPY]
