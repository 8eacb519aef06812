"""The PDF and the e-invoice in it: read back by other programs than those that wrote them."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from facturx import get_facturx_xml_from_pdf, xml_check_xsd
from lxml import etree
from pypdf import PdfReader

from crypto_api.flows.export_invoice import write_file
from crypto_api.invoices import einvoice, pdf
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus, Rounding, Tax, TaxCategory, TaxRounding
from tests.invoices.issued import BUYER, LOW, SELLER, VAT, D, invoice, item, own_settings

NS = {"ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"}


pytestmark = pytest.mark.usefixtures("runtime")  # documents are made of a database that is open


def text_of(content: bytes, tmp_path: Path) -> str:
    path = tmp_path / "invoice.pdf"
    path.write_bytes(content)
    if shutil.which("pdftotext") is None:
        return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True, text=True).stdout


def amounts_in(root: Any, name: str) -> list[Decimal]:
    return [D(node.text) for node in root.findall(f".//ram:{name}", NS)]


CASES: dict[str, Callable[[], Invoice]] = {
    "plain": lambda: invoice(item("Analysis", "2.5", "120.00", VAT, unit="h"), item("Books", "3", "9.99", LOW)),
    "discounts": lambda: invoice(item("Analysis", "2", "100.00", VAT, discount=D(10)), item("Books", "1", "33.33", LOW), discount_percent=D("12.5")),
    "inclusive": lambda: invoice(item("Tickets", "3", "9.99", VAT), item("Food", "1", "20.00", LOW), prices_include_tax=True, discount=D(5)),
    "per line": lambda: invoice(*[item("Bit", "1", "0.33", VAT)] * 60, rounding=Rounding(tax=TaxRounding.PER_LINE)),
    "reverse charge": lambda: invoice(item("Analysis", "1", "1000.00", Tax(rate=D(0), category=TaxCategory.REVERSE_CHARGE))),
    "no tax": lambda: invoice(item("Gift", "1", "10.00")),
    "yen": lambda: invoice(item("Analysis", "1", "5000", VAT), currency="JPY"),
    "credit note": lambda: invoice(item("Analysis", "1", "10.00", VAT), kind=InvoiceKind.CREDIT_NOTE, number="CN-2026-00001", due_date=None),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_e_invoice_passes_its_schema_and_its_sums_are_the_invoices(name: str, tmp_path: Path) -> None:
    row = CASES[name]()
    file = write_file(row, own_settings(), CASES["plain"]())
    assert file.obstacle == "" and file.content.startswith(b"%PDF-")
    told, xml = get_facturx_xml_from_pdf(file.content, check_xsd=True)
    assert told == "factur-x.xml" and xml_check_xsd(xml, flavor="factur-x", level="en16931")
    root = etree.fromstring(xml)
    totals = row.totals
    header = root.find(".//ram:SpecifiedTradeSettlementHeaderMonetarySummation", NS)
    assert header is not None
    read = {etree.QName(node).localname: D(node.text or "") for node in header}
    assert read["LineTotalAmount"] == totals.subtotal == sum(amounts_in(root, "SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"))
    assert read["AllowanceTotalAmount"] == totals.discount
    assert read["TaxBasisTotalAmount"] == totals.subtotal - totals.discount == sum(amounts_in(root, "ApplicableTradeTax/ram:BasisAmount"))
    assert read["TaxTotalAmount"] == totals.tax == sum(amounts_in(root, "ApplicableTradeTax/ram:CalculatedAmount"), D(0))
    assert read["GrandTotalAmount"] == read["DuePayableAmount"] == totals.total
    assert root.findtext(".//ram:SellerTradeParty/ram:Name", namespaces=NS) == SELLER.name
    identified = (
        ".//ram:BuyerTradeParty//ram:ID[@schemeID='VA']" if name != "no tax" else ".//ram:BuyerTradeParty/ram:SpecifiedLegalOrganization/ram:ID"
    )
    assert root.findtext(identified, namespaces=NS) == BUYER.tax_id
    assert (root.find(".//ram:ID[@schemeID='VA']", NS) is None) == (name == "no tax"), "outside VAT no VAT identifier may stand (BR-O-02)"
    assert (root.findtext(".//ram:InvoiceReferencedDocument/ram:IssuerAssignedID", namespaces=NS) is not None) == (name == "credit note")
    text = text_of(file.content, tmp_path)
    if where := os.environ.get("COFFER_PICTURES"):
        (Path(where) / f"{name.replace(' ', '-')}.pdf").write_bytes(file.content)
    for value in (totals.subtotal, totals.tax, totals.total, *(line.net for line in totals.lines)):
        assert pdf.money(value) in text, (value, text)
    assert row.number in text and "Zażółć Gęślą GmbH & Łódź Ελλάς" in text


async def test_sixty_lines_and_long_names_flow_over_pages_with_every_font_embedded(tmp_path: Path) -> None:
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
    rows = [item(f"{number}: {long if number % 7 == 0 else 'Work'} 漢", "1", f"{number}.01", VAT) for number in range(1, 61)]
    row = invoice(*rows, buyer=BUYER.model_copy(update={"name": long}), note="Line one\nLine two <b>&")
    content = write_file(row, own_settings(), None).content
    reader, text = PdfReader(BytesIO(content)), text_of(content, tmp_path)
    assert len(reader.pages) >= 3 and text.count("Description") == len(reader.pages), "the head stands on every page of lines"
    assert all(f"{number}.01" in text for number in range(1, 61)) and "漢" in text and "Line two <b>&" in text
    assert [f"Page {number}" in text for number in range(1, len(reader.pages) + 1)] == [True] * len(reader.pages)
    fonts = {str(font["/BaseFont"]): font for page in reader.pages for font in (one.get_object() for one in page["/Resources"]["/Font"].values())}
    used = {name: font for name, font in fonts.items() if name != "/Helvetica"}
    assert used and all("/FontFile2" in font["/FontDescriptor"] for font in used.values())
    assert all(re.match(r"/[A-Z]{6}\+(Fira|WenQuanYi)", name) for name in used), list(used)


async def test_what_has_no_e_invoice_says_why() -> None:
    assert "several taxes" in einvoice.obstacle(invoice(item("x", "1", "1", Tax(name="GST", rate=D(5)), Tax(name="PST", rate=D(7)))))
    assert "of its own" in einvoice.obstacle(invoice(item("x", "1", "1", VAT), item("Gift", "1", "1")))
    assert "VAT only" in einvoice.obstacle(invoice(item("x", "1", "1", Tax(name="Sales tax", rate=D(5)))))
    assert "country" in einvoice.obstacle(invoice(item("x", "1", "1", VAT), buyer=BUYER.model_copy(update={"country": ""})))
    assert "tax id" in einvoice.obstacle(invoice(item("x", "1", "1", VAT), seller=SELLER.model_copy(update={"tax_id": ""})))
    assert "ISO 4217" in einvoice.obstacle(invoice(item("x", "1", "1", VAT)).model_copy(update={"currency": "ETH"}))
    assert "issued" in einvoice.obstacle(invoice(item("x", "1", "1", VAT), number=None, status=InvoiceStatus.DRAFT))


async def test_the_code_holds_the_payment_as_banks_read_it() -> None:
    row = CASES["plain"]()
    code = pdf.payment_code(row, own_settings())
    assert code is not None and code.error == "M"
    assert pdf.payment_code(row.model_copy(update={"currency": "USD"}), own_settings()) is None
    assert pdf.payment_code(row.model_copy(update={"paid": row.total}), own_settings()) is None
    assert pdf.payment_code(row, own_settings().model_copy(update={"iban": ""})) is None
