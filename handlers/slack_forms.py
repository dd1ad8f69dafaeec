"""Turns a runbook's form into Slack modals, and a submitted modal into what was entered.

A `trigger_id` opens one modal within three seconds, so a first one says that the form is being
filled in (Slack: "Modals"). What a person typed is never lost: errors are shown at the field.
"""

from __future__ import annotations

import json
from typing import Any

from handlers.commands import Form
from handlers.conversation import Filled, Start

Json = dict[str, Any]

MAX_TEXT = 3000
"""Slack's limit for what stands in an input."""
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
    if len(start.text) > MAX_TEXT:
        text = (
            f"{start.note} It has {len(start.text)} characters, and a form in Slack takes "
            f"{MAX_TEXT}. `ilbot export {form.argument} > ilb.yaml` writes it to a file, and "
            f"`ilbot {form.runbook} -f ilb.yaml` takes any length."
        )
        return note(form.runbook, text)
    blocks = [
        _words(start.note),
        {
            "type": "input",
            "block_id": SPEC,
            "label": _plain("Spec"),
            "hint": _plain(f"YAML, at most {MAX_TEXT} characters. The plan comes first: nothing "
                           "changes before somebody approved it."),
            "element": {
                "type": "plain_text_input",
                "action_id": SPEC,
                "multiline": True,
                "max_length": MAX_TEXT,
                "initial_value": start.text,
            },
        },
        {
            "type": "input",
            "block_id": OVERWRITE,
            "optional": True,
            "label": _plain("What somebody else changed"),
            "element": {
                "type": "checkboxes",
                "action_id": OVERWRITE,
                "options": [{"text": _plain("Overwrite it; else it is shown and left alone"),
                             "value": OVERWRITE}],
            },
        },
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
    ]  # fmt: skip
    kept = json.dumps({"runbook": form.runbook, "channel": channel})
    return _modal(form.runbook, blocks, close="Cancel") | {
        "submit": _plain("Plan"),
        "private_metadata": kept,
    }


def read(view: Json) -> Filled:
    """Return what was entered, and where the form was asked for."""
    values, kept = view["state"]["values"], json.loads(view["private_metadata"])
    return Filled(
        runbook=str(kept["runbook"]),
        text=str(values[SPEC][SPEC].get("value") or ""),
        overwrite=bool(values[OVERWRITE][OVERWRITE].get("selected_options")),
        because=str(values[BECAUSE][BECAUSE].get("value") or "").strip(),
        channel=str(kept["channel"]),
    )


def errors(text: str) -> Json:
    """Build the acknowledgement that keeps the modal open with a complaint at the spec."""
    shown = text if len(text) <= MAX_ERROR else f"{text[:MAX_ERROR].rsplit(chr(10), 1)[0]}\n…"
    return {"response_action": "errors", "errors": {SPEC: shown}}


def _modal(runbook: str, blocks: list[Json], *, close: str = "Close") -> Json:
    return {
        "type": "modal",
        "callback_id": _CALLBACK,
        "title": _plain(f"{runbook.capitalize()} a tier"),
        "close": _plain(close),
        "blocks": blocks,
    }


def _words(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}
