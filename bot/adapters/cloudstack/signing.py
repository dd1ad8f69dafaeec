"""Turns a command and its parameters into the signed form that CloudStack's API takes.

Source: CloudStack `ApiServer.verifyRequest` and `ApiServlet`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import SecretStr

# CloudStack refuses more than 15 minutes under `enforce.post.requests.and.timestamps`.
VALID_FOR_S = 600.0


@dataclass(frozen=True, slots=True)
class Keys:
    """The API key and the secret key of one CloudStack user; neither shows in its repr."""

    api: SecretStr
    secret: SecretStr


def encoded(value: str) -> str:
    """Percent-encode as Java's `URLEncoder` does, with `%20` for a space.

    `*` stays and `~` does not: the other way round in Python, and a signature mismatch
    for every value that has a tilde.
    """
    return quote(value, safe="*").replace("~", "%7E")


def signature(params: Mapping[str, str], secret: str) -> str:
    """Return the signature of the parameters, their names left as they are."""
    pairs = (f"{name}={encoded(value)}" for name, value in sorted(params.items()))
    digest = hmac.new(secret.encode(), "&".join(pairs).lower().encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def signed_form(command: str, params: Mapping[str, str], keys: Keys, now: float) -> dict[str, str]:
    """Return the complete form of a request, good for ten minutes from `now` (unix seconds).

    Names are sent in lower case: the server sorts them as they are sent, and so every
    sorting agrees. Signature version 3 is the one whose `expires` the server checks.
    """
    expires = datetime.fromtimestamp(now + VALID_FOR_S, UTC)
    form = {name.lower(): value for name, value in params.items()}
    form |= {
        "command": command,
        "response": "json",
        "apikey": keys.api.get_secret_value(),
        "signatureversion": "3",
        "expires": expires.strftime("%Y-%m-%dT%H:%M:%S+0000"),
    }
    form["signature"] = signature(form, keys.secret.get_secret_value())
    return form
