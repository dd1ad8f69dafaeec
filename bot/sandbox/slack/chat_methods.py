"""Turn calls of chat.*, reactions.* and conversations' contents into messages, and back.

Errors and answers after https://docs.slack.dev/reference/methods/.
"""

import re
from collections.abc import Iterable
from typing import Any

from . import block_kit, wire
from .limits import OFTEN, TIER_3, TIER_4
from .messages import Content, Json, Message
from .seed import Channel
from .web_api import Call, Method, SlackError

MAX_TEXT = 40_000
_REACTION_NAME = re.compile(r"^[\w+'-]+(::skin-tone-[2-6])?$")


def post_message(call: Call) -> Json:
    channel = _place_to_post(call)
    message = call.workspace.say_as_app(channel.id, _content(call), thread_ts=thread(call, channel))
    shown = wire.message(call.workspace, message)
    return {"channel": channel.id, "ts": message.ts, "message": shown}


def post_ephemeral(call: Call) -> Json:
    channel = conversation(call)
    person = call.workspace.people.get(call.required("user"))
    if person is None or person.id not in channel.members:
        raise SlackError("user_not_in_channel")
    message = call.workspace.say_as_app(
        channel.id, _content(call), thread_ts=thread(call, channel), visible_to=person.id
    )
    return {"message_ts": message.ts}


def update(call: Call) -> Json:
    message = _own_message(call, "cant_update_message")
    edited = call.workspace.edit(message, _content(call, replaces=message))
    shown = wire.message(call.workspace, edited)
    return {
        "channel": edited.channel,
        "ts": edited.ts,
        "text": edited.content.text,
        "message": shown,
    }


def delete(call: Call) -> Json:
    message = _own_message(call, "cant_delete_message")
    call.workspace.delete(message)
    return {"channel": message.channel, "ts": message.ts}


def get_permalink(call: Call) -> Json:
    message = _message(call, "message_ts")
    link = f"{call.base_url}archives/{message.channel}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={message.channel}"
    return {"channel": message.channel, "permalink": link}


def history(call: Call) -> Json:
    """Show a channel newest first, replies left out."""
    channel = conversation(call)
    public = (m for m in call.workspace.timeline.visible("") if m.channel == channel.id)
    messages = [m for m in public if not m.is_reply and _is_within(call, m)]
    return _page(call, sorted(messages, key=lambda m: float(m.ts), reverse=True))


def replies(call: Call) -> Json:
    """Show a thread oldest first, its parent leading."""
    channel = conversation(call)
    parent = call.workspace.timeline.get(channel.id, call.required("ts"))
    if parent is None or parent.visible_to is not None:
        raise SlackError("thread_not_found")
    thread = call.workspace.timeline.replies(channel.id, parent.thread_ts or parent.ts)
    return _page(call, [parent, *(reply for reply in thread if _is_within(call, reply))])


def add_reaction(call: Call) -> Json:
    message, name = _message(call, "timestamp"), _reaction_name(call)
    user = call.workspace.app.user.id
    if any(r.name == name and user in r.users for r in message.reactions):
        raise SlackError("already_reacted")
    call.workspace.react(message.with_reaction(name, user))
    return {}


def remove_reaction(call: Call) -> Json:
    message, name = _message(call, "timestamp"), _reaction_name(call)
    user = call.workspace.app.user.id
    if not any(r.name == name and user in r.users for r in message.reactions):
        raise SlackError("no_reaction")
    call.workspace.react(message.without_reaction(name, user))
    return {}


METHODS = {
    "chat.postMessage": Method(post_message, TIER_4),
    "chat.postEphemeral": Method(post_ephemeral, TIER_4),
    "chat.update": Method(update, TIER_3),
    "chat.delete": Method(delete, TIER_3),
    "chat.getPermalink": Method(get_permalink, OFTEN),
    "conversations.history": Method(history, TIER_3),
    "conversations.replies": Method(replies, TIER_3),
    "reactions.add": Method(add_reaction, TIER_3),
    "reactions.remove": Method(remove_reaction, TIER_3),
}


