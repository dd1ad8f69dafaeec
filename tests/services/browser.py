"""Turn whatever Chromium this machine has into a page a test can click on."""

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from tests.services.missing import missing

_FIND = Path(__file__).parents[2] / "deploy" / "dev" / "find-chromium"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium that starts."""
    told = subprocess.run([_FIND], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        missing("Chromium", "make system services (as root), or set CHROMIUM=/path/to/it")
    return told.stdout.strip()


@pytest.fixture
async def page(chromium: str) -> AsyncIterator[Page]:
    """An empty page in a headless browser of its own."""
    # Chromium's sandbox does not work for root; the pages it opens here are our own.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=options)
        yield await browser.new_page()
        await browser.close()
