"""One picture of the guide, taken by the code that takes all of them (`python -m tests.guide`)."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser

from tests.e2e.conftest import Installation
from tests.guide.journeys import PAGES, show
from tests.guide.studio import WIDTH, studio

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


async def test_it_is_as_wide_as_the_others_and_small(installation: Installation, chromium: Browser, tmp_path: Path) -> None:
    async with studio(chromium, installation.shell.page_url, tmp_path) as opened:
        await show(opened, "wallets")
        desk = await opened.desk(PAGES["wallets"].person)
        said = await desk.page.locator("main").inner_text()
    assert opened.taken == ["wallets"] and all(name in said for name in ("Treasury", "Cold reserve", "Chain and books"))
    with Image.open(tmp_path / "wallets.png") as picture:
        assert picture.size == (WIDTH, PAGES["wallets"].height) and picture.mode == "P"
        assert len(picture.getcolors() or []) > 50, "an empty page has few colours"
    assert (tmp_path / "wallets.png").stat().st_size < 200_000
