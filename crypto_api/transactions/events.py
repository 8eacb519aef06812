"""Facts of the slice."""

from datetime import datetime
from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _TransactionEvent(DomainEvent):
    permission: ClassVar[str] = "transactions.read"

    transaction_id: str
    hash: str
    network: str
    block_number: int
    block_at: datetime
    status: str
    category: str


class TransactionRecorded(_TransactionEvent):
    """Seen in a block; it stands in the database, not yet in the books."""

    kind: ClassVar[str] = "transaction.recorded"


class TransactionBooked(_TransactionEvent):
    """Understood and, where anything of it belongs there, in the books."""

    kind: ClassVar[str] = "transaction.booked"


class TransactionConfirmed(_TransactionEvent):
    """As deep in the chain as the network asks for."""

    kind: ClassVar[str] = "transaction.confirmed"


class TransactionOrphaned(_TransactionEvent):
    """Its block is no longer part of the chain; what was booked for it is reversed."""

    kind: ClassVar[str] = "transaction.orphaned"


class TransactionRemoved(_TransactionEvent):
    """A person took back what they had brought; its entry is reversed. Never what came from a chain."""

    kind: ClassVar[str] = "transaction.removed"


class TransactionChanged(_TransactionEvent):
    """A person corrected what they had brought: its entry is reversed and posted anew. Never what came from a chain."""

    kind: ClassVar[str] = "transaction.changed"


class TransactionAnnotated(_TransactionEvent):
    """A person changed its category or note."""

    kind: ClassVar[str] = "transaction.annotated"
