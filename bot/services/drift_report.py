"""Turns the drift of all tiers ilbot provisioned into a report, told when it is a new one.

Until the first difference there is nothing to tell; when the last one is gone, that is told too.
"""

from __future__ import annotations

from bot.domain import mrkdwn
from bot.domain.card import Card
from bot.ports import Chat
from bot.services.drift import DriftWatch, TierDrift
from bot.services.journal import Journal

ABOUT, TOLD = "drift report", "drift told"
_SHOWN_TIERS = 10
_SHOWN_LINES = 5

Lines = dict[str, list[str]]


class DriftReport:
    """Looks and tells; what was told last is remembered in the journal."""

    def __init__(
        self, watch: DriftWatch, journal: Journal, chat: Chat, *, channel: str, command: str
    ) -> None:
        self._watch = watch
        self._journal = journal
        self._chat = chat
        self._channel = channel
        self._command = command

    async def tell(self) -> None:
        """Post a report unless the last one said the same; noted after it was posted.

        Of a tier that could not be looked at, what was told last still holds.
        """
        found = await self._watch.of()
        last = await self._journal.newest_notes(TOLD, limit=1)
        before: Lines = last[0].data["lines"] if last else {}
        now = {one.tier.id: _lines(one, before) for one in found}
        differing = {tier: lines for tier, lines in now.items() if lines}
        if differing == before:
            return
        await self._chat.post(self._channel, _card(found, differing, self._command))
        after = last[0].seq if last else 0
        await self._journal.note(ABOUT, f"after {after}", TOLD, {"lines": differing})


def _lines(one: TierDrift, before: Lines) -> list[str]:
    return before.get(one.tier.id, []) if one.trouble else list(one.lines)


def _card(found: tuple[TierDrift, ...], differing: Lines, command: str) -> Card:
    if not differing:
        words = "No tier differs from what ilbot applied any more."
        return Card("Drift", f"Drift: {words}", (words,))
    count = "1 tier differs" if len(differing) == 1 else f"{len(differing)} tiers differ"
    names = {one.tier.id: f"{one.tier.vpc_name}/{one.tier.name}" for one in found}
    shown = list(differing.items())[:_SHOWN_TIERS]
    rest = len(differing) - len(shown)
    body = [
        f"*{count} from what ilbot applied*",
        *(_paragraph(names[tier], lines) for tier, lines in shown),
        *([f"and {rest} more: {mrkdwn.code(f'{command} drift')}"] if rest else []),
        f"Nothing is changed by this. {mrkdwn.code(f'{command} provision TIER')} with "
        "“overwrite” puts it back.",
    ]
    footer = "told again when it is another"
    return Card("Drift", f"Drift: {count} from what ilbot applied", tuple(body), footer=footer)


def _paragraph(name: str, lines: list[str]) -> str:
    shown = [f"• {mrkdwn.escape(line)}" for line in lines[:_SHOWN_LINES]]
    more = len(lines) - len(shown)
    return "\n".join([mrkdwn.strong(name), *shown, *([f"• and {more} more"] if more else [])])
