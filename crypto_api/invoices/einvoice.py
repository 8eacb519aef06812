"""The invoice as data: Factur-X 1.09 / ZUGFeRD in the profile EN 16931 (UN/CEFACT CII D22B), checked by its XML schema.

The keys are the business terms of EN 16931-1:2017, as the library that writes the XML takes them. Its business rules (BR-…) are kept by what is
written here and by `obstacle`, which names what cannot be said within them; tests ask the rules themselves.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from facturx import generate_cii_xml, generate_from_binary

from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.types import InvoiceKind, Item, LineTotal, Party, Tax, TaxCategory
from crypto_api.kit.standards import COUNTRIES, CURRENCIES

LEVEL = "en16931"
_TYPE = {InvoiceKind.INVOICE: "380", InvoiceKind.CREDIT_NOTE: "381"}  # UNTDID 1001
_UNITS = {"": "C62", "h": "HUR", "d": "DAY", "month": "MON", "kg": "KGM", "m": "MTR", "km": "KMT", "l": "LTR", "kWh": "KWH"}  # UN/ECE Rec 20
_OUTSIDE = Tax(rate=Decimal(0), category=TaxCategory.OUTSIDE_SCOPE)
_REASONS = {
    TaxCategory.EXEMPT: "Exempt from VAT",
    TaxCategory.REVERSE_CHARGE: "Reverse charge",
    TaxCategory.INTRA_COMMUNITY: "Intra-community supply",
    TaxCategory.EXPORT: "Export outside the EU",
    TaxCategory.OUTSIDE_SCOPE: "Not subject to VAT",
}
_SEPA, _CREDIT_TRANSFER, _BY_AGREEMENT, _NOT_DEFINED = "58", "30", "ZZZ", "1"  # UNTDID 4461
_VAT_PREFIXES = frozenset(COUNTRIES) | {"EL", "XI"}  # BR-CO-09; Greece and Northern Ireland have one of their own
_DECIMALS_MAX = 2  # of an amount (BR-DEC)
_PRICE_PLACES = Decimal("0.0001")  # of a unit price that is worked out (Factur-X 1.09, 4.4.1)


def obstacle(row: Invoice) -> str:
    """Why this document has no e-invoice, in words; empty where it has one."""
    if row.kind not in _TYPE or row.number is None or row.seller is None or row.buyer is None:
        return "Only invoices and credit notes that were issued have one."
    if row.currency not in CURRENCIES:
        return f"{row.currency} is no currency of ISO 4217."
    if row.decimals > _DECIMALS_MAX:
        return f"EN 16931 knows amounts of two decimals (BR-DEC); {row.currency} has {row.decimals}."
    if any(len(item.taxes) > 1 for item in row.items):
        return "EN 16931 knows one VAT rate for a line; here a line has several taxes."
    if any(tax.name.casefold() not in ("vat", "ust", "mwst", "tva", "iva", "btw", "gst") for item in row.items for tax in item.taxes):
        return "EN 16931 knows VAT only; here there is another tax."
    if _outside(row) and len({_tax(item).category for item in row.items}) > 1:
        return "What lies outside VAT stands on an invoice of its own (EN 16931, BR-O-11): here it is beside taxed lines."
    if not row.seller.country or not row.buyer.country:
        return "Seller and buyer need an address with a country: the company of the settings of invoices, and the client."
    if not row.seller.tax_id:  # also outside VAT somebody has to be identified (BR-CO-26)
        return "The seller needs a tax id: that of the company in the settings of invoices."
    return _unidentified(row)


def _unidentified(row: Invoice) -> str:
    """Who of them lacks the number that the category of a line asks for (BR-AE-02, BR-IC-02, BR-G-02); empty where nobody does."""
    assert row.seller is not None and row.buyer is not None
    categories = {_tax(item).category for item in row.items}
    if categories & {TaxCategory.INTRA_COMMUNITY, TaxCategory.EXPORT} and not _is_vat_id(row.seller.tax_id):
        return "A supply over a border needs the seller's VAT identifier, with the letters of its country before it."
    if TaxCategory.INTRA_COMMUNITY in categories and not _is_vat_id(row.buyer.tax_id):
        return "An intra-community supply needs the client's VAT identifier, with the letters of its country before it."
    if TaxCategory.REVERSE_CHARGE in categories and not row.buyer.tax_id:
        return "A reverse charge needs the client's tax id."
    return ""


def _is_vat_id(tax_id: str) -> bool:
    return tax_id[:2] in _VAT_PREFIXES


def write_xml(row: Invoice, own: InvoiceSettings | None, about: Invoice | None = None) -> bytes:
    """The XML, checked by the schema of the profile. Of a document without an obstacle; `about`: the invoice that a credit note is about."""
    assert not obstacle(row), obstacle(row)
    data = _document(row, own)
    if about is not None and row.kind is InvoiceKind.CREDIT_NOTE:
        data["BG-3"] = [{"BT-25": about.number, "BT-26": about.issue_date}]
    xml: bytes = generate_cii_xml(data, level=LEVEL, check_xsd=True, check_schematron=False)
    return xml


def embed(pdf: bytes, xml: bytes, title: str, author: str) -> bytes:
    """The PDF with the XML in it as `factur-x.xml`, and the metadata that say so."""
    told = {"author": author, "keywords": "Factur-X, Invoice", "title": title, "subject": title}
    whole: bytes = generate_from_binary(
        pdf, xml, flavor="factur-x", level=LEVEL, check_xsd=False, pdf_metadata=told, lang="en", afrelationship="data"
    )
    return whole


def _document(row: Invoice, own: InvoiceSettings | None) -> dict[str, Any]:
    assert row.seller is not None and row.buyer is not None and row.issue_date is not None
    totals = row.totals
    data: dict[str, Any] = {
        "BT-1": row.number,
        "BT-2": row.issue_date,
        "BT-3": _TYPE[row.kind],
        "BT-5": row.currency,
        "BG-4": _seller(row.seller, _outside(row)),
        "BG-7": _party(row.buyer, _outside(row)),
        "BT-106": _text(totals.subtotal),
        "BT-107": _text(totals.discount),
        "BT-109": _text(totals.subtotal - totals.discount),
        "BT-110": _text(totals.tax),
        "BT-112": _text(totals.total),
        "BT-115": _text(totals.total),
        "BG-23": _breakdown(row),
        "BG-25": [_line(number, item, line, row) for number, (item, line) in enumerate(zip(row.items, totals.lines, strict=True), start=1)],
        "BT-72": row.issue_date,
    }
    data |= _means(row, own)
    if totals.discount:
        data["BG-20"] = _allowances(row)
    if row.due_date is not None:
        data["BT-9"] = row.due_date
    elif row.kind is InvoiceKind.CREDIT_NOTE:
        data["BT-20"] = "Settles the invoice that it refers to"
    if row.reference:
        data["BT-13"] = row.reference
    if row.note:
        data["BG-1"] = [{"BT-22": row.note}]
    if any(_tax(item).category is TaxCategory.INTRA_COMMUNITY for item in row.items):
        data["BG-13"] = _party(row.buyer, True)  # where it went is to be told, by its country at least (BR-IC-12)
    return data


def _means(row: Invoice, own: InvoiceSettings | None) -> dict[str, Any]:
    """How it is to be paid. A credit transfer names its account (BR-61): where there is none, it is no credit transfer."""
    if own is not None and own.iban:
        account = {"BT-81": _SEPA if row.currency == "EUR" else _CREDIT_TRANSFER, "BT-84": own.iban}
        return account | ({"BT-86": own.bic} if own.bic else {})
    if row.crypto is not None:
        return {"BT-81": _BY_AGREEMENT, "BT-82": f"{row.crypto.asset} on {row.crypto.network}"}
    return {"BT-81": _NOT_DEFINED}


def _outside(row: Invoice) -> bool:
    """Whether something of it lies outside VAT: then all of it does (`obstacle`)."""
    return any(_tax(item).category is TaxCategory.OUTSIDE_SCOPE for item in row.items)


def _seller(party: Party, outside: bool) -> dict[str, Any]:
    """One whose tax id is no VAT identifier is taxed by it all the same (BT-32: BR-S-02 and its like)."""
    data = _party(party, outside)
    return data if outside or "vat_identifier" in data else data | {"tax_identifier": party.tax_id}


def _party(party: Party, outside: bool) -> dict[str, Any]:
    """Outside VAT no VAT identifier may stand (BR-O-02), and one begins with its country (BR-CO-09). What is none identifies as the legal
    registration does, since a seller has to be identified (BR-CO-26)."""
    place = {
        "addr_l1": party.line1,
        "addr_l2": party.line2,
        "city": party.city,
        "postcode": party.postal_code,
        "country_subdivision": party.region,
        "country_code": party.country,
    }
    data: dict[str, Any] = {"name": party.name} | {name: value for name, value in place.items() if value}
    kind = "vat_identifier" if not outside and _is_vat_id(party.tax_id) else "legal_identifier"
    return data | ({kind: party.tax_id} if party.tax_id else {})


def _tax(item: Item) -> Tax:
    return item.taxes[0] if item.taxes else _OUTSIDE


def _line(number: int, item: Item, line: LineTotal, row: Invoice) -> dict[str, Any]:
    """The unit price is the one that was written; where prices include VAT, what is left of it without."""
    before = line.net + line.discount
    price = item.unit_price
    if row.prices_include_tax and item.quantity:
        price = (before / item.quantity).quantize(_PRICE_PLACES, ROUND_HALF_UP)
    tax = _tax(item)
    data: dict[str, Any] = {
        "BT-126": str(number),
        "BT-129": _text(item.quantity),
        "BT-130": _UNITS.get(item.unit, "C62"),
        "BT-131": _text(line.net),
        "BT-146": _text(price),
        "BT-151": tax.category.value,
        "BT-153": item.description,
    }
    if tax.category is not TaxCategory.OUTSIDE_SCOPE:
        data["BT-152"] = _text(tax.rate)
    if line.discount:
        data["BG-27"] = [{"amount": _text(line.discount), "reason": "Discount"}]
    return data


def _breakdown(row: Invoice) -> list[dict[str, Any]]:
    """One row for each category and rate (BR-S-08 and its like), whatever its taxes are called; what has no tax lies outside VAT."""
    zero = Decimal(0).quantize(row.totals.total)
    sums: dict[tuple[TaxCategory, Decimal], tuple[Decimal, Decimal]] = {}
    taxed = [(tax.category, tax.rate, tax.base, tax.amount) for tax in row.totals.taxes]
    free = [
        (_OUTSIDE.category, _OUTSIDE.rate, line.net - line.share, zero)
        for item, line in zip(row.items, row.totals.lines, strict=True)
        if not item.taxes
    ]
    for category, rate, base, amount in [*taxed, *free]:
        bases, amounts = sums.get((category, rate), (zero, zero))
        sums[category, rate] = bases + base, amounts + amount
    return [_category(category, rate, base, amount) for (category, rate), (base, amount) in sums.items()]


def _category(category: TaxCategory, rate: Decimal, base: Decimal, amount: Decimal) -> dict[str, Any]:
    data = {"BT-116": _text(base), "BT-117": _text(amount), "BT-118": category.value}
    if category is not TaxCategory.OUTSIDE_SCOPE:
        data["BT-119"] = _text(rate)
    return data | ({"BT-120": _REASONS[category]} if category in _REASONS else {})


def _allowances(row: Invoice) -> list[dict[str, Any]]:
    """The discount on the whole, by VAT category and rate: what it is taken off."""
    shares: dict[tuple[TaxCategory, Decimal], Decimal] = {}
    for item, line in zip(row.items, row.totals.lines, strict=True):
        tax = _tax(item)
        shares[tax.category, tax.rate] = shares.get((tax.category, tax.rate), Decimal(0)) + line.share
    found = []
    for (category, rate), share in shares.items():
        row_of = {"amount": _text(share), "vat_category_code": category.value, "reason": "Discount"}
        if share:
            found.append(row_of | ({} if category is TaxCategory.OUTSIDE_SCOPE else {"vat_rate": _text(rate)}))
    return found


def _text(value: Decimal) -> str:
    return format(value, "f")
