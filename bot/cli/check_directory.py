"""Turns the directory into a line of a check: whether names can be moved, and by whom."""

from __future__ import annotations

from bot.adapters.directory.manual import ManualDirectory
from bot.adapters.directory.rfc2136 import Rfc2136Directory
from bot.cli.check_line import CheckLine, ok, refused
from bot.connections import directory
from bot.errors import IlbotError
from bot.settings import Settings

_PART = "directory"
_NONE = (
    "none; what needs the name of a service is refused: a pair of ILBs, and a roll or resize beside"
)


async def check_directory(settings: Settings) -> CheckLine:
    """Ask for the zone and, where the bot updates it, send a signed update that changes nothing."""
    ours = settings.directory
    try:
        found = directory(ours)
        match found:
            case Rfc2136Directory():
                serial = await found.try_out()
                text = (
                    f"zone {ours.zone} (serial {serial}) takes updates signed by {ours.tsig_name}"
                )
                return ok(_PART, text)
            case ManualDirectory():
                await found.try_out(ours.zone)
                return ok(_PART, "manual; names are resolved, and people are asked to change them")
            case _:
                return ok(_PART, _NONE)
    except IlbotError as exc:
        return refused(_PART, str(exc))
