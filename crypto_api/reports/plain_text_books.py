"""The books as plain-text accounting reads them: beancount and hledger. Pure.

Each line of an entry becomes a posting of its value in the functional currency and, where it carries an asset, a posting of its quantity, so that a
reader of the file sees both as exactly as the ledger holds them, with no division in between. What an entry turns into something else (a swap, a
wrap) does not sum to zero in quantities; the rest stands in `Equity:Conversions`, as beancount calls it. The file ends with the balance of every
account in every commodity as assertions: the program that loads it checks them.

Names and descriptions come from people and from the chain: they are written as text that cannot end its line or its quotes.
"""

import hashlib
import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from crypto_api.kit.amounts import add_exactly, text
from crypto_api.ledger.types import AccountType, EntryStatus, Line

ROOTS = {
    AccountType.ASSET: "Assets",
    AccountType.LIABILITY: "Liabilities",
    AccountType.EQUITY: "Equity",
    AccountType.INCOME: "Income",
    AccountType.EXPENSE: "Expenses",
}
CONVERSIONS = "Equity:Conversions"
_HLEDGER_TYPES = {"Assets": "A", "Liabilities": "L", "Equity": "E", "Income": "R", "Expenses": "X"}
COMMODITY_LENGTH_MAX = 24  # beancount's
_NAME_LENGTH_MAX = 60
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NOT_IN_COMPONENT = re.compile(r"[^A-Za-z0-9]+")
_COMMODITY = re.compile(r"[A-Z][A-Z0-9'._-]{0,22}[A-Z0-9]", re.ASCII)


class ChartRow(Protocol):
    """An account of the chart, as far as its name goes."""

    code: str
    name: str
    account_type: AccountType
    parent_code: str | None


class EntryRow(Protocol):
    """A posted or reversed entry."""

    id: str
    date: date
    description: str
    reference: str
    status: EntryStatus
    lines: list[Line]
    source_kind: str
    transaction_hash: str | None
    reverses: str | None
    reversed_by: str | None
    unpriced: bool


Amounts = dict[str, Decimal]
"""commodity → what is posted or held of it; debits are positive"""


class Balances:
    """Of every account in every commodity, as the entries come."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], Decimal] = {}

    def add(self, account: str, amounts: Mapping[str, Decimal]) -> None:
        for asset, amount in amounts.items():
            self._held[account, asset] = add_exactly([self._held.get((account, asset), Decimal(0)), amount])

    def rows(self) -> list[tuple[str, str, Decimal]]:
        return [(account, asset, held) for (account, asset), held in sorted(self._held.items())]

    def with_those_below(self) -> list[tuple[str, str, Decimal]]:
        """Each account with the sums of the accounts below it."""
        whole = Balances()
        accounts = {account for account, _ in self._held}
        for (account, asset), held in self._held.items():
            parts = account.split(":")
            for name in accounts.intersection(":".join(parts[:depth]) for depth in range(1, len(parts) + 1)):
                whole.add(name, {asset: held})
        return whole.rows()


def commodity_of(asset: str, currency: str) -> str:
    """A token that is called as the functional currency is another thing: values and quantities never add up."""
    return f"{asset} units" if asset == currency else asset


def postings_of(lines: Sequence[Line], currency: str) -> tuple[list[tuple[str, Amounts, str]], Amounts]:
    """(account code, amounts, description) of each line, and what is left over in each asset for CONVERSIONS, with the sign of a posting there."""
    postings: list[tuple[str, Amounts, str]] = []
    quantities: dict[str, list[Decimal]] = defaultdict(list)
    for line in lines:
        amounts: Amounts = {}
        if value := add_exactly([line.debit, line.credit.copy_negate()]):
            amounts[currency] = value
        if line.asset is not None and line.quantity:
            asset = commodity_of(line.asset, currency)
            amounts[asset] = line.quantity
            quantities[asset].append(line.quantity)
        postings.append((line.account_code, amounts, line.description))
    left = {asset: add_exactly(each).copy_negate() for asset, each in quantities.items()}
    return postings, {asset: amount for asset, amount in sorted(left.items()) if amount}


class PlainTextBooks(ABC):
    """`head`, then `entry` for each in the order of their dates, then `tail`."""

    suffix: str

    def __init__(self, title: str, currency: str, chart: Iterable[ChartRow]) -> None:
        self._title, self._currency = title, currency
        self._chart = {row.code: row for row in chart}
        self._names: dict[str, str] = {}
        for code in self._chart:
            name = ":".join([ROOTS[self._chart[code].account_type], *(self._part(self._chart[each]) for each in _path(code, self._chart))])
            taken = name in self._names.values()  # codes that differ only in what the format has no signs for
            self._names[code] = f"{name}-{hashlib.sha256(code.encode()).hexdigest()[:8]}" if taken else name
        self._balances = Balances()
        self._last: date | None = None

    @abstractmethod
    def head(self, first: date) -> str: ...

    @abstractmethod
    def entry(self, row: EntryRow) -> str: ...

    @abstractmethod
    def tail(self) -> str: ...

    @abstractmethod
    def _part(self, row: ChartRow) -> str:
        """The account's part of a name, without `:`."""

    @abstractmethod
    def _posting(self, account: str, amounts: Amounts, words: str) -> Iterator[str]: ...

    def _postings(self, row: EntryRow) -> Iterator[str]:
        postings, left = postings_of(row.lines, self._currency)
        for account, amounts, words in [*((self._names[code], amounts, words) for code, amounts, words in postings), (CONVERSIONS, left, "")]:
            self._balances.add(account, amounts)
            yield from self._posting(account, amounts, words)
        self._last = row.date


