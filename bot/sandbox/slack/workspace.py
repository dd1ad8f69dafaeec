"""Turn a seed into a living workspace: who and what is in it, and everything said there."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from . import block_kit
from .counters import Counters
from .escaping import Escaper
from .faults import Faults
from .feed import Feed
from .limits import RateLimits
from .messages import Content, Json, Message, Timeline
from .seed import Channel, Person, Seed, UserGroup, default_seed

SLACKBOT = Person("USLACKBOT", "slackbot", "Slackbot", is_bot=True)
TOMBSTONE = Content("This message was deleted.")


@dataclass(frozen=True, slots=True)
class Timings:
    """The waits of the protocol, in seconds; tests shorten them, the demo keeps Slack's."""

    ack_s: float = 3.0
    event_retries_s: tuple[float, ...] = (0.0, 60.0, 300.0)
    refresh_warning_s: float = 10.0
    response_url_s: float = 30 * 60.0
    response_url_uses: int = 5
    trigger_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """The right behind one `trigger_id`: to open one modal for this person, soon."""

    person: str
    expires_at: float
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class Modal:
    """The modal that a person has open; `errors` are by block id, `trouble` is of the whole."""

    id: str
    person: str
    hash: str
    content: Json
    errors: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be posted, before it has a timestamp."""

    channel: str
    user: str
    content: Content
    bot_id: str | None = None
    thread_ts: str | None = None
    visible_to: str | None = None


class Workspace:
    """One pretend Slack workspace with one installed app. `now` is a clock in epoch seconds."""

    def __init__(
        self,
        seed: Seed | None = None,
        now: Callable[[], float] = time.time,
        *,
        timings: Timings | None = None,
        rate_scale: float = 1.0,
    ) -> None:
        self.seed = seed or default_seed()
        self.now = now
        self.timings = timings or Timings()
        self.app = self.seed.app
        self.people = {p.id: p for p in (*self.seed.people, self.app.user, SLACKBOT)}
        self.channels = {channel.id: channel for channel in self.seed.channels}
        self.groups: dict[str, UserGroup] = {group.id: group for group in self.seed.groups}
        self.timeline = Timeline()
        self.feed = Feed()
        self.counters = Counters()
        self.faults = Faults()
        self.limits = RateLimits(rate_scale)
        self.triggers: dict[str, Trigger] = {}
        self.modals: dict[str, Modal] = {}

    @property
    def escaper(self) -> Escaper:
        return Escaper(self.people.values(), self.channels.values())

    def person(self, name_or_id: str) -> Person | None:
        """Find a person by id or by name, with or without the @."""
        wanted = name_or_id.removeprefix("@").lower()
        by_name = (p for p in self.people.values() if p.name.lower() == wanted)
        return self.people.get(name_or_id) or next(by_name, None)

    def channel(self, name_or_id: str) -> Channel | None:
        """Find a channel by id or by name, with or without the #."""
        wanted = name_or_id.removeprefix("#").lower()
        by_name = (c for c in self.channels.values() if not c.is_im and c.name.lower() == wanted)
        return self.channels.get(name_or_id) or next(by_name, None)

    def direct(self, one: str, other: str) -> Channel:
        """Open the direct conversation of two people, or find the one that is open."""
        for channel in self.channels.values():
            if channel.is_im and set(channel.members) == {one, other}:
                return channel
        opened = Channel(f"D0{len(self.channels):08d}", "", (one, other), is_im=True)
        self.channels[opened.id] = opened
        self.feed.publish("channel", {"id": opened.id}, None)
        return opened

    def post(self, draft: Draft) -> Message:
        message = Message(
            channel=draft.channel,
            ts=self.timeline.mint_ts(self.now()),
            user=draft.user,
            content=self._stored(draft.content),
            bot_id=draft.bot_id,
            thread_ts=draft.thread_ts,
            visible_to=draft.visible_to,
        )
        return self._changed(message)

    def say_as_app(
        self,
        channel: str,
        content: Content,
        *,
        thread_ts: str | None = None,
        visible_to: str | None = None,
    ) -> Message:
        author = self.app.user.id
        draft = Draft(channel, author, content, self.app.bot_id, thread_ts, visible_to)
        return self.post(draft)

    def whisper(self, channel: str, to: str, text: str, thread_ts: str | None = None) -> Message:
        """Tell one person something as Slackbot, in the channel, for their eyes only."""
        return self.post(Draft(channel, SLACKBOT.id, Content(text), None, thread_ts, to))

    def edit(self, message: Message, content: Content) -> Message:
        edited_ts = self.timeline.mint_ts(self.now())
        content = replace(content, files=message.content.files)
        return self._changed(message.saying(self._stored(content), edited_ts))

    def react(self, message: Message) -> Message:
        """Store a message whose reactions changed."""
        return self._changed(message)

    def delete(self, message: Message) -> None:
        """Remove a message; the parent of a thread leaves a tombstone, as in Slack."""
        if self.timeline.replies(message.channel, message.ts):
            gone = replace(message.saying(TOMBSTONE, None), is_deleted=True)
            self._changed(gone)
            return
        self.timeline.drop(message)
        body = {"channel": message.channel, "ts": message.ts}
        self.feed.publish("deleted", body, message.visible_to)
        self._parent_changed(message)

    def mint_trigger(self, person: str) -> str:
        """Make the `trigger_id` of something a person did."""
        moment = self.now()
        made = f"{moment * 1000:.0f}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self.triggers[made] = Trigger(person, moment + self.timings.trigger_s)
        return made

    def show_modal(self, modal: Modal) -> None:
        """Show a modal to its person, in place of the one they had."""
        self.modals[modal.person] = modal
        self.feed.publish("modal", {}, modal.person)

    def close_modal(self, person: str) -> None:
        if self.modals.pop(person, None) is not None:
            self.feed.publish("modal", {}, person)

    def _stored(self, content: Content) -> Content:
        return replace(content, blocks=tuple(block_kit.with_ids(list(content.blocks))))

    def _changed(self, message: Message) -> Message:
        key: Json = {"channel": message.channel, "ts": message.ts}
        number = self.feed.publish("message", key, message.visible_to)
        stored = replace(message, number=number)
        self.timeline.put(stored)
        self._parent_changed(stored)
        return stored

    def _parent_changed(self, message: Message) -> None:
        """Tell pages that the reply count under a thread's parent is another now."""
        if message.is_reply and message.thread_ts is not None:
            parent = {"channel": message.channel, "ts": message.thread_ts}
            self.feed.publish("message", parent, message.visible_to)
