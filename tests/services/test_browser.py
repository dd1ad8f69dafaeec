"""The browser the tests use opens a page and runs its scripts."""

from playwright.async_api import Page


async def test_a_page_opens_and_its_script_runs(page: Page) -> None:
    await page.set_content("<p id=x></p><script>x.textContent = 'on call'</script>")

    assert await page.text_content("#x") == "on call"
