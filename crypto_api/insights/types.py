"""Figures in the functional currency, exact; each names what it is made of."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Moved:
    """One movement, as far as figures need it. `value` None: unpriced."""

    transaction_id: str
    key: str
    at: datetime
    network: str
    category: str
    party: str  # its name, else its address
    outgoing: bool
    fee: bool
    asset: str
    symbol: str
    amount: Decimal | None
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` to `until`; what is compared with goes back to `history_since`."""

    since: datetime
    until: datetime
    history_since: datetime

    @property
    def days(self) -> int:
        return max(1, (self.until - self.since).days)


@dataclass(frozen=True, slots=True)
class SpendingRow:
    category: str
    value: Decimal
    previous: Decimal  # in the equally long period before
    movements: int
    unpriced: int


@dataclass(frozen=True, slots=True)
class PartyRow:
    party: str
    paid: Decimal
    received: Decimal
    movements: int


@dataclass(frozen=True, slots=True)
class GasRow:
    network: str
    value: Decimal
    transactions: int


@dataclass(frozen=True, slots=True)
class Gas:
    value: Decimal
    transactions: int
    rows: list[GasRow]
    dearest: Moved | None


@dataclass(frozen=True, slots=True)
class Shock:
    """`drop` of the price of everything that does not keep to the functional currency, 0..1. `months` None: nothing is spent on balance."""

    drop: Decimal
    value: Decimal
    months: Decimal | None


@dataclass(frozen=True, slots=True)
class Runway:
    spent_a_month: Decimal
    received_a_month: Decimal
    net_a_month: Decimal  # spent less received
    steady: Decimal  # worth of what keeps to the functional currency
    shocks: list[Shock]
    unpriced: list[str]
    days: int  # whose pace it is


@dataclass(frozen=True, slots=True)
class Unusual:
    moved: Moved
    value: Decimal
    median: Decimal
    deviation: Decimal  # median absolute deviation
    score: Decimal | None  # None: the others are all alike, and this one is not
    compared_with: int
    reason: str


@dataclass(frozen=True, slots=True)
class Loss:
    """Lots that are worth less than they cost, of one asset."""

    asset: str
    quantity: Decimal
    cost: Decimal
    value: Decimal
    loss: Decimal
    lots: int


@dataclass(frozen=True, slots=True)
class LongAhead:
    """A lot that becomes long-term soon, with what it would gain or lose now."""

    asset: str
    quantity: Decimal
    acquired: date
    long_from: date
    gain: Decimal | None  # None: no price, or its cost is not known


class LotsState(StrEnum):
    SETTLED = "settled"
    WORKING = "working"  # something waits to be compared: what the lots say is provisional
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class TaxHints:
    state: LotsState
    losses: list[Loss]
    ahead: list[LongAhead]


@dataclass(frozen=True, slots=True)
class MonthRow:
    month: date
    received: Decimal
    spent: Decimal
    gas: Decimal
    transactions: int


@dataclass(frozen=True, slots=True)
class Insights:
    as_of: datetime
    window: Window
    currency: str
    cut: bool  # more transactions than are looked at: the oldest of the comparison are left out
    spending: list[SpendingRow]
    parties: list[PartyRow]
    gas: Gas
    runway: Runway
    unusual: list[Unusual]
    tax: TaxHints
    months: list[MonthRow]
