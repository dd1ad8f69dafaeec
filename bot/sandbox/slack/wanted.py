"""Turn the description of a message somebody waits for into a yes or no for each message."""

import re
from dataclasses import dataclass

from .messages import Json, Message


@dataclass(frozen=True, slots=True)
class Wanted:
    """A description of a message to wait for; every field that is set must fit."""

    person: str | None = None
    channel: str | None = None
    thread_ts: str | None = None
    ts: str | None = None
    author: str | None = None
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    button: str | None = None
    without_button: str | None = None
    is_ephemeral: bool | None = None
    after: int = 0

    def fits(self, shown: Json) -> bool:
        return self._says(shown) and self._offers(shown["buttons"])

    def is_there(self, message: Message) -> bool:
        return (
            message.number > self.after
            and self.channel in (None, message.channel)
            and self.thread_ts in (None, message.thread_ts)
            and self.ts in (None, message.ts)
            and self.author in (None, message.user)
            and self.is_ephemeral in (None, message.visible_to is not None)
        )

    def _says(self, shown: Json) -> bool:
        words = shown["words"]
        return (
            all(part in words for part in self.contains)
            and not any(part in words for part in self.lacks)
            and (self.pattern is None or self.pattern.search(words) is not None)
        )

    def _offers(self, buttons: list[str]) -> bool:
        has_button = self.button is None or self.button in buttons
        return has_button and (self.without_button is None or self.without_button not in buttons)
