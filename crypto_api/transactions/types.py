"""Values of the slice: what a movement and a transaction are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal


class MovementKind(StrEnum):
    NATIVE = "native"
    ERC20 = "erc20"
    ERC721 = "erc721"
    ERC1155 = "erc1155"
    INTERNAL = "internal"  # native coin that a contract moved by a call: no log tells of it
    LEVY = "levy"  # what a token took from the sender beside what it says that it moved
    GAS = "gas"


FEES = frozenset({MovementKind.GAS, MovementKind.LEVY})
COLLECTIBLES = frozenset({MovementKind.ERC721, MovementKind.ERC1155})
COINS = frozenset({MovementKind.NATIVE, MovementKind.INTERNAL, MovementKind.GAS})


class Basis(StrEnum):
    """What a movement rests on."""

    EVENT = "event"  # the transaction itself, or a log of it
    TRACE = "trace"  # the tree of its calls
    BALANCE = "balance"  # what was there before and after: who is on the other side is not known


class Origin(StrEnum):
    TRANSACTION = "transaction"
    BALANCE = "balance"  # a change of a balance within a block, which no transaction explains
    IMPORT = "import"  # a person brought it in a table: it has neither hash nor block
    MANUAL = "manual"  # a person wrote it down, one by one


BROUGHT = frozenset({Origin.IMPORT, Origin.MANUAL})
"""Nothing on a chain says so: a person may change it and take it back."""


class RowType(StrEnum):
    """What a row that a person brought says of itself."""

    BUY = "BUY"
    SELL = "SELL"
    TRANSFER = "TRANSFER"
    INCOME = "INCOME"
    EXPENSE = "EXPENSE"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"
    INTERNAL = "internal"  # between two wallets of the organisation, or a wallet and itself


class Finality(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    ORPHANED = "orphaned"


class Agreement(StrEnum):
    """Whether it takes more than one provider's word to book and confirm it."""

    NOT_NEEDED = "not_needed"
    WANTED = "wanted"
    REACHED = "reached"


class Booking(StrEnum):
    DUE = "due"
    DONE = "done"
    NONE = "none"  # nothing of it belongs into the books: spam, a movement of zero
    REVERSED = "reversed"


class Status(StrEnum):
    """What the API shows; derived from `succeeded` and `finality`."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    ORPHANED = "ORPHANED"


def status_of(finality: Finality, *, succeeded: bool) -> Status:
    if finality is Finality.ORPHANED:
        return Status.ORPHANED
    if not succeeded:
        return Status.FAILED
    return Status.CONFIRMED if finality is Finality.CONFIRMED else Status.PENDING


class Movement(BaseModel):
    """One asset going one way. `key` is its place in the transaction (`value`, `gas`, `log:7`, `log:7:0` in a batch, `log:7:native`,
    `trace:0.1.2`, `balance`): with the transaction it names the movement for ever."""

    model_config = ConfigDict(extra="forbid")

    key: str
    kind: MovementKind
    asset: str  # symbol of a listed asset, else the CAIP-19 id of the contract
    contract: str | None  # EIP-55 address of the token, None for the native coin
    symbol: str  # untrusted text where the asset is not listed
    decimals: int | None
    raw_amount: str  # base units
    amount: StoredDecimal | None  # whole units; None where decimals are unknown or 34 digits do not hold it
    direction: Direction
    wallet_id: str  # of the organisation: the receiver of an IN, the sender of an OUT or INTERNAL
    counter_wallet_id: str | None = None  # the receiver of an INTERNAL
    from_address: str  # EIP-55
    to_address: str
    log_index: int | None = None
    basis: Basis = Basis.EVENT
    token_id: str | None = None  # which one of an ERC-721 or ERC-1155 contract; a uint256 in decimal digits
    raw_event_amount: str | None = None  # what the log says, where another amount arrived
    spam_reason: str | None = None  # why it is shown apart and never booked
    value: StoredDecimal | None = None  # in the functional currency at `rate`; None: unpriced
    rate: StoredDecimal | None = None
    price_source: str | None = None
    price_at: datetime | None = None
    price_origin: str | None = None  # in words: which feed, provider or entry by hand, and through what

    @property
    def spam(self) -> bool:
        return self.spam_reason is not None

    @property
    def collectible(self) -> bool:
        """Recorded and shown, never booked: it has no quantity that a price could be multiplied by."""
        return self.kind in COLLECTIBLES


class Brought(BaseModel):
    """What a person said who brought a row; `price`, `value` and a fee without `fee_asset` in the functional currency. Movements and entry
    follow from it, so that it can be changed."""

    model_config = ConfigDict(extra="forbid")

    type: RowType
    at: datetime
    asset: str
    amount: StoredDecimal  # whole units
    price: StoredDecimal | None = None  # of one unit
    value: StoredDecimal | None = None  # of all of it, instead of a price
    fee: StoredDecimal = Decimal(0)
    fee_asset: str = ""
    wallet_id: str | None = None
    to_wallet_id: str | None = None
    cash_account: str = ""  # code; empty: none was named
    description: str = ""
    external_id: str = ""


class Inclusion(BaseModel):
    """A block in which the transaction stood once and no longer does."""

    block_number: int
    block_hash: str
    orphaned_at: datetime


@dataclass(frozen=True, slots=True)
class Booked:
    """What the books say of a transaction that was due in that block, at that version of its row."""

    row_id: str
    block_hash: str
    version: int
    booking: Booking
    movements: Sequence[Movement]
    decision: Mapping[str, object]
    """The category fields."""
    entry_id: str | None
    unpriced: bool


@dataclass(frozen=True, slots=True)
class Suspended:
    """A booked transaction of which nobody said yet what it is, as a list needs it."""

    id: str
    hash: str
    network: str
    timestamp: datetime
    explanation: str
    model: str | None  # which model suggested something
    both_ways: bool  # something went out and something came in
    suggestion: Mapping[str, Any] | None = None  # what memory or a model thought of it
