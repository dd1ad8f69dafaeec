"""What people may say to the bot, as values: the handlers' table tells it to the answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Who may say it."""

    LOOK = "look"
    """Anybody."""
    RUNBOOK = "runbook"
    """Who may ask for the runbook of that name."""
    ADMIN = "admin"
    """Who may administer the bot."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing a runbook wants to know, and what to say for it."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One command; `usage` and `example` leave out the slash command before it."""

    name: str
    kind: Kind
    usage: str
    summary: str
    example: str = ""
    asks: tuple[Ask, ...] = ()
    routers: bool = False
    """Whether its target may be routers as well as an ILB."""