def conversation(call: Call, argument: str = "channel") -> Channel:
    """Find the channel of a call by its id; the app must be a member."""
    channel = call.workspace.channels.get(call.required(argument))
    if channel is None:
        raise SlackError("channel_not_found")
    if call.workspace.app.user.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _place_to_post(call: Call) -> Channel:
    """Find where to post: chat.postMessage takes a name too, and a person's id for a DM."""
    wanted, workspace = call.required("channel"), call.workspace
    if wanted in workspace.people:
        return workspace.direct(wanted, workspace.app.user.id)
    channel = workspace.channel(wanted)
    if channel is None:
        raise SlackError("channel_not_found")
    if workspace.app.user.id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def thread(call: Call, channel: Channel) -> str | None:
    """Find the thread's parent; Slack moves an answer to a reply into the same thread."""
    wanted = call.text("thread_ts")
    if wanted is None:
        return None
    answered = call.workspace.timeline.get(channel.id, wanted)
    if answered is None or answered.visible_to is not None:
        raise SlackError("invalid_thread_ts")
    return answered.thread_ts or answered.ts


def _message(call: Call, ts_argument: str) -> Message:
    message = call.workspace.timeline.get(conversation(call).id, call.required(ts_argument))
    if message is None or message.visible_to is not None or message.is_deleted:
        raise SlackError("message_not_found")
    return message


def _own_message(call: Call, refusal: str) -> Message:
    message = _message(call, "ts")
    if message.bot_id != call.workspace.app.bot_id:
        raise SlackError(refusal)
    return message


def _reaction_name(call: Call) -> str:
    name = call.required("name")
    if not _REACTION_NAME.match(name):
        raise SlackError("invalid_name")
    return name


def _content(call: Call, replaces: Message | None = None) -> Content:
    """Read what to say.

    An update with a text alone takes the old blocks away, one with neither keeps both
    (https://docs.slack.dev/reference/methods/chat.update).
    """
    text = call.text("text") or ""
    blocks: Any = call.structure("blocks", "invalid_blocks_format") or []
    metadata = call.structure("metadata", "invalid_metadata_format")
    _check_metadata(metadata)
    if not text and not blocks:
        if replaces is None or metadata is None:
            raise SlackError("no_text")
        return Content(replaces.content.text, replaces.content.blocks, metadata)
    if len(text) > MAX_TEXT:
        raise SlackError("msg_too_long")
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    if problems := block_kit.problems(blocks):
        raise SlackError("invalid_blocks", *problems)
    if block_kit.characters(blocks) > block_kit.MAX_TOTAL_CHARACTERS:
        raise SlackError("msg_blocks_too_long")
    if metadata is None and replaces is not None:
        metadata = replaces.content.metadata
    return Content(text, tuple(blocks), metadata)


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    is_well_formed = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )
    if not is_well_formed:
        raise SlackError("invalid_metadata_schema")


def _is_within(call: Call, message: Message) -> bool:
    oldest, latest = float(call.text("oldest") or 0), float(call.text("latest") or "inf")
    ts = float(message.ts)
    return oldest <= ts <= latest if call.flag("inclusive") else oldest < ts < latest


def _page(call: Call, messages: Iterable[Message]) -> Json:
    shown = [wire.message(call.workspace, message) for message in messages]
    if not call.flag("include_all_metadata"):
        for message in shown:
            message.pop("metadata", None)
    page, cursor = cut(call, shown)
    return {
        "messages": page,
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def cut(call: Call, items: list[Json]) -> tuple[list[Json], str]:
    """Cut one page out of a list, with the cursor of the next; an empty cursor is the end."""
    limit = max(1, min(call.number("limit", 100), 1000))
    cursor = call.text("cursor") or "at:0"
    kind, _, position = cursor.partition(":")
    if kind != "at" or not position.isdigit():
        raise SlackError("invalid_cursor")
    start = int(position)
    end = start + limit
    return items[start:end], f"at:{end}" if end < len(items) else ""
