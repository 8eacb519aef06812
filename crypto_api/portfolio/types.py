"""Values of the reader. Amounts are in the functional currency of the organisation."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from crypto_api.prices.types import Quote


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of one asset. Without a rate it has no value, and is in no total."""

    asset: str
    quantity: Decimal
    cost: Decimal
    quote: Quote | None
    value: Decimal | None
    cost_known: bool  # no entry that stands without a price or a cost moved it: else `cost` is too small, and nothing is unrealised
    unrealised: Decimal | None
    share: Decimal | None  # of the priced total, 0..1
    wallets: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A portfolio at a moment."""

    at: datetime
    value: Decimal  # of what is priced
    cost: Decimal  # of what is priced and whose cost is known
    unrealised: Decimal  # of the same
    positions: list[Position]  # greatest value first, unpriced last
    oldest_rate_at: datetime | None

    @property
    def unpriced(self) -> list[str]:
        return [position.asset for position in self.positions if position.value is None]

    @property
    def without_cost(self) -> list[str]:
        return [position.asset for position in self.positions if not position.cost_known]


@dataclass(frozen=True, slots=True)
class Flow:
    """Value that came in from outside (or, negative, went out): neither gain nor loss."""

    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Valued:
    """What the included assets were worth at a moment."""

    at: datetime
    value: Decimal


class NoResult(StrEnum):
    """Why a rate of return is not told."""

    NOTHING_HELD = "nothing_held"
    TOO_SHORT = "too_short"  # less than a day
    NOT_PRICED = "not_priced"  # no two moments at which everything that was held has a price
    NO_RATE = "no_rate"  # no rate between -99.99 % and 100,000 % a year makes the flows equal
    SEVERAL_RATES = "several_rates"  # more than one does: none of them means anything
    LOST_FROM_NOTHING = "lost_from_nothing"  # value moved where no capital stood: there is nothing to relate it to


@dataclass(frozen=True, slots=True)
class Return:
    """`period` is for the whole period, `annual` for a year of 365 days; 0.1 is ten per cent. None with the reason."""

    period: Decimal | None
    annual: Decimal | None  # also none where the period is shorter than a year: it would be a projection
    none_because: NoResult | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """An asset that is left out of a figure, whole: its value and its flows."""

    asset: str
    reason: str


@dataclass(frozen=True, slots=True)
class Performance:
    since: datetime
    until: datetime
    start_value: Decimal
    end_value: Decimal
    net_flows: Decimal
    gain: Decimal  # end - start - flows
    realised: Decimal
    fees: Decimal
    rewards: Decimal
    time_weighted: Return
    money_weighted: Return
    days: int
    valued_moments: int  # of the moments looked at, at which everything that was held had a price
    moments: int
    excluded: list[Excluded]
    cut: bool  # older bookings exist than were read: the period begins later than was asked for


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    at: datetime
    value: Decimal  # of what is priced
    cost: Decimal  # of what is priced and whose cost is known
    flows: Decimal  # since the point before
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    points: list[HistoryPoint]
    without_cost: tuple[str, ...]  # in no point's cost, since an entry without a price or a cost moved them
    since: datetime
    cut: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One slice of an allocation."""

    key: str
    name: str
    value: Decimal
    cost: Decimal
    share: Decimal | None
    unpriced: tuple[str, ...]  # assets in it without a price, which are not in its value


@dataclass(frozen=True, slots=True)
class HoldingMovement:
    """One line of an entry that moved an asset into or out of a holding."""

    entry_id: str
    date: date
    description: str
    wallet_id: str | None
    account_code: str
    quantity: Decimal
    cost: Decimal  # what it added to, or took from, the cost of what is held
    unpriced: bool
    transaction_id: str | None
    transaction_hash: str | None
