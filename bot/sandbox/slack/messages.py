"""Turn posts, edits and deletions into messages that remember every version of themselves."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

# A progress card is edited all day; slow clients click on what it said lately.
MAX_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class Reaction:
    name: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says: its text, its blocks as Slack stores them, its metadata, its files."""

    text: str
    blocks: tuple[Json, ...] = ()
    metadata: Json | None = None
    files: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `visible_to` makes it ephemeral, `versions` holds what it used to say.

    `number` is the feed's number of its last change, so "changed since" can be asked.
    """

    channel: str
    ts: str
    user: str
    content: Content
    bot_id: str | None = None
    thread_ts: str | None = None
    visible_to: str | None = None
    edited_ts: str | None = None
    is_deleted: bool = False
    reactions: tuple[Reaction, ...] = ()
    versions: tuple[Content, ...] = ()
    number: int = 0

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def saying(self, content: Content, edited_ts: str | None) -> "Message":
        return replace(
            self,
            content=content,
            edited_ts=edited_ts,
            versions=(*self.versions, self.content)[-MAX_VERSIONS:],
        )

    def with_reaction(self, name: str, user: str) -> "Message":
        users = next((r.users for r in self.reactions if r.name == name), ())
        others = tuple(r for r in self.reactions if r.name != name)
        return replace(self, reactions=(*others, Reaction(name, (*users, user))))

    def without_reaction(self, name: str, user: str) -> "Message":
        kept = (
            Reaction(r.name, tuple(u for u in r.users if r.name != name or u != user))
            for r in self.reactions
        )
        return replace(self, reactions=tuple(r for r in kept if r.users))


class Timeline:
    """Hold messages by channel and timestamp, in the order of their timestamps."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], Message] = {}
        self._threads: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._last_us = 0

    def mint_ts(self, now: float) -> str:
        """Make a timestamp later than every one before, even while the clock stands still."""
        self._last_us = max(round(now * 1_000_000), self._last_us + 1)
        seconds, microseconds = divmod(self._last_us, 1_000_000)
        return f"{seconds}.{microseconds:06d}"

    def put(self, message: Message) -> None:
        self._messages[(message.channel, message.ts)] = message
        if message.is_reply and message.visible_to is None:
            self._threads[(message.channel, message.thread_ts or "")].add(message.ts)

    def get(self, channel: str, ts: str) -> Message | None:
        return self._messages.get((channel, ts))

    def drop(self, message: Message) -> None:
        self._messages.pop((message.channel, message.ts), None)
        self._threads[(message.channel, message.thread_ts or "")].discard(message.ts)

    def all(self) -> Iterator[Message]:
        return iter(list(self._messages.values()))

    def visible(self, person: str | None) -> Iterator[Message]:
        """Yield what a person can see; None sees everything, ephemerals of all included."""
        for message in self.all():
            if person is None or message.visible_to in (None, person):
                yield message

    def replies(self, channel: str, thread_ts: str) -> list[Message]:
        """List the replies of a thread that everybody sees, oldest first."""
        answers = self._threads.get((channel, thread_ts), ())
        return [self._messages[(channel, ts)] for ts in sorted(answers, key=float)]
