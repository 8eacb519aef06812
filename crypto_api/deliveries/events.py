"""Facts of the slice. They name the sending and its invoice; whom it went to is read with the permission to."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _DeliveryEvent(DomainEvent):
    permission: ClassVar[str] = "invoices.read"

    delivery_id: str
    invoice_id: str
    purpose: str  # invoice, resend or reminder


class DeliveryWasQueued(_DeliveryEvent):
    kind: ClassVar[str] = "invoice_delivery.queued"


class DeliverySent(_DeliveryEvent):
    """The mail server took it."""

    kind: ClassVar[str] = "invoice_delivery.sent"


class DeliveryDelayed(_DeliveryEvent):
    """The mail server did not take it now; it is tried again."""

    kind: ClassVar[str] = "invoice_delivery.delayed"


class DeliveryFailed(_DeliveryEvent):
    """Refused for good, or tried for days in vain: somebody should look at the address."""

    kind: ClassVar[str] = "invoice_delivery.failed"


class DeliveryDropped(_DeliveryEvent):
    """Its invoice was paid or cancelled before it left."""

    kind: ClassVar[str] = "invoice_delivery.dropped"
