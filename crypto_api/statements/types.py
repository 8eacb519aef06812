"""Values of statements."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal


class StatementKind(StrEnum):
    BALANCE_SHEET = "balance_sheet"
    INCOME_STATEMENT = "income_statement"
    CASH_FLOW = "cash_flow"
    CRYPTO_ROLL_FORWARD = "crypto_roll_forward"


class Measure(StrEnum):
    """What a column of a roll-forward counts."""

    QUANTITY = "quantity"
    COST = "cost"
    FAIR_VALUE = "fair_value"


MEASURES = {Measure.QUANTITY: "Quantity", Measure.COST: "Cost", Measure.FAIR_VALUE: "Fair value"}
"""How columns that count them are called."""


class Detail(StrEnum):
    """By what a roll-forward is divided."""

    ASSET = "asset"
    WALLET = "wallet"


class RowKind(StrEnum):
    HEADING = "heading"
    ACCOUNT = "account"
    LINE = "line"  # computed, not an account of its own
    TOTAL = "total"


class Row(BaseModel):
    """`account_code` leads on to the general ledger; `asset` and `wallet_id` say of what a row of a roll-forward tells. An amount is None where there
    is none to tell: units of different assets have no sum, and what has no price has no fair value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: RowKind
    name: str
    amounts: tuple[StoredDecimal | None, ...] = ()  # one a column
    depth: int = 0
    account_code: str | None = None
    key: str = ""  # a stable word for rows that are no accounts
    asset: str | None = None
    wallet_id: str | None = None


class Column(BaseModel):
    """The days that a column is about; a balance sheet has no first day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: date | None
    last: date
    measure: Measure | None = None


class PriceUsed(BaseModel):
    """What one unit of an asset was worth at the end of a day, and who said so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: str
    day: date
    rate: StoredDecimal
    source: str
    origin: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    rows: tuple[Row, ...]
    balanced: bool  # what must be equal is, in every column

    def amount(self, key: str, column: int = 0) -> Decimal | None:
        """Of the row with that key. KeyError."""
        for row in self.rows:
            if row.key == key:
                return row.amounts[column]
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class Asked:
    """`first` is None for a balance sheet. `compare_to` is a day (balance sheet) or the last day of a period as long as the one that is asked for."""

    kind: StatementKind
    first: date | None
    last: date
    compare_to: date | None = None
    known_at: datetime | None = None
    detail: Detail = Detail.ASSET
