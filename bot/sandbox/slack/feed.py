"""Turn changes of the workspace into a numbered feed that pages follow and long polls wait on."""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened: `number` rises by one, `visible_to` is None for everybody."""

    number: int
    kind: str
    body: Json
    visible_to: str | None = None


class Feed:
    """Keep the last changes and wake whoever waits for the next one."""

    def __init__(self, keep: int = 5_000) -> None:
        self._changes: deque[Change] = deque(maxlen=keep)
        self._news = asyncio.Event()
        self._epoch = secrets.token_hex(4)
        self.last = 0

    def position(self, number: int) -> str:
        """Write a number so that it means nothing to the feed of another start."""
        return f"{self._epoch}.{number}"

    def number_at(self, position: str) -> int | None:
        """Read a position; None when it is of the feed of another start."""
        epoch, _, digits = position.partition(".")
        if epoch != self._epoch or not digits.isdigit():
            return None
        return int(digits)

    def publish(self, kind: str, body: Json, visible_to: str | None = None) -> int:
        self.last += 1
        self._changes.append(Change(self.last, kind, body, visible_to))
        news, self._news = self._news, asyncio.Event()
        news.set()
        return self.last

    def since(self, number: int) -> list[Change]:
        return [change for change in self._changes if change.number > number]

    async def news(self, timeout_s: float) -> bool:
        """Wait for the next change; False when none came in time."""
        try:
            await asyncio.wait_for(self._news.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    def remembers_all_since(self, number: int) -> bool:
        return number == self.last or self._changes[0].number <= number + 1 <= self.last
