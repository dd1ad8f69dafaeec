"""A longer answer as a value: headings over rows of marked words, shown as mrkdwn or plain text.

What is put into a page is raw; each way of showing it escapes for itself, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.domain import mrkdwn


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Something that can be typed back: a command, an id, a name."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign at the beginning of a row: an emoji in Slack, a character in a terminal."""

    emoji: str
    sign: str


@dataclass(frozen=True, slots=True)
class Who:
    """A person by chat id, or whatever else decides by its name alone."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class When:
    """A moment in unix seconds; Slack shows it in the reader's time zone."""

    at: float


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines to be copied as they are, such as a file; alone in its row."""

    text: str


Inline = str | Strong | Code | Mark | Who | When
Span = Inline | Listing
Row = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Some rows under a heading, which may be empty."""

    heading: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer."""

    title: str
    sections: tuple[Section, ...] = ()


def as_mrkdwn(page: Page) -> str:
    """Show a page in Slack's mrkdwn."""
    return _lay_out(page, _span_in_slack)


def as_plain(page: Page) -> str:
    """Show a page in a terminal; times are UTC."""
    return _lay_out(page, _span_in_terminal)


def duration(seconds: float) -> str:
    """Say a duration the way people do: `0.4 s`, `34 s`, `2 min 10 s`, `1 h 5 min`."""
    if seconds < 0.05:
        return "under 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 90:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _lay_out(page: Page, show: Callable[[Span], str]) -> str:
    parts = [show(Strong(page.title))] if page.title else []
    for section in page.sections:
        lines = [show(Strong(section.heading))] if section.heading else []
        lines += ["".join(show(span) for span in row) for row in section.rows]
        parts.append("\n".join(lines))
    return "\n\n".join(part for part in parts if part)


def _span_in_slack(span: Span) -> str:
    if isinstance(span, Listing):
        return f"```\n{mrkdwn.escape(span.text.replace('```', 'ʼʼʼ')).rstrip()}\n```"
    return _span_in_mrkdwn(span)


def _span_in_mrkdwn(span: Inline) -> str:
    match span:
        case Strong(text):
            return f"*{mrkdwn.escape(text.replace('*', '∗'))}*"
        case Code(text):
            return mrkdwn.code(text)
        case Mark(emoji, _):
            return f":{emoji}:"
        case Who(person_id, name):
            return f"<@{person_id}>" if _is_slack_id(person_id) else mrkdwn.escape(name)
        case When(at):
            return f"<!date^{int(at)}^{{date_short_pretty}} {{time_secs}}|{_utc(at)}>"
        case str():
            return mrkdwn.escape(span)


def _span_in_terminal(span: Span) -> str:
    if isinstance(span, Listing):
        return "\n".join(_printable(line) for line in span.text.splitlines())
    return _printable(_span_in_plain(span))


def _span_in_plain(span: Inline) -> str:
    match span:
        case Strong(text) | Code(text):
            return text
        case Mark(_, sign):
            return sign
        case Who(person_id, name):
            return name or person_id
        case When(at):
            return _utc(at)
        case str():
            return span


def _is_slack_id(person_id: str) -> bool:
    return person_id[:1] in {"U", "W"} and person_id.isalnum() and person_id.isascii()


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _printable(text: str) -> str:
    """Leave out what would steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
