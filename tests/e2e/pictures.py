"""Plays pair and roll in the demo's page and keeps their cards as pictures for the README.

`python -m tests.e2e.pictures` writes them into docs/images; nothing else does.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, FloatRect, Locator, Page, async_playwright

from bot.demo.scripts.acting import approved_by_bruno, asked, told
from bot.demo.stage import Stage, staged
from bot.demo.staging import Staging
from tests.e2e.browser import ARGUMENTS

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
WINDOW, TALL, NARROW = (1180, 900), (1000, 2600), (700, 2600)
"""Pixels; all is in sight in the tall ones, and a thread has all of the narrow one."""
MOST_BYTES = 150_000
WISHES = {"pair": "pair b-31-VM", "roll": "roll b-31-VM"}


async def draw() -> None:
    """Take every picture, each runbook in a fresh world."""
    async with _browser() as browser:
        for name, wish in WISHES.items():
            async with staged(Staging(pace=0.25)) as stage:
                await _draw_one(browser, stage, name, wish)


async def _draw_one(browser: Browser, stage: Stage, name: str, wish: str) -> None:
    number = await asked(stage, wish)
    await stage.slack.sees("ana", "What this plan relies on", timeout_s=20, after=number)
    async with _page(browser, stage, TALL) as page:
        _write(await _card(page).screenshot(), f"{name}-plan")
    if name == "roll":
        async with _page(browser, stage, WINDOW) as page:
            _write(await page.screenshot(), "demo")
    await approved_by_bruno(stage)
    await told(stage, "Traffic during", after=number)
    async with _page(browser, stage, TALL) as page:
        _write(await _card(page).screenshot(), f"{name}-done")
    async with _page(browser, stage, NARROW) as page:
        await page.get_by_role("button", name=re.compile("replies")).last.click()
        plot = page.get_by_role("img", name=re.compile("New connections"))
        await plot.evaluate("image => image.decode()")
        replies = page.locator("#thread-messages .message")
        _write(await _from_to(replies.nth(2), replies.last, page), f"{name}-receipt")


def _card(page: Page) -> Locator:
    """The card is the last message of the channel."""
    return page.locator("#messages .message").last


async def _from_to(first: Locator, last: Locator, page: Page) -> bytes:
    top, end = await first.bounding_box(), await last.bounding_box()
    assert top is not None and end is not None, "both are shown"
    height = end["y"] + end["height"] - top["y"]
    clip: FloatRect = {"x": top["x"], "y": top["y"], "width": top["width"], "height": height}
    return await page.screenshot(clip=clip)


def _write(png: bytes, name: str) -> None:
    file, size = IMAGES / f"{name}.png", len(png)
    file.write_bytes(png)
    sys.stdout.write(f"{file.relative_to(ROOT)}: {size / 1000:.0f} kB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"{file.name} is larger than {MOST_BYTES / 1000:.0f} kB")


@asynccontextmanager
async def _page(browser: Browser, stage: Stage, size: tuple[int, int]) -> AsyncIterator[Page]:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]})
    await page.goto(stage.slack_url)
    await _card(page).wait_for()
    yield page
    await page.close()


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    find = ROOT / "deploy" / "dev" / "find-chromium"
    found = subprocess.run([find], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise SystemExit("There is no Chromium: `make system` as root, or CHROMIUM=/path/to/it")
    async with async_playwright() as playwright:
        path = found.stdout.strip()
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


if __name__ == "__main__":
    asyncio.run(draw())
