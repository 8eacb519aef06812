"""An invoice as a file: the PDF for people, with the e-invoice for programs embedded in it (Factur-X, profile EN 16931) where the invoice has one."""

import asyncio
from dataclasses import dataclass

from crypto_api.flows.issue_invoice import seller_of
from crypto_api.flows.request_payment import Receiving, asked_of
from crypto_api.invoices import einvoice, pdf, store
from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store as organizations


@dataclass(frozen=True)
class InvoiceFile:
    name: str
    content: bytes
    obstacle: str  # why there is no e-invoice in it; empty where there is


async def export_invoice(desk: Receiving, org_id: str, invoice_id: str) -> InvoiceFile:
    """NotFound. Of a draft, as it stands now, and marked as one. Where it can be paid on a chain, the way to its payer's page stands on it."""
    row = await store.get(org_id, invoice_id)
    if row is None:
        raise NotFound
    if row.seller is None and (organization := await organizations.get(org_id)) is not None:
        row = row.model_copy(update={"seller": await seller_of(organization)})
    own = await store.settings(org_id)
    about = await store.get(org_id, row.invoice_id) if row.invoice_id is not None else None
    logo = await store.logo(org_id)
    link = await pay_link(desk, row)
    return await asyncio.to_thread(write_file, row, own, about, logo.content if logo else None, link)  # hundredths of a second of arithmetic


async def pay_link(desk: Receiving, row: Invoice) -> str:
    """The payer's page; empty where nothing is to be paid, or not on a chain."""
    if row.status not in store.OWED:
        return ""
    asked = (await asked_of(desk, row.org_id, [row.id])).get(row.id)
    return asked.link if asked is not None else ""


def write_file(row: Invoice, own: InvoiceSettings | None, about: Invoice | None, logo: bytes | None = None, link: str = "") -> InvoiceFile:
    """Pure: `about` is the invoice that a credit note is about, `logo` a PNG, `link` the payer's page."""
    content, obstacle = pdf.write_pdf(row, own, about, logo, link), einvoice.obstacle(row)
    if not obstacle:
        content = einvoice.embed(content, einvoice.write_xml(row, own, about), pdf.title_of(row), row.seller.name if row.seller else "")
    return InvoiceFile(_name(row), content, obstacle)


def _name(row: Invoice) -> str:
    number = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in row.number or "draft")
    return f"{row.kind.value.replace('_', '-')}-{number}.pdf"
