"""A message for people as a value: what it says and which decisions it offers, not how it looks.

Texts are Slack mrkdwn whose variable parts were escaped when the text was made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Tone(StrEnum):
    """What a button is for, and so how much it stands out."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """One decision a person may take; `value` is an opaque operation id, never authority."""

    action: str
    label: str
    value: str
    tone: Tone = Tone.PLAIN
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with its file name, its title, and what it shows in words (at most 1,000 characters).

    The words are for those who cannot see it: plain text, no mrkdwn.
    """

    name: str
    title: str
    alt: str
    png: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Card:
    """One message: a title, paragraphs, short facts, buttons and a small-print footer.

    `summary` is the plain-text form for notifications and screen readers.
    """

    title: str
    summary: str
    body: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    buttons: tuple[Button, ...] = ()
    footer: str = ""
