"""Debian's Chromium, driven by Playwright: a fixture for tests that look at a page.

Use it with `from tests.e2e.browser import browser  # noqa: F401`. Which Chromium it is, the
fixture `chromium` knows; Playwright never downloads one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

# Chromium as root in a container has no sandbox of its own; the rest keeps it from the network.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
PHONE = (390, 844)
DESK = (1280, 860)


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Start Chromium for one test; it ends with the test."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def open_page(
    browser: Browser, url: str, size: tuple[int, int] = DESK, *, tolerates: str | None = None
) -> AsyncIterator[Page]:
    """Open a page in a window of its own, and fail if it reports an error of script or policy.

    An error that contains `tolerates` is expected: a server that goes away is one.
    """
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = await context.new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not (tolerates and tolerates in message.text):
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(url)
    try:
        yield page
        assert errors == []
    finally:
        await context.close()
