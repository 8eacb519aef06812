"""A payment from outside, seen by somebody who looks at a page and does nothing."""

import pytest
from playwright.async_api import Browser, expect

from crypto_project.demo.world import DemoWorld
from tests.browser import REPORT_VIOLATIONS, Faults
from tests.e2e.conftest import Installation

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("path", ["/", "/transactions/"])
async def test_it_appears_by_itself(installation: Installation, chromium: Browser, faults: Faults, path: str) -> None:
    """From a stranger's wallet through node, follower, books, relay and socket onto the open page, which is never loaded again."""
    assert isinstance(installation.shell.world, DemoWorld)
    context = await chromium.new_context(viewport={"width": 1360, "height": 844})
    await context.add_init_script(REPORT_VIOLATIONS)
    page = await context.new_page()
    page.set_default_timeout(20_000)
    faults.watch(page)
    await page.goto(f"{installation.shell.base_url}/login/?next={path}")
    await page.fill("#name", installation.shell.world.admin["email"])
    await page.fill("#password", installation.shell.world.admin["password"])
    await page.click("form button[type=submit]")
    await page.wait_for_selector("[data-live][data-state=live]")
    await page.evaluate("document.documentElement.dataset.loadedOnce = 'yes'")
    hash_ = await installation.pay()
    await expect(page.locator(f'a[href*="{hash_}"]').first).to_be_visible()
    assert await page.evaluate("document.documentElement.dataset.loadedOnce") == "yes", "the page was loaded again"
    await context.close()
