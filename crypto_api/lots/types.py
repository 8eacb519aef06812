"""Values of the slice. The engine counts in integers: quantities in units of 10^-36 of an asset, money in units of 10^-8 of the functional
currency, days as ordinals of the organisation's calendar."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

QUANTITY_PLACES = 36
VALUE_PLACES = 8


class LotMethod(StrEnum):
    """Which lots a disposal takes."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"  # the highest price first, before fees; of equal prices the earliest
    AVERAGE = "average"  # quantities as FIFO, which decides the holding period; cost from the pool's average


class LotScope(StrEnum):
    """Which lots a disposal may take: those of its own wallet, or those of the asset wherever they lie."""

    WALLET = "wallet"
    UNIVERSAL = "universal"


class HoldingTerm(StrEnum):
    SHORT = "short"
    LONG = "long"


class Verdict(StrEnum):
    """How a proposed rule ended."""

    CONFIRMED = "confirmed"
    ALONE = "alone"  # it held at once: there was nobody else who could have confirmed it
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Kind(StrEnum):
    ACQUIRE = "acquire"
    DISPOSE = "dispose"
    MOVE = "move"  # between own places, or into another form (a wrap): nothing is realised


class Rule(NamedTuple):
    """What holds from a day on, until the next rule begins."""

    start: int
    method: LotMethod
    scope: LotScope
    months: int = 12
    """How long a lot is held before a disposal counts as long-term."""


class Event(NamedTuple):
    """What concerns lots, of one entry. `order` sorts: time, block, index, place within the entry."""

    ref: str
    order: str
    day: int
    kind: Kind
    place: str  # account|wallet|asset
    quantity: int
    value: int | None = None  # before fees; None: no price
    fee: int = 0  # part of the cost of what is acquired, and of the proceeds of what is disposed of
    price: int = 0  # the rank of what is acquired
    target: str = ""  # of a move


class Lot:
    """A quantity acquired at one time, and what is left of it. `price` ranks it: what a unit was worth, before fees. `known` is False where its cost
    is not: it came without a price, or without an acquisition."""

    __slots__ = ("cost", "day", "known", "long_from", "order", "price", "quantity", "ref", "spent", "used")

    def __init__(self, ref: str, order: str, day: int, long_from: int, price: int, quantity: int, cost: int, known: bool = True) -> None:
        self.ref = ref  # the event that acquired it
        self.order = order  # of its acquisition; it stays through transfers
        self.day = day  # of its acquisition
        self.long_from = long_from  # the first day on which a disposal is long-term
        self.price = price
        self.quantity = quantity
        self.cost = cost
        self.known = known
        self.used = 0
        self.spent = 0

    @property
    def left(self) -> int:
        return self.quantity - self.used

    @property
    def cost_left(self) -> int:
        return self.cost - self.spent


class Taken(NamedTuple):
    """A part of a lot that a disposal or a transfer took, and what it cost. Whether the cost is known, the lot says."""

    lot: Lot
    quantity: int
    cost: int


class Portion(NamedTuple):
    """A part of a disposal, against one lot. `cost` and `gain` are None where the cost of the lot is not known, `gain` also where there are no
    proceeds."""

    lot: Lot
    quantity: int
    proceeds: int | None
    cost: int | None
    gain: int | None
    long: bool


class Disposed(NamedTuple):
    """What a disposal took. `missing` was sold and never acquired: it has proceeds, and neither cost nor gain."""

    portions: list[Portion]
    missing: int
    missing_proceeds: int | None


class Moved(NamedTuple):
    """What a transfer took out of one pool and put into another; nothing where both are the same. What was missing arrives with an unknown cost."""

    lots: list[Lot]
    cost: int
    missing: int


Outcome = Disposed | Moved | None


# ---- as it is kept ---------------------------------------------------------------------------------------------------------------


class Page(NamedTuple):
    """Where some of the lots of a pool are kept: those from `first` on, up to the first of the next."""

    number: int
    first: str


class PoolRow(NamedTuple):
    """A pool as the books left it; its lots lie beside it, on pages."""

    key: str
    method: LotMethod
    last: str  # the order of the latest event
    taken: str  # and of the latest that took something out
    quantity: int = 0  # of the lots of known cost, and what they cost together: of an average, which alone needs it
    cost: int = 0
    pages: tuple[Page, ...] = ()  # in their order
    version: int = 1


# ---- a history read out of the books ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """Of an event, what a reader wants to know beside the figures."""

    at: datetime
    entry_id: str
    transaction_id: str | None
    transaction_hash: str
    network: str
    account_code: str
    wallet_id: str | None
    asset: str
    contra: str  # the account that says why; empty for a transfer
    booked_cost: Decimal  # what the entry takes out of the place
    realised: Decimal  # what it books as a gain, below zero as a loss
    dated: bool  # only the day is known
    day: date  # of the entry
    target_account_code: str = ""  # of a transfer: where it went
    target_wallet_id: str | None = None
    target_asset: str = ""


@dataclass(frozen=True, slots=True)
class LotEvents:
    events: list[Event]
    """In their order."""
    told: dict[str, Told]
    """By the event's ref."""
