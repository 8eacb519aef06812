"""What other programs read out of the books: they load without an error, and every account holds there what it holds here, to the last digit."""

import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

from beancount import loader
from beancount.core import realization
from beancount.core.data import Open, Transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.kit.amounts import add_exactly, text, to_units
from crypto_api.ledger.types import DEFAULT_CHART, AccountType, ChartAccount, EntryStatus, Line
from crypto_api.reports.plain_text_books import Beancount, Hledger, beancount_commodity
from tests.programs import program

D = Decimal
FIRST = date(2026, 11, 20)
HOSTILE = 'a "quote" \\ back; slash\n2026-01-01 open Assets:Evil\r\t* ! | = {1} [x] (y)  two  blanks \u2028 é 金 "'
CAIP = "eip155:31337/erc20:0x70d0000000000000000000000000000000000001"
CHART = (
    *DEFAULT_CHART,
    ChartAccount("1101", "Cold wallets", AccountType.ASSET, "1100"),
    ChartAccount("x.1", HOSTILE, AccountType.EXPENSE, "5000"),
    ChartAccount("x-1", HOSTILE, AccountType.EXPENSE, "5000"),
    ChartAccount("ü", "金", AccountType.EQUITY),
    ChartAccount("ö", "銀", AccountType.EQUITY),
)
CODES = [row.code for row in CHART]


@dataclass
class Entry:
    lines: list[Line]
    date: date = FIRST
    id: str = "jrn_1"
    description: str = "Rent"
    reference: str = ""
    status: EntryStatus = EntryStatus.POSTED
    source_kind: str = "manual"
    transaction_hash: str | None = None
    reverses: str | None = None
    reversed_by: str | None = None
    unpriced: bool = False


@dataclass
class Said:
    """(account code → commodity → amount) as the lines say it, by code that shares nothing with what writes the files."""

    held: dict[str, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))

    def __init__(self, entries: list[Entry], currency: str) -> None:
        self.held = defaultdict(lambda: defaultdict(Decimal))
        with localcontext(Context(prec=200)):
            for entry in entries:
                for line in entry.lines:
                    self.held[line.account_code][currency] += line.debit - line.credit
                    if line.asset is not None and line.quantity is not None:
                        self.held[line.account_code][line.asset if line.asset != currency else f"{currency} units"] += line.quantity

    def nonzero(self) -> dict[tuple[str, str], Decimal]:
        return {(code, asset): amount for code, amounts in self.held.items() for asset, amount in amounts.items() if amount}


def written(form: type[Beancount] | type[Hledger], entries: list[Entry], currency: str = "USD") -> tuple[str, dict[str, str]]:
    """The file, and which account of the chart is which in it."""
    books = form(HOSTILE, currency, CHART)
    names = {name: code for code, name in books._names.items()}
    assert len(names) == len(CHART), "two accounts of one name"
    return "".join([books.head(FIRST), *map(books.entry, sorted(entries, key=lambda entry: entry.date)), books.tail()]), names


def read_by_beancount(file: str) -> tuple[list[Any], dict[tuple[str, str], Decimal], list[Any]]:
    """(directives, (account, asset) → amount, errors)"""
    with localcontext(Context(prec=200)):
        directives, errors, _ = loader.load_string(file)
        assets = {each.currency: each.meta["asset"] for each in directives if type(each).__name__ == "Commodity"}
        root = realization.realize(directives)
        held = {}
        for account in realization.iter_children(root):
            for position in account.balance:
                assert position.cost is None
                held[account.account, assets[position.units.currency]] = position.units.number
    return directives, held, errors


def compare(entries: list[Entry], currency: str = "USD") -> list[Any]:
    file, names = written(Beancount, entries, currency)
    directives, held, errors = read_by_beancount(file)
    assert errors == [], errors[:3]
    ours = {(names[account], asset): amount for (account, asset), amount in held.items() if account in names}
    assert {key: amount for key, amount in ours.items() if amount} == Said(entries, currency).nonzero()
    assert len([each for each in directives if isinstance(each, Transaction)]) == len(entries)
    return directives


def line(code: str, debit: str = "0", credit: str = "0", asset: str | None = None, quantity: str | None = None, words: str = "") -> Line:
    return Line(account_code=code, debit=D(debit), credit=D(credit), asset=asset, quantity=D(quantity) if quantity else None, description=words)


