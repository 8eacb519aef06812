"""Facts of the slice. They name what they are about by ids; what it is, and for whom, is read with the permission to."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class ReceivingKeyChanged(DomainEvent):
    """Invoices get their addresses from another extended public key, or (without `own_addresses`) from none: other people's money goes elsewhere."""

    permission: ClassVar[str] = "invoices.read"
    kind: ClassVar[str] = "receiving_key.changed"

    own_addresses: bool
    change_id: str = ""  # of this change: each is told of, however soon the next one comes; empty in events from before


class _RequestEvent(DomainEvent):
    permission: ClassVar[str] = "invoices.read"

    request_id: str
    invoice_id: str


class PaymentRequested(_RequestEvent):
    """There is a page on which the invoice can be paid."""

    kind: ClassVar[str] = "payment_request.created"


class RateLocked(_RequestEvent):
    kind: ClassVar[str] = "payment_request.rate_locked"

    expires_at: str


class _ReceiptEvent(DomainEvent):
    permission: ClassVar[str] = "invoices.read"

    receipt_id: str
    transaction_id: str
    state: str
    flags: list[str]
    invoice_id: str | None


class ReceiptSeen(_ReceiptEvent):
    """Money came. Its block is not final yet."""

    kind: ClassVar[str] = "receipt.seen"


class ReceiptApplied(_ReceiptEvent):
    """To an invoice: all of it, or a part."""

    kind: ClassVar[str] = "receipt.applied"


class ReceiptOpen(_ReceiptEvent):
    """Some of it belongs to nothing yet: a person is asked."""

    kind: ClassVar[str] = "receipt.open"


class ReceiptResolved(_ReceiptEvent):
    """A person said what becomes of the rest: credit or refund."""

    kind: ClassVar[str] = "receipt.resolved"


class ReceiptUndone(_ReceiptEvent):
    """What it was matched with was taken back."""

    kind: ClassVar[str] = "receipt.undone"


class ReceiptGone(_ReceiptEvent):
    """Its block left the chain, and what it had paid with it."""

    kind: ClassVar[str] = "receipt.gone"
