"""Turn `views.open` and `views.update` into the modal a person has open, and what they enter
there into the state that Slack sends.

https://docs.slack.dev/surfaces/modals · https://docs.slack.dev/reference/views/modal-views
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import DividerBlock
from slack_sdk.models.views import View

from . import block_kit
from .limits import TIER_4
from .messages import Json
from .web_api import Call, Method, SlackError
from .workspace import Modal, Workspace

MAX_BLOCKS = 100
MAX_BYTES = 250_000
MAX_INPUT = 3_000
MAX_CHECKBOXES = 10
_KEPT = ("title", "submit", "close", "private_metadata", "callback_id", "external_id",
         "clear_on_close", "notify_on_close")  # fmt: skip


class Invalid(Exception):
    """Slack's client would not send this form; `errors` are by block id."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{block}: {text}" for block, text in errors.items()))
        self.errors = errors


def open_view(call: Call) -> Json:
    """Open a modal for the person whose interaction the trigger is of."""
    trigger_id, content = call.required("trigger_id"), _view(call)
    triggers, workspace = call.workspace.triggers, call.workspace
    if trigger_id not in triggers:
        raise SlackError("invalid_trigger_id")
    trigger = triggers[trigger_id]
    if trigger.is_used:
        raise SlackError("exchanged_trigger_id")
    if workspace.now() > trigger.expires_at:
        raise SlackError("expired_trigger_id")
    triggers[trigger_id] = replace(trigger, is_used=True)
    modal = Modal(f"V{secrets.token_hex(5).upper()}", trigger.person, _hash(workspace), content)
    workspace.show_modal(modal)
    return {"view": shown(workspace, modal)}


def update_view(call: Call) -> Json:
    """Replace the content of an open modal; with a `hash`, only if it is still the one meant."""
    content = _view(call)
    modal = next((m for m in call.workspace.modals.values() if m.id == call.text("view_id")), None)
    if modal is None:
        raise SlackError("not_found")
    if call.text("hash") not in (None, modal.hash):
        raise SlackError("hash_conflict")
    return {"view": shown(call.workspace, with_content(call.workspace, modal, content))}


METHODS = {"views.open": Method(open_view, TIER_4), "views.update": Method(update_view, TIER_4)}


def with_content(workspace: Workspace, modal: Modal, content: Json) -> Modal:
    """Show another content in a modal; its hash is new, and errors at its fields are gone."""
    updated = replace(modal, hash=_hash(workspace), content=content, errors={}, trouble="")
    workspace.show_modal(updated)
    return updated


def shown(workspace: Workspace, modal: Modal, values: Json | None = None) -> Json:
    """Show a modal as Slack does: in answers, and in payloads with its state."""
    return {
        "id": modal.id,
        "team_id": workspace.seed.team_id,
        "type": "modal",
        "submit": None,
        "close": None,
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        **modal.content,
        "state": {"values": values or {}},
        "hash": modal.hash,
        "root_view_id": modal.id,
        "previous_view_id": None,
        "app_id": workspace.app.id,
        "app_installed_team_id": workspace.seed.team_id,
        "bot_id": workspace.app.bot_id,
    }


def content_of(view: Any) -> Json:
    """Check a view as Slack does and return what is kept of it, ids given to what has none.

    Raises `SlackError` with what is wrong.
    """
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", "[ERROR] must be an object [json-pointer:/view]")
    if problems := [*_problems(view)]:
        details = [f"[ERROR] {problem} [json-pointer:/view]" for problem in problems]
        raise SlackError("invalid_arguments", *details)
    if len(json.dumps(view).encode()) > MAX_BYTES:
        raise SlackError("view_too_large")
    kept = {key: view[key] for key in _KEPT if view.get(key) is not None}
    return kept | {"blocks": block_kit.with_ids(view["blocks"])}


def values_of(modal: Modal, given: Mapping[str, Any]) -> Json:
    """Return the state of a form: what was given by block or action id, else what stood there.

    Text is given as text, options as their values. Raises `Invalid` where Slack's client would
    not let it be sent.
    """
    inputs = list(_inputs(modal.content))
    known = {name for block in inputs for name in (block["block_id"], _action_id(block))}
    if strangers := set(given) - known:
        raise Invalid(dict.fromkeys(sorted(strangers), "There is no such field."))
    values: Json = {}
    errors: dict[str, str] = {}
    for block in inputs:
        element, block_id = block["element"], block["block_id"]
        entered = given.get(block_id, given.get(_action_id(block)))
        value = _value(element, entered)
        if error := _wrong(block, value):
            errors[block_id] = error
        values[block_id] = {_action_id(block): {"type": element["type"], **value}}
    if errors:
        raise Invalid(errors)
    return values


