"""People type, read and click in the page of the pretend Slack, with a stock Bolt app behind it."""

import os
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from zlib import compress, crc32

import pytest
from playwright.async_api import Browser, Page, expect
from slack_bolt.app.async_app import AsyncApp

from bot.sandbox.slack import Timings, Workspace
from tests.e2e.browser import PHONE, browser, open_page
from tests.sandbox.slack_world import Room, bolt_app, pretend_slack

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("serial")]


def card(state: str, *buttons: dict[str, Any]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": f"Pair web · {state}"}},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": "*Tier*\n`web-tier`"},
                {"type": "mrkdwn", "text": "*Risk*\n:large_yellow_circle: brief"},
            ],
        },
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "op-17 · expires in 30 min"}]},
    ]
    return [*blocks, {"type": "actions", "elements": list(buttons)}] if buttons else blocks


APPROVE = {
    "type": "button",
    "action_id": "approve",
    "style": "primary",
    "value": "op-17",
    "text": {"type": "plain_text", "text": "Approve"},
    "confirm": {
        "title": {"type": "plain_text", "text": "Approve this plan?"},
        "text": {"type": "mrkdwn", "text": "It builds a *second* ILB."},
        "confirm": {"type": "plain_text", "text": "Yes, approve"},
        "deny": {"type": "plain_text", "text": "Not yet"},
    },
}
REJECT = {
    "type": "button",
    "action_id": "reject",
    "style": "danger",
    "value": "op-17",
    "text": {"type": "plain_text", "text": "Reject"},
}


