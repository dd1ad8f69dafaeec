"""Turns the text of a slash command, a mention or a command line into a typed request; pure.

Slack escapes what people type and labels links and mentions ("Formatting text for app surfaces");
phones turn straight quotation marks and hyphens into typographic ones. Both are undone here.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic import BaseModel, ValidationError

from bot.domain import mrkdwn
from bot.domain.acts import Act
from bot.domain.ilb_acts import NEVER
from bot.domain.operation import Wish
from bot.services.runbooks import Runbook
from handlers.routes import (
    BECAUSE,
    IMPOSSIBLE,
    QUESTIONS,
    RUNBOOKS,
    is_switch,
    menu,
    options,
    usage,
)

MAX_LENGTH = 500
"""More than any command needs; Slack itself lets people type thousands of characters."""
SHOWN_LENGTH = 60
"""So much of a word that was not understood is shown again."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish for a runbook."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class Question:
    """Something to be answered: the name of a question and what it is about."""

    kind: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A wish for a runbook that is asked for with a text of many lines; `argument` may be empty."""

    runbook: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What was not understood and how to say it; mrkdwn, escaped."""

    text: str


class _Named(Protocol):
    """What every request has: how its target is said, a field of its own or made of others."""

    @property
    def target(self) -> str: ...


class _Unclear(Exception):
    """Carries the sentence of a complaint out of the parsing."""


@dataclass(frozen=True, slots=True)
class _Word:
    """One word: bare, or `key=value`; `quoted` words are never options."""

    text: str
    key: str = ""
    quoted: bool = False


_LABELLED = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_TYPOGRAPHIC = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'",
     "—": "--", "–": "-", "‐": "-", "‑": "-", "−": "-"}
)  # fmt: skip
_WORD = re.compile(
    r"""(?:-{0,2}(?P<key>[A-Za-z_][\w-]*)=)?"""
    r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"]*))(?=\s|$)"""
)


def parse(text: str) -> Ask | Question | Form | Complaint:
    """Read a command as Slack delivers it; what is not understood becomes one clear sentence."""
    try:
        return _read(readable(text))
    except _Unclear as unclear:
        return Complaint(str(unclear))


def from_shell(words: Sequence[str]) -> str:
    """Return a command with the quotation marks that a shell took away; one word is all of it."""
    return words[0] if len(words) == 1 else " ".join(map(_quoted_again, words))


def _quoted_again(word: str) -> str:
    key, equals, value = word.partition("=")
    if " " not in word or '"' in word:
        return word
    return f'{key}="{value}"' if equals and " " not in key else f'"{word}"'


def readable(text: str) -> str:
    """Undo Slack's escapes and a phone's typography; leave out what nobody can see."""
    text = _LABELLED.sub(_label, text)
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    text = unicodedata.normalize("NFC", text.translate(_TYPOGRAPHIC))
    return "".join(_visible(letter) for letter in text).strip()


def _label(match: re.Match[str]) -> str:
    """Show `<@U1|ana>` as `@ana` and `<http://a.b|a.b>` as `a.b`, as the person typed it."""
    sigil, what, label = match.groups()
    if sigil == "!":
        what, sigil = what.partition("^")[0], "@"
    return f"{sigil}{label or what}"


