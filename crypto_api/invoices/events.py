"""Facts of the slice. They name the invoice by its id and number; what it is about, and for whom, is read with the permission to."""

from typing import ClassVar

from crypto_api.events.types import DomainEvent


class _InvoiceEvent(DomainEvent):
    permission: ClassVar[str] = "invoices.read"

    invoice_id: str
    document: str  # invoice, credit_note or quote
    status: str
    number: str | None


class InvoiceDrafted(_InvoiceEvent):
    kind: ClassVar[str] = "invoice.drafted"


class InvoiceEdited(_InvoiceEvent):
    kind: ClassVar[str] = "invoice.edited"


class InvoiceDeleted(_InvoiceEvent):
    """A draft, which never had a number."""

    kind: ClassVar[str] = "invoice.deleted"


class InvoiceSent(_InvoiceEvent):
    """It was issued: it has its number, and stands in the books."""

    kind: ClassVar[str] = "invoice.sent"


class InvoicePaymentReceived(_InvoiceEvent):
    """Some of it, or the rest."""

    kind: ClassVar[str] = "invoice.payment_received"

    payment_id: str
    amount: str
    currency: str


class InvoicePaymentTakenBack(_InvoiceEvent):
    """A payment does not stand any more: its block left the chain, or its matching was undone."""

    kind: ClassVar[str] = "invoice.payment_taken_back"

    payment_id: str
    amount: str
    currency: str


class InvoiceFlagged(_InvoiceEvent):
    """Something that came on chain is out of the ordinary, or is no more."""

    kind: ClassVar[str] = "invoice.flagged"


class InvoiceCredited(_InvoiceEvent):
    """A credit note settled a part of it, or the rest."""

    kind: ClassVar[str] = "invoice.credited"

    credit_note_id: str


class InvoicePaid(_InvoiceEvent):
    """Nothing is due any more."""

    kind: ClassVar[str] = "invoice.paid"


class InvoiceOverdue(_InvoiceEvent):
    kind: ClassVar[str] = "invoice.overdue"


class InvoiceCancelled(_InvoiceEvent):
    kind: ClassVar[str] = "invoice.cancelled"
