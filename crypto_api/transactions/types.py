"""Values of the slice: what a movement and a transaction are."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal


class MovementKind(StrEnum):
    NATIVE = "native"
    ERC20 = "erc20"
    GAS = "gas"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"
    INTERNAL = "internal"  # between two wallets of the organisation, or a wallet and itself


class Finality(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    ORPHANED = "orphaned"


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
    """One asset going one way. `key` is its place in the transaction (`value`, `gas`, `log:7`, `log:7:native`): with the transaction it
    names the movement for ever."""

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
    spam_reason: str | None = None  # why it is shown apart and never booked
    value: StoredDecimal | None = None  # in the functional currency at `rate`; None: unpriced
    rate: StoredDecimal | None = None
    price_source: str | None = None
    price_at: datetime | None = None

    @property
    def spam(self) -> bool:
        return self.spam_reason is not None


class Inclusion(BaseModel):
    """A block in which the transaction stood once and no longer does."""

    block_number: int
    block_hash: str
    orphaned_at: datetime
