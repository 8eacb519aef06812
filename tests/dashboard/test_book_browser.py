"""Pages of the books in Chromium: on a phone every control is within reach, on a desk the head of a long table stays in sight."""

from datetime import timedelta
from decimal import Decimal

import pytest

from crypto_api.ledger.types import Line
from tests.browser import wait_until
from tests.dashboard.conftest import Window
from tests.factories.treasury import Treasury

pytestmark = [pytest.mark.browser]
_OUTSIDE = """[...document.querySelectorAll("main form select, main form input:not([type=hidden]), main form button")]
    .filter(field => field.getBoundingClientRect().right > innerWidth || field.getBoundingClientRect().left < 0).map(field => field.outerHTML)"""


@pytest.fixture
async def many(treasury: Treasury) -> None:
    for number in range(40):
        amount = Decimal("123456789.01") * (number + 1)
        lines = [Line(account_code="1000", debit=amount), Line(account_code="4900", credit=amount)]
        await treasury.post(f"A grant of a foundation with a long name, number {number}", lines, treasury.now - timedelta(days=number))


@pytest.mark.parametrize("window", [{"width": 390}], indirect=True)
async def test_every_control_is_within_reach_on_a_phone(window: Window, many: None) -> None:
    await window.log_in(path="/general-ledger/?account=1000")
    for path in ("/general-ledger/?account=1000", "/trial-balance/", "/accounts/", "/journal/"):
        await window.go(path)
        assert await window.page.evaluate(_OUTSIDE) == [], path
        assert await window.sideways_scroll() == 0 and await window.grave_findings() == [], path


async def test_the_head_of_a_long_table_stays_in_sight(window: Window, many: None) -> None:
    await window.log_in(path="/general-ledger/?account=1000")
    for path in ("/general-ledger/?account=1000", "/journal/"):
        await window.go(path)
        await window.page.mouse.wheel(0, 900)
        await wait_until(window.page, "scrollY > 300")
        head = window.page.locator(".head-stays thead th").last
        box = await head.bounding_box()
        assert box is not None and 0 <= box["y"] < 20, path
        assert await window.sideways_scroll() == 0 and await window.grave_findings() == [], path
