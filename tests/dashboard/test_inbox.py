"""The inbox as people use it: what they see, what a form does and refuses, and that the page changes by itself."""

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.inbox import service as inbox
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import Finding, ItemKind, ItemState
from crypto_api.ledger.types import Line
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Booking, Direction, Finality
from crypto_api.wallets.documents import Wallet
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.factories.treasury import Treasury, new_treasury

__all__ = ["sits"]


async def fill(runtime: Runtime, treasury: Treasury) -> dict[ItemKind, InboxItem]:
    """One item of each kind that people meet, by what is true or as the follower's checkpoint notes it."""
    wallet = await treasury.wallet("Operations")
    for number, movements in enumerate(([Direction.IN], [Direction.OUT, Direction.IN]), 1):
        moved = [treasury.movement(wallet, way, "1.25", "ETH", value="3900", other="x", key=f"log:{i}") for i, way in enumerate(movements)]
        row = treasury.transaction(moved, treasury.now - timedelta(hours=number), booking=Booking.DONE, finality=Finality.CONFIRMED)
        text = (
            "Received 1.25 ETH from an address that is not known." if number == 1 else "Something went out and something came in: it may be a swap."
        )
        await treasury.record(row.model_copy(update={"explanation": text}))
    moved = [treasury.movement(wallet, Direction.IN, "1500", "DAI", other="y")]
    row = treasury.transaction(moved, treasury.now, booking=Booking.DONE, category="income", finality=Finality.CONFIRMED)
    lines = [
        Line(account_code="1100", asset="DAI", quantity=Decimal(1500), wallet_id=wallet.id),
        Line(account_code="4100", asset="DAI", quantity=Decimal(-1500)),
    ]
    await treasury.post("Income", lines, treasury.now, transaction=await treasury.record(row), unpriced=True)
    await sweep_inbox(runtime.uow, runtime.clock, treasury.org_id, runtime.networks)
    await runtime.uow.run(lambda session: inbox.note(session, treasury.org_id, _difference(wallet), runtime.clock.now()))
    return {item.kind: item for item in await InboxItem.find({"org_id": treasury.org_id}).to_list()}


def _difference(wallet: Wallet) -> Finding:
    facts = {"wallet_id": wallet.id, "network": wallet.network, "asset": "ETH", "block_number": "21000000", "chain": "12.75", "books": "12.5"}
    return Finding(
        kind=ItemKind.RECONCILIATION_DIFFERENCE,
        key=f"difference:{wallet.id}:ETH",
        subject=("wallet", wallet.id),
        title=f"{wallet.name}: 0.25 ETH more on the chain than in the books",
        cause="At block 21000000 the chain has 12.75, the books 12.5. They agreed at block 20999998. What moves by an internal call shows like this.",
        fingerprint="0.25",
        facts=facts | {"difference": "0.25", "agreed_at_block": "20999998"},
    )


async def test_forms_do_what_they_say_and_refuse_in_words(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    items = await fill(runtime, treasury)
    ada = await sits("ada.okafor")
    page = await ada.text("/inbox/")
    assert all(item.title in page for item in items.values())
    assert items[ItemKind.MISSING_PRICE].title not in await ada.text("/inbox/", kind="ambiguous")
    unknown = items[ItemKind.UNCLASSIFIED]
    url = f"/inbox/{unknown.id}/"
    await ada.refused(422, url + "remedy/", remedy="")
    assert "is needed: what it was" in (await ada.refused(422, url + "remedy/", remedy="classify")).casefold()
    assert "That does not help here" in await ada.refused(409, url + "remedy/", remedy="book_difference", reason="x")
    assert await ada.does(url + "remedy/", remedy="classify", category="income") == f"{url}?done=tried"
    assert "It closed by itself" in await ada.text(url)
    assert "The item is closed" in await ada.refused(409, url + "waive/", waive_reason="Late")
    price = items[ItemKind.MISSING_PRICE]
    assert "must be a number" in (await ada.refused(422, f"/inbox/{price.id}/remedy/", remedy="enter_price", rate="a lot")).casefold()
    waived = items[ItemKind.AMBIGUOUS]
    await ada.refused(422, f"/inbox/{waived.id}/waive/", waive_reason=" ")
    await ada.does(f"/inbox/{waived.id}/waive/", waive_reason="Agreed with the auditor")
    assert "Agreed with the auditor" in await ada.text(f"/inbox/{waived.id}/")
    # the price is missing still; the difference, of which no checkpoint tells, closed with the sweep
    assert ">1<" in await ada.text("/fragments/inbox-badge/")


async def test_who_may_only_read_is_offered_nothing_and_strangers_see_nothing(runtime: Runtime, treasury: Treasury, sits: Sits) -> None:
    items = await fill(runtime, treasury)
    await treasury.member("Grace", "Hopper", Role.AUDITOR)
    grace = await sits("grace.hopper")
    item = items[ItemKind.RECONCILIATION_DIFFERENCE]
    page = await grace.text(f"/inbox/{item.id}/")
    assert "What may help" not in page and item.title in page
    await grace.refused(403, f"/inbox/{item.id}/waive/", waive_reason="Mine")
    other = await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=runtime.clock.now())
    eve = await sits("eve.stranger")
    assert other.org_id != treasury.org_id
    for path in (f"/inbox/{item.id}/", f"/fragments/inbox/{item.id}/"):
        assert (await eve.get(path)).status_code == 404
    assert (await eve.post(f"/inbox/{item.id}/remedy/", remedy="recheck")).status_code == 404


@pytest.mark.browser
async def test_the_pages_fit_and_change_by_themselves(runtime: Runtime, treasury: Treasury, window: Window, relay: None) -> None:
    items = await fill(runtime, treasury)
    await window.log_in(path="/inbox/")
    await window.is_live()
    await expect(window.page.locator("#inbox-rows tr")).to_have_count(4)
    await expect(window.page.locator(".rail-count").first).to_have_text("4 open")
    assert await window.unfit("inbox-list") == []
    item = items[ItemKind.RECONCILIATION_DIFFERENCE]
    wallet, clock = await Wallet.get(item.subject_id), runtime.clock
    assert wallet is not None
    await runtime.uow.run(lambda session: inbox.settle(session, treasury.org_id, item.key, clock.now(), "The books hold what the chain does."))
    await expect(window.page.locator("#inbox-rows tr")).to_have_count(3)
    await expect(window.page.locator(".rail-count").first).to_have_text("3 open")
    for kind in (ItemKind.MISSING_PRICE, ItemKind.UNCLASSIFIED):
        await window.go(f"/inbox/{items[kind].id}/")
        await window.is_live()
        assert await window.unfit(f"inbox-{kind.value}") == []
    await runtime.uow.run(
        lambda session: inbox.tried(session, treasury.org_id, items[ItemKind.UNCLASSIFIED].id, clock.now(), "recheck", "Looked at again.", None)
    )
    await expect(window.page.locator(".attempts li")).to_have_count(1)
    again = await runtime.uow.run(lambda session: inbox.note(session, treasury.org_id, _difference(wallet), clock.now()))
    await window.go(f"/inbox/{again.id}/")
    await window.is_live()
    assert await window.unfit("inbox-difference", accessible=False) == []
    assert again.state is ItemState.OPEN
