"""People fill in a modal in the page of the pretend Slack, with a stock Bolt app behind it."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect
from slack_bolt.app.async_app import AsyncApp

from tests.e2e.browser import DESK, PHONE, browser, open_page
from tests.sandbox.slack_world import bolt_app, pretend_slack
from tests.sandbox.test_slack_modals import FORM, LOADING

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("serial")]


class Bot:
    """Opens a form, first as a waiting one, and takes no words but `bonjour`."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []

    def __call__(self, app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any, body: dict[str, Any], client: Any) -> None:
            await ack()
            opened = await client.views_open(trigger_id=body["trigger_id"], view=LOADING)
            await client.views_update(view_id=opened["view"]["id"], view=FORM)

        @app.view("form")
        async def form(ack: Any, body: dict[str, Any]) -> None:
            values = body["view"]["state"]["values"]
            if values["words"]["said"]["value"] != "bonjour":
                await ack(response_action="errors", errors={"words": "Say it in French."})
                return
            self.taken.append(values)
            await ack()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_form_keeps_what_was_typed_until_it_is_taken(
    browser: Browser,
    size: tuple[int, int],
) -> None:
    bot = Bot()
    async with (
        pretend_slack() as room,
        bolt_app(room, bot),
        open_page(browser, f"{room.url}/?as=ana", size) as page,
    ):
        await page.get_by_label("Message #ilb-ops").fill("/ilb form")
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="A form")
        words = dialog.get_by_label("Words")
        await expect(words).to_have_value("hello")
        await words.fill("good day")
        await dialog.get_by_label("Two").check()
        await dialog.get_by_role("button", name="Send").click()
        await expect(dialog.get_by_text("Say it in French.")).to_be_visible()
        await expect(words).to_have_value("good day")
        await words.fill("bonjour")
        await dialog.get_by_role("button", name="Send").click()
        await expect(dialog).not_to_be_visible()
    [values] = bot.taken
    assert [one["value"] for one in values["choice"]["chosen"]["selected_options"]] == ["two"]


class HastyBot(Bot):
    """Opens the form itself: the page never sees a waiting one before it."""

    def __call__(self, app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any, body: dict[str, Any], client: Any) -> None:
            await ack()
            await client.views_open(trigger_id=body["trigger_id"], view=FORM)


async def test_the_first_field_is_ready_to_type_in_also_when_the_form_came_at_once(
    browser: Browser,
) -> None:
    async with (
        pretend_slack() as room,
        bolt_app(room, HastyBot()),
        open_page(browser, f"{room.url}/?as=ana") as page,
    ):
        await page.get_by_label("Message #ilb-ops").fill("/ilb form")
        await page.keyboard.press("Enter")
        words = page.get_by_role("dialog", name="A form").get_by_label("Words")
        await expect(words).to_be_focused()


async def test_escape_leaves_the_form(browser: Browser) -> None:
    async with pretend_slack() as room, bolt_app(room, Bot()):
        async with open_page(browser, f"{room.url}/?as=ana") as page:
            await page.get_by_label("Message #ilb-ops").fill("/ilb form")
            await page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog", name="A form")
            await expect(dialog.get_by_label("Words")).to_be_focused()
            await page.keyboard.press("Escape")
            await expect(dialog).not_to_be_visible()
        assert await room.script.modal("ana") is None