def _visible(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cf":  # zero width, joiners, changes of direction
        return ""
    return " " if category[0] in "ZC" else letter


def _read(text: str) -> Ask | Question | Form:
    if len(text) > MAX_LENGTH:
        raise _Unclear(f"That is too long: a command has at most {MAX_LENGTH} characters.")
    words = tuple(_words(text))
    if not words:
        return Question("help")
    verb, rest = words[0].text.casefold(), words[1:]
    if verb in RUNBOOKS and not words[0].key and RUNBOOKS[verb].by_form:
        return Form(verb, _argument(verb, rest))
    if verb in RUNBOOKS and not words[0].key:
        return Ask(_wish(RUNBOOKS[verb], rest))
    if verb in QUESTIONS and not words[0].key:
        return Question(verb, _argument(verb, rest))
    if verb in IMPOSSIBLE and not words[0].key:
        raise _Unclear(_impossible(IMPOSSIBLE[verb]))
    raise _Unclear(_unknown("command", _as_typed(words[0]), [entry.name for entry in menu()]))


def _words(text: str) -> Iterator[_Word]:
    at = 0
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        match = _WORD.match(text, at)
        if match is None or match.end() == at:
            raise _Unclear("A quotation mark is not closed, or stands inside a word.")
        at = match.end()
        quoted = match["double"] if match["double"] is not None else match["single"]
        value = quoted if quoted is not None else match["bare"]
        yield _Word(value, match["key"] or "", quoted is not None)


def _argument(verb: str, rest: tuple[_Word, ...]) -> str:
    said = " ".join(_as_typed(word) for word in rest)
    takes = usage(verb).partition(" ")[2]
    if said and not takes:
        raise _Unclear(f"{mrkdwn.code(verb)} takes nothing after it. {_usage(verb)}")
    if takes and not takes.startswith("[") and not said:
        raise _Unclear(f"{verb.capitalize()} what? {_usage(verb)}")
    return said


def _impossible(act: Act) -> str:
    """Say what CloudStack cannot do, why, and what works instead."""
    answer = NEVER[act]
    words = f"{answer.text} What works instead: {answer.instead}"
    return f"{mrkdwn.escape(words)} {mrkdwn.code('can TARGET')} says what a target lets one do."


def _wish(runbook: Runbook[Any], words: tuple[_Word, ...]) -> Wish:
    given: dict[str, str] = {}
    for word in words:
        name, value = _named(runbook, word, given)
        if name in given:
            raise _Unclear(_second(runbook, name, value))
        if not value.strip():
            raise _Unclear(f"{mrkdwn.code(f'{name}=')} has no value. {_usage(runbook.name)}")
        given[name] = value.strip()
    because = given.pop(BECAUSE, "")
    request = _validated(runbook, given)
    said = ((name, str(getattr(request, name))) for name in options(runbook.request))
    parameters = tuple(
        (name, value)
        for name, value in said
        if name in given and f"{name}=" not in runbook.named_by
    )
    return Wish(runbook.name, cast("_Named", request).target, parameters, because)


def _named(runbook: Runbook[Any], word: _Word, given: Mapping[str, str]) -> tuple[str, str]:
    """Return which field a word is for, and its value."""
    known = {*runbook.request.model_fields, BECAUSE}
    if word.key:
        key = word.key.casefold()
        if key not in known:
            raise _Unclear(_unknown_option(runbook, f"{word.key}=", key))
        return key, word.text
    bare = word.text.lstrip("-").casefold()
    info = options(runbook.request).get(bare)
    if not word.quoted and info is not None and is_switch(info):
        return bare, "true"
    if not word.quoted and word.text.startswith("--"):
        raise _Unclear(_unknown_option(runbook, word.text, bare))
    if "target" not in runbook.request.model_fields:
        raise _Unclear(f"I do not understand {_shown(word.text)}. {_usage(runbook.name)}")
    if "target" in given:
        raise _Unclear(_second(runbook, "target", word.text))
    return "target", word.text


def _second(runbook: Runbook[Any], name: str, value: str) -> str:
    if name != "target":
        return f"{mrkdwn.code(name)} is there twice. {_usage(runbook.name)}"
    near = _nearest(value.casefold(), options(runbook.request))
    hint = f"Did you mean {mrkdwn.code(near)}?" if near else "One target at a time."
    return f"I do not understand {_shown(value)}. {hint} {_usage(runbook.name)}"


def _validated(runbook: Runbook[Any], given: Mapping[str, str]) -> BaseModel:
    try:
        return runbook.request.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # of the request as a whole: the words are its own
            said = f"{runbook.name} needs {first['ctx']['error']}."
            raise _Unclear(f"{mrkdwn.escape(said)} {_usage(runbook.name)}") from error
        name = str(first["loc"][0])
        about = runbook.request.model_fields[name].description or ""
        if first["type"] == "missing":
            sentence = f"{mrkdwn.code(runbook.name)} needs a {name}: {mrkdwn.escape(about)}."
        elif first["type"].startswith("bool"):
            sentence = f"{mrkdwn.code(name)} is said alone, or with yes or no."
        else:
            sentence = f"{_shown(given[name])} is no {name} ({mrkdwn.escape(about)})."
        raise _Unclear(f"{sentence} {_usage(runbook.name)}") from error


def _unknown_option(runbook: Runbook[Any], typed: str, key: str) -> str:
    known = [*options(runbook.request), BECAUSE]
    return f"{_unknown('option', typed, known, key)} {_usage(runbook.name)}"


def _unknown(what: str, typed: str, known: Collection[str], key: str = "") -> str:
    near = _nearest(key or typed.casefold(), known)
    choices = ", ".join(mrkdwn.code(name) for name in known)
    hint = f"Did you mean {mrkdwn.code(near)}?" if near else f"There is {choices}."
    return f"I know no {what} {_shown(typed)}. {hint}"


def _nearest(word: str, known: Collection[str]) -> str:
    return next(iter(difflib.get_close_matches(word[:SHOWN_LENGTH], known, n=1)), "")


def _usage(name: str) -> str:
    return f"Usage: {mrkdwn.code(usage(name))}"


def _shown(typed: str) -> str:
    short = typed if len(typed) <= SHOWN_LENGTH else f"{typed[:SHOWN_LENGTH]}…"
    return mrkdwn.code(short)


def _as_typed(word: _Word) -> str:
    return f"{word.key}={word.text}" if word.key else word.text
