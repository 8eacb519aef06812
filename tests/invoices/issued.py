"""Invoices as they stand after they were issued, made without a server: to be written as files."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crypto_api.invoices import rules
from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus, Item, Party, Rounding, Tax, Terms

D = Decimal
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
VAT, LOW = Tax(rate=D(19)), Tax(rate=D(7))
SELLER = Party(name="Byron Analytical Ltd", tax_id="GB980780684", line1="12 St James's Square", city="London", country="GB")
BUYER = Party(
    name="Zażółć Gęślą GmbH & Łódź Ελλάς", tax_id="DE136695976", line1="Unter den Linden 1", city="Berlin", postal_code="10117", country="DE"
)


def own_settings() -> InvoiceSettings:
    bank = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "footer": "Thank you."}
    return InvoiceSettings(id="org_1", org_id="org_1", created_at=NOW, updated_at=NOW, **bank)


def invoice(*items: Item, **fields: Any) -> Invoice:
    values: dict[str, Any] = {
        "rounding": Rounding(),
        "prices_include_tax": False,
        "discount": D(0),
        "discount_percent": D(0),
        "currency": "EUR",
    } | fields
    decimals = rules.decimals_of(values["currency"])
    terms = Terms(decimals, values["rounding"], values["prices_include_tax"], values["discount"], values["discount_percent"])
    totals = rules.reckon(items, terms)
    own = {
        "kind": InvoiceKind.INVOICE,
        "status": InvoiceStatus.SENT,
        "number": "INV-2026-00042",
        "buyer": BUYER,
        "seller": SELLER,
        "issue_date": date(2026, 11, 29),
        "due_date": date(2026, 12, 29),
        "reference": "PO 4711",
    }
    fixed = {"id": "inv_1", "org_id": "org_1", "created_at": NOW, "updated_at": NOW, "created_by": "usr_1", "client_id": "cli_1", "terms_days": 30}
    names = {"client_name": BUYER.name, "client_name_folded": BUYER.name.casefold()}
    return Invoice(**fixed, **names, **own | values, items=list(items), totals=totals, total=totals.total, decimals=decimals)


def item(description: str, quantity: str, price: str, *taxes: Tax, **fields: Any) -> Item:
    return Item(description=description, quantity=D(quantity), unit_price=D(price), taxes=taxes, **fields)
