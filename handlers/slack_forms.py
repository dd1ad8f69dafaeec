"""Turns a runbook's form into Slack modals, and a submitted modal into what was entered.

A `trigger_id` opens one modal within three seconds, so a first one says that the form is being
filled in (Slack: "Modals"). What a person typed is never lost: errors are shown at the field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from handlers.commands import Form
from handlers.conversation import Filled, Start

Json = dict[str, Any]

MAX_TEXT = 3000
"""Slack's limit for what stands in an input, and for the text of a section."""
MAX_ERROR = 1500
SPEC, OVERWRITE, BECAUSE = "spec", "overwrite", "because"
"""Block ids of the inputs, and action ids of their elements."""
_CALLBACK = "form"


def waiting(form: Form) -> Json:
    """Build the modal that stands there while the form is being filled in."""
    text = "Reading what is there… If this stays, close it and ask again."
    return _modal(form.runbook, [_words(text)], close="Cancel")


def note(runbook: str, text: str) -> Json:
    """Build a modal that only says something."""
    return _modal(runbook, [_words(text)])


def filled_in(form: Form, start: Start, channel: str) -> Json:
    """Build the form, with what it starts from; a text that is too long is not cut but refused."""
    if not start.text:
        return note(form.runbook, start.note)
    if len(start.text) > MAX_TEXT:
        return note(form.runbook, _too_long(form, start))
    words = _INPUTS[form.runbook]
    blocks = [
        _words(start.note),
        {
            "type": "input",
            "block_id": SPEC,
            "label": _plain(words.label),
            "hint": _plain(words.hint),
            "element": {
                "type": "plain_text_input",
                "action_id": SPEC,
                "multiline": True,
                "max_length": MAX_TEXT,
                "initial_value": start.text,
            },
        },
        *([_OVERWRITE] if words.overwrites else []),
        {
            "type": "input",
            "block_id": BECAUSE,
            "optional": True,
            "label": _plain("Because"),
            "element": {
                "type": "plain_text_input",
                "action_id": BECAUSE,
                "max_length": 300,
                "placeholder": _plain("for the card and the journal"),
            },
        },
    ]
    kept = {"runbook": form.runbook, "channel": channel, "argument": form.argument}
    return _modal(form.runbook, blocks, close="Cancel") | {
        "submit": _plain("Plan"),
        "private_metadata": json.dumps(kept),
    }


def _too_long(form: Form, start: Start) -> str:
    without = (
        f"`ilbot export {form.argument} > ilb.yaml` writes it to a file, and "
        f"`ilbot {form.runbook} -f ilb.yaml` takes any length."
        if _INPUTS[form.runbook].overwrites
        else f"Say what changes as {otherwise(form)}."
    )
    size = f"It has {len(start.text)} characters, and a form in Slack takes {MAX_TEXT}."
    return f"{size} {without}\n{start.note}"


def otherwise(form: Form) -> str:
    """Say how to ask for the same without a form."""
    return _INPUTS[form.runbook].otherwise


def read(view: Json) -> Filled:
    """Return what was entered, and where the form was asked for."""
    values, kept = view["state"]["values"], json.loads(view["private_metadata"])
    return Filled(
        runbook=str(kept["runbook"]),
        text=str(values[SPEC][SPEC].get("value") or ""),
        overwrite=bool(values.get(OVERWRITE, {}).get(OVERWRITE, {}).get("selected_options")),
        because=str(values[BECAUSE][BECAUSE].get("value") or "").strip(),
        channel=str(kept["channel"]),
        argument=str(kept.get("argument") or ""),
    )


def errors(text: str) -> Json:
    """Build the acknowledgement that keeps the modal open with a complaint at the spec."""
    shown = text if len(text) <= MAX_ERROR else f"{text[:MAX_ERROR].rsplit(chr(10), 1)[0]}\n…"
    return {"response_action": "errors", "errors": {SPEC: shown}}


def _modal(runbook: str, blocks: list[Json], *, close: str = "Close") -> Json:
    return {
        "type": "modal",
        "callback_id": _CALLBACK,
        "title": _plain(_INPUTS[runbook].title),
        "close": _plain(close),
        "blocks": blocks,
    }


def _words(text: str) -> Json:
    """Cut what is too long between two words, which is never within an escaped character."""
    if len(text) > MAX_TEXT:
        text = f"{text[: MAX_TEXT - 2].rsplit(None, 1)[0]}\n…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


@dataclass(frozen=True, slots=True)
class _Input:
    """The words of one runbook's form, and whether it may overwrite what others changed."""

    title: str
    label: str
    hint: str
    otherwise: str
    overwrites: bool = False


_PLAN_FIRST = "The plan comes first: nothing changes before somebody approved it."
_INPUTS = {
    "provision": _Input(
        "Provision a tier",
        "Spec",
        f"YAML, at most {MAX_TEXT} characters. {_PLAN_FIRST}",
        "`ilbot provision -f FILE` in a terminal",
        overwrites=True,
    ),
    "split": _Input(
        "Split an ILB",
        "Groups of services",
        f"One ILB a line, like `web, api`; the first line stays where it is. {_PLAN_FIRST}",
        "`split TARGET groups=web,api|admin`",
    ),
}
_OVERWRITE: Json = {
    "type": "input",
    "block_id": OVERWRITE,
    "optional": True,
    "label": _plain("What somebody else changed"),
    "element": {
        "type": "checkboxes",
        "action_id": OVERWRITE,
        "options": [
            {"text": _plain("Overwrite it; else it is shown and left alone"), "value": OVERWRITE}
        ],
    },
}
