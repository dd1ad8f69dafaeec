"""What a change of many targets needs of the house: to open a change for each, and see it end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.operation import Wish
from bot.domain.waves import Ended
from bot.errors import Permanent


@dataclass(frozen=True, slots=True)
class Standing:
    """How children stand: those that ended, and until when the others must (unix seconds)."""

    ended: tuple[Ended, ...]
    open: tuple[str, ...] = ()
    deadline_at: float = 0.0


class Children(Protocol):
    """Opens operations that are parts of another one's change, under its approval."""

    async def open(self, run_id: str, number: str, wish: Wish, name: str) -> str:
        """Open one for the target of that name; return its id.

        The id follows from the run and the number: opened again, it is the same one.
        """
        ...

    async def standing(self, run_id: str, numbers: Sequence[str]) -> Standing:
        """Look at some of a run's children; the run's own operation lasts as long as they may."""
        ...


@dataclass(frozen=True, slots=True)
class NoChildren:
    """A `Children` where nothing can be opened: without a house around it."""

    async def open(self, run_id: str, number: str, wish: Wish, name: str) -> str:
        """Refuse; nothing was stored."""
        raise Permanent(f"open a change of {name}: there is nobody to carry it out")

    async def standing(self, run_id: str, numbers: Sequence[str]) -> Standing:
        """There are none."""
        return Standing(())
