"""Invoice PDFs a second, against bare reportlab: the same words with the same embedded fonts put on a canvas at places that are known beforehand.

    python -m benchmarks.invoice_pdfs [--seconds 20] [--output FILE]

Bare reportlab measures nothing, wraps nothing and breaks no page by what stands on it: it is what drawing and writing alone cost. Ours lays out
paragraphs in tables, on as many pages as they need, draws a code for the payment, and with the e-invoice writes XML, checks it by its schema and
embeds it. One process; the ways take turns, computing time counts and not the wall, and the fastest of each is compared.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

from beanie import init_beanie
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from rich.console import Console
from rich.table import Table

from crypto_api.documents import DOCUMENTS
from crypto_api.flows.export_invoice import write_file
from crypto_api.invoices import einvoice, pdf, rules
from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus, Item, Party, Rounding, Tax, Terms
from crypto_api.kit.pdf_fonts import WIDE, WIDE_BOLD, embedded
from crypto_project.embedded.servers import Configured, EmbeddedServers
from mongodb_config.client import connect

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LINES_A_PAGE = 40


def invoice(lines: int) -> Invoice:
    vat = Tax(rate=Decimal(19))
    items = [
        Item(description=f"Analysis of the engine, part {number}", quantity=Decimal("2.5"), unit="h", unit_price=Decimal("120.00"), taxes=(vat,))
        for number in range(1, lines + 1)
    ]
    totals = rules.reckon(items, Terms(2))
    seller = Party(name="Byron Analytical Ltd", tax_id="GB980780684", line1="12 St James's Square", city="London", country="GB")
    buyer = Party(name="Engines GmbH", tax_id="DE136695976", line1="Unter den Linden 1", city="Berlin", postal_code="10117", country="DE")
    return Invoice(
        id="inv_1",
        org_id="org_1",
        created_at=NOW,
        updated_at=NOW,
        created_by="usr_1",
        kind=InvoiceKind.INVOICE,
        status=InvoiceStatus.SENT,
        number="INV-2026-00042",
        client_id="cli_1",
        client_name=buyer.name,
        client_name_folded="",
        buyer=buyer,
        seller=seller,
        currency="EUR",
        decimals=2,
        rounding=Rounding(),
        items=items,
        totals=totals,
        total=totals.total,
        reference="PO 4711",
        issue_date=date(2026, 11, 29),
        due_date=date(2026, 12, 29),
        terms_days=30,
    )


def settings() -> InvoiceSettings:
    bank = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "footer": "Thank you."}
    return InvoiceSettings(id="org_1", org_id="org_1", created_at=NOW, updated_at=NOW, **bank)


def bare(row: Invoice) -> bytes:
    out = BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.setFont(WIDE_BOLD, 20)
    canvas.drawString(57, 770, pdf.title_of(row))
    canvas.setFont(WIDE, 9)
    assert row.seller is not None and row.buyer is not None
    for x, party in ((57, row.seller), (300, row.buyer)):
        for number, text in enumerate(filter(None, (party.name, party.line1, f"{party.postal_code} {party.city}", party.country, party.tax_id))):
            canvas.drawString(x, 730 - 12.5 * number, text)
    y = 640.0
    for number, (item, line) in enumerate(zip(row.items, row.totals.lines, strict=True), start=1):
        if number % LINES_A_PAGE == 0:
            canvas.showPage()
            canvas.setFont(WIDE, 9)
            y = 780.0
        canvas.drawString(57, y, str(number))
        canvas.drawString(80, y, item.description)
        for x, text in ((330, f"{item.quantity} {item.unit}"), (410, pdf.money(item.unit_price)), (470, "VAT 19 %"), (538, pdf.money(line.net))):
            canvas.drawRightString(x, y, text)
        canvas.line(57, y - 3, 538, y - 3)
        y -= 14
    for name, value in (("Subtotal", row.totals.subtotal), ("VAT 19 %", row.totals.tax), ("Total EUR", row.totals.total)):
        canvas.drawString(400, y, name)
        canvas.drawRightString(538, y, pdf.money(value))
        y -= 14
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def measure(ways: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The shortest computing time of each, in seconds: they take turns until the time is over."""
    fastest: dict[str, float] = {}
    for way in ways.values():  # fonts are read once
        way()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, way in ways.items():
            begun = time.process_time()
            way()
            fastest[name] = min(fastest.get(name, 1e9), time.process_time() - begun)
    return fastest


def run(seconds: float) -> list[dict[str, object]]:
    embedded()
    own, rows = settings(), []
    for lines in (3, 60):
        row = invoice(lines)
        assert not einvoice.obstacle(row)
        ways: dict[str, Callable[[], object]] = {
            "bare reportlab": lambda row=row: bare(row),
            "PDF": lambda row=row: pdf.write_pdf(row, own),
            "PDF with e-invoice": lambda row=row: write_file(row, own, None),
        }
        found = measure(ways, seconds / 2)
        rows += [
            {"lines": lines, "way": name, "a_second": round(1 / took, 1), "of_bare": round(found["bare reportlab"] / took, 3)}
            for name, took in found.items()
        ]
    return rows


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    async with AsyncExitStack() as stack:  # documents are made of a database that is open
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coffer-bench-")))
        servers = EmbeddedServers(place / "data", place / "logs", configured=Configured.nothing(), chain=None)
        await stack.enter_async_context(servers)
        client = connect(servers.addresses.mongodb_uri)
        stack.push_async_callback(client.close)
        await init_beanie(database=client["bench_invoices"], document_models=DOCUMENTS, skip_indexes=True)
        rows = run(options.seconds)
    table = Table("lines", "way", "a second", "of bare reportlab")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
    if options.output:
        options.output.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
