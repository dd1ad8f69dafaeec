"""Makes foreign text safe inside Slack's mrkdwn (Slack: "Formatting text for app surfaces")."""

from __future__ import annotations

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def escape(text: str) -> str:
    """Escape the three control characters, so that no mention, link or channel can be forged."""
    return text.translate(_ENTITIES)


def code(text: str) -> str:
    """Show a text as code; a backtick in it would end the code, so it becomes an apostrophe."""
    return f"`{escape(text.replace('`', 'ʼ')) or ' '}`"


def plain(text: str) -> str:
    """Turn mrkdwn into plain text for a terminal: no entities, no formatting marks."""
    for mark in ("*", "`"):
        text = text.replace(mark, "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
