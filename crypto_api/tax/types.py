"""Values of the slice."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal, add_exactly
from crypto_api.lots.types import HoldingTerm, LotMethod, LotScope


class TaxPeriod(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"  # from Monday (ISO 8601)
    MONTHLY = "monthly"
    YEARLY = "yearly"  # the organisation's fiscal year
    CUSTOM = "custom"


class TaxReportStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


UNFINISHED = (TaxReportStatus.QUEUED, TaxReportStatus.RUNNING)


class MissingReason(StrEnum):
    """Why a part of a disposal has no gain that could be told."""

    MISSING_ACQUISITION = "missing_acquisition"  # more went out than ever came in
    UNKNOWN_COST = "unknown_cost"  # it came in without a price
    NO_PRICE = "no_price"  # nobody knows what it was worth when it went out


class _Row(BaseModel):
    """Where the disposal stands: its wallet (None: held with an exchange), entry and transaction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    quantity: StoredDecimal
    wallet_id: str | None
    entry_id: str
    transaction_id: str | None
    transaction_hash: str
    network: str


class DisposalRow(_Row):
    """A part of a disposal against one lot. Money in the functional currency, proceeds net of fees, cost with them."""

    acquired_at: datetime
    disposed_at: datetime
    proceeds: StoredDecimal
    cost_basis: StoredDecimal
    gain: StoredDecimal
    term: HoldingTerm
    account_code: str  # why it went
    acquired_entry_id: str
    acquired_transaction_id: str | None


class MissingRow(_Row):
    disposed_at: datetime
    proceeds: StoredDecimal | None
    reason: MissingReason
    acquired_at: datetime | None  # where it came in, at an unknown cost
    acquired_entry_id: str | None


class IncomeRow(_Row):
    received_at: datetime
    value: StoredDecimal | None  # None: no price
    account_code: str


class Totals(BaseModel):
    """`losses` is not negative. `fees`: what the costs and the proceeds of the period hold, and network fees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gains: StoredDecimal = Decimal(0)
    losses: StoredDecimal = Decimal(0)
    short_term: StoredDecimal = Decimal(0)
    long_term: StoredDecimal = Decimal(0)
    proceeds: StoredDecimal = Decimal(0)
    cost_basis: StoredDecimal = Decimal(0)
    fees: StoredDecimal = Decimal(0)
    income: StoredDecimal = Decimal(0)
    taxable_events: int = 0
    disposals: int = 0  # rows
    missing: int = 0
    incomes: int = 0
    unpriced_income: int = 0

    @property
    def net(self) -> Decimal:
        return add_exactly([self.gains, self.losses.copy_negate()])


@dataclass(frozen=True, slots=True)
class Asked:
    """`method` and `scope` None: those in force, each from its day on."""

    period: TaxPeriod
    start: date
    end: date
    method: LotMethod | None = None
    scope: LotScope | None = None


@dataclass(slots=True)
class Computed:
    totals: Totals
    disposals: list[DisposalRow] = field(default_factory=list)
    missing: list[MissingRow] = field(default_factory=list)
    income: list[IncomeRow] = field(default_factory=list)
