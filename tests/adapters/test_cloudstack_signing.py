"""Signing against the rule stated a second time, and against another client."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from cs import CloudStack
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.adapters.cloudstack.signing import Keys, encoded, signature, signed_form

UNESCAPED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_*")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
names = st.from_regex(r"[a-z][a-z0-9]{0,8}(\[[0-9]\]\.[a-z]{1,5})?", fullmatch=True)
parameters = st.dictionaries(names, texts, max_size=6)


def java_encoded(value: str) -> str:
    """`java.net.URLEncoder` byte by byte, then `+` replaced by `%20` as `ApiServer` does."""
    return "".join(chr(b) if b in UNESCAPED else f"%{b:02X}" for b in value.encode())


def hmac_sha1(key: bytes, message: bytes) -> bytes:
    """RFC 2104, section 2, spelt out."""
    key = (hashlib.sha1(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha1(bytes(b ^ 0x36 for b in key) + message).digest()
    return hashlib.sha1(bytes(b ^ 0x5C for b in key) + inner).digest()


@given(texts)
def test_values_are_encoded_as_java_does(value: str) -> None:
    assert encoded(value) == java_encoded(value)


@given(parameters, texts)
def test_the_signature_is_the_one_the_server_computes(params: dict[str, str], secret: str) -> None:
    in_order = sorted(params, key=lambda name: [ord(letter) for letter in name])
    text = "&".join(name + "=" + java_encoded(params[name]) for name in in_order).lower()
    expected = base64.b64encode(hmac_sha1(secret.encode(), text.encode())).decode()
    assert signature(params, secret) == expected


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), texts, max_size=5))
def test_another_client_signs_the_same_unless_there_is_a_tilde(params: dict[str, str]) -> None:
    params = {name: value.replace("~", "") for name, value in params.items()}
    other = CloudStack("http://cloud.test/client/api", key="key", secret="secret")
    signed = dict(params)
    other._sign(signed)  # type: ignore[no-untyped-call]  # cs has no types
    assert signature(params, "secret") == signed["signature"]


@given(parameters, st.floats(0, 4e9))
def test_a_form_is_lower_case_complete_and_good_for_under_fifteen_minutes(
    params: dict[str, str], now: float
) -> None:
    keys = Keys(SecretStr("the-key"), SecretStr("the-secret"))
    form = signed_form("listZones", {name.upper(): v for name, v in params.items()}, keys, now)
    assert all(name == name.lower() for name in form)
    assert {"command", "response", "apikey", "signatureversion", "expires"} <= form.keys()
    expires = datetime.strptime(form["expires"], "%Y-%m-%dT%H:%M:%S%z")
    assert 0 < (expires - datetime.fromtimestamp(now, UTC)).total_seconds() <= 15 * 60
    unsigned = {name: value for name, value in form.items() if name != "signature"}
    assert form["signature"] == signature(unsigned, "the-secret")


def test_keys_do_not_show() -> None:
    keys = Keys(SecretStr("the-key"), SecretStr("the-secret"))
    assert "the-" not in repr(keys) + str(keys)
