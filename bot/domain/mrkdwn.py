"""Makes foreign text safe inside Slack's mrkdwn (Slack: "Formatting text for app surfaces")."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


_EMOJI = re.compile(r":[a-z_]{2,40}: ?")
_ITALIC = re.compile(r"(?<!\w)_(?! )([^\n]{1,300}?)(?<! )_(?!\w)")


class Safe(str):
    """Text that is mrkdwn already: made by us, with its foreign parts escaped."""

    __slots__ = ()


def mention(person_id: str) -> Safe:
    """Mention a person by Slack user id; another id is shown as it is."""
    is_slack = person_id[:1] in {"U", "W"} and person_id.isalnum()
    return Safe(f"<@{person_id}>") if is_slack else Safe(escape(person_id))


def moment(unix_s: float, how: str = "{time}") -> Safe:
    """Show a time in the reader's own time zone; programs without it show UTC."""
    fallback = datetime.fromtimestamp(unix_s, UTC).strftime("%H:%M UTC")
    return Safe(f"<!date^{int(unix_s)}^{how}|{fallback}>")


def escape(text: str) -> str:
    """Escape the three control characters, so that no mention, link or channel can be forged."""
    return text.translate(_ENTITIES)


def code(text: str) -> Safe:
    """Show a text as code; a backtick in it would end the code, so it becomes an apostrophe."""
    return Safe(f"`{escape(text.replace('`', 'ʼ')) or ' '}`")


def strong(text: str) -> Safe:
    """Make a text stand out; an asterisk in it would end that, so it becomes another sign."""
    return Safe(f"*{escape(text.replace('*', '∗'))}*")


def plain(text: str) -> str:
    """Turn mrkdwn into plain text for a terminal: no entities, no marks, no emoji names."""
    text = _ITALIC.sub(r"\1", _EMOJI.sub("", text))
    for mark in ("*", "`"):
        text = text.replace(mark, "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
