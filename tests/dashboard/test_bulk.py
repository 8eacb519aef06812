"""The same of many rows at once: each checked and recorded by itself, told by itself, and undone where it can be."""

import re
from datetime import UTC, datetime, time, timedelta

from playwright.async_api import expect

from crypto_api.audit.documents import AuditRecord
from crypto_api.classification.types import Category
from crypto_api.clients.documents import Client
from crypto_api.dashboard import views_bulk
from crypto_api.deliveries import store as deliveries
from crypto_api.deliveries.types import DeliveryPurpose
from crypto_api.identity.documents import User
from crypto_api.inbox import service as inbox
from crypto_api.inbox import store as inbox_store
from crypto_api.inbox.types import Finding, ItemKind, ItemState
from crypto_api.invoices.documents import Invoice
from crypto_api.kit.clock import day_of
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import PaymentState
from crypto_api.runtime import Runtime
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction
from crypto_api.wallets.documents import Wallet
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, said, sits
from tests.dashboard.test_invoice_pages import drafted, issued
from tests.dashboard.test_payment_browser import confirm, payee
from tests.dashboard.test_payment_pages import bob, wallet
from tests.factories.treasury import Treasury, address_of, new_treasury

__all__ = ["bob", "sits", "wallet"]


async def moved(treasury: Treasury, wallet: Wallet, other: str, category: Category = Category.UNCLASSIFIED) -> Transaction:
    movement = treasury.movement(wallet, Direction.IN, "5", "USDC", other=other, value="5")
    return await treasury.record(treasury.transaction([movement], treasury.now, category=category, counterparty=other, subcategory="as it was"))


def undo_of(page: str) -> str:
    found = re.search(r'name="undo" value="([^"]+)"', page)
    assert found, "nothing is offered to be undone"
    return found[1]


async def categories(treasury: Treasury, rows: list[Transaction]) -> list[tuple[str, str, str]]:
    now = {row.id: row for row in await store.by_ids(treasury.org_id, [row.id for row in rows])}
    return [(now[row.id].category, now[row.id].subcategory, now[row.id].counterparty) for row in rows]


async def test_what_transactions_are_is_said_of_many_and_undone(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    own = await treasury.wallet("Operations")
    rows = [await moved(treasury, own, name) for name in ("Acme", "Nova")] + [await moved(treasury, own, "Pay", Category.EXPENSE)]
    elsewhere = await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=runtime.clock.now())
    foreign = await moved(elsewhere, await elsewhere.wallet("Theirs"), "Foreign")
    before = await categories(treasury, rows)
    desk = await sits("ada.okafor")
    chosen = [f"{row.version}:{row.id}" for row in rows] + [f"{rows[0].version}:{rows[0].id}", f"{foreign.version}:{foreign.id}", "x", "999:"]
    page = await (await desk.post("/bulk/transactions/", category="income", chosen=[*chosen, f"7:{rows[1].id}x"])).aread()
    text = page.decode()
    assert "3 done." in text and "2 not done:" in text and text.count("It is not there any more.") == 2, (
        "each once; a foreign one as one that is not there"
    )
    assert [one[0] for one in await categories(treasury, rows)] == ["income"] * 3
    assert (await store.get(elsewhere.org_id, foreign.id)).category == "unclassified"  # type: ignore[union-attr]
    stale = (await desk.post("/bulk/transactions/", category="expense", chosen=chosen[:2])).text
    assert "2 not done:" in stale and "done." not in stale.replace("not done", ""), "they changed since they were shown"
    token = undo_of(text)
    await treasury.member("Ira", "Bell", Role.ACCOUNTANT)
    assert (await (await sits("ira.bell")).post("/bulk/transactions/undo/", undo=token)).status_code == 409, "only by whoever did it"
    assert (await desk.post("/bulk/transactions/undo/", undo=token[:-2] + "xx")).status_code == 409
    assert "3 done." in (await desk.post("/bulk/transactions/undo/", undo=token)).text
    assert await categories(treasury, rows) == before
    assert "3 not done:" in (await desk.post("/bulk/transactions/undo/", undo=token)).text, "once"
    recorded = await AuditRecord.find({"org_id": treasury.org_id, "action": "transaction.classified"}).to_list()
    assert sorted(row.subject_id or "" for row in recorded) == sorted([row.id for row in rows] * 2)
    assert (await desk.post("/bulk/transactions/", category="nonsense", chosen=chosen)).status_code == 422
    assert (await desk.post("/bulk/transactions/", category="income")).status_code == 422


