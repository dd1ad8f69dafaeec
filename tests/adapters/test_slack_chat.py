"""Cards fit Slack's limits and arrive whole; Slack's errors become ours, with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack import BODY, MORE, SlackChat, blocks, cut
from bot.domain.card import Button, Card, Picture, Tone
from bot.errors import Permanent, Refused, Transient
from bot.ports import Posted
from bot.sandbox.slack import Workspace, block_kit, default_seed
from tests.sandbox.slack_world import Room, pretend_slack

pytestmark = pytest.mark.slow

CHANNEL = "C0ILBOPS01"
CARD = Card(
    title="Roll r-27-VM",
    summary="Roll r-27-VM: waiting",
    body=("*Waiting*", "1. stop\n2. start"),
    facts=(("Asked by", "<@U0ANA00001>"),),
    buttons=(Button("approve", "Approve", "op:123", Tone.PRIMARY, "Roll r-27-VM?"),),
    footer="op-1",
)
PLOT = Picture("op-1.png", "Traffic of op-1", "120 attempts, 3 failed.", b"\x89PNG of op-1")
FULL = Card(
    title="T" * 400,
    summary="<!channel> " * 2000,
    body=tuple(f"{i} " + "word &amp; " * 400 for i in range(40)),
    facts=tuple(("N" * 300, "&lt;value&gt; " * 300) for _ in range(30)),
    buttons=tuple(
        Button(f"a{i}" + "x" * 250, "L" * 90, "v" * 2000, Tone.DANGER, "c" * 400) for i in range(25)
    ),
    footer="f" * 4000,
)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack(Workspace(rate_scale=0)) as opened:
        yield opened


def chat_in(room: Room, **more: Any) -> SlackChat:
    return SlackChat(room.client(retry_handlers=[], **more))


async def test_a_card_is_posted_and_replaced_in_place(room: Room) -> None:
    chat = chat_in(room)
    at = await chat.post(CHANNEL, CARD)
    shown = await room.script.sees("ana", "Roll r-27-VM", button="Approve")
    assert (shown["channel"], shown["ts"]) == (at.channel, at.ts)
    await chat.update(at, Card(title="Roll r-27-VM", summary="done", body=("*Done*",)))
    edited = await room.script.sees("ana", "Done", ts=at.ts)
    assert edited["buttons"] == []


async def test_a_reply_stands_in_the_cards_thread(room: Room) -> None:
    chat = chat_in(room)
    at = await chat.post(CHANNEL, CARD)
    await chat.post(CHANNEL, Card("", "Evidence", ("facts",)), thread=at)
    assert (await room.script.sees("ana", "facts"))["thread_ts"] == at.ts


async def test_a_picture_stands_in_the_cards_thread_with_its_words(room: Room) -> None:
    chat = chat_in(room)
    at = await chat.post(CHANNEL, CARD)
    await chat.upload(at, PLOT)
    shown = await room.script.sees("ana", PLOT.alt)
    assert shown["thread_ts"] == at.ts
    [file] = shown["files"]
    assert (file["name"], file["title"], file["mimetype"]) == (PLOT.name, PLOT.title, "image/png")
    async with httpx.AsyncClient() as http:
        assert (await http.get(file["url_private"])).content == PLOT.png


async def test_words_too_long_for_slack_are_cut(room: Room) -> None:
    chat = chat_in(room)
    at = await chat.post(CHANNEL, CARD)
    await chat.upload(at, replace(PLOT, alt="word " * 1000))
    assert (await room.script.sees("ana", PLOT.title))["files"]


@pytest.mark.parametrize(
    ("method", "error", "kind", "text"),
    [
        ("files.getUploadURLExternal", "missing_scope", Refused, "manifest"),
        ("files.getUploadURLExternal", "file_uploads_disabled", Refused, "owners"),
        ("upload", "http_500", Transient, "did not answer"),
        ("files.completeUploadExternal", "not_in_channel", Refused, "/invite"),
        ("files.completeUploadExternal", "internal_error", Transient, "internal_error"),
    ],
)
async def test_a_failed_upload_says_what_was_attempted_and_what_to_do(
    room: Room, method: str, error: str, kind: type[Exception], text: str
) -> None:
    chat = chat_in(room)
    at = await chat.post(CHANNEL, CARD)
    await room.script.breaks("fail_call", method=method, error=error)
    with pytest.raises(kind, match=text) as raised:
        await chat.upload(at, PLOT)
    assert f"upload {PLOT.name} to the thread {at.ts} in {CHANNEL}" in str(raised.value)


async def test_an_app_without_the_scope_is_refused_its_upload() -> None:
    seed = default_seed()
    scopes = ("chat:write", "commands")
    poor = replace(seed, app=replace(seed.app, scopes=scopes))
    async with pretend_slack(Workspace(poor, rate_scale=0)) as room:
        chat = chat_in(room)
        at = await chat.post(CHANNEL, CARD)
        with pytest.raises(Refused, match="missing_scope"):
            await chat.upload(at, PLOT)


async def test_a_whisper_is_seen_by_one(room: Room) -> None:
    await chat_in(room).whisper(CHANNEL, "U0ANA00001", "for you")
    assert (await room.script.sees("ana", "for you"))["visible_to"] == "U0ANA00001"


async def test_a_card_with_every_field_over_its_limit_is_posted(room: Room) -> None:
    at = await chat_in(room).post(CHANNEL, FULL)
    shown = await room.script.sees("ana", MORE, ts=at.ts)
    assert "<!channel>" not in shown["text"]


def test_a_full_card_passes_slacks_own_validator() -> None:
    laid_out = blocks(FULL)
    for block in Block.parse_all(laid_out):
        block.validate_json()
    assert block_kit.problems(laid_out) == []
    assert block_kit.characters(laid_out) <= block_kit.MAX_TOTAL_CHARACTERS


def test_block_ids_are_new_with_each_update() -> None:
    first, second = blocks(CARD), blocks(CARD)
    assert not {b["block_id"] for b in first} & {b["block_id"] for b in second}


def test_an_empty_card_part_makes_no_block() -> None:
    assert blocks(Card("", "s", ("", "  "))) == []


@given(st.text(alphabet="ab &<>`\n", max_size=400), st.integers(80, 200))
def test_a_cut_never_ends_inside_an_entity_or_code(raw: str, limit: int) -> None:
    text = raw.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = cut(text, limit)
    assert len(shown) <= limit
    assert shown.count("&") == shown.count(";")
    assert shown.count("`") % 2 == 0 or shown == text


def test_a_long_body_says_that_there_is_more() -> None:
    sections = [b for b in blocks(Card("t", "s", ("x " * BODY,))) if b["type"] == "section"]
    assert sections[-1]["text"]["text"].endswith(MORE)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        ("not_in_channel", Refused, "/invite"),
        ("channel_not_found", Refused, "slack.channel"),
        ("missing_scope", Refused, "manifest"),
        ("invalid_blocks", Permanent, "invalid_blocks"),
        ("token_revoked", Permanent, "token_revoked"),
        ("internal_error", Transient, "internal_error"),
        ("http_503", Transient, "503"),
    ],
)
async def test_an_error_says_what_was_attempted_and_what_to_do(
    room: Room, error: str, kind: type[Exception], text: str
) -> None:
    await room.script.breaks("fail_call", method="chat.postMessage", error=error)
    with pytest.raises(kind, match=text) as raised:
        await chat_in(room).post(CHANNEL, CARD)
    assert f"post in {CHANNEL}" in str(raised.value)


async def test_a_rate_limit_says_when_to_come_back(room: Room) -> None:
    await room.script.breaks("rate_limit", method="chat.update", seconds=17)
    chat = chat_in(room)
    at = await chat.post(CHANNEL, CARD)
    with pytest.raises(Transient) as raised:
        await chat.update(at, CARD)
    assert raised.value.retry_after_s == 17


async def test_a_lost_answer_is_in_doubt(room: Room) -> None:
    await room.script.breaks("lose_answer", method="chat.postMessage")
    with pytest.raises(Transient) as raised:
        await chat_in(room).post(CHANNEL, CARD)
    assert raised.value.in_doubt


async def test_an_unreachable_slack_is_in_doubt() -> None:
    client = AsyncWebClient(token="xoxb-x", base_url="http://127.0.0.1:9/", retry_handlers=[])
    with pytest.raises(Transient) as raised:
        await SlackChat(client).update(Posted(CHANNEL, "1.0"), CARD)
    assert raised.value.in_doubt
    assert "xoxb" not in str(raised.value)
