"""A journal entry by keyboard alone, in Chromium: accounts by code or name, Enter and Tab, the difference beside it, refusals that lose nothing."""

import pytest
from playwright.async_api import expect

from crypto_api.kit.amounts import text
from crypto_api.ledger.documents import JournalEntry
from tests.dashboard.conftest import Window
from tests.factories.treasury import Treasury

pytestmark = [pytest.mark.browser]


@pytest.mark.parametrize("window", [{}, {"theme": "dark"}, {"width": 390}], indirect=True, ids=["light", "dark", "phone"])
async def test_an_entry_is_written_and_posted_without_a_pointer(window: Window, treasury: Treasury) -> None:
    await window.log_in(path="/journal/new/")
    page, keys = window.page, window.page.keyboard
    says, field = page.locator("[data-difference]"), lambda name, line: page.locator(f"[name={name}]").nth(line)
    await expect(page.locator("[name=description]")).to_be_focused()
    assert await window.sideways_scroll() == 0 and await window.grave_findings() == []
    await keys.type("Servers in November")
    for _ in range(2):
        await keys.press("Enter")  # past the reference
    await expect(field("account", 0)).to_be_focused()

    await keys.type("suppliers")  # a part of its name is enough where only one has it
    await keys.press("Enter")
    await expect(field("account", 0)).to_have_value("5300 Suppliers and services")
    await keys.type("EU region")
    await keys.press("Tab")
    await keys.type("1,200.50")
    await expect(says).to_have_text("1,200.50 more debit")
    for _ in range(4):
        await keys.press("Tab")
    await expect(field("account", 1)).to_be_focused()
    await keys.type("2100")
    for _ in range(3):
        await keys.press("Tab")
    assert (await field("account", 1).input_value()).startswith("2100 ")
    await keys.type("1000.5x")
    await expect(says).to_have_text("An amount cannot be read")
    await keys.press("Backspace")
    await expect(says).to_have_text("200.00 more debit")

    await keys.press("Control+Enter")  # it does not balance: refused, and nothing is lost
    await expect(page.locator("#problem")).to_have_text("Debits are 1200.5 and credits 1000.5: they must be equal.")
    assert [await field(name, 0).input_value() for name in ("account", "note", "debit")] == ["5300 Suppliers and services", "EU region", "1,200.50"]
    assert await page.locator("[name=description]").input_value() == "Servers in November"
    await expect(says).to_have_text("200.00 more debit")
    assert await window.sideways_scroll() == 0 and await window.grave_findings() == []
    assert await JournalEntry.find({"org_id": treasury.org_id}).count() == 0

    await page.locator("[name=quantity]").last.focus()
    await keys.press("Enter")  # behind the last one a new line
    await expect(page.locator("[name=account]").last).to_be_focused()
    await keys.type("no such account")
    for _ in range(3):
        await keys.press("Tab")
    await keys.press("=")
    await expect(page.locator("[name=credit]").last).to_have_value("200.00")
    await expect(says).to_have_text("Balanced")
    await keys.press("Control+Shift+Enter")
    await expect(page.locator(".line-says")).to_contain_text("Account")
    wrong = page.locator("[name=account].is-invalid")
    await expect(wrong).to_have_value("no such account")
    await wrong.focus()
    await keys.press("Control+a")
    await keys.type("1000")
    await keys.press("Control+Shift+Enter")
    await page.wait_for_url("**/?done=posted")
    (entry,) = await JournalEntry.find({"org_id": treasury.org_id}).to_list()
    assert (entry.status, entry.description) == ("posted", "Servers in November")
    window.faults.found.clear()  # the two refusals are answers with 422
    told = [(line.account_code, text(line.debit), text(line.credit), line.description) for line in entry.lines]
    assert told == [("5300", "1200.5", "0", "EU region"), ("2100", "0", "1000.5", ""), ("1000", "0", "200", "")]
