"""Organisations that are paid on one node: invoices, requests for them, payers, and the matching by hand or by itself."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from crypto_api.flows.issue_invoice import Counter, cancel_invoice, issue_invoice
from crypto_api.flows.match_by_hand import Wanted, apply_by_hand, credit_by_hand, undo_by_hand
from crypto_api.flows.match_receipts import Matcher, match_due
from crypto_api.flows.price_at import Prices
from crypto_api.flows.request_payment import Receiving, asking, checked, choose_asset, lock_rate
from crypto_api.flows.settle_invoice import Received, receive_payment
from crypto_api.flows.write_invoice import Wish, Writing, write_credit_note, write_invoice
from crypto_api.invoices import store as invoices
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import CryptoTerms, Item
from crypto_api.kit import extended_keys
from crypto_api.ledger import store as ledger_store
from crypto_api.prices.documents import ManualPrice
from crypto_api.receivables import store
from crypto_api.receivables.documents import PaymentRequest, Receipt, ReceivingSettings
from crypto_api.wallets.documents import Wallet
from crypto_project.demo.chain import SentTransaction
from mongodb_config.base_document import encoded
from tests.factories.chain_house import ETHER, Books, House, stranger
from tests.factories.clock import MovableClock

XPUB = "xpub6Ce9NcJvTk36xtLSrJLZqE7wtgA5deCeYs7rSQtreh4cj6ByPtrg9sD7V2FNFLPnf8heNP3FGkeV9qwfzvZNSd54JoNXVsXFYSYwHsnJxqP"
"""m/44'/60'/0' of the mnemonic that everybody tests with: twelve words, `test … junk`."""

_GAS = 100_000


