"""What waits for somebody. An item stands for something that is true now, and closes itself when it no longer is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

ATTEMPTS_KEPT = 50


class ItemKind(StrEnum):
    RECONCILIATION_DIFFERENCE = "reconciliation_difference"
    MISSING_PRICE = "missing_price"
    MISSING_COST = "missing_cost"  # it left, or came without a price, and the books do not know what it had cost
    UNCLASSIFIED = "unclassified"
    AMBIGUOUS = "ambiguous"  # it may be more than one thing: a model suggests one, or something went out and something came in
    FOLLOWER_STOPPED = "follower_stopped"
    PAYMENT_NEEDS_HUMAN = "payment_needs_human"
    CREDIT_NOT_AGREED = "credit_not_agreed"  # a large one that not as many providers tell of as must agree
    OPENING_NOT_AGREED = "opening_not_agreed"  # what a wallet held when watching began, of which they tell different things
    RECEIPT_OPEN = "receipt_open"  # a client paid, and what becomes of some of it is for a person to say
    REFUND_UNCOVERED = "refund_uncovered"  # a client was given back what left the chain afterwards
    REFUND_GONE = "refund_gone"  # what gave a client their money back, and was settled, left the chain itself


class ItemState(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"  # something was tried, and it still holds
    RESOLVED = "resolved"
    WAIVED = "waived"  # a person said that it may stay so; another difference opens it again


OPEN_STATES = frozenset({ItemState.OPEN, ItemState.IN_PROGRESS})


class Remedy(StrEnum):
    RECHECK = "recheck"
    SEARCH_INTERNAL_TRANSFERS = "search_internal_transfers"
    BOOK_DIFFERENCE = "book_difference"
    RETRY_PRICE = "retry_price"
    ENTER_PRICE = "enter_price"
    CLASSIFY = "classify"


REMEDIES: Mapping[ItemKind, tuple[Remedy, ...]] = {
    ItemKind.RECONCILIATION_DIFFERENCE: (Remedy.RECHECK, Remedy.SEARCH_INTERNAL_TRANSFERS, Remedy.BOOK_DIFFERENCE),
    ItemKind.MISSING_PRICE: (Remedy.RETRY_PRICE, Remedy.ENTER_PRICE),
    ItemKind.MISSING_COST: (Remedy.RETRY_PRICE, Remedy.RECHECK),
    ItemKind.UNCLASSIFIED: (Remedy.CLASSIFY, Remedy.RECHECK),
    ItemKind.AMBIGUOUS: (Remedy.CLASSIFY, Remedy.RECHECK),
    ItemKind.FOLLOWER_STOPPED: (Remedy.RECHECK,),
    ItemKind.PAYMENT_NEEDS_HUMAN: (Remedy.RECHECK,),
    ItemKind.CREDIT_NOT_AGREED: (Remedy.RECHECK,),
    ItemKind.OPENING_NOT_AGREED: (Remedy.RECHECK,),
    ItemKind.RECEIPT_OPEN: (Remedy.RECHECK,),
    ItemKind.REFUND_UNCOVERED: (Remedy.RECHECK, Remedy.BOOK_DIFFERENCE),
    ItemKind.REFUND_GONE: (Remedy.RECHECK,),
}


class Attempt(BaseModel):
    """What was tried, by whom (None: by itself), and what came of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: datetime
    by: str | None
    what: str
    outcome: str


@dataclass(frozen=True)
class Finding:
    """Something that is true now and should not be. `key` names it in the organisation: it never stands there twice. `fingerprint` is what
    was waived when somebody waives it: another one opens the item again."""

    kind: ItemKind
    key: str
    subject: tuple[str, str]  # kind and id
    title: str
    cause: str
    fingerprint: str
    facts: Mapping[str, str] = field(default_factory=dict)