SAMPLES = [
    Entry([line("5300", debit="1200.50"), line("2100", credit="1200.5")], reference="INV-7"),
    Entry([line("1100", "500.12345678", asset="ETH", quantity="0.25"), line("4100", credit="500.12345678", asset="ETH", quantity="-0.25")]),
    Entry(  # wrapped: nothing sums to zero in quantity
        [line("1100", credit="500", asset="ETH", quantity="-0.25"), line("1100", "500", asset="WETH", quantity="0.25")],
        date=FIRST + timedelta(days=2),
        transaction_hash="0x" + "ab" * 32,
    ),
    Entry(
        [
            line("1101", asset=CAIP, quantity="1234567890123456.123456789012345678", words=HOSTILE),
            line("1900", asset=CAIP, quantity="-1234567890123456.123456789012345678"),
        ],
        unpriced=True,
    ),
    Entry([line("x.1", "0.00000001"), line("x-1", credit="0.00000001")], description=HOSTILE, reverses="jrn_0", status=EntryStatus.REVERSED),
]


def test_beancount_loads_them_and_holds_the_same() -> None:
    directives = compare(SAMPLES)
    first = next(each for each in directives if isinstance(each, Transaction) and each.meta.get("reference") == "INV-7")
    assert [(posting.account, text(posting.units.number), posting.units.currency) for posting in first.postings] == [
        ("Expenses:5300-Suppliers-and-services", "1200.5", "USD"),
        ("Liabilities:2100-Payables", "-1200.5", "USD"),
    ]
    opened = {each.account for each in directives if isinstance(each, Open)}
    assert "Assets:1100-Crypto-assets:1101-Cold-wallets" in opened and "Assets:Evil" not in opened
    wrapped = next(each for each in directives if isinstance(each, Transaction) and each.meta.get("transaction"))
    left = {posting.units.currency: posting.units.number for posting in wrapped.postings if posting.account == "Equity:Conversions"}
    assert left == {"ETH": D("0.25"), "WETH": D("-0.25")}


def test_a_changed_amount_is_noticed_by_what_the_file_asserts() -> None:
    file, _ = written(Beancount, SAMPLES)
    changed = file.replace("Assets:1100-Crypto-assets  0.25 WETH", "Assets:1100-Crypto-assets  0.26 WETH")
    assert changed != file and read_by_beancount(changed)[2] != []


def test_books_without_entries_are_a_file_too() -> None:
    books = Beancount("Empty", "EUR", CHART)
    directives, held, errors = read_by_beancount(books.head(FIRST) + books.tail())
    assert (errors, held) == ([], {}) and len(directives) == len(CHART) + 1


amounts = st.integers(1, 10**14).map(lambda raw: to_units(raw, 8)) | st.integers(1, 10**30).map(lambda raw: to_units(raw, 8))
quantities = st.integers(-(10**30), 10**30).filter(bool).map(lambda raw: to_units(raw, 18))
words = st.text(max_size=30) | st.just(HOSTILE)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Balanced in value, as every posted entry is; in quantities as it comes."""
    values = draw(st.lists(amounts, min_size=1, max_size=4))
    lines = [Line(account_code=draw(st.sampled_from(CODES)), debit=value, description=draw(words)) for value in values]
    lines.append(Line(account_code=draw(st.sampled_from(CODES)), credit=add_exactly(values)))
    for each in lines:
        if draw(st.booleans()):
            each.asset, each.quantity = draw(st.sampled_from(["ETH", "USDC", "usdc", CAIP, "x", "USD"])), draw(quantities)
    return Entry(lines, date=FIRST + timedelta(days=draw(st.integers(0, 5))), description=draw(words), reference=draw(words))


@settings(max_examples=40, deadline=None)
@given(st.lists(entries(), min_size=1, max_size=6), st.sampled_from(["USD", "EUR", "CHF"]))
def test_any_books_hold_the_same_there(some: list[Entry], currency: str) -> None:
    compare(some, currency)


def test_hledger_loads_them_and_holds_the_same() -> None:
    hledger = program("hledger")
    file, names = written(Hledger, SAMPLES)
    checked = subprocess.run(
        [hledger, "-f-", "check", "accounts", "balancednoautoconversion", "ordereddates"], input=file, capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    table = subprocess.run(
        [hledger, "-f-", "bal", "--flat", "-N", "-O", "csv", "--layout", "bare"], input=file, capture_output=True, text=True, timeout=60
    )
    rows = [row.strip('"').split('","') for row in table.stdout.splitlines()[1:]]
    held = {(names[account], asset): D(number) for account, asset, number in rows if account in names}
    assert held == Said(SAMPLES, "USD").nonzero()
    changed = file.replace("Assets:1100 Crypto assets  0.25 WETH", "Assets:1100 Crypto assets  0.26 WETH", 1)
    assert changed != file
    assert subprocess.run([hledger, "-f-", "check"], input=changed, capture_output=True, text=True, timeout=60).returncode != 0


def test_commodities_are_told_apart_whatever_they_are_called() -> None:
    names = [beancount_commodity(asset) for asset in ("ETH", "USDC", "usdc", "USDC ", CAIP, CAIP[:-1] + "2", "x", "É", "", "金", "A" * 40, "A" * 41)]
    assert len(set(names)) == len(names) and all(len(name) <= 24 for name in names)