@dataclass
class Payee:
    """One organisation with one client, and one invoice that is paid in some way."""

    house: House
    books: Books
    clock: MovableClock = field(default_factory=MovableClock)
    shared: Wallet | None = None
    invoice_id: str = ""
    payers: list[LocalAccount] = field(default_factory=list)
    sent: list[SentTransaction] = field(default_factory=list)

    @property
    def org_id(self) -> str:
        return self.books.org_id

    @property
    def prices(self) -> Prices:
        return Prices(self.house.runtime.networks, self.house.runtime.prices)

    @property
    def counter(self) -> Counter:
        return Counter(self.house.runtime.uow, self.clock, self.org_id, "usr_1", self.prices)

    @property
    def desk(self) -> Receiving:
        runtime = self.house.runtime
        return Receiving(runtime.uow, self.clock, runtime.networks, self.prices, runtime.box, "https://coffer.example")

    @property
    def matcher(self) -> Matcher:
        return Matcher(self.house.runtime.uow, self.clock, self.prices)

    # ---- the organisation --------------------------------------------------------------------------------------------------------

    async def keep_key(self, gap_limit: int = 20) -> None:
        now = self.clock.now()
        await ReceivingSettings(
            id=self.org_id, org_id=self.org_id, created_at=now, updated_at=now, extended_key=a_key(), gap_limit=gap_limit
        ).insert()

    async def price(self, asset: str, rate: str, quote: str = "USD") -> None:
        now = self.clock.now()
        fields = {"asset": asset, "quote": quote, "at": now - timedelta(hours=1), "rate": Decimal(rate), "set_by": "usr_1", "reason": "for the test"}
        await ManualPrice(id=f"prc_{self.org_id}_{asset}_{quote}", created_at=now, org_id=self.org_id, **fields).insert()

    async def send(
        self,
        total: str,
        *,
        asset: str = "ETH",
        currency: str = "USD",
        due_date: date | None = None,
        client: str = "Engines",
        request: bool = True,
        also: tuple[str, ...] = (),
    ) -> Invoice:
        """Written, sent, and asked for: at an address of its own, or at the shared wallet."""
        crypto = CryptoTerms(asset=asset, network="local", wallet_id=self.shared.id if self.shared else None, also=also)
        writing = Writing(self.house.runtime.uow, self.clock, self.org_id, "usr_1", {"ETH": 18})
        item = Item(description="Work", quantity=Decimal(1), unit_price=Decimal(total))
        row = await write_invoice(writing, Wish(items=(item,), client_name=client, currency=currency, due_date=due_date, crypto=crypto))
        also = asking(self.desk, self.org_id, "usr_1", await checked(self.desk, self.org_id, crypto)) if request else None
        issued = await issue_invoice(self.counter, row.id, None, None, also)
        self.invoice_id = self.invoice_id or issued.id
        return issued

    async def lock(self, invoice_id: str | None = None) -> PaymentRequest:
        return await lock_rate(self.desk, await self.request(invoice_id))

    async def choose(self, asset: str) -> PaymentRequest:
        return await choose_asset(self.desk, await self.request(), asset)

    async def request(self, invoice_id: str | None = None) -> PaymentRequest:
        row = await store.request_of(self.org_id, invoice_id or self.invoice_id)
        assert row is not None
        return row

    async def expire(self, *, start_too: bool = True) -> None:
        """As if a day had gone by since the last lock."""
        request = await self.request()
        assert request.lock is not None
        day = timedelta(days=1)
        moved = request.lock.model_copy(
            update={"expires_at": request.lock.expires_at - day, "locked_at": request.lock.locked_at - (day if start_too else timedelta(0))}
        )
        await store.PaymentRequest.get_pymongo_collection().update_one(
            {"_id": request.id}, {"$set": {"locks": [encoded(moved if lock.number == moved.number else lock) for lock in request.locks]}}
        )

    # ---- payers ------------------------------------------------------------------------------------------------------------------

    async def pay(self, raw: int, asset: str, *, who: int = 0, to: str | None = None) -> SentTransaction:
        """Sent, not mined."""
        address = to or (await self.request()).address
        payer = self.payers[who]
        if asset == "ETH":
            sent = await self.house.actor.send(payer, address, value=raw)
        else:
            sent = await self.house.call(payer, asset, "transfer", address, raw, gas=_GAS)
        self.sent.append(sent)
        return sent

    async def hire(self, payers: int = 1, **tokens: int) -> None:
        """Payers with ether and, by name, base units of tokens. Mined with the next block."""
        for _ in range(payers):
            account: LocalAccount = Account.create()
            await self.house.actor.set_balance(account.address, 1_000 * ETHER)
            for name, raw in tokens.items():
                await self.house.call(stranger, name, "mint", account.address, raw, gas=_GAS)
            self.payers.append(account)

    # ---- what comes of it --------------------------------------------------------------------------------------------------------

    async def match(self) -> int:
        return await match_due(self.matcher)

    async def bank(self, amount: str) -> None:
        await receive_payment(self.counter, self.invoice_id, Received(amount=Decimal(amount)))

    async def cancel(self) -> None:
        await cancel_invoice(self.counter, self.invoice_id, None)

    async def credit(self) -> None:
        writing = Writing(self.house.runtime.uow, self.clock, self.org_id, "usr_1")
        note = await write_credit_note(writing, self.invoice_id, None, "")
        await issue_invoice(self.counter, note.id, None)

    async def apply(self, invoice_id: str | None = None, amount: str | None = None) -> list[Receipt]:
        """What is open, in its order, to the invoice."""
        open_ = [row.id for row in await store.open_receipts(self.org_id, 10)]
        wanted = Wanted(invoice_id or self.invoice_id, Decimal(amount) if amount else None)
        return await apply_by_hand(self.matcher, self.org_id, "usr_1", open_, [wanted])

    async def keep(self) -> None:
        """What is open, for the client."""
        for row in await store.open_receipts(self.org_id, 10):
            invoice = await self.invoice()
            await credit_by_hand(self.matcher, self.org_id, "usr_1", row.id, invoice.client_id, invoice.client_name)

    async def undo(self) -> None:
        for row in await self.receipts():
            await undo_by_hand(self.matcher, self.org_id, "usr_1", row.id)

    async def invoice(self, invoice_id: str | None = None) -> Invoice:
        row = await invoices.get(self.org_id, invoice_id or self.invoice_id)
        assert row is not None
        return row

    async def receipts(self) -> list[Receipt]:
        return await Receipt.find({"org_id": self.org_id}).sort("+at", "+_id").to_list()

    async def balances(self) -> dict[str, Decimal]:
        """Debit less credit by account, straight from the entries; zeros left out."""
        found: dict[str, Decimal] = {}
        for entry in await ledger_store.JournalEntry.find({"org_id": self.org_id, "status": {"$ne": "draft"}}).to_list():
            for line in entry.lines:
                found[line.account_code] = found.get(line.account_code, Decimal(0)) + line.debit - line.credit
        return {code: value for code, value in found.items() if value}

    async def events(self, *prefixes: str) -> list[str]:
        rows: list[dict[str, Any]] = await (
            self.house.runtime.database["events"]
            .find({"org_id": self.org_id, "kind": {"$regex": f"^({'|'.join(prefixes)})"}})
            .sort("_id", 1)
            .to_list()
        )
        return [row["kind"] for row in rows]


_keys = count()


def a_key() -> str:
    """Of a chain that no other organisation has: the node is the same for all."""
    return extended_keys.child(extended_keys.parse(XPUB), 1_000 + next(_keys)).text()


def today() -> date:
    return datetime.now(UTC).date()