def _path(code: str, chart: Mapping[str, ChartRow]) -> list[str]:
    """The account and those above it that are not roots themselves, from the top."""
    path, parent = [code], chart[code].parent_code
    while parent is not None and parent in chart and chart[parent].parent_code is not None and parent not in path:
        path.insert(0, parent)
        parent = chart[parent].parent_code
    return path


def facts_of(row: EntryRow) -> list[tuple[str, str]]:
    """What else is known of an entry; without what is empty."""
    facts = {
        "entry": row.id,
        "source": str(row.source_kind),
        "reference": row.reference,
        "transaction": row.transaction_hash or "",
        "reverses": row.reverses or "",
        "reversed-by": row.reversed_by or "",
        "unpriced": "yes" if row.unpriced else "",
    }
    return [(key, value) for key, value in facts.items() if value]


def plain_words(raw: str) -> str:
    """On one line."""
    return " ".join(_CONTROL.sub(" ", raw).split())


# ---- beancount -------------------------------------------------------------------------------------------------------------------


def beancount_commodity(asset: str) -> str:
    """The symbol where beancount can read it; else what is left of it, told apart by a digest. Unlisted tokens have a CAIP-19 id."""
    if _COMMODITY.fullmatch(asset):
        return asset
    digest = hashlib.sha256(asset.encode()).hexdigest()[:8].upper()
    left = re.sub(r"[^A-Z0-9]+", "-", asset.upper().rsplit(":", 1)[-1]).strip("-")[: COMMODITY_LENGTH_MAX - len(digest) - 2]
    return f"X{left}-{digest}" if not left[:1].isalpha() or not left.isascii() else f"{left}-{digest}"


