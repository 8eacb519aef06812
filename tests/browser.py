"""Chromium for the tests of pages, and what must not happen on any of them."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import cache

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from crypto_project.npm import NODE_MODULES

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first that there is. Without windows to draw for nobody it computes less than half of what the others do for the same pages."""

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


expect.set_options(timeout=60_000)  # a page on a loaded machine; what holds is seen at once


def chromium_path() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = chromium_path()
    if path is None:
        if os.environ.get("COFFER_REQUIRE_BROWSER") == "1":
            pytest.fail("COFFER_REQUIRE_BROWSER=1, but there is no chromium on PATH")
        pytest.skip("there is no chromium on PATH: the pages were not driven in a browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()


@dataclass
class Faults:
    """What must not happen on any page."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.found.append(f"console: {message.text} at {message.location.get('url')}")


REPORT_VIOLATIONS = "addEventListener('securitypolicyviolation', e => console.error('violation: ' + e.violatedDirective + ' ' + e.blockedURI));"


@pytest.fixture
def faults() -> Iterator[Faults]:
    """Empty at the end, unless the test itself cleared what it provoked."""
    watched = Faults()
    yield watched
    assert not watched.found, watched.found


async def wait_until(page: Page, expression: str, timeout_s: float = 60) -> None:
    """Until it is true on the page, whose policy refuses the polling of `wait_for_function`, an `eval`, from the second time on."""
    async with asyncio.timeout(timeout_s):
        while not await page.evaluate(expression):
            await asyncio.sleep(0.02)


# ---- accessibility -------------------------------------------------------------------------------------------------------------------

GRAVE = ("serious", "critical")
_RUN_AXE = "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations)"


async def axe(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it stands: `rule (impact): selector`, one for each element. Empty is good."""
    await page.emulate_media(reduced_motion="reduce")  # a colour halfway through a transition is nobody's
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_axe_source())
    violations = await page.evaluate(_RUN_AXE)
    return [
        f"{found['id']} ({found['impact']}): {' '.join(map(str, node['target']))}"
        for found in violations
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]


@cache
def _axe_source() -> str:
    return (NODE_MODULES / "axe-core" / "axe.min.js").read_text() + "; undefined"
