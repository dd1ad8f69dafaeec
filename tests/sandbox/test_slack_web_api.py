"""The Web API refuses what Slack refuses, in Slack's words."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from .slack_world import Room, pretend_slack

pytestmark = pytest.mark.slow

OPS = "C0ILBOPS01"


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack() as room:
        yield room


def error_of(caught: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(caught.value.response["error"])


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("xoxb-of-somebody-else", "invalid_auth"),
        ("xapp-sandbox-app", "not_allowed_token_type"),
        ("", "not_authed"),
    ],
)
async def test_a_wrong_token_is_refused_for_what_is_wrong_with_it(
    room: Room, token: str, error: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await room.client(token=token).chat_postMessage(channel=OPS, text="hi")
    assert error_of(caught) == error


async def test_a_connection_wants_the_app_token(room: Room) -> None:
    with pytest.raises(SlackApiError) as caught:
        await room.client().apps_connections_open(app_token="xoxb-sandbox-bot")
    assert error_of(caught) == "not_allowed_token_type"


async def test_an_unknown_method_is_named(room: Room) -> None:
    with pytest.raises(SlackApiError) as caught:
        await room.client().api_call("chat.shout")
    assert error_of(caught) == "unknown_method"


@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_json_and_form_bodies_say_the_same(room: Room, encoding: str) -> None:
    blocks: Any = [{"type": "divider"}]
    if encoding == "data":
        blocks = '[{"type": "divider"}]'
    body = {"channel": OPS, "text": "a & b", "blocks": blocks}
    async with httpx.AsyncClient(headers={"Authorization": "Bearer xoxb-sandbox-bot"}) as http:
        answer = await http.post(
            f"{room.url}/api/chat.postMessage",
            **{encoding: body},  # type: ignore[arg-type]  # either
        )
    message = answer.json()["message"]
    assert message["text"] == "a & b"
    assert message["blocks"][0]["type"] == "divider"
    assert message["blocks"][0]["block_id"]


async def test_a_thread_is_counted_at_its_parent_and_left_out_of_the_history(room: Room) -> None:
    client = room.client()
    parent = await client.chat_postMessage(channel="#ilb-ops", text="card")
    first = await client.chat_postMessage(channel=OPS, text="one", thread_ts=parent["ts"])
    await client.chat_postMessage(channel=OPS, text="two", thread_ts=first["ts"])
    history = await client.conversations_history(channel=OPS)
    assert [m["text"] for m in history["messages"]] == ["card"]
    assert history["messages"][0]["reply_count"] == 2
    replies = await client.conversations_replies(channel=OPS, ts=parent["ts"])
    assert [m["text"] for m in replies["messages"]] == ["card", "one", "two"]


async def test_history_comes_in_pages(room: Room) -> None:
    client = room.client()
    for number in range(5):
        await client.chat_postMessage(channel=OPS, text=str(number))
    texts: list[str] = []
    async for page in await client.conversations_history(channel=OPS, limit=2):
        texts += [m["text"] for m in page["messages"]]
    assert texts == ["4", "3", "2", "1", "0"]


async def test_metadata_comes_back_only_when_asked_for(room: Room) -> None:
    client = room.client()
    metadata = {"event_type": "operation", "event_payload": {"id": "op-1"}}
    await client.chat_postMessage(channel=OPS, text="card", metadata=metadata)
    plain = await client.conversations_history(channel=OPS)
    asked = await client.conversations_history(channel=OPS, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert asked["messages"][0]["metadata"] == metadata


async def test_only_own_and_existing_public_messages_can_be_edited(room: Room) -> None:
    client = room.client()
    said = await room.script.says("ana", "mine")
    whispered = await client.chat_postEphemeral(channel=OPS, user="U0ANA00001", text="psst")
    for ts, error in [
        (said["message"]["ts"], "cant_update_message"),
        (whispered["message_ts"], "message_not_found"),
        ("1.000001", "message_not_found"),
    ]:
        with pytest.raises(SlackApiError) as caught:
            await client.chat_update(channel=OPS, ts=ts, text="new")
        assert error_of(caught) == error


async def test_an_update_with_text_alone_takes_the_blocks_away(room: Room) -> None:
    client = room.client()
    posted = await client.chat_postMessage(channel=OPS, text="card", blocks=[section("card")])
    place = {"channel": OPS, "ts": posted["ts"]}
    metadata = {"event_type": "operation", "event_payload": {}}
    kept = await client.api_call("chat.update", json=place | {"metadata": metadata})
    edited = await client.chat_update(**place, text="card", blocks=[section("other")])
    bare = await client.chat_update(**place, text="plain")
    assert kept["message"]["blocks"][0]["text"]["text"] == "card"
    assert "edited" not in edited["message"]
    assert "blocks" not in bare["message"]
    assert bare["message"]["edited"]["user"] == "U0ILBOT001"


async def test_a_deleted_message_is_gone_and_a_deleted_parent_leaves_a_tombstone(
    room: Room,
) -> None:
    client = room.client()
    alone = await client.chat_postMessage(channel=OPS, text="alone")
    parent = await client.chat_postMessage(channel=OPS, text="parent")
    await client.chat_postMessage(channel=OPS, text="reply", thread_ts=parent["ts"])
    for message in (alone, parent):
        await client.chat_delete(channel=OPS, ts=message["ts"])
    history = await client.conversations_history(channel=OPS)
    assert [m["text"] for m in history["messages"]] == ["This message was deleted."]
    assert history["messages"][0]["subtype"] == "tombstone"


async def test_a_permalink_opens_the_page_at_the_message(room: Room) -> None:
    client = room.client()
    posted = await client.chat_postMessage(channel=OPS, text="card")
    link = await client.chat_getPermalink(channel=OPS, message_ts=posted["ts"])
    async with httpx.AsyncClient() as http:
        answer = await http.get(link["permalink"])
    assert answer.headers["location"] == f"/#{OPS}/{posted['ts']}"


async def test_people_are_found_by_id_and_by_address(room: Room) -> None:
    client = room.client()
    by_id = await client.users_info(user="U0ANA00001")
    by_email = await client.users_lookupByEmail(email="ANA@example.org")
    assert by_id["user"] == by_email["user"]
    assert by_id["user"]["profile"]["real_name"] == "Ana Lima"
    everyone = await client.users_list()
    assert "ilbot" in [user["name"] for user in everyone["members"]]
    group = (await client.usergroups_list())["usergroups"][0]["id"]
    approvers = await client.usergroups_users_list(usergroup=group)
    assert approvers["users"] == ["U0BRUNO001", "U0CHEN0001"]


async def test_a_direct_message_is_seen_by_its_two_people_only(room: Room) -> None:
    client = room.client()
    direct = (await client.conversations_open(users="U0ANA00001"))["channel"]["id"]
    await client.chat_postMessage(channel=direct, text="for your eyes")
    assert "for your eyes" in [m["text"] for m in await room.script.messages(**{"as": "ana"})]
    assert await room.script.messages(**{"as": "bruno"}) == []


async def test_a_reaction_is_added_once(room: Room) -> None:
    client = room.client()
    posted = await client.chat_postMessage(channel=OPS, text="card")
    place = {"channel": OPS, "timestamp": posted["ts"], "name": "eyes"}
    await client.reactions_add(**place)
    with pytest.raises(SlackApiError) as caught:
        await client.reactions_add(**place)
    assert error_of(caught) == "already_reacted"
    await client.reactions_remove(**place)
    history = await client.conversations_history(channel=OPS)
    assert "reactions" not in history["messages"][0]


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def buttons(*elements: dict[str, Any]) -> dict[str, Any]:
    button = {"type": "button", "text": {"type": "plain_text", "text": "Go"}}
    return {"type": "actions", "elements": [button | element for element in elements]}


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([{"type": "divider"}] * 51, "no more than 50 items"),
        ([section("x" * 3001)], "3000 characters"),
        ([section("")], "more than 0 characters"),
        ([section("x") | {"block_id": "b"}, section("y") | {"block_id": "b"}], "already exists"),
        ([buttons({"action_id": "a"}, {"action_id": "a"})], "already exists"),
        ([buttons({"action_id": "a", "value": "x" * 2001})], "2000 characters"),
        ([buttons({"text": {"type": "plain_text", "text": "x" * 76}})], "75 characters"),
        ([buttons({"text": {"type": "mrkdwn", "text": "x"}})], "plain_text"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "150"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}], "10 items"),
        ([{"type": "context", "elements": []}], "at least one element"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * 101}], "100 rows"),
        ([{"type": "wat"}], "unsupported type"),
        ([{"type": "alert", "text": {"type": "mrkdwn", "text": "x"}}], "modals only"),
        (["section"], "object"),
    ],
)
async def test_blocks_beyond_slacks_limits_are_refused_with_the_reason(
    room: Room, blocks: list[Any], reason: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await room.client().chat_postMessage(channel=OPS, text="x", blocks=blocks)
    assert error_of(caught) == "invalid_blocks"
    assert reason in str(caught.value.response["response_metadata"]["messages"])


async def test_too_many_characters_in_all_are_refused(room: Room) -> None:
    with pytest.raises(SlackApiError) as caught:
        await room.client().chat_postMessage(
            channel=OPS, text="x", blocks=[section("x" * 2900) for _ in range(5)]
        )
    assert error_of(caught) == "msg_blocks_too_long"


async def test_posting_faster_than_a_channel_takes_is_limited_and_retried(room: Room) -> None:
    hasty = room.client()
    for number in range(10):
        await hasty.chat_postMessage(channel=OPS, text=str(number))
    with pytest.raises(SlackApiError) as caught:
        await hasty.chat_postMessage(channel=OPS, text="one too many")
    assert caught.value.response.status_code == 429
    assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 10
    await room.script.scales_rate_limits(0)
    await hasty.chat_postMessage(channel=OPS, text="no limit")


async def test_the_retry_handler_of_the_sdk_gets_over_a_rate_limit(room: Room) -> None:
    await room.script.breaks("rate_limit", method="chat.postMessage", seconds=1)
    client = room.client()
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await client.chat_postMessage(channel=OPS, text="patient")
    assert room.workspace.counters["rate_limited.chat.postMessage"] == 1
    assert room.workspace.counters["calls.chat.postMessage"] == 2


async def test_a_lost_answer_hides_a_message_that_was_posted(room: Room) -> None:
    await room.script.breaks("lose_answer", method="chat.postMessage")
    with pytest.raises(SlackApiError):
        await room.client().chat_postMessage(channel=OPS, text="posted anyway")
    assert [m["text"] for m in await room.script.messages()] == ["posted anyway"]


async def test_a_call_told_to_fail_fails_once(room: Room) -> None:
    await room.script.breaks("fail_call", method="chat.postMessage", error="fatal_error")
    with pytest.raises(SlackApiError) as caught:
        await room.client().chat_postMessage(channel=OPS, text="x")
    assert error_of(caught) == "fatal_error"
    assert await room.script.messages() == []
    await room.client().chat_postMessage(channel=OPS, text="x")


async def test_a_page_of_another_site_cannot_act_through_a_form(room: Room) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{room.url}/control/say",
            content='{"as":"ana","channel":"#ilb-ops","text":"x"}',
            headers={"content-type": "text/plain"},
        )
    assert answer.status_code == 415


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "app.py", "nothing.js", ""])
async def test_only_assets_of_the_page_are_served(room: Room, name: str) -> None:
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{room.url}/page/{name}")).status_code == 404


async def test_the_page_may_load_nothing_from_elsewhere(room: Room) -> None:
    async with httpx.AsyncClient() as http:
        page = await http.get(room.url)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy + page.text.replace("http-equiv", "")


async def test_a_call_that_hangs_outlasts_the_client(room: Room) -> None:
    await room.script.breaks("hang_call", method="chat.postMessage", seconds=30)
    with pytest.raises(TimeoutError):
        await room.client(timeout=1).chat_postMessage(channel=OPS, text="x")
    assert await room.script.messages() == []
