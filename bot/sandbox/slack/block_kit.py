"""Turn the blocks of a message into the list of reasons why Slack would refuse them.

slack_sdk's models check lengths offline; what they let through is checked here, after
https://docs.slack.dev/reference/block-kit/blocks/.
"""

import copy
import logging
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

Json = dict[str, Any]

MAX_BLOCKS = 50
MAX_TABLE_ROWS = 100
MAX_TABLE_CELLS = 20
MAX_FIELD_TEXT = 2_000
# Undocumented; measured by users at 13,200 to 13,300 (slackapi/bolt-js issue 2509).
MAX_TOTAL_CHARACTERS = 13_200

# Real blocks that slack_sdk has no model for: parse_all turns them into None.
_WITHOUT_MODEL = frozenset({"data_table", "data_visualization"})
# slackapi/java-slack-sdk pull request 1624 documents `alert` for modals only.
_NOT_IN_MESSAGES = frozenset({"alert"})

# parse_all warns in the log about every block it does not know; the answer says so already.
logging.getLogger("slack_sdk.models.blocks.blocks").setLevel(logging.ERROR)


def characters(blocks: list[Json]) -> int:
    """Count the characters of every text in the blocks."""
    return sum(len(text) for block in blocks for text in texts(block))


def texts(part: Any) -> Iterator[str]:
    """Yield every text a person would read in this part of a message."""
    if isinstance(part, list):
        for item in part:
            yield from texts(item)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("text", "alt_text") and isinstance(value, str):
                yield value
            elif key != "confirm" and isinstance(value, dict | list):
                yield from texts(value)


def problems(blocks: list[Any], most: int = MAX_BLOCKS) -> list[str]:
    """List what Slack would refuse, in the form of `response_metadata.messages`."""
    found: list[str] = []
    if len(blocks) > most:
        found.append(_problem(f"no more than {most} items allowed", "/blocks"))
    for index, block in enumerate(blocks):
        pointer = f"/blocks/{index}"
        found.extend(_problem(reason, pointer) for reason in _block_problems(block))
    for block_id, times in Counter(_ids(blocks, "block_id")).items():
        if times > 1:
            found.append(_problem(f"`block_id` {block_id} already exists", "/blocks"))
    types = {block.get("type") for block in blocks if isinstance(block, dict)}
    if {"plan", "task_card"} <= types:
        found.append(_problem("plan and task_card exclude each other", "/blocks"))
    return found


def with_ids(blocks: list[Json]) -> list[Json]:
    """Copy the blocks, giving an id to each block and element that has none, as Slack does."""
    stored = copy.deepcopy(blocks)
    for block in stored:
        block.setdefault("block_id", secrets.token_urlsafe(4))
        for element in elements(block):
            element.setdefault("action_id", secrets.token_urlsafe(4))
    return stored


def elements(block: Json) -> list[Json]:
    """List the elements of a block that a person can act on."""
    inside = list(block.get("elements", ())) if block.get("type") == "actions" else []
    if block.get("type") == "input":
        inside.append(block.get("element"))
    accessory = block.get("accessory")
    if isinstance(accessory, dict) and accessory.get("type") != "image":
        inside.append(accessory)
    return [element for element in inside if isinstance(element, dict)]


def _problem(reason: str, pointer: str) -> str:
    return f"[ERROR] {reason} [json-pointer:{pointer}]"


def _block_problems(block: Any) -> Iterator[str]:
    if not isinstance(block, dict):
        yield "must be an object"
        return
    kind = block.get("type")
    if kind in _NOT_IN_MESSAGES:
        yield f"unsupported type: {kind} (modals only)"
    elif kind not in _WITHOUT_MODEL:
        yield from _model_problems(block)
    yield from _text_problems(block)
    yield from _element_problems(block)
    if kind == "table":
        yield from _table_problems(block)


def _model_problems(block: Json) -> Iterator[str]:
    try:
        parsed = Block.parse(copy.deepcopy(block))
        if parsed is None:
            yield f"unsupported type: {block.get('type')}"
        else:
            parsed.to_dict()  # checks the parts inside too; validate_json checks the outermost
    except SlackObjectFormationError as problem:
        yield str(problem)
    except (AttributeError, TypeError, ValueError, KeyError) as problem:
        yield f"malformed: {problem}"


def _text_problems(block: Json) -> Iterator[str]:
    kind = block.get("type")
    if kind == "header" and _of(block, "text").get("type") != "plain_text":
        yield "must be a plain_text object: text"
    if kind == "context" and not block.get("elements"):
        yield "must have at least one element"
    if kind == "section":
        text = block.get("text")
        if text is not None and not isinstance(text, dict):
            yield "must be a text object: text"
        for field in block.get("fields") or ():
            if isinstance(field, dict) and len(str(field.get("text", ""))) > MAX_FIELD_TEXT:
                yield f"must be less than {MAX_FIELD_TEXT + 1} characters: fields"
    if any(_is_empty_text(part) for part in _parts(block)):
        yield "must be more than 0 characters: text"


def _element_problems(block: Json) -> Iterator[str]:
    for action_id, times in Counter(_ids(elements(block), "action_id")).items():
        if times > 1:
            yield f"`action_id` {action_id} already exists for another element"
    for element in elements(block):
        if element.get("type") == "button":
            if _of(element, "text").get("type") != "plain_text":
                yield "must be a plain_text object: button text"
        elif element.get("type") is None:
            yield "must have a type: element"


def _table_problems(block: Json) -> Iterator[str]:
    rows = block.get("rows") or []
    if len(rows) > MAX_TABLE_ROWS:
        yield f"no more than {MAX_TABLE_ROWS} rows allowed"
    if any(len(row) > MAX_TABLE_CELLS for row in rows):
        yield f"no more than {MAX_TABLE_CELLS} cells in a row allowed"


def _parts(block: Json) -> Iterator[Json]:
    """Yield the text objects of a block, those of its buttons included."""
    for value in (block.get("text"), *(block.get("fields") or ()), *(block.get("elements") or ())):
        if isinstance(value, dict):
            yield value
    for element in elements(block):
        yield _of(element, "text")


def _is_empty_text(part: Json) -> bool:
    return part.get("type") in ("mrkdwn", "plain_text") and not part.get("text")


def _of(part: Json, key: str) -> Json:
    value = part.get(key)
    return value if isinstance(value, dict) else {}


def _ids(parts: list[Any], key: str) -> Iterator[str]:
    for part in parts:
        if isinstance(part, dict) and isinstance(part.get(key), str):
            yield part[key]
