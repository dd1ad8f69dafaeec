"""Check a request's signature as CloudStack's ApiServer.verifyRequest does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

Pair = tuple[str, str]


def signature(pairs: Iterable[Pair], secret: str) -> str:
    """Sign name and value pairs; `signature` itself is left out, names keep their case to sort.

    Values are encoded as Java's URLEncoder does with `+` turned into `%20`: `* - . _` stay,
    `~` becomes `%7E`. Names are not encoded. The whole string is lower-cased before HMAC-SHA1.
    """
    signed = sorted(pair for pair in pairs if pair[0].lower() != "signature")
    text = "&".join(f"{name}={_encoded(value)}" for name, value in signed).lower()
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_signed(pairs: list[Pair], secret: str, now: float) -> bool:
    """Tell whether the signature is right and, with signatureversion 3, not expired.

    How far ahead `expires` lies does not matter with CloudStack's default settings.
    """
    given = _value(pairs, "signature")
    if given is None or not hmac.compare_digest(given, signature(pairs, secret)):
        return False
    if _value(pairs, "signatureversion") != "3":
        return True
    expires = _moment(_value(pairs, "expires"))
    return expires is not None and expires >= now


@lru_cache(4096)
def _encoded(value: str) -> str:
    return quote(value, safe="*").replace("~", "%7E")


def _value(pairs: list[Pair], name: str) -> str | None:
    return next((value for key, value in pairs if key.lower() == name), None)


@lru_cache(64)
def _moment(text: str | None) -> float | None:
    try:
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return None
