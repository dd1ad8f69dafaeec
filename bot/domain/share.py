"""What a change cost beside waiting: the bot's own time, and its calls of CloudStack, added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.page import duration


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of CloudStack: `polls` of a job, `changes`, and `reads` beside the polls."""

    reads: int = 0
    changes: int = 0
    polls: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(
            self.reads + other.reads, self.changes + other.changes, self.polls + other.polls
        )

    @property
    def total(self) -> int:
        """All of them."""
        return self.reads + self.changes + self.polls


NO_CALLS = Calls()


@dataclass(frozen=True, slots=True)
class Spent:
    """What one step cost. `waits` is a step whose time is not ours: CloudStack works meanwhile,
    or the plan states the wait. `slept_s` is what the plan let pass since the step before."""

    name: str
    seconds: float
    waits: bool = False
    slept_s: float = 0.0
    calls: Calls = NO_CALLS


@dataclass(frozen=True, slots=True)
class Share:
    """The bot's own part of a change, in seconds, of all of it, and its calls."""

    own_s: float
    whole_s: float
    calls: Calls

    @property
    def text(self) -> str:
        """Say it in one sentence."""
        polls = f"{self.calls.polls} of them job polls"
        return (
            f"ilbot's own share: {duration(self.own_s)} of {duration(self.whole_s)}; "
            f"{self.calls.total} CloudStack calls, {polls}."
        )


def share(whole_s: float, steps: Iterable[Spent], calls: Calls) -> Share:
    """Return what is left of a change without its waits: what nobody accounts for is our own."""
    waited_s = sum(one.slept_s + (one.seconds if one.waits else 0.0) for one in steps)
    return Share(max(0.0, whole_s - waited_s), whole_s, calls)
