"""Facts of the books."""

from datetime import date
from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _EntryEvent(DomainEvent):
    permission: ClassVar[str] = "ledger.read"

    entry_id: str
    date: date
    description: str
    total: str
    """In the functional currency, a decimal string."""
    source_kind: str
    transaction_id: str | None
    transaction_hash: str | None
    unpriced: bool


class JournalEntryPosted(_EntryEvent):
    """It counts from now on and is never changed."""

    kind: ClassVar[str] = "journal_entry.posted"


class JournalEntryReversed(_EntryEvent):
    """A mirror entry, `reversed_by`, took it back."""

    kind: ClassVar[str] = "journal_entry.reversed"

    reversed_by: str
    reason: str


class JournalEntryDrafted(_EntryEvent):
    """A person wrote it; it does not count yet."""

    kind: ClassVar[str] = "journal_entry.drafted"


class JournalEntryEdited(_EntryEvent):
    """A draft says something else now."""

    kind: ClassVar[str] = "journal_entry.edited"


class JournalEntryApproved(_EntryEvent):
    """Somebody who did not prepare it lets it be posted."""

    kind: ClassVar[str] = "journal_entry.approved"

    approved_by: str


class JournalEntryDiscarded(_EntryEvent):
    """The draft is gone. It never counted."""

    kind: ClassVar[str] = "journal_entry.discarded"


class PeriodWasClosed(DomainEvent):
    """Nothing is posted on its days any more; what arrives late stands in the open period and says so."""

    kind: ClassVar[str] = "ledger_period.closed"
    permission: ClassVar[str] = "ledger.read"

    period: str
    certificate_id: str


class SealWasAnchored(DomainEvent):
    """A final transaction on a chain holds the hash of a seal: what is sealed up to there cannot have been made up after its block."""

    kind: ClassVar[str] = "ledger_seal.anchored"
    permission: ClassVar[str] = "ledger.read"

    anchor_id: str
    seq: int
    seal_hash: str
    network: str
    transaction_hash: str
    block_number: int


class PeriodWasReopened(DomainEvent):
    """It takes entries again. Its certificate stays as it was; closing it again makes another."""

    kind: ClassVar[str] = "ledger_period.reopened"
    permission: ClassVar[str] = "ledger.read"

    period: str
    reason: str
