"""What the bot needs of chat and of people in the middle of a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.domain.card import Card, Picture
from bot.domain.question import Answer, Question


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands in chat."""

    channel: str
    ts: str


class Chat(Protocol):
    """Where people are told things."""

    async def post(self, channel: str, card: Card, *, thread: Posted | None = None) -> Posted:
        """Post a card in a channel, or as a reply in a card's thread."""
        ...

    async def update(self, at: Posted, card: Card) -> None:
        """Replace a card in place."""
        ...

    async def upload(self, at: Posted, picture: Picture) -> None:
        """Show a picture in the thread of a card; nothing can be edited about it afterwards."""
        ...

    async def whisper(self, channel: str, person: str, text: str) -> None:
        """Tell one person something that only they see."""
        ...


class People(Protocol):
    """Whoever may help a change that cannot go on by itself."""

    async def ask(self, run_id: str, question: Question) -> None:
        """Show a question where the change shows; the same key is one question."""
        ...

    async def answer(self, run_id: str, key: str) -> Answer | None:
        """Return the first answer to a question, None while there is none."""
        ...

    async def close(self, run_id: str, key: str, why: str) -> None:
        """Ask no longer."""
        ...
