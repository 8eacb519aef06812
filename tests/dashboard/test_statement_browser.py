"""A statement in Chromium: chosen in a form that shows what its kind asks for, legible at any width, and opened to its lines."""

import pytest
from playwright.async_api import expect

from tests.dashboard.conftest import Window
from tests.factories.treasury import Treasury

pytestmark = [pytest.mark.browser]


async def test_a_statement_is_made_and_opened_to_its_lines(window: Window) -> None:
    await window.log_in(path="/journal/new/")
    page = window.page
    await page.fill("[name=date]", "2026-11-20")
    await page.fill("[name=description]", "Rent of a very long name, which an accountant in a hurry typed without ever ending it, for November")
    await page.locator("[name=account]").nth(0).fill("5300")
    await page.locator("[name=debit]").nth(0).fill("1200.50")
    await page.locator("[name=account]").nth(1).fill("2100")
    await page.locator("[name=credit]").nth(1).fill("1200.50")
    await page.locator("button[name=then][value=draft]").click()
    await page.locator("form[action$='/post/'] button").click()
    await page.wait_for_url("**/?done=posted")
    await window.go("/statements/")
    await expect(page.locator("#as_of")).to_be_visible()
    await expect(page.locator("#start_date")).to_be_hidden()
    assert await window.unfit() == []
    await page.select_option("#kind", "income_statement")
    await expect(page.locator("#as_of")).to_be_hidden()
    await page.fill("#start_date", "2026-11-01")
    await page.fill("#end_date", "2026-11-30")
    await page.fill("#compare_to", "2026-10-31")
    await page.locator("form.statement-form button[type=submit]").click()
    result = page.locator("tr.statement-total", has_text="Result of the period").locator("td").first
    await expect(result).to_contain_text("1,200.50")
    assert await window.unfit() == []
    await page.get_by_role("link", name="5300 Suppliers and services").click()
    await expect(page.locator("main")).to_contain_text("Rent of a very long name")


async def test_a_roll_forward_is_made_opened_and_exported(window: Window, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Treasury of a very long name, which somebody in a hurry typed without ever ending it")
    await treasury.opening(wallet, "ETH", "2.512345678901234567", "5000", treasury.now)
    await treasury.opening(wallet, "DAI", "7", "0", treasury.now)
    await treasury.rate("ETH", "2400", treasury.now, 9_000)
    day = treasury.now.date().isoformat()
    await window.log_in(path="/statements/")
    page = window.page
    await expect(page.locator("#by")).to_be_hidden()
    await page.select_option("#kind", "crypto_roll_forward")
    await expect(page.locator("#compare_to")).to_be_visible()
    await page.select_option("#by", "wallet")
    await page.fill("#start_date", day)
    await page.fill("#end_date", day)
    await page.locator("form.statement-form button[type=submit]").click()
    await expect(page.locator("tr.statement-total", has_text="Closing").first).to_contain_text("$6,029.63")
    assert await window.unfit() == []
    await page.get_by_role("link", name="Opening balances of wallets brought in").nth(2).click()
    await expect(page.locator("main tbody tr")).to_have_count(1)
    await expect(page.locator("main tbody")).to_contain_text("+2.512346")
    assert await window.unfit() == []
    await window.go("/exports/")
    await expect(page.locator("main pre")).to_contain_text("python -m crypto_api.ledger.verify")
    assert await window.unfit() == []
