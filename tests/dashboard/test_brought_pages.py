"""A transaction entered, corrected and taken back on the page; and what a person says of one that came from the chain."""

from datetime import date

import pytest
from playwright.async_api import Page, expect

from crypto_api.kit.amounts import text
from crypto_api.ledger import period_store
from crypto_api.ledger.documents import JournalEntry
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from tests.dashboard.conftest import Window
from tests.factories.treasury import Treasury
from tests.http.world import stored_transaction

pytestmark = [pytest.mark.browser]


async def standing(treasury: Treasury) -> list[tuple[str, str, str]]:
    found = await JournalEntry.find({"org_id": treasury.org_id, "status": "posted", "reverses": None}).to_list()
    return [(line.account_code, text(line.debit), text(line.credit)) for entry in found for line in entry.lines]


async def fits(window: Window) -> None:
    await window.page.set_viewport_size({"width": 390, "height": 844})
    assert await window.sideways_scroll() == 0
    assert await window.grave_findings() == []
    await window.page.set_viewport_size({"width": 1280, "height": 900})


async def shows(page: Page, *names: str) -> None:
    for name in ("to_wallet", "category"):
        assert await page.locator(f"#{name}").is_visible() is (name in names), name


async def test_entered_corrected_and_taken_back(window: Window, treasury: Treasury, runtime: Runtime) -> None:
    wallet = await treasury.wallet("Cold")
    await treasury.wallet("Hot")
    await window.log_in(path="/transactions/")
    page = window.page
    await page.click("text=Enter")
    await shows(page)
    await page.select_option("#type", "TRANSFER")
    await shows(page, "to_wallet")
    await page.select_option("#type", "INCOME")
    await shows(page, "category")
    await page.select_option("#type", "BUY")
    await fits(window)

    await page.fill("#timestamp", "2026-03-01T10:00:30")
    await page.select_option("#wallet", wallet.id)
    await page.fill("#amount", "2,5")
    await page.select_option("#asset", "ETH")
    await page.fill("#fee", "5")
    await page.fill("#counterparty", "Kraken")
    await page.fill("#external_id", "r-1")
    await page.click("text=Enter the transaction")
    await expect(page.locator("#amount-error")).to_contain_text("must be a number such as 1234.50")
    await page.fill("#amount", "2.5")
    await page.click("text=Enter the transaction")
    await expect(page.locator("#price-error")).to_contain_text("is needed for BUY")
    assert await page.input_value("#external_id") == "r-1"
    assert await Transaction.find({"org_id": treasury.org_id}).count() == 0
    window.faults.found.clear()  # Chromium reports the answer of 422 itself
    await page.fill("#price", "2000")
    await page.click("text=Enter the transaction")
    await expect(page.locator(".notice-good")).to_contain_text("The transaction was entered and booked.")
    await expect(page.locator("h1")).to_have_text("Transaction entered by hand")
    await expect(page.locator("#detail")).to_contain_text("Cash at bank")
    assert "0x0000" not in await page.locator("#detail").inner_text(), "nobody's address is not shown as somebody's"
    await fits(window)
    assert await standing(treasury) == [("1100", "5005", "0"), ("1010", "0", "5005")]
    (row,) = await Transaction.find({"org_id": treasury.org_id}).to_list()
    assert row.timestamp.isoformat() == "2026-03-01T09:00:30+00:00", "it was typed in Berlin"

    await page.click("text=Correct")
    await page.fill("#price", "")
    await page.fill("#value", "4000")
    await page.click("text=Save")
    await expect(page.locator(".notice-good")).to_contain_text("Saved.")
    assert await standing(treasury) == [("1100", "4005", "0"), ("1010", "0", "4005")]
    (after,) = await Transaction.find({"org_id": treasury.org_id}).to_list()
    assert (after.timestamp, after.counterparty, after.version) == (row.timestamp, "Kraken", 2)

    for closed in (date(2026, 3, 31), None):
        await runtime.uow.run(lambda session, day=closed: period_store.set_closed_through(session, treasury.org_id, day, treasury.now))  # type: ignore[misc]
        await page.click("text=Take back…")
        await page.click("text=Yes, take it back")
        if closed:
            await expect(page.locator("#problem")).to_contain_text("The books are closed up to 2026-03-31")
            window.faults.found.clear()  # Chromium reports the answer of 409 itself
    await expect(page.locator(".notice-good")).to_contain_text("was taken back")
    assert await standing(treasury) == []
    assert await Transaction.find({"org_id": treasury.org_id}).count() == 0


async def test_what_came_from_the_chain_is_said_what_it_is(window: Window, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Cold")
    row = stored_transaction(treasury.org_id, wallet.id)
    await row.insert()
    await window.log_in(path=f"/transactions/{row.id}/")
    page = window.page
    await page.click("text=Say what it is")
    assert await page.locator("#amount").count() == 0
    await fits(window)
    await page.select_option("#category", "reward")
    await page.fill("#note", "Week 9")
    await Transaction.get_pymongo_collection().update_one({"_id": row.id, "org_id": treasury.org_id}, {"$inc": {"version": 1}})
    await page.click("text=Save")
    await expect(page.locator("#problem")).to_contain_text("It was changed since it was read.")
    window.faults.found.clear()
    await page.goto(f"{window.site.url}/transactions/{row.id}/edit/")
    await page.select_option("#category", "reward")
    await page.fill("#note", "Week 9")
    await page.click("text=Save")
    await expect(page.locator(".notice-good")).to_contain_text("Saved.")
    after = await Transaction.get(row.id)
    assert after is not None and (after.category, after.category_source, after.note, after.movements) == ("reward", "person", "Week 9", row.movements)
