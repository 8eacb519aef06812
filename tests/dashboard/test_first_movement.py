"""The way that the first steps lead: from an organisation with nothing, by what people press and a chain that moves, to a booked movement."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import expect

from crypto_api.bootstrap import open_runtime
from crypto_api.chains.documents import ChainCursor
from crypto_api.ledger.documents import JournalEntry
from crypto_api.runtime import Runtime
from crypto_api.wallets.watch_list import WatchList
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from crypto_project.embedded.ports import free_port
from tests.conftest import LocalChain
from tests.dashboard.conftest import Window
from tests.factories.following import Desk
from tests.factories.treasury import Treasury, address_of

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

OWN, ETHER = address_of("the first wallet"), 10**18
SOON_MS = 60_000


@pytest.fixture
async def runtime(make_config: Any, chain: LocalChain) -> AsyncIterator[Runtime]:
    row: dict[str, object] = {
        "slug": "local",
        "name": "Local",
        "chain_id": chain.chain_id,
        "rpc_urls": [chain.rpc_url],
        "confirmations": 2,
        "explorer_url": "https://explorer.example",
    }
    async with open_runtime(make_config([row], frontend_url=f"http://127.0.0.1:{free_port()}")) as opened:
        yield opened


async def test_from_nothing_to_the_first_booked_movement(
    window: Window, treasury: Treasury, runtime: Runtime, chain: LocalChain, relay: None
) -> None:
    await ChainCursor.find({}).delete()
    actor, page = ChainActor(chain.rpc_url, chain.chain_id), window.page
    await actor.mine_many(5)
    desk = Desk(runtime, actor, runtime.networks["local"], treasury.org_id, WatchList("local"))

    async def is_next(step: str, done: int) -> None:
        await window.go("/")
        await expect(page.locator("#guide-count")).to_have_text(f"{done} of 7 done", timeout=SOON_MS)
        await expect(page.locator(".guide-step.is-next")).to_have_attribute("id", f"step-{step}")
        await page.locator(".guide-step.is-next a").click()

    await window.log_in()
    await is_next("network", 0)
    await expect(page.locator("h1")).to_have_text("Networks")
    await desk.follow()

    await is_next("wallet", 1)
    await page.fill("#name", "Operations")
    await page.fill("#address", OWN)
    await page.click("text=Add the wallet")
    await expect(page.locator(".notice-good")).to_contain_text("The wallet was added")
    await window.go("/")
    await window.is_live()
    await expect(page.locator("#step-wallet.is-done")).to_be_visible()
    await actor.mine()
    await desk.follow()
    await expect(page.locator("#step-history.is-done")).to_be_visible(timeout=SOON_MS)  # by itself, as the chain is read

    sent = await actor.send(dev_account(3), OWN, value=2 * ETHER)
    await actor.mine_many(4)
    await desk.follow()
    await is_next("understood", 4)  # booked already, as nobody knows what
    row = page.locator("#transaction-rows tr[data-key]")
    await expect(row).to_have_count(1, timeout=SOON_MS)
    await row.locator(".bulk-box").check()
    await page.locator("#bulk-category").select_option("income")
    await page.get_by_role("button", name="Say so").click()
    await expect(page.locator("[data-toast]")).to_contain_text("1 done.")
    await desk.book()

    await window.go("/")
    await expect(page.locator("#step-booked.is-done")).to_be_visible()
    await expect(page.locator("#guide-count")).to_have_text("5 of 7 done")
    await expect(page.locator(".guide-step.is-next")).to_have_attribute("id", "step-people")
    entry = await JournalEntry.find_one({"org_id": treasury.org_id, "transaction_hash": sent.hash, "reversed_by": None, "reverses": None})
    assert entry is not None and {abs(line.quantity) for line in entry.lines if line.quantity} == {2}
    await window.go(f"/journal/{entry.id}/")
    explorer = page.locator("#entry .hash a[target=_blank]")
    await expect(explorer).to_have_attribute("href", f"https://explorer.example/tx/{sent.hash}")
    assert await window.unfit("first-booked") == []
