"""Pages in Chromium: they render without a fault, and they change by themselves."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from crypto_api.ledger.types import AccountCode, Line
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Agreement, Booking, Direction, Finality
from tests.dashboard.conftest import Site, Window
from tests.factories.treasury import Treasury, address_of

pytestmark = [pytest.mark.browser]

HOSTILE = "\N{WRAPPED PRESENT}<script>document.title='owned'</script>\N{RIGHT-TO-LEFT OVERRIDE}claim at usdc-bonus.example"
LONG = "Cold storage in a vault under the lake, two signatures of the board and one of the bank needed for any movement"


async def populate(treasury: Treasury) -> Transaction:
    """A little of everything; the newest transaction is given back."""
    now = treasury.now
    wallet, other = await treasury.wallet("Operations"), await treasury.wallet(LONG)
    await treasury.rate("ETH", "3000", now - timedelta(hours=1), 900)
    await treasury.opening(wallet, "ETH", "10", "30000", now - timedelta(minutes=50))
    await treasury.opening(other, f"eip155:31337/erc20:{address_of('grant')}", "1250000", "0", now - timedelta(minutes=50))
    for minute in range(60, 2, -1):
        moved = treasury.movement(wallet, Direction.IN, "0.5", "ETH", other="Harbour Freight", value="1500")
        await treasury.record(
            treasury.transaction([moved], now - timedelta(minutes=minute), counterparty=LONG, category="income", category_source="fact")
        )
    lure = treasury.movement(
        wallet, Direction.IN, "5000", f"eip155:31337/erc20:{address_of('lure')}", other="bait", symbol=HOSTILE, spam_reason="looks like USDC"
    )
    await treasury.record(treasury.transaction([lure], now - timedelta(minutes=2), category="spam", booking=Booking.NONE))
    unknown = treasury.movement(
        wallet, Direction.IN, "1", "WEIRD", other="x", symbol=HOSTILE, asset=lure.asset, amount=None, decimals=None, raw_amount="9" * 78
    )
    why = "0.5 ETH came in: it waits until 2 providers tell the same. So far 10.0.0.7:8545 told so; nothing was heard from rpc.ankr.example."
    newest = treasury.transaction([unknown], now - timedelta(minutes=1), finality=Finality.PENDING, agreement=Agreement.WANTED, waits=why)
    await treasury.cursor(48_213, lag=2)
    return await treasury.record(newest)


async def booked_receipt(treasury: Treasury) -> Transaction:
    """A payment as the follower stores it and the books take it, with their events."""
    wallet = treasury.wallets["Operations"]
    moved = treasury.movement(wallet, Direction.IN, "2", "ETH", other="New client", value="6000")
    row = treasury.transaction([moved], treasury.now + timedelta(seconds=5), category="income", counterparty="New client", booking=Booking.DONE)
    await treasury.record(row, tell=True)
    lines = [
        Line(account_code=AccountCode.CRYPTO, debit=Decimal(6000), asset="ETH", quantity=Decimal(2), wallet_id=wallet.id),
        Line(account_code=AccountCode.REVENUE, credit=Decimal(6000), asset="ETH", quantity=Decimal(-2)),
    ]
    await treasury.post("Receipt from New client", lines, treasury.now + timedelta(seconds=5), transaction=row)
    return row


async def test_every_page_renders_without_a_fault(window: Window, treasury: Treasury) -> None:
    newest = await populate(treasury)
    await window.log_in()
    wallet = treasury.wallets["Operations"]
    paths = ["/", "/transactions/", "/transactions/?view=spam", f"/transactions/{newest.id}/", "/wallets/", "/wallets/add/", f"/wallets/{wallet.id}/"]
    for path in [*paths, "/journal/", "/trial-balance/", "/transactions/?q=nothing+like+this"]:
        await window.go(path)
        await window.is_live()
        assert await window.page.title() != "owned"
        assert await window.unfit(accessible=False) == [], path
        assert await window.page.locator("h1").count() == 1, path
    await window.go("/journal/")
    await window.page.locator("a.row-target").first.click()
    await expect(window.page.locator("tfoot")).to_contain_text("Total")
    assert await window.unfit(accessible=False) == []


async def test_an_empty_organisation_is_told_what_to_do(window: Window) -> None:
    await window.log_in()
    await window.is_live()
    await expect(window.page.locator("#balances")).to_contain_text("No balances yet")
    await expect(window.page.locator("#networks")).to_contain_text("has not read a block")
    for path, text in (("/transactions/", "Nothing has moved yet"), ("/wallets/", "No wallets yet"), ("/journal/", "The journal is empty")):
        await window.go(path)
        await expect(window.page.locator("main")).to_contain_text(text)


async def test_a_payment_appears_on_the_open_pages_by_itself(window: Window, treasury: Treasury, relay: None) -> None:
    await populate(treasury)
    await window.log_in()
    overview, journal = window.page, await window.context.new_page()
    transactions = await window.context.new_page()
    for page, path in ((transactions, "/transactions/"), (journal, "/journal/")):
        window.faults.watch(page)
        await page.goto(window.site.url + path)
    for page in (overview, transactions, journal):
        await page.wait_for_selector("[data-live][data-state=live]")
        await page.evaluate("window.notReloaded = true")
    await expect(overview.locator("#total-value")).to_have_text("$30,000.00")

    row = await booked_receipt(treasury)

    await expect(transactions.locator("#transaction-rows tr").first).to_have_attribute("data-key", row.id)
    await expect(transactions.locator("#transaction-rows tr").first).to_contain_text("+2 ETH")
    await expect(transactions.locator("#transaction-rows tr.row-fresh")).to_have_count(1)
    await expect(transactions.locator("#transaction-rows tr[data-key]")).to_have_count(50)  # as many as were shown
    await expect(overview.locator("#movements li").first).to_contain_text("New client")
    await expect(overview.locator("#total-value")).to_have_text("$36,000.00")
    await expect(journal.locator("#entry-rows tr").first).to_contain_text("Receipt from New client")
    for page in (overview, transactions, journal):
        assert await page.evaluate("window.notReloaded") is True


async def test_what_happens_while_the_server_is_away_is_not_missed(window: Window, site: Site, treasury: Treasury, relay: None) -> None:
    await populate(treasury)
    await window.log_in(path="/transactions/")
    await window.is_live()
    await site.stop()
    await window.page.wait_for_selector("[data-live]:not([data-state=live])")
    row = await booked_receipt(treasury)
    await site.start()
    await window.is_live()
    await expect(window.page.locator("#transaction-rows tr").first).to_have_attribute("data-key", row.id)
    window.faults.found = [fault for fault in window.faults.found if "ERR_CONNECTION_REFUSED" not in fault]


async def test_load_more_keeps_what_was_shown(window: Window, treasury: Treasury) -> None:
    await populate(treasury)
    await window.log_in(path="/transactions/")
    rows = window.page.locator("#transaction-rows tr[data-key]")
    await expect(rows).to_have_count(50)
    await window.page.click("#more-rows button")
    await expect(rows).to_have_count(59)
    keys = await rows.evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert len(set(keys)) == 59
    await expect(window.page.locator("#more-rows")).to_have_count(0)


async def test_filters_narrow_the_list_and_stand_in_the_address(window: Window, treasury: Treasury) -> None:
    await populate(treasury)
    await window.log_in(path="/transactions/")
    await window.page.select_option("#status", "PENDING")
    await window.page.wait_for_url("**/transactions/?status=PENDING")
    await expect(window.page.locator("#transaction-rows tr[data-key]")).to_have_count(1)
    await window.page.fill("#q", "no such thing")
    await window.page.press("#q", "Enter")
    await expect(window.page.locator("#transaction-rows")).to_contain_text("Nothing matches these filters")


async def test_the_theme_is_chosen_and_kept(window: Window) -> None:
    await window.log_in()
    html = window.page.locator("html")
    await expect(html).not_to_have_attribute("data-bs-theme", "dark")
    await window.page.click("[data-theme-choice=dark]")
    await expect(html).to_have_attribute("data-bs-theme", "dark")
    await window.page.reload()
    await expect(html).to_have_attribute("data-bs-theme", "dark")
    await expect(window.page.locator("[data-theme-choice=dark]")).to_have_attribute("aria-pressed", "true")
    await window.page.click("[data-theme-choice=auto]")
    await expect(html).not_to_have_attribute("data-bs-theme", "dark")
    await window.page.emulate_media(color_scheme="dark")  # at dusk
    await expect(html).to_have_attribute("data-bs-theme", "dark")


async def test_the_chart_speaks_under_the_pointer_and_breaks_no_policy(window: Window, treasury: Treasury) -> None:
    await populate(treasury)
    await window.log_in()
    await window.is_live()
    await expect(window.page.locator("#value-table tr")).to_have_count(120)
    await expect(window.page.locator("#value-table tr").first).to_contain_text("$30,000.00")
    await window.page.hover("#value-chart", position={"x": 300, "y": 100})
    await window.page.hover("#value-chart", position={"x": 330, "y": 110})
    await window.page.click("[data-range='7d']")
    await expect(window.page.locator("[data-range='7d'][aria-pressed=true]")).to_have_count(1)


async def test_a_wallet_is_added_and_paused_and_removed(window: Window, treasury: Treasury) -> None:
    await window.log_in(path="/wallets/add/")
    page = window.page
    await page.click("text=Add the wallet")
    await expect(page.locator("#name-error")).to_have_text("The name is needed.")
    await expect(page.locator("#address-error")).to_be_visible()
    window.faults.found.clear()  # Chromium reports the answer 422 itself
    await page.fill("#name", "Grants")
    await page.fill("#address", address_of("grants"))
    await page.click("text=Add the wallet")
    await expect(page.locator(".wallet")).to_contain_text("Grants")
    await page.click("button[title='Stop watching']")
    await expect(page.locator(".wallet")).to_contain_text("Paused")
    await page.click("a[title='Rename or remove']")
    await page.click("summary:has-text('Remove this wallet')")
    await page.click("text=Yes, remove it")
    await expect(page.locator("main")).to_contain_text("No wallets yet")


@pytest.mark.parametrize("window", [{"width": 390}], indirect=True)
async def test_the_menu_opens_on_a_phone(window: Window) -> None:
    await window.log_in()
    link = window.page.locator("nav[aria-label=Pages] a", has_text="Journal")
    await expect(link).to_be_hidden()
    await window.page.click("[data-toggle-rail]")
    await link.click()
    await expect(window.page.locator("h1")).to_have_text("Journal")


async def test_logging_out_ends_the_page_elsewhere_too(window: Window) -> None:
    await window.log_in()
    await window.is_live()
    other = await window.context.new_page()
    await other.goto(window.site.url + "/wallets/")
    await other.wait_for_selector("[data-live][data-state=live]")
    await window.page.click(".person")
    await window.page.click("text=Log out")
    await window.page.wait_for_selector("#password")
    await other.wait_for_selector("#password")  # its socket was closed with "who are you", so it asked the server