def beancount_string(raw: str) -> str:
    return '"' + plain_words(raw).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Beancount(PlainTextBooks):
    suffix = "beancount"

    def __init__(self, title: str, currency: str, chart: Iterable[ChartRow]) -> None:
        super().__init__(title, currency, chart)
        self._commodities: dict[str, str] = {}

    def head(self, first: date) -> str:
        lines = [
            f'option "title" {beancount_string(self._title)}',
            f'option "operating_currency" "{beancount_commodity(self._currency)}"',
            "",
            *(f"{first} open {name}" for name in sorted({*self._names.values(), CONVERSIONS})),
        ]
        return "\n".join(lines) + "\n"

    def entry(self, row: EntryRow) -> str:
        lines = [*self._new_commodities(row), "", f"{row.date} * {beancount_string(row.description)}"]
        lines += [f"  {key}: {beancount_string(value)}" for key, value in facts_of(row)]
        lines += self._postings(row)
        return "\n".join(lines) + "\n"

    def tail(self) -> str:
        """Balances in the morning after the last day; beancount counts what is below an account as its own."""
        if self._last is None:
            return ""
        day = self._last + timedelta(days=1)
        rows = (f"{day} balance {account}  {text(held)} {self._commodities[asset]}" for account, asset, held in self._balances.with_those_below())
        return "\n" + "\n".join(rows) + "\n"

    def _part(self, row: ChartRow) -> str:
        """`1100-Crypto-assets`: begins with a letter in upper case or a digit, holds ASCII letters and digits."""
        code, name = (_NOT_IN_COMPONENT.sub("-", part).strip("-") for part in (row.code, row.name))
        joined = f"{code}-{name[:_NAME_LENGTH_MAX]}".strip("-")
        return joined if joined[:1].isdigit() or joined[:1].isupper() else f"X{joined}"

    def _posting(self, account: str, amounts: Amounts, words: str) -> Iterator[str]:
        for asset, amount in amounts.items():
            yield f"  {account}  {text(amount)} {self._commodities[asset]}"
            if words:
                yield f"    note: {beancount_string(words)}"

    def _new_commodities(self, row: EntryRow) -> Iterator[str]:
        """Each is declared where it first comes up, with the asset that it stands for."""
        quantities = [commodity_of(line.asset, self._currency) for line in row.lines if line.asset is not None]
        for asset in [self._currency, *quantities]:
            if asset not in self._commodities:
                self._commodities[asset] = beancount_commodity(asset)
                yield f"\n{row.date} commodity {self._commodities[asset]}"
                yield f"  asset: {beancount_string(asset)}"


# ---- hledger ---------------------------------------------------------------------------------------------------------------------


def hledger_words(raw: str) -> str:
    """What neither begins a comment nor a status nor ends a name: hledger ends an account's name at two blanks."""
    return re.sub(r"[;|*!()\[\]{}\"=@]", " ", plain_words(raw)).strip()


def hledger_commodity(asset: str) -> str:
    """In quotes unless it is letters only."""
    return asset if asset.isascii() and asset.isalpha() else '"' + re.sub(r'["\x00-\x1f;]', "", asset) + '"'


class Hledger(PlainTextBooks):
    suffix = "journal"

    def head(self, first: date) -> str:
        accounts = [f"account {root}  ; type:{kind}" for root, kind in _HLEDGER_TYPES.items()]
        accounts += [f"account {name}" for name in sorted({*self._names.values(), CONVERSIONS})]
        return "\n".join([f"; {plain_words(self._title)}, from {first}", "decimal-mark .", *accounts]) + "\n"

    def entry(self, row: EntryRow) -> str:
        tags = ", ".join(f"{key}:{hledger_words(value).replace(',', ' ')}" for key, value in facts_of(row))
        return "\n".join(["", f"{row.date} * {hledger_words(row.description)}  ; {tags}", *self._postings(row)]) + "\n"

    def tail(self) -> str:
        """Postings of nothing that assert what every account holds."""
        if self._last is None:
            return ""
        rows = [
            f"    {account}  0 {hledger_commodity(asset)} = {text(held)} {hledger_commodity(asset)}" for account, asset, held in self._balances.rows()
        ]
        return "\n" + "\n".join([f"{self._last} * Balances", *rows]) + "\n"

    def _part(self, row: ChartRow) -> str:
        return " ".join(hledger_words(f"{row.code} {row.name[:_NAME_LENGTH_MAX]}".replace(":", " ")).split())

    def _posting(self, account: str, amounts: Amounts, words: str) -> Iterator[str]:
        note = f"  ; {hledger_words(words)}" if words else ""
        for asset, amount in amounts.items():
            yield f"    {account}  {text(amount)} {hledger_commodity(asset)}{note}"
