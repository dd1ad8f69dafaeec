"""Files go the way Slack documents: a URL, the bytes, the completion; and are refused as there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from slack_sdk.errors import SlackApiError

from .slack_world import Room, pretend_slack

pytestmark = pytest.mark.slow

OPS = "C0ILBOPS01"
PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack() as room:
        yield room


async def promised(room: Room, **more: Any) -> tuple[str, str]:
    """Return the id and the upload URL of a file that was asked for."""
    arguments: dict[str, Any] = {"filename": "plot.png", "length": len(PNG)} | more
    answer = await room.client().files_getUploadURLExternal(**arguments)
    return answer["file_id"], answer["upload_url"]


async def sent(url: str, content: bytes = PNG) -> int:
    async with httpx.AsyncClient() as http:
        return (await http.post(url, content=content)).status_code


async def refusal(room: Room, file_id: str, **more: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await room.client().files_completeUploadExternal(files=[{"id": file_id}], **more)
    return str(caught.value.response["error"])


async def test_the_stock_client_uploads_into_a_thread(room: Room) -> None:
    client = room.client()
    parent = await client.chat_postMessage(channel=OPS, text="card")
    done = await client.files_upload_v2(
        channel=OPS, thread_ts=parent["ts"], filename="plot.png", title="The plot", file=PNG,
        alt_txt="a curve", initial_comment="see",
    )  # fmt: skip
    assert done["files"][0]["title"] == "The plot"
    replies = await client.conversations_replies(channel=OPS, ts=parent["ts"])
    [file] = replies["messages"][1]["files"]
    assert (file["title"], file["alt_txt"], file["size"]) == ("The plot", "a curve", len(PNG))
    async with httpx.AsyncClient() as http:
        answer = await http.get(file["url_private"])
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")


async def test_nothing_is_seen_of_a_file_before_its_completion(room: Room) -> None:
    file_id, url = await promised(room)
    assert await sent(url) == 200
    path = f"{room.url}/files-pri/{room.workspace.seed.team_id}-{file_id}/plot.png"
    async with httpx.AsyncClient() as http:
        assert (await http.get(path)).status_code == 404
    history = await room.client().conversations_history(channel=OPS)
    assert history["messages"] == []


async def test_an_upload_url_takes_just_the_bytes_that_were_announced_and_once(room: Room) -> None:
    _, url = await promised(room)
    assert await sent(url, PNG + b"more") == 400
    assert await sent(url) == 200
    assert await sent(url) == 404


async def test_what_was_not_sent_or_is_not_there_cannot_be_completed(room: Room) -> None:
    file_id, _ = await promised(room)
    assert await refusal(room, file_id, channel_id=OPS) == "file_not_found"
    assert await refusal(room, "F0NOBODYS0", channel_id=OPS) == "file_not_found"


async def test_a_file_is_completed_once(room: Room) -> None:
    file_id, url = await promised(room)
    await sent(url)
    await room.client().files_completeUploadExternal(files=[{"id": file_id}], channel_id=OPS)
    assert await refusal(room, file_id, channel_id=OPS) == "file_not_found"


async def test_a_place_where_the_app_may_not_post_is_refused(room: Room) -> None:
    file_id, url = await promised(room)
    await sent(url)
    assert await refusal(room, file_id, channel_id="C0NOWHERE1") == "channel_not_found"
    room.workspace.channels[OPS] = replace(room.workspace.channels[OPS], members=("U0ANA00001",))
    assert await refusal(room, file_id, channel_id=OPS) == "not_in_channel"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"length": 0}, "missing_argument"),
        ({"length": 10_000_001}, "file_upload_size_restricted"),
        ({"alt_txt": "a" * 1001}, "alt_txt_too_large"),
        ({"filename": ""}, "invalid_arguments"),
        ({"token": "xoxb-of-somebody-else"}, "invalid_auth"),
    ],
)
async def test_a_promise_is_refused_for_what_is_wrong(
    room: Room, more: dict[str, Any], error: str
) -> None:
    with pytest.raises(SlackApiError) as caught:
        await promised(room, **more)
    assert caught.value.response["error"] == error


async def test_an_app_without_the_scope_hears_which_it_needs(room: Room) -> None:
    room.workspace.app = replace(room.workspace.app, scopes=("chat:write",))
    with pytest.raises(SlackApiError) as caught:
        await promised(room)
    answer = caught.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", "files:write")
    assert answer["provided"] == "chat:write"


async def test_a_file_that_is_no_picture_is_never_run_by_a_browser(room: Room) -> None:
    page = b"<script>alert(1)</script>"
    await room.client().files_upload_v2(channel=OPS, filename="a.html", file=page)
    shown = await room.script.sees("ana", "a.html")
    async with httpx.AsyncClient() as http:
        answer = await http.get(shown["files"][0]["url_private"])
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


async def test_an_edit_leaves_a_messages_file_where_it_is(room: Room) -> None:
    client = room.client()
    await client.files_upload_v2(channel=OPS, filename="plot.png", file=PNG)
    shown = await room.script.sees("ana", "plot.png")
    await client.chat_update(channel=OPS, ts=shown["ts"], text="explained")
    assert (await room.script.sees("ana", "explained", ts=shown["ts"]))["files"] == shown["files"]
