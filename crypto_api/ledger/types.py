"""Values of the books: accounts, lines, sources."""

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from crypto_api.kit.amounts import StoredDecimal


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


class SourceKind(StrEnum):
    MANUAL = "manual"
    TRANSACTION = "transaction"
    OPENING = "opening"
    REVERSAL = "reversal"


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
