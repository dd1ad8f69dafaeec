"""What people type for a name: its letters in any case, and the name they probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def goes_by(typed: str, names: Iterable[str]) -> bool:
    """Whether one of the names was typed, in whatever case; nothing goes by an empty one."""
    wanted = typed.strip().casefold()
    return bool(wanted) and any(wanted == name.casefold() for name in names)


def nearest(typed: str, names: Iterable[str]) -> str:
    """Return the name that is spelled most alike, as it is written; `""` where none is near."""
    written = {name.casefold(): name for name in sorted(names, reverse=True)}
    close = difflib.get_close_matches(typed.strip().casefold(), written, n=1)
    return written[close[0]] if close else ""
