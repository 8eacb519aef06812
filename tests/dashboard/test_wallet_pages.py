"""Wallets and their movements as people use them: what stands there, what is asked of it, what is refused, and what changes by itself."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from crypto_api.backfills.documents import Backfill
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.inbox import service as inbox
from crypto_api.inbox.types import Finding, ItemKind
from crypto_api.organizations.types import Role
from crypto_api.reports.holding_history import holding_history
from crypto_api.runtime import Runtime
from crypto_api.saved_views.documents import SavedView
from crypto_api.transactions.types import Booking, Direction, MovementKind
from crypto_api.wallets.documents import Wallet, WalletType
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import NETWORK, Treasury, hash_of, new_treasury

__all__ = ["sits"]


async def checkpoint(treasury: Treasury, wallet: Wallet, asset: str, raw: str, books: str, difference: str, *, minutes: int = 12) -> Checkpoint:
    row = Checkpoint(
        id=f"{treasury.org_id}|{wallet.id}|{asset}",
        created_at=treasury.now,
        org_id=treasury.org_id,
        wallet_id=wallet.id,
        network=NETWORK,
        asset=asset,
        contract=None,
        decimals=18,
        block_number=48_213,
        block_hash=hash_of("head"),
        chain_raw=raw,
        ledger_quantity=Decimal(books),
        difference=Decimal(difference),
        agreed_at_block=48_000,
        at=treasury.now - timedelta(minutes=minutes),
    )
    await row.insert()
    return row


async def test_every_type_stands_there_and_a_dead_node_leaves_the_last_known(sits: Sits, treasury: Treasury) -> None:
    await treasury.rate("ETH", "3000", treasury.now, 1)
    wallets = {}
    for kind in WalletType:
        wallets[kind] = await treasury.wallet(f"The {kind}", kind)
        await treasury.opening(wallets[kind], "ETH", "10", "30000", treasury.now)
    await checkpoint(treasury, wallets[WalletType.WATCH], "ETH", "12500000000000000000", "12.5", "0")
    desk = await sits("ada.okafor")
    for path in ("/wallets/", "/fragments/wallets/"):  # the second asks the node, which is not there
        text = await desk.text(path)
        assert all(name in text for name in ("Watch only", "Stored key", "Browser wallet", "Hardware wallet"))
        assert "Last known: block 48,213, 12 minutes ago" in text and text.count("As in the books; not read from the chain yet") == 3
        assert "12.5" in text and "$37,500.00" in text and "$127,500.00" in text  # chain goes before books, and both are in the sum
        assert ">0<" not in text


async def test_a_difference_leads_to_its_item_for_whoever_may_see_it(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    wallet = await treasury.wallet("Operations")
    await treasury.opening(wallet, "ETH", "12", "36000", treasury.now)
    await treasury.opening(wallet, "USDC", "5", "5", treasury.now)
    await checkpoint(treasury, wallet, "ETH", "12250000000000000000", "12", "0.25")
    await checkpoint(treasury, wallet, "USDC", "5000000000000000000", "5", "0")
    found = Finding(
        ItemKind.RECONCILIATION_DIFFERENCE, f"difference:{wallet.id}:ETH", ("wallet", wallet.id), "Operations: 0.25 ETH more", "x", "0.25", {}
    )
    item = await runtime.uow.run(lambda session: inbox.note(session, treasury.org_id, found, treasury.now))
    assert item is not None
    desk = await sits("ada.okafor")
    page = await desk.text(f"/wallets/{wallet.id}/")
    assert f'href="/inbox/{item.id}/">+0.25 at block 48,213' in page and "Agrees at block 48,213" in page
    assert f'href="/inbox/{item.id}/">differs from the books' in await desk.text("/wallets/")
    assert f'href="/wallets/{wallet.id}/">Open the wallet' in await desk.text(f"/inbox/{item.id}/")


async def test_a_wallet_whose_opening_is_not_agreed_says_who_tells_what(sits: Sits, treasury: Treasury) -> None:
    reason = "It waits until 2 providers tell the same of what it held. So far ETH: 10 by a.example, 9 by <b>.example."
    wallet = await treasury.wallet("Operations")
    await wallet.set({"opening": "due", "opening_waits": reason})
    desk = await sits("ada.okafor")
    shown = "ETH: 10 by a.example, 9 by"
    assert shown in await desk.text(f"/wallets/{wallet.id}/")
    assert "Its opening balance waits: providers do not tell the same of it." in await desk.text("/wallets/")
    await wallet.set({"monitoring_enabled": False})
    assert shown not in await desk.text(f"/wallets/{wallet.id}/"), "who is not watched waits for nothing"


async def test_the_page_of_a_wallet_shows_its_own_movements_and_spam_apart(sits: Sits, treasury: Treasury) -> None:
    wallet, other = await treasury.wallet("Operations"), await treasury.wallet("Payroll")
    moves = [(wallet, Direction.IN, "500", "USDC"), (wallet, Direction.OUT, "2", "ETH"), (other, Direction.IN, "77", "DAI")]
    for minutes, (owner, way, units, asset) in enumerate(moves, 1):
        moved = treasury.movement(owner, way, units, asset, other=f"party of {asset}")
        row = treasury.transaction([moved], treasury.now - timedelta(minutes=minutes), counterparty=f"Party of {asset}")
        await treasury.record(row)
    bait = treasury.movement(wallet, Direction.IN, "1", "ETH", other="bait", spam_reason="dust")
    await treasury.record(treasury.transaction([bait], treasury.now, category="spam", booking=Booking.NONE, counterparty="Bait"))
    desk = await sits("ada.okafor")
    page = await desk.text(f"/wallets/{wallet.id}/")
    assert "Party of USDC" in page and "Party of ETH" in page and "Party of DAI" not in page and ">Bait<" not in page
    assert "Party of ETH" not in await desk.text(f"/wallets/{wallet.id}/", direction="in")
    assert "Party of USDC" not in await desk.text(f"/wallets/{wallet.id}/", asset="ETH")
    spam = await desk.text(f"/wallets/{wallet.id}/", view="spam")
    assert ">Bait<" in spam and "Party of USDC" not in spam
    empty = await desk.text(f"/wallets/{wallet.id}/", kind="erc721")
    assert "Nothing matches these filters" in empty and f'<a href="/wallets/{wallet.id}/">Clear the filters' in empty
    assert "Nothing has moved yet" in await desk.text(f"/wallets/{(await treasury.wallet('Empty')).id}/")


async def test_history_is_asked_for_and_told(sits: Sits, treasury: Treasury) -> None:
    wallet, paused = await treasury.wallet("Operations"), await treasury.wallet("Paused", monitoring_enabled=False)
    desk = await sits("ada.okafor")
    path = f"/wallets/{wallet.id}/backfill/"
    assert "must be the number of a block" in await desk.refused(422, path, from_block="-3")
    assert await desk.does(path, from_block="1,200") == f"/wallets/{wallet.id}/?done=backfill"
    assert "is being read already" in await desk.refused(409, path)
    assert "watch it first" in await desk.refused(409, f"/wallets/{paused.id}/backfill/")
    assert "Waits to begin" in await desk.text(f"/wallets/{wallet.id}/")
    row = await Backfill.find_one({"org_id": treasury.org_id})
    assert row is not None and row.from_block == 1200
    await row.set({"state": "running", "position": 1700, "first_block": 1200, "to_block": 2200})
    assert "block 1,700 of 2,200" in await desk.text(f"/fragments/wallets/{wallet.id}/")
    await row.set({"state": "failed", "live": False, "reason": "The node has no such blocks"})
    assert "The node has no such blocks." in await desk.text(f"/fragments/wallets/{wallet.id}/")


async def test_whoever_only_reads_is_offered_no_change_of_a_wallet(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    wallet = await treasury.wallet("Operations")
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    auditor = await sits("aud.itor")
    page = await auditor.text(f"/wallets/{wallet.id}/")
    assert "Operations" in page and f"{wallet.id}/settings/" not in page and "Read its history" not in page
    assert (await auditor.get(f"/wallets/{wallet.id}/settings/")).status_code == 403
    assert (await auditor.post(f"/wallets/{wallet.id}/backfill/")).status_code == 403
    strangers = await new_treasury(runtime.uow, name="Somebody else", first="Bo", last="Lind")
    theirs = await strangers.wallet("Secret vault")
    ada = await sits("ada.okafor")
    for path in ("/wallets/{}/", "/fragments/wallets/{}/", "/fragments/wallets/{}/holding/", "/wallets/{}/settings/"):
        foreign, absent = await ada.get(path.format(theirs.id)), await ada.get(path.format("wal_none"))
        assert foreign.status_code == absent.status_code == 404 and "Secret vault" not in foreign.text
    assert await ada.does(f"/wallets/{wallet.id}/settings/", name="Cold") == f"/wallets/{wallet.id}/?done=saved"
    assert await ada.does(f"/wallets/{wallet.id}/monitor/", enabled="false", **{"from": "wallet"}) == f"/wallets/{wallet.id}/?done=watching"


async def test_what_was_held_over_time_is_walked_back_exactly(sits: Sits, treasury: Treasury) -> None:
    wallet, other = await treasury.wallet("Operations"), await treasury.wallet("Payroll")
    now = treasury.now
    await treasury.opening(wallet, "ETH", "10", "30000", now - timedelta(minutes=100))
    await treasury.opening(wallet, "ETH", "0.000000000000000001", "0", now - timedelta(minutes=50))
    await treasury.opening(other, "ETH", "7", "21000", now - timedelta(minutes=60))
    await treasury.opening(wallet, "USDC", "5", "5", now - timedelta(minutes=60))
    told = await holding_history(treasury.org_id, wallet.id, "ETH", now - timedelta(hours=24), now, points=101)
    assert [point.at for point in told.points[:2]] == [now - timedelta(minutes=100), now - timedelta(minutes=99)]
    assert [told.points[minute].quantity for minute in (0, 49, 50, 100)] == [Decimal(10), Decimal(10), *[Decimal("10.000000000000000001")] * 2]
    assert (await holding_history(treasury.org_id, wallet.id, "DAI", now - timedelta(hours=1), now)).points == []
    desk = await sits("ada.okafor")
    answer = (await desk.get(f"/fragments/wallets/{wallet.id}/holding/", asset="ETH", range="7d")).json()
    assert (len(answer["points"]), answer["points"][-1]["value"], answer["points"][-1]["text"]) == (120, "10.000000000000000001", "10 ETH")


async def test_filters_hold_for_one_movement_and_wrong_ones_are_told(sits: Sits, treasury: Treasury) -> None:
    wallet, now = await treasury.wallet("Operations"), treasury.now
    swap = [
        treasury.movement(wallet, Direction.OUT, "500", "USDC", other="dex", key="log:1"),
        treasury.movement(wallet, Direction.IN, "0.2", "ETH", other="dex", key="log:2"),
    ]
    await treasury.record(treasury.transaction(swap, now - timedelta(days=3), counterparty="The swap"))
    gas = treasury.movement(wallet, Direction.OUT, "0.01", "ETH", other="x", kind=MovementKind.GAS)
    await treasury.record(treasury.transaction([gas], now, counterparty="The gas"))
    desk = await sits("ada.okafor")

    async def shown(**query: str) -> tuple[bool, bool]:
        text = await desk.text("/fragments/transactions/", **query)
        return ">The swap<" in text, ">The gas<" in text

    assert await shown() == (True, True)
    assert await shown(asset="USDC", direction="out") == (True, False)
    assert await shown(asset="USDC", direction="in") == (False, False)  # it was the ether that came in
    assert await shown(kind="gas") == (False, True)
    assert await shown(amount_min="0.2", amount_max="0.2") == (True, False)
    assert await shown(asset="ETH", amount_min="1") == (False, False)
    assert await shown(network="elsewhere") == (False, False)
    day = f"{now - timedelta(days=3):%Y-%m-%d}"
    assert await shown(date_from=day, date_to=day) == (True, False)
    assert await shown(date_from=f"{now:%Y-%m-%d}") == (False, True)
    for wrong in ({"date_from": "yesterday"}, {"amount_min": "-1"}, {"amount_max": "1e9"}, {"amount_min": "9", "amount_max": "1"}):
        page = await desk.text("/transactions/", **wrong)
        assert "could not be read and does not narrow" in page and page.count('aria-invalid="true"') == 1
    assert await shown(date_from="yesterday", amount_max="1e9", direction="sideways") == (True, True)


async def test_views_are_saved_found_again_and_each_persons_own(sits: Sits, treasury: Treasury) -> None:
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    ada, aud = await sits("ada.okafor"), await sits("aud.itor")
    query = "asset=USDC&category=payroll"
    assert "Save this view" not in await ada.text("/transactions/")
    assert "Save this view" in await ada.text(f"/transactions/?{query}")
    assert await ada.does(f"/transactions/views/?{query}", name="Payroll & co") == f"/transactions/?{query}&done=saved"
    chip = re.search(r'<li class="view-chip"><a href="(/transactions/\?[^"]+)"[^>]*>Payroll & co<', await ada.text("/transactions/"))
    assert chip is not None and chip[1] == f"/transactions/?{query}"
    assert 'class="view-chip is-current"' in await ada.text(chip[1])
    assert "You have a view with this name already" in await ada.refused(409, "/transactions/views/?q=x", name="PAYROLL & CO")
    assert "The name is needed." in await ada.refused(422, "/transactions/views/?q=x", name=" ")
    assert "narrow the list down first" in await ada.refused(422, "/transactions/views/", name="All")
    assert "Payroll & co" not in await aud.text("/transactions/")
    view = await SavedView.find_one({"org_id": treasury.org_id})
    assert view is not None
    assert (await aud.post(f"/transactions/views/{view.id}/delete/")).status_code == 404
    assert await ada.does(f"/transactions/views/{view.id}/delete/?q=x") == "/transactions/?q=x&done=deleted"
    assert "Payroll & co" not in await ada.text("/transactions/")


@pytest.mark.browser
async def test_a_wallet_changes_by_itself_and_news_outside_the_filters_are_told(window: Window, treasury: Treasury, relay: None) -> None:
    wallet = await treasury.wallet("Operations")
    await treasury.opening(wallet, "ETH", "10", "30000", treasury.now - timedelta(minutes=5))
    await treasury.opening(wallet, "USDC", "250", "250", treasury.now - timedelta(minutes=5))
    await window.log_in(path=f"/wallets/{wallet.id}/?asset=USDC")
    await window.is_live()
    page = window.page
    await expect(page.locator("#value-table tr")).to_have_count(120)
    await page.click("button[data-series=USDC]")
    await expect(page.locator("#value-table tr").first).to_contain_text("250 USDC")
    later = treasury.now + timedelta(seconds=30)
    moved = treasury.movement(wallet, Direction.IN, "40", "USDC", other="client")
    await treasury.record(treasury.transaction([moved], later, counterparty="New client"), tell=True)
    await expect(page.locator("#transaction-rows")).to_contain_text("New client")
    moved = treasury.movement(wallet, Direction.IN, "1", "ETH", other="other")
    await treasury.record(treasury.transaction([moved], later, counterparty="Outside"), tell=True)
    await expect(page.locator(".news-pill")).to_contain_text("1 new outside these filters")
    await treasury.opening(wallet, "ETH", "2", "6000", treasury.now)
    await expect(page.locator("#wallet-facts")).to_contain_text("12")
    assert await window.sideways_scroll() == 0 and await window.grave_findings() == []
    await window.go("/transactions/?asset=USDC&amount_min=abc")
    await window.is_live()
    await page.click(".view-save summary")
    assert await window.grave_findings() == []
    await page.fill("#view-name", "All of USDC")
    await page.click(".view-form button")
    await expect(page.locator(".view-chip")).to_contain_text("All of USDC")
