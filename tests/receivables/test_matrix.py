"""What becomes of money that comes for an invoice: timings, amounts, assets and reorganisations, on a real node.

Each case is an organisation of its own with one invoice, and its line says everything that must come of it: status, what was paid, flags,
each receipt, and the books to the last unit. All cases of a group go through the same blocks: 80 of them cost as many as the longest one.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from crypto_api.wallets import store as wallets
from crypto_project.embedded.servers import Addresses
from tests.factories.chain_house import House, open_house
from tests.factories.receiving import Payee, today

D = Decimal


@pytest.fixture(scope="module")
async def house(addresses: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("receiving")

    async with open_house(addresses, folder) as opened:
        yield opened


@dataclass(frozen=True)
class Case:
    """`steps`: what is done in each round of blocks, `;` between what belongs to the same one. `receipts`: each `state` or
    `state:flag,flag`. `books`: what stands on accounts 1200, 2150, 1900, 1010, 4400 and 5400 where it is not zero."""

    name: str
    steps: tuple[str, ...]
    status: str
    paid: str
    receipts: tuple[str, ...] = ("done",)
    flags: tuple[str, ...] = ()
    total: str = "100.00"
    asset: str = "ETH"
    currency: str = "USD"
    shared: bool = False
    late: bool = False
    also: tuple[str, ...] = ()  # what the payer may choose instead
    priced: tuple[str, ...] = ()  # of DEEP, FEE and WHOLE, beside the case's own asset
    books: dict[str, str] = field(default_factory=dict)


# Ether costs 2000 USD, USD itself 1: 100.00 USD are 0.05 ether.
OWN = [
    Case("exact", ("pay 1",), "PAID", "100.00"),
    Case("half", ("pay 0.5",), "PARTIAL", "50.00", books={"1200": "50"}),
    Case("two halves", ("pay 0.5", "pay 0.5"), "PAID", "100.00", ("done",) * 2),
    Case("two halves in one block", ("pay 0.5; pay 0.5 @1",), "PAID", "100.00", ("done",) * 2),
    Case(
        "three parts that round",
        ("pay raw:16666666666666666", "pay raw:16666666666666666", "pay raw:16666666666666668"),
        "PAID",
        "100.00",
        ("done",) * 3,
        books={"4400": "-0.00666666", "5400": "0.00666667"},
    ),
    Case("a third", ("pay raw:16666666666666666",), "PARTIAL", "33.33", books={"1200": "66.67", "4400": "-0.00333333"}),
    Case("twice at once", ("pay 2",), "PAID", "100.00", ("open:overpaid",), ("overpaid",), books={"2150": "-100"}),
    Case("a tenth over", ("pay 1.1",), "PAID", "100.00", ("open:overpaid",), ("overpaid",), books={"2150": "-10"}),
    Case("one wei over", ("pay +1",), "PAID", "100.00"),
    Case("one wei short", ("pay -1",), "PAID", "100.00"),
    Case("a cent short", ("pay raw:49995000000000000",), "PARTIAL", "99.99", books={"1200": "0.01"}),
    Case("less than a cent short", ("pay raw:49998000000000000",), "PAID", "100.00", books={"5400": "0.004"}),
    Case("one wei", ("pay raw:1",), "SENT", "0", ("open:too_small",), books={"1200": "100"}),
    Case("a tenth of a cent", ("pay raw:500000000000",), "SENT", "0", ("open:too_small",), books={"1200": "100", "2150": "-0.001"}),
    Case("paid, and again", ("pay 1", "pay 1"), "PAID", "100.00", ("done", "open:paid_twice"), ("paid_twice",), books={"2150": "-100"}),
    Case("twice in one block", ("pay 1; pay 1 @1",), "PAID", "100.00", ("done", "open:paid_twice"), ("paid_twice",), books={"2150": "-100"}),
    Case("half, then all", ("pay 0.5", "pay 1"), "PAID", "100.00", ("done", "open:overpaid"), ("overpaid",), books={"2150": "-50"}),
    Case("three times", ("pay 1", "pay 1", "pay 1"), "PAID", "100.00", ("done", *("open:paid_twice",) * 2), ("paid_twice",), books={"2150": "-200"}),
    Case("late", ("pay 1",), "PAID", "100.00", ("done:late",), ("paid_late",), late=True),
    Case("half, late", ("pay 0.5",), "OVERDUE", "50.00", ("done:late",), late=True, books={"1200": "50"}),
    Case("over, late", ("pay 1.5",), "PAID", "100.00", ("open:late,overpaid",), ("overpaid", "paid_late"), late=True, books={"2150": "-50"}),
    Case("another asset", ("pay raw:100000000 USD",), "SENT", "0", ("open:wrong_asset",), ("wrong_asset",), books={"1200": "100", "2150": "-100"}),
    Case(
        "another asset, then the right one",
        ("pay raw:100000000 USD", "pay 1"),
        *("PAID", "100.00", ("open:wrong_asset", "done"), ("wrong_asset",)),
        books={"2150": "-100"},
    ),
    Case(
        "both in one block", ("pay raw:7000000 USD; pay 1",), "PAID", "100.00", ("open:wrong_asset", "done"), ("wrong_asset",), books={"2150": "-7"}
    ),
    Case("an asset without a price", ("pay raw:5 WHOLE",), "SENT", "0", ("waiting:unpriced",), books={"1200": "100"}),
    Case("nothing at all", ("pay raw:0",), "SENT", "0", (), books={"1200": "100"}),
    Case("after the rate ran out", ("expire; pay 1",), "PAID", "100.00", ("done:after_expiry",), ("after_expiry",)),
    Case("half after it ran out", ("expire; pay 0.5",), "PARTIAL", "50.00", ("done:after_expiry",), ("after_expiry",), books={"1200": "50"}),
    Case("half in time, half after", ("pay 0.5", "expire; pay 0.5"), "PAID", "100.00", ("done", "done:after_expiry"), ("after_expiry",)),
    Case(
        "over after it ran out",
        ("expire; pay 1.5",),
        *("PAID", "100.00", ("open:after_expiry,overpaid",), ("after_expiry", "overpaid")),
        books={"2150": "-50"},
    ),
    Case("ran out and renewed", ("expire", "renew; pay 1"), "PAID", "100.00"),
    Case("half, ran out, renewed, the rest", ("pay 0.5", "expire", "renew; pay 1"), "PAID", "100.00", ("done",) * 2),
    Case("late and after it ran out", ("expire; pay 1",), "PAID", "100.00", ("done:after_expiry,late",), ("after_expiry", "paid_late"), late=True),
    Case(
        "cancelled, then paid", ("cancel", "pay 1"), "CANCELLED", "0", ("open:after_cancellation",), ("after_cancellation",), books={"2150": "-100"}
    ),
    Case("credited, then paid", ("credit", "pay 1"), "PAID", "0", ("open:paid_twice",), ("credited", "paid_twice"), books={"2150": "-100"}),
    Case("by bank, then paid", ("bank 100", "pay 1"), "PAID", "100.00", ("open:paid_twice",), ("paid_twice",), books={"2150": "-100", "1010": "100"}),
    Case("half by bank, then all", ("bank 50", "pay 1"), "PAID", "100.00", ("open:overpaid",), ("overpaid",), books={"2150": "-50", "1010": "50"}),
    Case("half by bank, half on chain", ("bank 50", "pay 0.5"), "PAID", "100.00", books={"1010": "50"}),
    Case("half on chain, half by bank", ("pay 0.5", "bank 50"), "PAID", "100.00", books={"1010": "50"}),
    Case("two payers", ("pay 0.3; pay 0.7 @1",), "PAID", "100.00", ("done",) * 2),
    Case("ten payments", ("pay 0.1; " * 10,), "PAID", "100.00", ("done",) * 10),
    Case(
        "a large invoice",
        ("pay 1",),
        "PAID",
        "1234567.89",
        total="1234567.89",
    ),
    Case("the smallest", ("pay 1",), "PAID", "0.01", total="0.01"),
    Case("odd", ("pay 1",), "PAID", "33.33", total="33.33"),
]
TOKEN = [
    Case("token, exact", ("pay 1",), "PAID", "100.00", asset="USD"),
    Case("token, a unit short", ("pay -1",), "PAID", "100.00", asset="USD", books={"5400": "0.000001"}),
    Case("token, a unit over", ("pay +1",), "PAID", "100.00", ("open:overpaid",), ("overpaid",), asset="USD", books={"2150": "-0.000001"}),
    Case("token, half", ("pay 0.5",), "PARTIAL", "50.00", asset="USD", books={"1200": "50"}),
    Case("token, in parts", ("pay 0.25", "pay 0.25", "pay 0.5"), "PAID", "100.00", ("done",) * 3, asset="USD"),
    Case("token, twice", ("pay 1", "pay 1"), "PAID", "100.00", ("done", "open:paid_twice"), ("paid_twice",), asset="USD", books={"2150": "-100"}),
    Case(
        "token, the coin instead",
        ("pay raw:50000000000000000 ETH",),
        "SENT",
        "0",
        ("open:wrong_asset",),
        ("wrong_asset",),
        asset="USD",
        books={"1200": "100", "2150": "-100"},
    ),
    Case("token, after the rate ran out", ("expire; pay 1",), "PAID", "100.00", ("done:after_expiry",), ("after_expiry",), asset="USD"),
    Case("token, renewed", ("expire", "renew; pay 1"), "PAID", "100.00", asset="USD"),
    Case("token, late", ("pay 1",), "PAID", "100.00", ("done:late",), ("paid_late",), asset="USD", late=True),
    Case("token that takes a fee", ("pay 1", "search"), "PARTIAL", "97.00", asset="FEE", books={"1200": "3"}),
    Case("token of 24 decimals", ("pay 1",), "PAID", "100.00", asset="DEEP"),
    Case("token of none", ("pay 1",), "PAID", "100.00", asset="WHOLE"),
    Case("token of none, one short", ("pay -1",), "PARTIAL", "90.00", asset="WHOLE", books={"1200": "10"}),
]
CURRENCIES = [
    Case("euro", ("pay 1",), "PAID", "100.00", currency="EUR"),
    Case("euro, half", ("pay 0.5",), "PARTIAL", "50.00", currency="EUR", books={"1200": "62.5"}),
    Case("euro, after the rate ran out", ("expire; pay 1",), "PAID", "100.00", ("done:after_expiry",), ("after_expiry",), currency="EUR"),
    Case("euro in a token", ("pay 1",), "PAID", "100.00", currency="EUR", asset="USD"),
    Case("ether for ether", ("pay 1",), "PAID", "0.25", currency="ETH", total="0.25"),
    Case("ether for ether, half", ("pay 0.5",), "PARTIAL", "0.125", currency="ETH", total="0.25", books={"1200": "250"}),
    Case(
        "ether for ether, after it ran out",
        ("expire; pay 1",),
        "PAID",
        "0.25",
        ("done:after_expiry",),
        ("after_expiry",),
        currency="ETH",
        total="0.25",
    ),
]
SHARED = [
    Case("shared, exact", ("pay 1",), "PAID", "100.00", shared=True),
    Case("shared, a unit short", ("pay raw:49999990000000000",), "SENT", "0", ("open",), shared=True, books={"1200": "100", "1900": "-99.99998"}),
    Case("shared, over", ("pay 1.5",), "SENT", "0", ("open",), shared=True, books={"1200": "100", "1900": "-150"}),
    Case("shared, half", ("pay 0.5",), "SENT", "0", ("open",), shared=True, books={"1200": "100", "1900": "-50"}),
    Case("shared, half that was told", ("tell 0.5",), "PARTIAL", "50.00", shared=True, books={"1200": "50"}),
    Case("shared, over that was told", ("tell 1.5",), "PAID", "100.00", ("open:overpaid",), ("overpaid",), shared=True, books={"2150": "-50"}),
    Case("shared, twice", ("pay 1", "pay 1"), "PAID", "100.00", ("done", "open"), shared=True, books={"1900": "-100"}),
    Case("shared, after the rate ran out", ("expire; pay 1",), "SENT", "0", ("open",), shared=True, books={"1200": "100", "1900": "-100"}),
    Case("shared, told after it ran out", ("expire; tell 1",), "PAID", "100.00", ("done:after_expiry",), ("after_expiry",), shared=True),
    Case("shared, another asset", ("pay raw:100000000 USD",), "SENT", "0", ("open",), shared=True, books={"1200": "100", "1900": "-100"}),
    Case("shared, cancelled", ("cancel", "pay 1"), "CANCELLED", "0", ("open",), shared=True, books={"1900": "-100"}),
    Case("shared, token", ("pay 1",), "PAID", "100.00", shared=True, asset="USD"),
    Case("shared, two of the same amount", ("second; pay 1",), "PAID", "100.00", shared=True, books={"1200": "100"}),
    Case("shared, by hand", ("pay 0.5", "apply"), "PARTIAL", "50.00", shared=True, books={"1200": "50"}),
    Case("shared, over, by hand", ("pay 1.5", "apply"), "PAID", "100.00", ("open",), shared=True, books={"2150": "-50"}),
    Case("another asset, by hand", ("pay raw:100000000 USD", "apply"), "PAID", "100.00", ("done:wrong_asset",)),
    Case("after cancellation, kept", ("cancel", "pay 1", "keep"), "CANCELLED", "0", ("done:after_cancellation",), books={"2150": "-100"}),
    Case("applied and undone", ("pay 1", "undo"), "SENT", "0", ("open",), books={"1200": "100", "2150": "-100"}),
    Case("applied, undone, applied", ("pay 1", "undo", "apply"), "PAID", "100.00"),
    Case("over, the rest to another invoice", ("pay 1.5", "second; apply second"), "PAID", "100.00", ("done:overpaid",), books={"1200": "50"}),
]
# `fork` takes the last blocks off the chain, deeper than they were final; `back` sends what was in them again.
FORKS = [
    Case("gone before it was final", ("seen 1", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), books={"1200": "100"}),
    Case("gone, and back", ("seen 1", "fork; back"), "PAID", "100.00", ("done:reorganised",)),
    Case("final, and gone", ("pay 1", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), books={"1200": "100"}),
    Case("final, gone, and back", ("pay 1", "fork; back"), "PAID", "100.00", ("done:reorganised",)),
    Case("half final, and gone", ("pay 0.5", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), books={"1200": "100"}),
    Case("half gone, and back", ("pay 0.5", "fork; back"), "PARTIAL", "50.00", ("done:reorganised",), books={"1200": "50"}),
    Case("over, and gone", ("pay 1.5", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), books={"1200": "100"}),
    Case("over, gone, and back", ("pay 1.5", "fork; back"), "PAID", "100.00", ("open:overpaid,reorganised",), ("overpaid",), books={"2150": "-50"}),
    Case("another asset, gone", ("pay raw:5000000 USD", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), books={"1200": "100"}),
    Case("late, gone", ("pay 1", "fork"), "OVERDUE", "0", ("gone:reorganised",), ("reorganised",), late=True, books={"1200": "100"}),
    Case("shared, gone", ("pay 1", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), shared=True, books={"1200": "100"}),
    Case("shared, gone, and back", ("pay 1", "fork; back"), "PAID", "100.00", ("done:reorganised",), shared=True),
    Case("token, gone, and back", ("pay 1", "fork; back"), "PAID", "100.00", ("done:reorganised",), asset="USD"),
    Case("euro, gone", ("pay 1", "fork"), "SENT", "0", ("gone:reorganised",), ("reorganised",), currency="EUR", books={"1200": "125"}),
    Case("gone, and paid anew", ("pay 1", "fork; pay 1 @1"), "PAID", "100.00", ("gone:reorganised", "done"), ("reorganised",)),
]
# The payer may choose between ether and USD, which costs 1: 100.00 are 100000000 of its units.
_BOTH = {"also": ("USD",)}
CHOICE = [
    Case("the other one chosen", ("choose USD; pay 1 USD",), "PAID", "100.00", **_BOTH),
    Case(
        "chosen, and a tenth over", ("choose USD; pay 1.1 USD",), "PAID", "100.00", ("open:overpaid",), ("overpaid",), books={"2150": "-10"}, **_BOTH
    ),
    Case("chosen, but the first one was on its way", ("choose USD; pay raw:50000000000000000 ETH",), "PAID", "100.00", **_BOTH),
    Case("to and fro", ("choose USD; choose ETH; pay raw:50000000000000000 ETH",), "PAID", "100.00", **_BOTH),
    Case(
        "offered, and never chosen",
        ("pay raw:100000000 USD",),
        *("SENT", "0", ("open:wrong_asset",), ("wrong_asset",)),
        books={"1200": "100", "2150": "-100"},
        **_BOTH,
    ),
    Case(
        "neither offered nor chosen",
        ("choose USD; pay raw:25000000000000000000000000 DEEP",),
        *("SENT", "0", ("open:wrong_asset",), ("wrong_asset",)),
        books={"1200": "100", "2150": "-100"},
        priced=("DEEP",),
        **_BOTH,
    ),
    Case("half in each", ("pay 0.5", "choose USD; pay 1 USD"), "PAID", "100.00", ("done",) * 2, **_BOTH),
    Case(
        "paid in both",
        ("choose USD; pay 1 USD; pay raw:50000000000000000 ETH",),
        *("PAID", "100.00", ("done", "open:paid_twice"), ("paid_twice",)),
        books={"2150": "-100"},
        **_BOTH,
    ),
    Case(
        "the first one, when its rate had run out",
        ("expire; choose USD; pay raw:50000000000000000 ETH",),
        *("SENT", "0", ("open:wrong_asset",), ("wrong_asset",)),
        books={"1200": "100", "2150": "-100"},
        **_BOTH,
    ),
    Case(
        "the chosen one, when its rate had run out",
        ("choose USD; expire; pay raw:100000000 USD",),
        "PAID",
        "100.00",
        ("done:after_expiry",),
        ("after_expiry",),
        **_BOTH,
    ),
    Case("ether instead of a token", ("choose ETH; pay 1 ETH",), "PAID", "100.00", asset="USD", also=("ETH",)),
    Case("chosen at a shared wallet", ("choose USD; pay 1 USD",), "PAID", "100.00", shared=True, **_BOTH),
    Case("the first one at a shared wallet", ("choose USD; pay raw:50000000000000000 ETH",), "PAID", "100.00", shared=True, **_BOTH),
    Case(
        "another amount of the chosen one at a shared wallet",
        ("choose USD; pay raw:99000000 USD",),
        *("SENT", "0", ("open",)),
        books={"1200": "100", "1900": "-99"},
        shared=True,
        **_BOTH,
    ),
]
MAIN = [*OWN, *TOKEN, *CURRENCIES, *SHARED, *CHOICE]
EVERY = [*MAIN, *FORKS]
ROUND_FINAL = 3  # blocks until what a round brought is final


@dataclass
class Run:
    case: Case
    payee: Payee
    second: str = ""

    async def before(self, house: House) -> None:
        books = self.payee.books
        await self.payee.keep_key()
        for asset, rate in (("DEEP", "4"), ("FEE", "1"), ("WHOLE", "10")):
            if asset in (self.case.asset, *self.case.priced):
                await self.payee.price(asset, rate)
        if self.case.currency == "EUR":
            await self.payee.price("EUR", "1.25")
        if self.case.shared:
            self.payee.shared = await books.watch("Shared")
        steps = " ".join(self.case.steps)
        needed = {name: 10**30 for name in ("USD", "DEEP", "FEE", "WHOLE") if name in steps or self.case.asset == name}
        await self.payee.hire(2 if "@1" in steps else 1, **needed)
        due = today() + timedelta(days=30)
        await self.payee.send(self.case.total, asset=self.case.asset, currency=self.case.currency, due_date=due, also=self.case.also)
        if self.case.late:
            await self.payee.house.runtime.database["invoices"].update_one(
                {"_id": self.payee.invoice_id}, {"$set": {"due_date": _midnight(today() - timedelta(days=1)), "status": "OVERDUE"}}
            )

    async def act(self, step: str) -> None:
        for word, *rest in (part.split() for part in step.split(";") if part.strip()):
            await getattr(self, f"_{word}")(*rest)

    async def _pay(self, what: str, *rest: str) -> None:
        who = int(next((word[1:] for word in rest if word.startswith("@")), "0"))
        asset = next((word for word in rest if not word.startswith("@")), self.case.asset)
        await self.payee.pay(await self._raw(what), asset, who=who)

    _seen = _pay

    async def _tell(self, what: str) -> None:
        sent = await self.payee.pay(await self._raw(what), self.case.asset)
        request = await self.payee.request()
        await self.payee.house.runtime.database["payment_requests"].update_one({"_id": request.id}, {"$push": {"told": sent.hash}})

    async def _raw(self, what: str) -> int:
        if what.startswith("raw:"):
            return int(what[4:])
        lock = (await self.payee.request()).lock
        assert lock is not None
        asked = int(lock.raw_amount)
        return asked + int(what) if what[0] in "+-" else int(asked * D(what))

    async def _expire(self) -> None:
        await self.payee.expire()

    async def _renew(self) -> None:
        await self.payee.lock()

    async def _choose(self, asset: str) -> None:
        await self.payee.choose(asset)

    async def _bank(self, amount: str) -> None:
        await self.payee.bank(amount)

    async def _cancel(self) -> None:
        await self.payee.cancel()

    async def _credit(self) -> None:
        await self.payee.credit()

    async def _second(self) -> None:
        self.second = (await self.payee.send(self.case.total, asset=self.case.asset)).id
        await self.payee.lock(self.second) if self.case.shared else None

    async def _apply(self, which: str = "") -> None:
        await self.payee.apply(self.second if which else None)

    async def _keep(self) -> None:
        await self.payee.keep()

    async def _search(self) -> None:
        """As where a checkpoint finds that less is there than the event told."""
        wallet = await wallets.get(self.payee.org_id, (await self.payee.request()).wallet_id)
        assert wallet is not None
        await self.payee.books.search(wallet, self.case.asset)

    async def _undo(self) -> None:
        await self.payee.undo()

    async def _fork(self) -> None: ...

    async def _back(self) -> None:
        for sent in self.payee.sent:
            await self.payee.house.actor.rpc("eth_sendRawTransaction", sent.raw)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def started(house: House, cases: list[Case]) -> list[Run]:
    await house.mine()
    runs = [Run(case, Payee(house, await house.found())) for case in cases]
    for run in runs:
        await run.before(house)
    await house.mine()
    for _ in range(2):
        await house.mine()
    for run in runs:
        await run.payee.lock()
    return runs


async def final(house: House, runs: list[Run]) -> None:
    await house.actor.mine_many(ROUND_FINAL)
    await house.follow()
    await runs[0].payee.match()  # of all organisations


async def told(run: Run) -> dict[str, object]:
    """As a case says it, from what is stored."""
    invoice, receipts, books = await run.payee.invoice(), await run.payee.receipts(), await run.payee.balances()
    expected = {"1200", "2150", "1900", "1010", "4400", "5400"}
    return {
        "status": invoice.status.value,
        "paid": invoice.paid,
        "flags": sorted(invoice.flags),
        "receipts": sorted(row.state.value + (f":{','.join(row.flags)}" if row.flags else "") for row in receipts),
        "books": {code: value for code, value in books.items() if code in expected},
    }


def wanted(case: Case) -> dict[str, object]:
    return {
        "status": case.status,
        "paid": D(case.paid),
        "flags": sorted(case.flags),
        "receipts": sorted(case.receipts),
        "books": {code: D(value) for code, value in case.books.items()},
    }


def notices(case: Case) -> Counter[str]:
    """What must be told, and how often: each thing that came is seen once for each block it stood in, applied where it is, and open where a person is
    needed; the invoice says what was received, and that it is paid."""
    applied = [row for row in case.receipts if row.startswith("done") or "overpaid" in row]
    by_bank = sum(step.startswith("bank") for step in case.steps)
    told = {
        "receipt.seen": len(case.receipts),
        "receipt.applied": len(applied),
        "receipt.open": sum(row.startswith("open") for row in case.receipts),
        "invoice.payment_received": len(applied) + by_bank,
        "invoice.paid": int(case.status == "PAID"),
    }
    return Counter({kind: count for kind, count in told.items() if count})


async def check_notices(runs: list[Run]) -> None:
    """Of the cases in which nobody did anything by hand."""
    kinds = ("receipt", "invoice.payment_received", "invoice.paid")
    found = {run.case.name: (Counter(await run.payee.events(*kinds)), notices(run.case)) for run in runs}
    wrong = {name: both for name, both in found.items() if both[0] != both[1]}
    assert not wrong, "\n".join(f"{name}: told {is_}, not {should}" for name, (is_, should) in wrong.items())


async def nothing_in_suspense(runs: list[Run]) -> None:
    """Whatever is open is kept for the client, and then no money of a client's is in suspense, and what is kept is a liability to the last unit."""
    for run in runs:
        await run.payee.keep()
        books, receipts = await run.payee.balances(), await run.payee.receipts()
        assert all(row.state != "open" for row in receipts), run.case.name
        kept = sum((use.value for row in receipts for use in row.uses if use.kind == "credit"), D(0))
        assert (books.get("1900", D(0)), -books.get("2150", D(0))) == (0, kept), run.case.name


