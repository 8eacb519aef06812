"""Facts of the slice."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _RecurringEvent(DomainEvent):
    permission: ClassVar[str] = "payments.read"

    recurring_id: str
    status: str


class RecurringPaymentAdded(_RecurringEvent):
    kind: ClassVar[str] = "recurring_payment.added"


class RecurringPaymentChanged(_RecurringEvent):
    kind: ClassVar[str] = "recurring_payment.changed"


class RecurringPaymentEnded(_RecurringEvent):
    """Nothing more of it is due: it was ended by a person, or its last one was prepared."""

    kind: ClassVar[str] = "recurring_payment.ended"


class RecurringPaymentDue(_RecurringEvent):
    """One of its occurrences has its day; whether there is a payment for it, the occurrence says."""

    kind: ClassVar[str] = "recurring_payment.due"

    number: int
