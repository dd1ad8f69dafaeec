"""What became of the targets of a fleet, in the sentences that people read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.domain.plan import in_words
from bot.domain.waves import Ended, Lot

_NAMED = 8
"""So many names are said in a sentence; the rest is counted."""


@dataclass(slots=True)
class Tally:
    """How the lots of a plan ended until now, against its error budget.

    `parent` is the id of the operation whose parts they are.
    """

    parent: str
    lots: tuple[Lot, ...]
    budget: int
    ended: list[Ended] = field(default_factory=list)

    def why_stop(self) -> str:
        """Say why no further wave may begin, `""` where one may."""
        spent = [one for one in self.ended if one.spends]
        if len(spent) > self.budget:
            allowed = f"{self.budget} may" if self.budget else "none may"
            return f"the error budget is spent ({len(spent)} failed, {allowed})"
        canary = self.lots[0].number
        first = next((one for one in self.ended if one.number == canary), None)
        if first is not None and not first.is_well and len(self.lots) > 1:
            return "the canary proved nothing"
        return ""

    def open_ends(self) -> bool:
        """Whether one of them is not as wished."""
        return any(not one.is_well for one in self.ended)

    def told(self, why: str) -> str:
        """Tell why it ends, each one that is not as wished, and what was not begun."""
        names = {one.number: one.name for one in self.lots}
        bad = [f"{names[one.number]} {self._end(one)}" for one in self.ended if not one.is_well]
        begun = {one.number for one in self.ended}
        rest = [one.name for one in self.lots if one.number not in begun]
        parts = [why.rstrip("."), *bad, *([f"not begun: {some(rest)}"] if rest else [])]
        return f"{'; '.join(parts)}. Asking again goes on with what is left"

    def _end(self, one: Ended) -> str:
        child = f"{self.parent}-{one.number}"
        if one.outcome is None:
            return f"has not ended in its time ({child})"
        return f"ended {one.outcome} ({child}: {one.reason.rstrip('.')})"


def some(names: Sequence[str]) -> str:
    """Say names as a sentence does, the first few of many."""
    if len(names) <= _NAMED:
        return in_words(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
