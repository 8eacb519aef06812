"""Values of the slice: rate locks, what came, and what became of each part of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.amounts import StoredDecimal

LOCK_MINUTES, LOCK_MINUTES_MAX = 15, 24 * 60
LOCK_GRACE = timedelta(seconds=60)
GAP_LIMIT, GAP_LIMIT_MAX = 20, 1_000  # BIP-44 says 20: a wallet looks no further past addresses that nothing came to
RATE_AGE_MAX = timedelta(hours=24)  # of what a lock rests on, whatever its source allows
LOCKS_KEPT = 50
TOLD_MAX = 20  # hashes that a payer's wallet told of one request
OFFERS_MAX = 8  # assets that a payer may choose from
PLACES_MAX = 8  # decimals of an amount that is asked for: a person may have to type it
APPLIED_MAX = 50  # receipts or invoices that one matching joins


class ReceiptState(StrEnum):
    WAITING = "waiting"  # its block is not final yet, or its price is not known
    OPEN = "open"  # some of it belongs to nothing yet
    DONE = "done"  # all of it is accounted for
    SET_ASIDE = "set_aside"  # a person says that it is no client's money
    GONE = "gone"  # its block left the chain


class ReceiptFlag(StrEnum):
    """What is out of the ordinary with it."""

    OVERPAID = "overpaid"  # more than was due: the rest is open
    PAID_TWICE = "paid_twice"  # the invoice was paid already
    WRONG_ASSET = "wrong_asset"  # another asset than was asked for
    AFTER_EXPIRY = "after_expiry"  # when no rate was locked: it counts at the rate of its block
    LATE = "late"  # after the invoice's due date
    AFTER_CANCELLATION = "after_cancellation"
    TOO_SMALL = "too_small"  # less than the smallest unit of the invoice's currency
    UNPRICED = "unpriced"  # nobody knows yet what it is worth: it waits
    REORGANISED = "reorganised"  # it stood in another block before


REFUND_ORIGIN = "refund"  # of the payment that gives money back: the receipt is its id, the part of it its component


class UseKind(StrEnum):
    INVOICE = "invoice"
    CREDIT = "credit"  # kept for the client, to be applied later
    REFUND = "refund"


class Offer(BaseModel):
    """An asset that a request may be paid in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asset: str
    contract: str | None
    decimals: int


class RateLock(BaseModel):
    """`due` of the invoice's currency for `amount` of the asset, until `expires_at`. `rate`: currency for one unit, told by `source` at `rate_at`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    asset: str = ""  # empty in those from before a payer could choose: the only one
    due: StoredDecimal
    amount: StoredDecimal
    raw_amount: str
    rate: StoredDecimal
    source: str
    rate_at: datetime
    locked_at: datetime
    expires_at: datetime

    def covers(self, at: datetime) -> bool:
        """Whether a payment in a block of that time came under it. Blocks tell whole seconds, and what was sent in time is in one a little later."""
        return self.locked_at - LOCK_GRACE <= at <= self.expires_at + LOCK_GRACE


class Use(BaseModel):
    """What became of a part of a receipt. `value`: its part of what the receipt was worth, functional."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: UseKind
    quantity: StoredDecimal
    value: StoredDecimal
    invoice_id: str | None = None
    number: str | None = None
    client_id: str | None = None
    amount: StoredDecimal = Decimal(0)  # in the currency of the invoice
    currency: str = ""
    lock: int | None = None  # the rate lock that it came under
    entry_id: str | None = None  # what it posted
    refund_id: str | None = None  # the payment that gives it back
    settled: bool = True  # False: a refund that is on its way
    written_off: str | None = None  # of a refund of what left the chain: the entry that says that it is lost
    by: str | None = None  # None: by itself
    at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What of an open invoice a matching needs. Amounts of the books are in the functional currency."""

    id: str
    number: str
    client_id: str
    client: str
    worth: Decimal  # what is still due of it, as it stands in the books
    issued_at: datetime
    asset: str | None = None  # asked for
    raw_amount: str | None = None
    wallet_id: str | None = None  # where it was asked to
    own: bool = False  # at an address of its own


@dataclass(frozen=True, slots=True)
class Came:
    """What of a receipt a matching needs. `worth`: functional, of what is open of it."""

    id: str
    wallet_id: str
    asset: str
    raw_amount: str
    worth: Decimal
    payer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Receipts that may be what invoices wait for. `score` is 0 to 100; `reasons` say why, in words."""

    receipt_ids: tuple[str, ...]
    invoice_ids: tuple[str, ...]
    score: int
    reasons: tuple[str, ...]
    exact: bool = False