async def check(runs: list[Run]) -> None:
    wrong = {run.case.name: (await told(run), wanted(run.case)) for run in runs if await told(run) != wanted(run.case)}
    assert not wrong, "\n".join(f"{name}\n   is  {found}\n   not {case}" for name, (found, case) in wrong.items())


async def test_there_are_enough_cases() -> None:
    assert len(EVERY) >= 80 and len({case.name for case in EVERY}) == len(EVERY)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_timings_amounts_and_assets(house: House) -> None:
    runs = await started(house, MAIN)
    for number in range(max(len(run.case.steps) for run in runs)):
        for run in runs:
            if number < len(run.case.steps):
                await run.act(run.case.steps[number])
        await house.mine()
        await final(house, runs)
    await check(runs)
    by_hand = ("apply", "undo", "keep", "search")
    await check_notices([run for run in runs if not any(word in step for step in run.case.steps for word in by_hand)])
    await nothing_in_suspense(runs)


@pytest.mark.timeout(300)
async def test_what_a_killed_matcher_left_is_applied_once(house: House, tmp_path: Path) -> None:
    """A short run; the long ones are `manage.py chaos --of receipts`."""
    from tests.chaos import receipts  # which takes its cases from here

    outcome = await receipts.run(house, tmp_path, receipts.Plan.of(1))
    assert not outcome.problems, outcome.problems
    assert set(outcome.fired) == set(receipts.MATCHING) and outcome.counted["invoices"] == receipts.CASES


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_reorganisations(house: House) -> None:
    runs = await started(house, FORKS)
    for seen in (False, True):  # what is only seen stands in the last block, and is not final when it goes
        for run in runs:
            if run.case.steps[0].startswith("seen") == seen:
                await run.act(run.case.steps[0])
        await house.mine()
        await (runs[0].payee.match() if seen else final(house, runs))
    await house.actor.rpc("anvil_reorg", 2 + ROUND_FINAL, [])
    house.actor.forget_nonces()
    for run in runs:
        await run.act(run.case.steps[1])
    await house.mine()
    await final(house, runs)
    await check(runs)
    for run in runs:
        told_of = Counter(await run.payee.events("receipt.gone", "invoice.payment_taken_back"))
        paid = run.case.steps[0].startswith("pay") and "raw" not in run.case.steps[0]
        assert told_of == Counter({"receipt.gone": 1} | ({"invoice.payment_taken_back": 1} if paid else {})), run.case.name
    await nothing_in_suspense(runs)