def errors_in(modal: Modal, errors: Any) -> dict[str, str]:
    """Return the errors of an acknowledgement if each is at an input block, else `{}`."""
    ids = {block["block_id"] for block in _inputs(modal.content)}
    is_usable = isinstance(errors, dict) and errors and set(errors) <= ids
    return {key: str(text) for key, text in errors.items()} if is_usable else {}


def _view(call: Call) -> Json:
    view = call.structure("view", "invalid_arguments")
    if view is None:
        raise SlackError("invalid_arguments", "[ERROR] missing required field: view")
    return content_of(view)


def _problems(view: Json) -> Iterator[str]:
    if view.get("type") != "modal":
        yield "must be a modal: type"
    parts = {part: view.get(part) for part in ("title", "submit", "close") if view.get(part)}
    wrong = [part for part, text in parts.items() if not _is_plain(text)]
    yield from (f"must be a plain_text object: {part}" for part in wrong)
    if "title" not in parts:
        yield "missing required field: title"
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not blocks:
        yield "missing required field: blocks"
        return
    yield from block_kit.problems(blocks, most=MAX_BLOCKS)
    if not wrong:
        yield from _model_problems(view)
    inputs = [one for one in blocks if isinstance(one, dict) and one.get("type") == "input"]
    if inputs and "submit" not in parts:
        yield "missing required field: submit (there are input blocks)"
    for block in inputs:
        yield from _input_problems(block)


def _model_problems(view: Json) -> Iterator[str]:
    try:
        frame = {key: view[key] for key in ("type", *_KEPT) if key in view}
        View(**frame, blocks=[DividerBlock()]).validate_json()  # its blocks are checked already
    except SlackObjectFormationError as problem:
        yield str(problem)


def _is_plain(text: Any) -> bool:
    return isinstance(text, dict) and text.get("type") == "plain_text"


def _input_problems(block: Json) -> Iterator[str]:
    label, element = block.get("label"), block.get("element")
    if not _is_plain(label):
        yield "must be a plain_text object: label"
    if not isinstance(element, dict):
        yield "missing required field: element"
        return
    if element.get("type") == "plain_text_input":
        longest = element.get("max_length", MAX_INPUT)
        if not 1 <= longest <= MAX_INPUT:
            yield f"must be between 1 and {MAX_INPUT}: max_length"
        if not 0 <= element.get("min_length", 0) <= longest:
            yield f"must be between 0 and {longest}: min_length"
        if len(element.get("initial_value", "")) > longest:
            yield f"must be less than {longest + 1} characters: initial_value"
    elif element.get("type") == "checkboxes":
        options = element.get("options") or []
        if not 1 <= len(options) <= MAX_CHECKBOXES:
            yield f"must have between 1 and {MAX_CHECKBOXES} items: options"
        if any(one not in options for one in element.get("initial_options", ())):
            yield "must be among the options: initial_options"


def _inputs(content: Json) -> list[Json]:
    return [block for block in content["blocks"] if block["type"] == "input"]


def _action_id(block: Json) -> str:
    element = block.get("element")
    return str(element.get("action_id", "")) if isinstance(element, dict) else ""


def _value(element: Json, entered: Any) -> Json:
    """Return what an element has, in Slack's words for its type."""
    if element["type"] == "plain_text_input":
        text = element.get("initial_value") if entered is None else entered
        return {"value": str(text) if text else None}
    options = element.get("options", [])
    if element["type"] == "checkboxes":
        if entered is None:
            return {"selected_options": element.get("initial_options", [])}
        return {"selected_options": [one for one in options if one["value"] in entered]}
    if entered is None:
        return {"selected_option": element.get("initial_option")}
    return {"selected_option": next((o for o in options if o["value"] == entered), None)}


def _wrong(block: Json, value: Json) -> str:
    """Say what Slack's client says of a field before it sends anything."""
    (entered,) = value.values()
    if not entered:
        return "" if block.get("optional") else "Please complete this required field."
    element = block["element"]
    if element["type"] != "plain_text_input":
        return ""
    most, least = element.get("max_length", MAX_INPUT), element.get("min_length", 0)
    if len(entered) > most:
        return f"Must be {most} characters or fewer."
    return f"Must be {least} characters or more." if len(entered) < least else ""


def _hash(workspace: Workspace) -> str:
    return f"{workspace.now():.0f}.{secrets.token_urlsafe(6)}"
