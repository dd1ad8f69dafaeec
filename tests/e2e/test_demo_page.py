"""The newcomer's first minute, in a real browser: type, read, approve as somebody else, receipt."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from bot.demo.stage import staged
from bot.demo.staging import Staging
from tests.e2e.browser import browser, open_page  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(180)]


async def test_a_newcomer_rolls_an_ilb_with_a_second_pair_of_eyes(browser: Browser) -> None:  # noqa: F811
    async with (
        staged(Staging(pace=0.2)) as stage,
        open_page(browser, stage.slack_url) as page,
    ):
        composer = page.get_by_role("textbox").first
        await composer.fill("/ilb roll app-tier")
        await composer.press("Enter")
        await expect(page.get_by_role("button", name="Approve")).to_be_visible(timeout=40_000)
        await expect(page.get_by_text("Not reachable meanwhile")).to_be_visible()

        await page.get_by_role("button", name="Approve").click()
        await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("somebody else decides")).to_be_visible(timeout=20_000)

        await page.get_by_role("combobox").first.select_option(label="Bruno Costa · Network lead")
        await page.get_by_role("button", name="Approve").click()
        await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
        await expect(page.get_by_text("now runs version")).to_be_visible(timeout=60_000)
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        await expect(page.get_by_text("Roll b-31-VM", exact=True)).to_have_count(1)

        await page.get_by_role("button", name=re.compile("3 replies")).click(timeout=30_000)
        await expect(page.get_by_text("Receipt of")).to_be_visible()
        await expect(page.get_by_text("Measured from web-1").first).to_be_visible()
        plot = page.get_by_role("img", name=re.compile("New connections per second over"))
        await expect(plot).to_be_visible()
        told = str(await plot.get_attribute("alt"))
        assert re.search(r"\d{3} attempts, none failed; no held connections were cut", told), told
        assert "10.20.1.10 was withdrawn from" in told
        assert await plot.evaluate("image => image.complete && image.naturalWidth") == 900