async def test_many_payments_are_approved_each_as_one(sits: Sits, treasury: Treasury, wallet: Wallet, bob: User) -> None:
    ada, second = await sits("ada.okafor"), await sits("bob.second")
    engines = await payee(treasury, "Engines", address_of("Engines"))

    async def prepared(desk: object, amount: str) -> Payment:
        form = {"wallet_id": wallet.id, "payee_id": engines.id, "amount": amount, "asset": "ETH", "step": "submit", "once": new_id("once")}
        where = await desk.does("/payments/new/", **form)  # type: ignore[attr-defined]
        found = await Payment.get(where.split("/")[2])
        assert found is not None
        return found

    first, other, own = await prepared(ada, "1"), await prepared(ada, "2"), await prepared(second, "3")
    assert {row.state for row in (first, other, own)} == {PaymentState.PENDING_APPROVAL}
    chosen = [f"{first.payload_hash}:{first.id}", f"0x{'1' * 64}:{other.id}", f"{own.payload_hash}:{own.id}"]
    assert (await second.does("/bulk/payments/approve/", chosen=chosen)).startswith("/confirm/?purpose=keys"), "nothing without a fresh proof"
    assert (await Payment.get(first.id)).approvals == []  # type: ignore[union-attr]
    await confirm(treasury, bob.id)
    told = await (await second.post("/bulk/payments/approve/", chosen=chosen)).aread()
    assert b"1 done." in told and b"2 not done:" in told and b"another hash" in told and b"Nobody approves what they prepared" in told
    assert [len((await Payment.get(row.id)).approvals) for row in (first, other, own)] == [1, 0, 0]  # type: ignore[union-attr]
    recorded = await AuditRecord.find({"org_id": treasury.org_id, "action": "payment.approved"}).to_list()
    assert [row.subject_id for row in recorded] == [first.id]
    assert f'value="{other.payload_hash}:{other.id}"' in (await second.get("/approvals/")).text


