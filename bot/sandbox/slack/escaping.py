"""Turn what a person types into Slack's text: entities, mentions and links in angle brackets.

https://docs.slack.dev/messaging/formatting-message-text/ (escaping; retrieved text), and the
slash command option `should_escape`.
"""

import re
from collections.abc import Iterable

from .seed import Channel, Person

_URL = re.compile(r"https?://[^\s<>|]+")
_MENTION = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)
_CHANNEL = re.compile(r"(?<![\w#&])#([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_TRAILING = ".,:;!?)"


def escape(text: str) -> str:
    """Replace the three characters that control Slack's markup by their entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Escaper:
    """Know the names of a workspace, and write them as ids."""

    def __init__(self, people: Iterable[Person], channels: Iterable[Channel]) -> None:
        self._people = {person.name.lower(): person for person in people}
        self._channels = {ch.name.lower(): ch for ch in channels if not ch.is_im}

    def message(self, typed: str) -> str:
        """Write a typed message as Slack stores it: a mention is `<@U…>` without a label."""
        return self._write(typed, labelled_people=False)

    def command(self, typed: str) -> str:
        """Write a command's text as `should_escape` does: mentions are `<@U…|name>`."""
        return self._write(typed, labelled_people=True)

    def _write(self, typed: str, *, labelled_people: bool) -> str:
        written: list[str] = []
        end = 0
        for link in _URL.finditer(typed):
            url = link.group().rstrip(_TRAILING)
            written.append(self._names(escape(typed[end : link.start()]), labelled_people))
            written.append(f"<{escape(url)}>")
            end = link.start() + len(url)
        written.append(self._names(escape(typed[end:]), labelled_people))
        return "".join(written)

    def _names(self, text: str, labelled: bool) -> str:
        def person(match: re.Match[str]) -> str:
            found, dots = _longest(match.group(1), self._people)
            if found is None:
                return match.group()
            label = f"|{found.name}" if labelled else ""
            return f"<@{found.id}{label}>{dots}"

        def channel(match: re.Match[str]) -> str:
            found = self._channels.get(match.group(1).lower())
            return match.group() if found is None else f"<#{found.id}|{found.name}>"

        return _CHANNEL.sub(channel, _MENTION.sub(person, text))


def _longest(name: str, people: dict[str, Person]) -> tuple[Person | None, str]:
    """Find the person of `name`, leaving the full stop of "ask @bruno." outside."""
    bare = name.rstrip(".-_")
    for candidate in (name, bare):
        if found := people.get(candidate.lower()):
            return found, name[len(candidate) :]
    return None, ""
