from datetime import date

from pydantic import Field

from crypto_api.http.schemas.auth import Email
from crypto_api.http.schemas.base import ReadSchema, RequestSchema
from crypto_api.http.schemas.invoices import Amount, ItemRead, PartyRead, TaxTotalRead, figures
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus


class ClientInvite(RequestSchema):
    email: Email | None = Field(default=None, examples=["ada@engines.example"], description="Left out: where the client's invoices go.")


class OwnInvoiceRead(ReadSchema):
    """What stands on it and what is due: nothing of the seller's books."""

    id: str = Field(examples=["inv_01k9x5r3v8"])
    kind: InvoiceKind
    invoice_number: str | None = Field(examples=["INV-2026-00042"])
    status: InvoiceStatus
    seller: PartyRead | None
    buyer: PartyRead | None
    currency: str = Field(examples=["EUR"])
    items: list[ItemRead]
    taxes: list[TaxTotalRead]
    subtotal: Amount
    discount_amount: Amount
    tax_amount: Amount
    total_amount: Amount
    paid_amount: Amount
    credited_amount: Amount
    due_amount: Amount
    issue_date: date | None
    due_date: date | None
    reference: str
    note: str

    @classmethod
    def of(cls, row: Invoice) -> "OwnInvoiceRead":
        same = ("id", "kind", "status", "currency", "issue_date", "due_date", "reference", "note")
        return cls(
            **{name: getattr(row, name) for name in same},
            **figures(row.items, row.totals),
            invoice_number=row.number,
            seller=PartyRead.of(row.seller) if row.seller else None,
            buyer=PartyRead.of(row.buyer) if row.buyer else None,
            paid_amount=row.paid.quantize(row.total),
            credited_amount=row.credited.quantize(row.total),
            due_amount=row.due.quantize(row.total),
        )
