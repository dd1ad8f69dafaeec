"""Turns texts that others wrote into one short quoted line without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 300
SHORTEST_SECRET = 8  # CloudStack's keys have 86 characters; a short one would eat words

_NAMED_SECRET = re.compile(
    r"""((?:api_?key|secret\w*|signature|sessionkey|pass(?:word|wd)|token)["']?\s*[=:]\s*["']?)"""
    r"""[^\s"'&,;}]+""",
    re.IGNORECASE,
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
_JAVA = re.compile(
    r"Cannot invoke \"|cannot be cast to|No enum constant|\w(?:Exception|Error)\b"
    r"|\b(?:java|javax|org\.apache|com\.cloud)\.\w"
)


def cleaned(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text on one line, cut, with `***` for the given and for evident secrets."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    text = _NAMED_SECRET.sub(r"\1***", text)
    text = _CREDENTIALS_IN_URL.sub("***@", text)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def attributed(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text as a quotation that says whose words these are.

    CloudStack 4.22 answers raw Java texts as ordinary errors: a reader should not take
    them for ours, nor search them for advice.
    """
    line = cleaned(text, secrets)
    if not line:
        return "CloudStack gives no reason"
    if _JAVA.search(line):
        return f"CloudStack's own Java text: “{line}”"
    return f"CloudStack says “{line}”"
