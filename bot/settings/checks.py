"""Turns a single value into itself, or into one sentence saying what is expected of it.

No sentence repeats a secret.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def one_line(secret: SecretStr) -> SecretStr:
    """Refuse a secret that is empty or holds characters that no key, token or password has."""
    text = secret.get_secret_value()
    if not text:
        raise ValueError("expected a secret, and it is empty")
    if text != text.strip() or not text.isprintable():
        raise ValueError("expected one line without blanks around it")
    return secret


def a_prefix(prefix: str, called: str) -> Callable[[SecretStr], SecretStr]:
    """Return a check for Slack's token kinds, which are often given in each other's place."""

    def check(secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().startswith(prefix):
            raise ValueError(f"expected {called}, which begins with {prefix}")
        return secret

    return check


def an_http_url(text: str) -> str:
    """Refuse what is not an absolute http(s) address; empty means not set."""
    if not text:
        return text
    try:
        parts = urlsplit(text)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError as exc:
        raise ValueError("expected an address like https://host/path") from exc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_readable:
        raise ValueError("expected an address like https://host/path")
    if parts.username or parts.password:
        raise ValueError("expected an address without a user and password in it")
    if parts.query or parts.fragment:
        raise ValueError("expected an address that ends with its path, without ? or #")
    if any(c.isspace() for c in text):
        raise ValueError("expected an address without blanks")
    return text


def a_database_url(secret: SecretStr) -> SecretStr:
    """Refuse databases other than SQLite and PostgreSQL; name the driver we ship."""
    try:
        url = make_url(secret.get_secret_value())
    except (ArgumentError, ValueError) as exc:
        raise ValueError("expected a SQLAlchemy URL like postgresql+psycopg://host/name") from exc
    if url.drivername not in _DRIVERS:
        raise ValueError(f"expected sqlite or postgresql+psycopg, and it is {url.drivername}")
    if not url.database or url.database == ":memory:":
        raise ValueError("expected a URL that names a database which outlives the bot")
    driver = _DRIVERS[url.drivername]
    return SecretStr(url.set(drivername=driver).render_as_string(hide_password=False))


def no_switch_for_a_number(value: object) -> object:
    """Refuse true and false where a number is meant; Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("expected a number")
    return value


def none_if_empty(value: object) -> object:
    """Take an empty path for none at all; as a path it would be the folder we are in."""
    return None if value == "" else value


def brokers(text: str) -> str:
    """Refuse what is not host:port, several with commas; return them without blanks."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        host, _, port = part.rpartition(":")
        if not host or any(c.isspace() for c in host) or not _is_port(port):
            raise ValueError("expected host:port, several with commas between them")
    return ",".join(parts)


def a_host(text: str) -> str:
    """Refuse what is neither a DNS name nor an address; the dot at the end of a name goes."""
    if any(c.isspace() or c in '/@[]"' for c in text):
        raise ValueError("expected a name like ns1.example.com, and nothing around it")
    return text.removesuffix(".")


def in_base64(secret: SecretStr) -> SecretStr:
    """Refuse a secret that is not in base64, as the key of a DNS server is."""
    try:
        base64.b64decode(secret.get_secret_value(), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected base64, as `tsig-keygen` prints it") from None
    return secret


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) <= 65535
