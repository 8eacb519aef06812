"""The payer's page and the desk of receipts: what they say in each state, and how they look."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from crypto_api.desks import receiving_of
from crypto_api.flows.issue_invoice import Counter, cancel_invoice, issue_invoice
from crypto_api.flows.price_at import Prices
from crypto_api.flows.request_payment import asking, checked, link_of, lock_rate
from crypto_api.flows.settle_invoice import Received, receive_payment
from crypto_api.flows.write_invoice import Wish, Writing, write_invoice
from crypto_api.invoices import store as invoices
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import CryptoTerms, Item
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Role
from crypto_api.prices.documents import ManualPrice
from crypto_api.receivables import service, store
from crypto_api.receivables.documents import PaymentRequest, Receipt
from crypto_api.receivables.types import ReceiptFlag, ReceiptState, Use, UseKind
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Booking, Direction, Finality
from crypto_api.wallets.documents import WalletType
from mongodb_config.base_document import encoded
from tests.dashboard.conftest import Window
from tests.dashboard.desk import Sits, sits
from tests.dashboard.test_payment_browser import confirm
from tests.factories.receiving import XPUB
from tests.factories.treasury import CHAIN_ID, NETWORK, Treasury, address_of, hash_of

__all__ = ["sits"]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft GmbH"


@dataclass
class Counted:
    """Where invoices of the treasury are asked for, at a shared wallet."""

    runtime: Runtime
    treasury: Treasury
    wallet_id: str

    async def asked(self, client: str = "Engines <b>", asset: str = "ETH", also: tuple[str, ...] = ()) -> tuple[Invoice, str]:
        """(invoice, path of its payer's page), at a rate that is locked."""
        runtime, org_id, by = self.runtime, self.treasury.org_id, self.treasury.admin.id
        desk, terms = receiving_of(runtime), CryptoTerms(asset=asset, network=NETWORK, wallet_id=self.wallet_id, also=also)
        item = Item(description="Analysis", quantity=Decimal(1), unit_price=Decimal("357.00"))
        wish = Wish(items=(item,), client_name=client, currency="USD", crypto=terms)
        row = await write_invoice(Writing(runtime.uow, runtime.clock, org_id, by), wish)
        issued = await issue_invoice(self.counter, row.id, None, None, asking(desk, org_id, by, await checked(desk, org_id, terms)))
        request = await lock_rate(desk, await self.request(issued))
        return issued, "/pay/" + link_of(desk, request).partition("/pay/")[2]

    async def issued(self) -> Invoice:
        """That nobody asked to be paid in crypto."""
        runtime, item = self.runtime, Item(description="Analysis", quantity=Decimal(1), unit_price=Decimal("357.00"))
        writing = Writing(runtime.uow, runtime.clock, self.treasury.org_id, self.treasury.admin.id)
        row = await write_invoice(writing, Wish(items=(item,), client_name="Engines", currency="USD"))
        return await issue_invoice(self.counter, row.id, None, None)

    @property
    def counter(self) -> Counter:
        runtime = self.runtime
        return Counter(runtime.uow, runtime.clock, self.treasury.org_id, self.treasury.admin.id, Prices(runtime.networks, runtime.prices))

    async def request(self, row: Invoice) -> PaymentRequest:
        found = await store.request_of(row.org_id, row.id)
        assert found is not None
        return found

    async def expire(self, row: Invoice) -> None:
        request = await self.request(row)
        day = timedelta(days=1)
        locks = [lock.model_copy(update={"locked_at": lock.locked_at - day, "expires_at": lock.expires_at - day}) for lock in request.locks]
        await PaymentRequest.get_pymongo_collection().update_one({"_id": request.id}, {"$set": {"locks": [encoded(lock) for lock in locks]}})

    async def came(self, units: str, row: Invoice | None = None, **changes: Any) -> Receipt:
        wallet, now = next(one for one in self.treasury.wallets.values() if one.id == self.wallet_id), self.runtime.clock.now()
        value = str(Decimal(units) * 2000)
        movement = self.treasury.movement(wallet, Direction.IN, units, "ETH", other="payer", value=value)
        settled = {"category": "invoice_payment", "category_source": "fact", "booking": Booking.DONE, "finality": Finality.CONFIRMED}
        transaction = self.treasury.transaction([movement], now).model_copy(update=settled)
        await transaction.insert()
        receipt = Receipt(
            id=f"{transaction.id}~value",
            created_at=now,
            updated_at=now,
            org_id=self.treasury.org_id,
            transaction_id=transaction.id,
            movement_key="value",
            hash=hash_of(transaction.id),
            network=NETWORK,
            wallet_id=wallet.id,
            asset="ETH",
            symbol="ETH",
            decimals=18,
            raw_amount=movement.raw_amount,
            quantity=Decimal(units),
            value=Decimal(value),
            payer=address_of("payer"),
            block_number=transaction.block_number,
            block_hash=transaction.block_hash,
            at=now,
            invoice_id=row.id if row else None,
            client_id=row.client_id if row else None,
            look_at=now,
        ).model_copy(update=changes)
        await receipt.insert()
        return receipt


@pytest.fixture
async def counted(runtime: Runtime, treasury: Treasury) -> Counted:
    now = runtime.clock.now()
    price = {"asset": "ETH", "quote": "USD", "at": now - timedelta(minutes=5), "rate": Decimal(2000), "set_by": "usr_1", "reason": "Agreed"}
    await ManualPrice(id=new_id("prc"), created_at=now, org_id=treasury.org_id, **price).insert()
    wallet = await treasury.wallet("Receiving", slot=None)
    return Counted(runtime, treasury, wallet.id)


async def state_of(visitor: httpx.AsyncClient, path: str) -> tuple[str, str]:
    text = (await visitor.get(f"{path}status/")).text
    return text.split('data-state="', 1)[1].split('"', 1)[0], text


async def test_the_payers_page_says_what_stands_and_takes_nothing_from_strangers(visitor: httpx.AsyncClient, counted: Counted) -> None:
    row, path = await counted.asked()
    state, text = await state_of(visitor, path)
    wallet = counted.treasury.wallets["Receiving"]
    assert state == "due" and "0.1785" in text and wallet.address in text and f"ethereum:{wallet.address}@{CHAIN_ID}?value=178500000000000000" in text
    assert (await visitor.post(f"{path}renew/")).status_code == 403, "a form of another site"
    assert (await visitor.get("/pay/nothing/")).status_code == 404 == (await visitor.get(f"/pay/{'x' * 200}/")).status_code
    whole = (await visitor.get(path)).text
    assert "noindex" in whole and "Engines" not in whole, "the payer's name is not shown to whoever has the link"
    token = whole.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
    hash_ = "0x" + "ab" * 32
    told = await visitor.post(f"{path}sent/", json={"hash": hash_}, headers={"X-CSRFToken": token})
    assert told.json() == {"location": path} and (await counted.request(row)).told == [hash_]
    wrong = await visitor.post(f"{path}sent/", json={"hash": "<b>"}, headers={"X-CSRFToken": token})
    assert wrong.status_code == 422 and (await counted.request(row)).told == [hash_]
    await counted.expire(row)
    assert (await state_of(visitor, path))[0] == "expired"
    assert (await visitor.post(f"{path}renew/", data={"csrfmiddlewaretoken": token})).status_code == 302
    assert (await state_of(visitor, path))[0] == "due" and [lock.number for lock in (await counted.request(row)).locks] == [1, 2]
    await receive_payment(counted.counter, row.id, Received(amount=Decimal(100)))
    state, text = await state_of(visitor, path)
    assert state == "expired" and "100.00 of 357.00 USD are paid" in text, "the lock was for another amount than is due now"
    waiting = await counted.came("0.1", row)
    assert "blocks" in (await state_of(visitor, path))[1] and (await state_of(visitor, path))[0] == "seen"
    await Receipt.get_pymongo_collection().update_one({"_id": waiting.id}, {"$set": {"state": "open", "flags": ["overpaid"]}})
    assert "The seller decides" in (await state_of(visitor, path))[1]
    other, there = await counted.asked()
    await cancel_invoice(counted.counter, other.id, None)
    state, text = await state_of(visitor, there)
    assert state == "cancelled" and wallet.address not in text and (await visitor.get(f"{there}transaction/")).status_code == 422


async def test_addresses_of_invoices_are_in_no_list_of_wallets(sits: Sits, counted: Counted, treasury: Treasury) -> None:
    await treasury.wallet("Invoice INV-2026-00009", receives="inv_9", slot=None)
    ada = await sits("ada.okafor")
    page = await ada.text("/wallets/")
    assert "Receiving" in page and "INV-2026-00009" not in page
    assert "1 address at which one invoice is paid is watched" in page
    assert "INV-2026-00009" not in await ada.text("/transactions/new/")


async def test_what_is_open_is_kept_undone_and_offered_to_those_who_may(sits: Sits, counted: Counted, treasury: Treasury) -> None:
    ada = await sits("ada.okafor")
    assert "Nothing to decide" in await ada.text("/receipts/")
    row, _ = await counted.asked()
    receipt = await counted.came("0.1785", row, state=ReceiptState.OPEN, flags=[ReceiptFlag.WRONG_ASSET])
    page = await ada.text("/receipts/")
    assert str(row.number) in page and "Another asset" in page and "Open in all" in page and "357.00" in page
    there = f"/receipts/{receipt.id}/"
    page = await ada.text(there)
    assert f"Exactly what {row.number} asked for" in page and "Keep it for Engines <b>" in page
    assert "Choose an invoice." in await ada.refused(422, f"{there}apply/", invoice="")
    assert "The amount is not one such as 50.00." in await ada.refused(422, f"{there}apply/", invoice=row.id, amount="x")
    assert await ada.does(f"{there}credit/") == f"{there}?done=credited"
    assert "Kept for the client" in await ada.text(there) and "Nothing to decide" in await ada.text("/receipts/")
    assert "Nothing is left for" in await ada.refused(409, f"{there}apply/", invoice=row.id)
    assert await ada.does(f"{there}undo/") == f"{there}?done=undone"
    assert await ada.does(f"{there}apply/", invoice=row.id) == f"{there}?done=applied"
    paid = await invoices.get(treasury.org_id, row.id)
    assert paid is not None and (paid.status, paid.flags) == ("PAID", [])
    assert "Paid in crypto" in await ada.text(f"/invoices/{row.id}/")
    assert (await ada.get("/receipts/nothing/")).status_code == 404
    await treasury.member("Cora", "Reads", Role.AUDITOR)
    cora = await sits("cora.reads")
    assert "Undo" not in await cora.text(there) and (await cora.post(f"{there}undo/")).status_code == 403


async def test_what_is_open_goes_back_out_of_a_wallet_that_can_pay_and_no_other(sits: Sits, counted: Counted, treasury: Treasury) -> None:
    ada = await sits("ada.okafor")
    row, _ = await counted.asked()
    receipt = await counted.came("0.1785", row, state=ReceiptState.OPEN, flags=[ReceiptFlag.WRONG_ASSET])
    there = f"/receipts/{receipt.id}/"
    assert "Send it back" not in await ada.text(there), "there is no wallet that could pay"
    assert "Choose the wallet" in await ada.refused(422, f"{there}refund/", wallet=counted.wallet_id), "one that is only watched"
    await treasury.wallet("Paying", wallet_type=WalletType.METAMASK)
    page = await ada.text(there)
    assert "Send it back" in page and "0.1785 ETH go back" in page and ">Paying</option>" in page
    kept = await Receipt.find_one({"_id": receipt.id})
    assert kept is not None and kept.uses == []


async def test_clients_pay_at_addresses_of_a_public_key_that_a_person_compares(sits: Sits, counted: Counted, treasury: Treasury) -> None:
    ada = await sits("ada.okafor")
    page = await ada.text("/invoices/receiving/")
    assert "Compare before anybody pays" not in page
    wrong = await ada.refused(422, "/invoices/receiving/", extended_key=XPUB.replace("xpub", "xprv"), lock_minutes="0", gap_limit="x")
    assert wrong.count("must be a whole number from 1 to") == 2
    wrong = await ada.refused(422, "/invoices/receiving/", extended_key="xpub-nothing", lock_minutes="20", gap_limit="20")
    assert "field-error" in wrong and "Compare before" not in wrong
    assert await ada.does("/invoices/receiving/", extended_key="", lock_minutes="45", gap_limit="20") == "/invoices/receiving/?done=saved"
    back = await ada.does("/invoices/receiving/", extended_key=XPUB, lock_minutes="45", gap_limit="20")
    assert back == "/confirm/?purpose=keys&next=%2Finvoices%2Freceiving%2F%3Fconfirmed%3Dyes", "the key is not carried along in a link"
    kept = await store.settings(treasury.org_id)
    assert kept is not None and (kept.extended_key, kept.lock_minutes) == ("", 45), "how long a rate stands moves no money, another key does"
    assert "confirm it first" in await ada.text("/invoices/receiving/")
    await confirm(treasury, treasury.admin.id)
    assert "put the key in once more" in await ada.text("/invoices/receiving/", confirmed="yes")
    assert await ada.does("/invoices/receiving/", extended_key=XPUB, lock_minutes="45", gap_limit="20") == "/invoices/receiving/?done=saved"
    page = await ada.text("/invoices/receiving/")
    for shown in ("m/44'/60'/0'/0/0", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"):
        assert shown in page
    kept = await store.settings(treasury.org_id)
    assert kept is not None and (kept.extended_key, kept.lock_minutes, kept.gap_limit) == (XPUB, 45, 20)
    row = await counted.issued()
    assert "Let it be paid in crypto" in await ada.text(f"/invoices/{row.id}/")
    assert "Crypto currency must be one of" in await ada.refused(422, f"/invoices/{row.id}/crypto/", asset=f"{NETWORK}|DOGE", place="")
    assert await store.request_of(row.org_id, row.id) is None
    ways = {"asset": f"{NETWORK}|ETH", "place": ""}
    elsewhere = await ada.refused(422, f"/invoices/{row.id}/crypto/", **ways, also="mars|USDC")
    assert "These must be on the network of the first." in elsewhere and '<details class="field" open>' in elsewhere
    assert await ada.does(f"/invoices/{row.id}/crypto/", **ways, also=f"{NETWORK}|USDC") == f"/invoices/{row.id}/?done=asked"
    request = await counted.request(row)
    assert [offer.asset for offer in request.offered] == ["ETH", "USDC"]
    assert (request.own, request.address, request.asset) == (True, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "ETH")
    page = await ada.text(f"/invoices/{row.id}/")
    assert "Let it be paid in crypto" not in page and "Copy the link" in page


@pytest.mark.browser
async def test_they_are_legible_at_any_width(window: Window, counted: Counted) -> None:
    row, path = await counted.asked(LONG, also=("USDC", "DAI"))
    expired, there = await counted.asked()
    await counted.expire(expired)
    over, paid = await counted.asked()
    await receive_payment(counted.counter, over.id, Received(amount=Decimal(357)))
    use = Use(
        id="ipy_1",
        kind=UseKind.INVOICE,
        quantity=Decimal("0.1785"),
        value=Decimal(357),
        invoice_id=over.id,
        number=over.number,
        at=counted.runtime.clock.now(),
    )
    await counted.came("0.2", over, state=ReceiptState.OPEN, flags=[ReceiptFlag.OVERPAID], uses=[use])
    cancelled, gone = await counted.asked()
    await cancel_invoice(counted.counter, cancelled.id, None)
    part, partly = await counted.asked()
    await receive_payment(counted.counter, part.id, Received(amount=Decimal(100)))
    await lock_rate(receiving_of(counted.runtime), await counted.request(part))
    await counted.came("0.02", part)
    unknown = await counted.came("0.1785", state=ReceiptState.OPEN)
    await counted.treasury.wallet("Paying", wallet_type=WalletType.METAMASK)
    plain, now = await counted.issued(), counted.runtime.clock.now()
    settings = {"extended_key": XPUB}
    await counted.runtime.uow.run(lambda session: service.change_settings(session, over.org_id, settings, None, now))
    desk = ("/receipts/", f"/receipts/{unknown.id}/", f"/invoices/{over.id}/", f"/invoices/{plain.id}/", "/invoices/receiving/")
    await window.log_in(path="/receipts/")
    for number, place in enumerate((path, there, paid, gone, partly, *desk)):
        await window.go(place)
        assert await window.unfit(f"pay-{number}") == [], place
    assert row.number


WALLET = """
window.asked = [];
let chain = "0x1";
window.ethereum = { request: async ({ method, params }) => {
  window.asked.push([method, params ?? []]);
  if (method === "eth_requestAccounts") return ["0x00000000000000000000000000000000000000AA"];
  if (method === "eth_chainId") return chain;
  if (method === "wallet_switchEthereumChain") { chain = params[0].chainId; return null; }
  if (method === "eth_sendTransaction") { sessionStorage.sent = JSON.stringify(window.asked); return "0x" + "cd".repeat(32); }
} };
"""


@pytest.mark.browser
async def test_a_browsers_wallet_pays_in_one_click_on_the_right_chain_and_the_page_follows(window: Window, counted: Counted) -> None:
    row, path = await counted.asked()
    await window.context.add_init_script(WALLET)
    await window.go(path)
    async with window.page.expect_navigation():
        await window.page.click("[data-wallet-send]")
    asked = await window.page.evaluate("JSON.parse(sessionStorage.sent)")
    address = counted.treasury.wallets["Receiving"].address
    methods = [method for method, _ in asked]
    assert methods == ["eth_requestAccounts", "eth_chainId", "wallet_switchEthereumChain", "eth_chainId", "eth_sendTransaction"]
    assert asked[2][1] == [{"chainId": hex(CHAIN_ID)}]
    call = {"to": address, "value": hex(178_500_000_000_000_000), "data": "0x", "chainId": hex(CHAIN_ID)}
    assert asked[4][1] == [call | {"from": "0x00000000000000000000000000000000000000AA"}]
    assert (await counted.request(row)).told == ["0x" + "cd" * 32]
    await receive_payment(counted.counter, row.id, Received(amount=Decimal(357)))
    await window.page.wait_for_selector("[data-state=paid]")  # the page asks by itself
    assert await window.page.locator("[data-wallet-send]").count() == 0