def operations(app: AsyncApp) -> None:
    @app.command("/ilb")
    async def command(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack(f"Planning `{body['text']}` …")
        posted = await client.chat_postMessage(
            channel=body["channel_id"], text="Pair web", blocks=card("planned", APPROVE, REJECT)
        )
        plan = await client.chat_postMessage(
            channel=body["channel_id"], thread_ts=posted["ts"], text="*Plan*\n1. build"
        )
        await client.chat_update(
            channel=plan["channel"], ts=plan["ts"], text="*Plan*\n1. build the twin"
        )

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        place = {"channel": body["channel"]["id"], "ts": body["message"]["ts"]}
        who = f"<@{body['user']['id']}>"
        await client.chat_update(**place, text="Approved", blocks=card("approved"))
        await client.chat_postMessage(
            channel=place["channel"], thread_ts=place["ts"], text=f"Approved by {who}"
        )


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack(Workspace(timings=Timings(ack_s=1.0))) as room:
        yield room


async def photograph(page: Page, name: str) -> None:
    """Keep a picture where SCREENSHOTS says, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"slack-{name}.png")


async def test_a_card_is_asked_for_by_one_and_approved_by_another(
    room: Room, browser: Browser
) -> None:
    async with bolt_app(room, operations), open_page(browser, f"{room.url}/?as=ana") as page:
        await expect(page.get_by_role("status")).to_have_text("ilbot is connected")
        await page.get_by_label("Message #ilb-ops").press_sequentially("/il")
        await expect(page.get_by_role("listbox", name="Suggestions").first).to_contain_text(
            "internal load balancer"
        )
        await photograph(page, "hint")
        await page.keyboard.press("Tab")
        await page.keyboard.type("pair web")
        await page.keyboard.press("Enter")
        messages = page.get_by_role("log", name="Messages of the channel")
        await expect(messages).to_contain_text("Planning pair web …")
        await expect(messages).to_contain_text("Only visible to you")
        await expect(messages.get_by_role("heading", name="Pair web · planned")).to_be_visible()
        await expect(messages).not_to_contain_text("false")
        await expect(messages.get_by_role("button", name="1 reply")).to_be_visible()
        await photograph(page, "card")

        await page.get_by_label("Acting as").select_option("bruno")
        await expect(messages).not_to_contain_text("Only visible to you")
        await messages.get_by_role("button", name="Approve").click()
        dialog = page.get_by_role("dialog", name="Approve this plan?")
        await expect(dialog).to_contain_text("It builds a second ILB.")
        await photograph(page, "confirm")
        await dialog.get_by_role("button", name="Not yet").click()
        await expect(dialog).to_be_hidden()
        assert room.workspace.counters["envelopes.interactive"] == 0

        await messages.get_by_role("button", name="Approve").click()
        await page.keyboard.press("Enter")
        await expect(messages.get_by_role("heading", name="Pair web · approved")).to_be_visible()
        await expect(messages.get_by_role("button", name="Approve")).to_have_count(0)

        await messages.get_by_role("button", name="2 replies").click()
        thread = page.get_by_role("complementary", name="Thread")
        await expect(thread).to_contain_text("Approved by @bruno")
        await expect(thread.get_by_role("listitem").filter(has_text="twin")).to_contain_text(
            "(edited)"
        )
        await thread.get_by_label("Reply…").fill("thank you")
        await page.keyboard.press("Enter")
        await expect(thread).to_contain_text("thank you")
        await photograph(page, "thread")

        await page.reload()
        await expect(thread).to_contain_text("thank you")
        await expect(page.get_by_label("Acting as")).to_have_value("bruno")


NASTY = (
    "<script>document.title='owned'</script> <img src=x onerror=document.title='owned'> "
    "<javascript:alert(1)|click> <https://example.org/?a=1&amp;b=2|a *link*> &lt;b&gt; 5*4*3 "
    "*bold* _italic_ ~gone~ `<b>code</b>` <@U0ANA00001> <#C0GENERAL1> <!here> :rocket: :nope:\n"
    "&gt; quoted\n```\nif a < b && c:\n    pass\n```"
)


async def test_nothing_that_is_written_becomes_markup(room: Room, browser: Browser) -> None:
    client = room.client()
    await client.chat_postMessage(channel="#ilb-ops", text=NASTY)
    markdown = {"type": "markdown", "text": "# T\n[x](javascript:alert(1)) <img src=x> **b**"}
    await client.chat_postMessage(channel="#ilb-ops", text="md", blocks=[markdown])
    await room.script.says("ana", "<script>alert(1)</script> & @bruno see https://example.org.")
    async with open_page(browser, f"{room.url}/?as=ana") as page:
        messages = page.get_by_role("log", name="Messages of the channel")
        await expect(messages).to_contain_text("<script>alert(1)</script> & @bruno see")
        await expect(messages).to_contain_text("<script>document.title='owned'</script>")
        assert "owned" not in await page.title()
        assert await messages.locator("script, img").count() == 0
        links = await messages.locator("a").evaluate_all("all => all.map(a => a.href)")
        assert links == ["https://example.org/?a=1&b=2", "https://example.org/"]
        first = messages.get_by_role("listitem").nth(1)
        assert await first.locator("strong").all_inner_texts() == ["ilbot", "bold"]
        assert await first.locator("code").all_inner_texts() == ["<b>code</b>"]
        assert await first.locator("blockquote").inner_text() == "quoted"
        assert await first.locator("pre").inner_text() == "if a < b && c:\n    pass"
        assert await first.locator(".mention").all_inner_texts() == ["@ana", "#general", "@here"]
        await expect(first).to_contain_text("<b> 5*4*3")
        await expect(first).to_contain_text("🚀 :nope:")
        await photograph(page, "escaping")


async def test_unread_messages_are_marked_until_they_are_read(room: Room, browser: Browser) -> None:
    async with open_page(browser, f"{room.url}/?as=ana") as page:
        await expect(page.get_by_role("heading", name="# ilb-ops")).to_be_visible()
        await room.script.says("bruno", "over here", channel="#general")
        channel = page.get_by_role("link", name="general")
        await expect(channel).to_contain_text("1")
        await channel.click()
        await expect(page.get_by_role("log").first).to_contain_text("over here")
        await expect(channel).not_to_contain_text("1")


async def test_the_page_can_be_used_on_a_phone(room: Room, browser: Browser) -> None:
    async with bolt_app(room, operations):
        await room.script.says("ana", "/ilb pair web")
        await room.script.sees("ana", "build the twin")
        async with open_page(browser, f"{room.url}/?as=ana", PHONE) as page:
            messages = page.get_by_role("log", name="Messages of the channel")
            await expect(messages.get_by_role("button", name="Approve")).to_be_in_viewport()
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width == PHONE[0]
            await photograph(page, "phone")
            await page.get_by_role("button", name="Channels").click()
            await expect(page.get_by_role("link", name="general")).to_be_in_viewport()
            await photograph(page, "phone-menu")
            await page.keyboard.press("Escape")
            await expect(page.get_by_role("link", name="general")).to_be_hidden()


async def test_the_page_finds_its_way_back_after_a_restart(browser: Browser) -> None:
    async with AsyncExitStack() as first_life:
        first = await first_life.enter_async_context(pretend_slack())
        async with open_page(browser, f"{first.url}/?as=ana", tolerates="net::ERR_") as page:
            messages = page.get_by_role("log", name="Messages of the channel")
            await first.script.says("bruno", "before")
            await expect(messages).to_contain_text("before")
            await first_life.aclose()
            async with pretend_slack(port=int(first.url.rpartition(":")[2])) as second:
                await second.script.says("bruno", "after")
                await expect(messages).to_contain_text("after")
                await expect(messages).not_to_contain_text("before")


async def test_a_picture_is_shown_in_the_thread_it_was_sent_to(
    room: Room, browser: Browser
) -> None:
    client = room.client()
    parent = await client.chat_postMessage(channel="C0ILBOPS01", text="Pair web: done")
    await client.files_upload_v2(
        channel="C0ILBOPS01", thread_ts=parent["ts"], filename="plot.png", title="Traffic of op-17",
        alt_txt="4,200 attempts, none failed", file=png(900, 360),
    )  # fmt: skip
    async with open_page(browser, f"{room.url}/?as=ana", PHONE) as page:
        await page.get_by_role("button", name="1 reply").click()
        picture = page.get_by_role("img", name="4,200 attempts, none failed")
        await expect(picture).to_be_visible()
        await expect(picture).to_have_js_property("naturalWidth", 900)
        await expect(page.get_by_text("Traffic of op-17")).to_be_visible()
        box = await picture.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= PHONE[0]
        await photograph(page, "picture")


def png(width: int, height: int) -> bytes:
    """Return a picture of stripes (https://www.w3.org/TR/png/, grey of eight bits)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    rows = (b"\0" + bytes([y // 40 % 2 * 120 + 100]) * width for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
