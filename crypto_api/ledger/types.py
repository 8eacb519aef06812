"""Values of the books: accounts, lines, sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.kit.amounts import StoredDecimal

Day = date  # behind a field that is called `date`, the name stands for that


class AccountType(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"


class EntryStatus(StrEnum):
    DRAFT = "draft"
    POSTED = "posted"
    REVERSED = "reversed"


class Span(StrEnum):
    """The size of a cell of kept sums."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    HELD_DAY = "held_day"  # a day of one asset, on all accounts that hold it: in whatever wallets, and whenever it was known


class PeriodStatus(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class GateCheck(BaseModel):
    """One thing that a period is closed upon, and how it was found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str  # a stable word: `drafts`, `checkpoints`
    passed: bool
    detail: str
    link: str = ""  # a page where it can be put right


class CertifiedTotal(BaseModel):
    """An account at the end of the period."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_code: str
    name: str
    debit: StoredDecimal
    credit: StoredDecimal


class SourceKind(StrEnum):
    MANUAL = "manual"
    TRANSACTION = "transaction"
    OPENING = "opening"
    REVERSAL = "reversal"
    LOTS = "lots"  # what an entry's disposals cost by the organisation's lots, where that is not what it booked; of the entry by its id
    DIFFERENCE = "difference"  # of a checkpoint, explained by a person
    INVOICE = "invoice"  # an invoice or credit note that was issued, by its id
    INVOICE_PAYMENT = "invoice_payment"  # money that settles one, by the payment's id
    PAYSLIP = "payslip"  # a payslip that was approved, by its id
    PAYSLIP_PAYMENT = "payslip_payment"  # what of one was paid by bank or in cash, by its id


class Source(BaseModel):
    """What an entry comes from. With the organisation it is unique: the same source posts exactly once, whatever is retried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SourceKind
    id: str
    purpose: str


class Line(BaseModel):
    """Either debit or credit, not negative. `quantity` is signed: an asset coming in is positive. A line of an unpriced movement carries a
    quantity and no value."""

    model_config = ConfigDict(extra="forbid")

    account_code: str
    debit: StoredDecimal = Decimal(0)
    credit: StoredDecimal = Decimal(0)
    asset: str | None = None
    quantity: StoredDecimal | None = None
    wallet_id: str | None = None
    description: str = ""


class EntryDraft(BaseModel):
    """An entry before it is posted."""

    date: date
    description: str
    source: Source
    lines: list[Line] = Field(min_length=2)
    reference: str = ""
    transaction_id: str | None = None
    transaction_hash: str | None = None
    unpriced: bool = False
    id: str | None = None  # of the entry, where something else that is written with it names it
    by_lots: bool = False  # its costs are those of the kept lots, to which it was applied: nothing is left to be compared


class AccountCode(StrEnum):
    """The accounts that postings of the system use. They exist in every chart and cannot be deactivated."""

    CASH = "1010"
    CRYPTO = "1100"
    CUSTODY = "1110"
    RECEIVABLES = "1200"
    SUSPENSE = "1900"
    EXCHANGES = "1950"
    PAYABLES = "2100"
    PAYROLL_PAYABLE = "2200"
    PAYROLL_TAXES = "2210"
    UNAPPLIED = "2150"
    TAXES = "2300"
    OPENING = "3100"
    REVENUE = "4100"
    GAINS = "4200"
    REWARDS = "4300"
    EXCHANGE_GAINS = "4400"
    NETWORK_FEES = "5100"
    SALARIES = "5200"
    SUPPLIERS = "5300"
    EXCHANGE_LOSSES = "5400"
    LOSSES = "5900"


HOLDING_ACCOUNTS = frozenset({AccountCode.CRYPTO, AccountCode.CUSTODY})
"""What is held: in own wallets, and for us by others."""


@dataclass(frozen=True, slots=True)
class ChartAccount:
    code: str
    name: str
    account_type: AccountType
    parent_code: str | None = None


DEFAULT_CHART = (
    ChartAccount("1000", "Assets", AccountType.ASSET),
    ChartAccount("1010", "Cash at bank", AccountType.ASSET, "1000"),
    ChartAccount("1100", "Crypto assets", AccountType.ASSET, "1000"),
    ChartAccount("1110", "Crypto assets held with exchanges", AccountType.ASSET, "1000"),
    ChartAccount("1200", "Accounts receivable", AccountType.ASSET, "1000"),
    ChartAccount("1900", "Suspense (unidentified movements)", AccountType.ASSET, "1000"),
    ChartAccount("1950", "Exchanges of crypto assets (clearing)", AccountType.ASSET, "1000"),
    ChartAccount("2000", "Liabilities", AccountType.LIABILITY),
    ChartAccount("2100", "Payables", AccountType.LIABILITY, "2000"),
    ChartAccount("2150", "Client payments not yet applied", AccountType.LIABILITY, "2000"),
    ChartAccount("2200", "Payroll payable", AccountType.LIABILITY, "2000"),
    ChartAccount("2210", "Payroll taxes and deductions", AccountType.LIABILITY, "2000"),
    ChartAccount("2300", "Taxes on sales", AccountType.LIABILITY, "2000"),
    ChartAccount("3000", "Equity", AccountType.EQUITY),
    ChartAccount("3100", "Opening balances", AccountType.EQUITY, "3000"),
    ChartAccount("3200", "Retained earnings", AccountType.EQUITY, "3000"),
    ChartAccount("4000", "Income", AccountType.INCOME),
    ChartAccount("4100", "Revenue", AccountType.INCOME, "4000"),
    ChartAccount("4200", "Realised gains on crypto assets", AccountType.INCOME, "4000"),
    ChartAccount("4300", "Rewards", AccountType.INCOME, "4000"),
    ChartAccount("4400", "Gains on foreign currency", AccountType.INCOME, "4000"),
    ChartAccount("4900", "Other income", AccountType.INCOME, "4000"),
    ChartAccount("5000", "Expenses", AccountType.EXPENSE),
    ChartAccount("5100", "Network fees", AccountType.EXPENSE, "5000"),
    ChartAccount("5200", "Salaries", AccountType.EXPENSE, "5000"),
    ChartAccount("5300", "Suppliers and services", AccountType.EXPENSE, "5000"),
    ChartAccount("5400", "Losses on foreign currency", AccountType.EXPENSE, "5000"),
    ChartAccount("5900", "Realised losses on crypto assets", AccountType.EXPENSE, "5000"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an asset lies: in a wallet of account 1100, or with somebody else in 1110 (no wallet)."""

    account_code: str
    wallet_id: str | None
    asset: str


@dataclass(frozen=True, slots=True)
class Holding:
    """What lies in a place: quantity, and what it cost in the functional currency."""

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """An asset comes in and is worth `value` (None: no price). `contra` is the account that says why."""

    place: Place
    quantity: Decimal
    value: Decimal | None
    contra: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Disposal:
    """An asset goes out, worth `value` (None: no price): at its cost out of its place, the difference realised."""

    place: Place
    quantity: Decimal
    value: Decimal | None
    contra: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Relocation:
    """The same thing in another place or another form (own transfer, wrap): quantity and cost move, nothing is realised. Where the source
    holds less, `value` is what the thing is booked at from suspense, if it comes from custody."""

    source: Place
    target: Place
    quantity: Decimal
    value: Decimal | None = None
    description: str = ""


Change = Acquisition | Disposal | Relocation


@dataclass(frozen=True, slots=True)
class Posting:
    lines: tuple[Line, ...]
    unpriced: bool  # a price or a cost was missing: the entry is listed until a person completes it
    short: bool = False  # more was taken out of a place than it held
    taken: int = 0  # how many things were taken out of a place


@dataclass(frozen=True, slots=True)
class LotCosts:
    """What each thing that an entry takes out of a place costs by the lots, in the order of its changes. None: it stays among the same lots, and
    takes the average of its place along. `apart`: lots of all wallets are together, so each wallet keeps its own average, and what the lots cost more
    or less stands on the account without a wallet."""

    each: Sequence[Decimal | None]
    apart: bool


@dataclass(frozen=True, slots=True)
class AsOf:
    """Two times: for which days, and what was known when. None: all days, everything that is known."""

    at: date | None = None  # up to and including this day
    known_at: datetime | None = None  # what was posted up to and including this instant


@dataclass(frozen=True, slots=True)
class Sums:
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)


SumKey = tuple[str, str | None, str | None]
"""Account, wallet, asset."""


@dataclass(frozen=True, slots=True)
class AccountTotal:
    account_code: str
    debit: Decimal
    credit: Decimal


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a table that somebody brings."""

    row: int  # as a program of tables numbers them: the header is row 1
    column: str
    message: str


class Sealable(Protocol):
    """A posted entry as far as its seal is concerned."""

    id: str
    org_id: str
    date: date
    original_date: Day | None
    posted_at: datetime | None
    description: str
    reference: str
    source_kind: SourceKind
    source_id: str
    source_purpose: str
    lines: list[Line]
    total_debit: Decimal
    total_credit: Decimal
    transaction_id: str | None
    transaction_hash: str | None
    unpriced: bool
    reverses: str | None
    created_by: str | None
    approved_by: str | None
