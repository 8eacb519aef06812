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
