"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _RecurringEvent(DomainEvent):
    permission: ClassVar[str] = "invoices.read"

    recurring_id: str
    status: str


class RecurringAdded(_RecurringEvent):
    kind: ClassVar[str] = "recurring_invoice.added"


class RecurringChanged(_RecurringEvent):
    kind: ClassVar[str] = "recurring_invoice.changed"


class RecurringDeleted(_RecurringEvent):
    """Nothing had been made by it."""

    kind: ClassVar[str] = "recurring_invoice.deleted"


class RecurringMade(_RecurringEvent):
    """The invoice of one period."""

    kind: ClassVar[str] = "recurring_invoice.made"

    invoice_id: str
    period: str


class RecurringStuck(_RecurringEvent):
    """An invoice could not be made or sent: it says why, and is tried again."""

    kind: ClassVar[str] = "recurring_invoice.stuck"