async def test_items_are_waived_for_one_reason(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    items = []
    for number in range(2):
        found = Finding(ItemKind.MISSING_PRICE, f"price:{number}", ("transaction", f"tx{number}"), f"Price {number}", "x", "1", {})
        items.append(await runtime.uow.run(lambda session, found=found: inbox.note(session, treasury.org_id, found, treasury.now)))  # type: ignore[misc]
    desk = await sits("ada.okafor")
    chosen = [f"seen:{item.id}" for item in items]
    assert (await desk.post("/bulk/inbox/waive/", chosen=chosen)).status_code == 422
    assert "2 done." in (await desk.post("/bulk/inbox/waive/", waive_reason="Agreed with the auditor", chosen=chosen)).text
    assert "2 not done:" in (await desk.post("/bulk/inbox/waive/", waive_reason="Again", chosen=chosen)).text
    kept = [await inbox_store.get(treasury.org_id, item.id) for item in items]
    assert [(item.state, item.closed_reason) for item in kept if item] == [(ItemState.WAIVED, "Agreed with the auditor")] * 2


async def test_clients_are_reminded_and_drafts_deleted_each_by_itself(sits: Sits, treasury: Treasury, runtime: Runtime) -> None:
    late, owed = await issued(runtime, treasury, "Late"), await issued(runtime, treasury, "In time")
    first, second = await drafted(runtime, treasury, "Draft <1>"), await drafted(runtime, treasury, "Draft 2")
    mute = await issued(runtime, treasury, "Mute")
    await Client.get_pymongo_collection().update_one({"_id": mute.client_id, "org_id": treasury.org_id}, {"$set": {"email": ""}})
    day = day_of(runtime.clock.now(), treasury.organization.time_zone) - timedelta(days=9)
    before = {"due_date": datetime.combine(day, time(), UTC)}
    for row in (late, mute):
        more = before | ({"buyer.email": ""} if row is mute else {})
        await Invoice.get_pymongo_collection().update_one({"_id": row.id, "org_id": treasury.org_id}, {"$set": more})
    elsewhere = await new_treasury(runtime.uow, name="Elsewhere", first="Eve", last="Stranger", now=runtime.clock.now())
    foreign = await drafted(runtime, elsewhere, "Theirs")
    desk = await sits("ada.okafor")
    chosen = [f"{row.version}:{row.id}" for row in (late, owed, first, mute, foreign)]
    told = said(await desk.post("/bulk/invoices/remind/", chosen=chosen))
    assert "1 done." in told and "4 not done:" in told and told.count("Nothing of it is overdue") == 2
    assert "has no e-mail address" in told and "It is not there any more." in told and "Draft · Draft <1>" in told
    (letter,) = await deliveries.of_invoice(treasury.org_id, late.id)
    assert (letter.purpose, letter.created_by) == (DeliveryPurpose.REMINDER, treasury.admin.id) and letter.days in (9, 10), "midnight may pass"
    assert await deliveries.of_invoice(treasury.org_id, owed.id) == await deliveries.of_invoice(treasury.org_id, mute.id) == []
    assert "reminded of it today already" in said(await desk.post("/bulk/invoices/remind/", chosen=chosen[:1])), "once a day, however often"
    recorded = await AuditRecord.find({"org_id": treasury.org_id, "action": "invoice_delivery.queued"}).to_list()
    assert [row.subject_id for row in recorded] == [late.id]

    stale = f"{second.version + 1}:{second.id}"
    told = said(await desk.post("/bulk/invoices/delete/", chosen=[chosen[0], chosen[2], stale, chosen[4]]))
    assert "1 done." in told and "3 not done:" in told and "It was issued" in told
    kept = [await Invoice.get(row.id) for row in (late, first, second, foreign)]
    assert [row is not None for row in kept] == [True, False, True, True]
    recorded = await AuditRecord.find({"org_id": treasury.org_id, "action": "invoice.deleted"}).to_list()
    assert [row.subject_id for row in recorded] == [first.id]
    await treasury.member("Gus", "Audit", Role.AUDITOR)
    auditor = await sits("gus.audit")
    assert 'class="bulk-bar"' in await desk.text("/invoices/") and 'class="bulk-bar"' not in await auditor.text("/invoices/")


async def test_drafts_are_deleted_in_the_list_after_they_were_asked_for_twice(window: Window, treasury: Treasury, runtime: Runtime) -> None:
    await issued(runtime, treasury, "Engines of the far north, with a name that goes on and on")
    await drafted(runtime, treasury, "Late words")
    await window.log_in(path="/invoices/")
    await window.is_live()
    page = window.page
    await page.locator("#invoice-rows tr", has_text="Late words").locator(".bulk-box").check()
    await expect(page.locator("[data-bulk-count]")).to_have_text("1 chosen")
    await page.locator(".bulk-bar summary").click()
    await expect(page.get_by_role("button", name="Yes, delete the chosen drafts")).to_be_visible()
    assert await window.unfit("bulk-invoices") == []
    await page.get_by_role("button", name="Yes, delete the chosen drafts").click()
    await expect(page.locator("[data-toast]")).to_contain_text("1 done.")
    await expect(page.locator("#invoice-rows tr", has_text="Late words")).to_have_count(0)
    await expect(page.locator("#invoice-rows tr")).to_have_count(1)


async def test_rows_stay_chosen_while_the_list_changes_and_what_came_of_it_is_told(window: Window, treasury: Treasury, relay: None) -> None:
    own = await treasury.wallet("Operations")
    for name in ("Acme", "Nova"):
        await moved(treasury, own, name)
    await window.log_in(path="/transactions/")
    await window.is_live()
    page = window.page
    boxes = page.locator("#transaction-rows .bulk-box")
    await boxes.first.focus()
    await page.keyboard.press("Space")
    await expect(page.locator("[data-bulk-count]")).to_have_text("1 chosen")
    chosen = await boxes.first.get_attribute("value")
    movement = treasury.movement(own, Direction.IN, "9", "USDC", other="Late", value="9")
    await treasury.record(treasury.transaction([movement], treasury.now, category=Category.UNCLASSIFIED), tell=True)
    await expect(boxes).to_have_count(3)
    assert [await box.get_attribute("value") for box in await boxes.all() if await box.is_checked()] == [chosen]
    assert await window.unfit("bulk-chosen") == []
    await page.get_by_role("checkbox", name="1 chosen").check()
    await page.locator("#bulk-category").select_option("expense")
    await page.get_by_role("button", name="Say so").click()
    await expect(page.locator("[data-toast]")).to_contain_text("3 done.")
    await expect(page.locator("#transaction-rows tr", has_text="Acme")).to_have_count(1)
    assert await window.unfit("bulk-told") == []
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    rows = await Transaction.find({"org_id": treasury.org_id}).to_list()
    assert {row.category for row in rows} == {"unclassified"}
    assert views_bulk.UNDO_S == 600, "as the bar says: ten minutes"
