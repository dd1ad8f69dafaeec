"""What people type for a name: its letters in any case, and the name they probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN_LENGTH = 80
"""So much of what was typed is said back."""


def one_line(text: str) -> str:
    """Return a text on one line, without what a terminal or a file would take as a command."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def quoted(typed: str) -> str:
    """Return what was typed in quotes, as far as it is worth saying back."""
    text = one_line(typed)
    return f"“{text if len(text) <= SHOWN_LENGTH else text[:SHOWN_LENGTH] + '…'}”"


def goes_by(typed: str, names: Iterable[str]) -> bool:
    """Whether one of the names was typed, in whatever case; nothing goes by an empty one."""
    wanted = typed.strip().casefold()
    return bool(wanted) and any(wanted == name.casefold() for name in names)


def nearest(typed: str, names: Iterable[str]) -> str:
    """Return the name that is spelled most alike, as it is written; `""` where none is near."""
    written = {name.casefold(): name for name in sorted(names, reverse=True)}
    close = difflib.get_close_matches(typed.strip().casefold(), written, n=1)
    return written[close[0]] if close else ""
