"""An invoice as a form: everything is text, lines are repeated fields, an empty line is none.

A discount is an amount, or a part of the line: `10.00` or `10 %`. Taxes are written as people write them: `19`, `VAT 19`, `VAT 19, City 2`, and with
the category of EN 16931 where there is no rate: `0 AE` for reverse charge. Where a comma begins the decimals, a semicolon stands between them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.forms import Form, refusal_in_words
from crypto_api.dashboard.number_formats import NumberFormat
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.write_invoice import Wish
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import (
    ITEMS_MAX,
    PRICE_DIGITS,
    QUANTITY_DIGITS,
    QUANTITY_PLACES,
    RATE_PLACES,
    TAXES_MAX,
    InvoiceKind,
    Item,
    Tax,
    TaxCategory,
)
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput

DESCRIPTION_MAX, UNIT_MAX, NOTE_MAX = 500, 20, 2_000
COLUMNS = ("description", "quantity", "unit", "price", "discount", "taxes")
HEAD = ("client_id", "currency", "due_date", "reference", "note", "discount_whole", "prices_include_tax")
ROWS_MIN, SPARE_ROWS, PRICE_PLACES = 4, 1, 18
_TAX = re.compile(r"(?:(?P<name>[^,;]*?[^,;\s\d])\s+)?(?P<rate>\d[\d.,]*)\s*%?(?:\s+(?P<category>S|Z|E|AE|K|G|O))?")
_NAMES = {
    "description": _("Description"),
    "quantity": _("Quantity"),
    "unit": _("Unit"),
    "price": _("Price"),
    "discount": _("Discount"),
    "taxes": _("Taxes"),
    "client_id": _("Client"),
    "currency": _("Currency"),
    "due_date": _("Due date"),
    "reference": _("Reference"),
    "note": _("Note"),
    "discount_whole": _("Discount on the whole"),
    "prices_include_tax": _("Prices include their taxes"),
}
"""Columns and fields as the page names them."""
_COLUMN_OF = {"unit_price": "price", "discount_percent": "discount"}


@dataclass(slots=True)
class FormRow:
    number: int  # from 1, as a person counts
    given: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> list[str]:
        """What is wrong with it, in words."""
        return [f"{_NAMES.get(name, name)} {words}" for name, words in self.errors.items()]

    @property
    def empty(self) -> bool:
        return not any(value for name, value in self.given.items() if name not in ("quantity", "taxes"))


class InvoiceForm:
    """What was typed, what is wrong with it, and the wish that it stands for."""

    def __init__(self, request: HttpRequest, kind: InvoiceKind = InvoiceKind.INVOICE) -> None:
        self.kind = kind
        self.form = Form(request, *HEAD)
        columns = {name: request.POST.getlist(name)[: ITEMS_MAX + 1] for name in COLUMNS}
        count = max(map(len, columns.values()), default=0)
        self.rows = [FormRow(i + 1, {name: values[i].strip() if i < len(values) else "" for name, values in columns.items()}) for i in range(count)]
        self.problem = ""

    @classmethod
    def of(cls, request: HttpRequest, row: Invoice) -> "InvoiceForm":
        made = cls(request, row.kind)
        made.form.given = {
            "client_id": row.client_id,
            "currency": row.currency,
            "due_date": row.due_date.isoformat() if row.due_date else "",
            "reference": row.reference,
            "note": row.note,
            "discount_whole": _discount_typed(row.discount, row.discount_percent),
            "prices_include_tax": "on" if row.prices_include_tax else "",
        }
        made.rows = [FormRow(number, _as_typed(item)) for number, item in enumerate(row.items, 1)]
        return made

    def wish(self, clients: Mapping[str, str], currencies: Sequence[str]) -> Wish | None:
        """None when something is wrong, which then stands at its field. `clients`: those that may be written to, by id."""
        form = self.form
        form.one_of("client_id", clients.keys())
        form.one_of("currency", currencies, needed=False)
        form.line("reference", needed=False)
        form.prose("note", most=NOTE_MAX)
        day = form.day("due_date")
        numbers = form.numbers
        discount, percent = _discount(form.given, "discount_whole", numbers, form.errors)
        items = tuple(item for row in self.filled() if (item := _item(row, numbers)) is not None)
        if not self.filled():
            self.problem = gettext("It needs a line.")
        if len(self.filled()) > ITEMS_MAX:
            self.problem = gettext("It has at most %(n)s lines.") % {"n": ITEMS_MAX}
        if self.wrong:
            return None
        return Wish(
            items=items,
            client_id=form["client_id"],
            kind=self.kind,
            currency=form["currency"] or None,
            due_date=date.fromisoformat(day) if day else None,
            prices_include_tax=form["prices_include_tax"] == "on",
            discount=discount,
            discount_percent=percent,
            reference=form["reference"],
            note=form["note"],
        )

    def refused(self, error: InvalidInput) -> None:
        """Puts what was refused at its field; what belongs to none stands above the form."""
        filled, rest = self.filled(), []
        for row in error.errors:
            place, _, column = row.field.removeprefix("items.").partition(".")
            if row.field.startswith("items.") and place.isdecimal() and int(place) < len(filled):
                filled[int(place)].errors.setdefault(_COLUMN_OF.get(column, column), refusal_in_words(row.message))
            elif row.field in ("discount", "discount_percent"):
                self.form.wrong("discount_whole", refusal_in_words(row.message))
            elif row.field in HEAD:
                self.form.wrong(row.field, refusal_in_words(row.message))
            else:
                rest.append(f"{row.field.replace('_', ' ')} {refusal_in_words(row.message)}.".capitalize())
        self.problem = " ".join(rest)

    def filled(self) -> list[FormRow]:
        return [row for row in self.rows if not row.empty]

    @property
    def wrong(self) -> bool:
        return bool(self.form.errors or self.problem or any(row.errors for row in self.rows))

    def values(self) -> dict[str, Any]:
        """For the template: what was typed, and some empty lines behind it, with the taxes of the last one."""
        rows = self.filled()
        for number, row in enumerate(rows, 1):
            row.number = number
        blank = dict.fromkeys(COLUMNS, "") | {"taxes": rows[-1].given["taxes"] if rows else ""}
        rows += [FormRow(len(rows) + i + 1, blank) for i in range(max(ROWS_MIN - len(rows), SPARE_ROWS))]
        return {
            "given": self.form.given,
            "errors": self.form.errors,
            "lines": rows,
            "problem": self.problem,
            "tax_mark": tax_mark(number_formats.active()),
        }

    def said(self) -> list[str]:
        """What is wrong, in words, for the preview."""
        lines = [gettext("Line %(n)s: %(said)s") % {"n": number, "said": said} for number, row in enumerate(self.filled(), 1) for said in row.said]
        return [*lines, *(f"{_NAMES.get(name, name)} {words}" for name, words in self.form.errors.items())]


def tax_mark(numbers: NumberFormat) -> str:
    """What stands between two taxes, which must not be what stands within one."""
    return "," if numbers.point == "." else ";"


def _as_typed(item: Item) -> dict[str, str]:
    numbers = number_formats.active()
    return {
        "description": item.description,
        "quantity": numbers.typed(text(item.quantity)),
        "unit": item.unit,
        "price": numbers.typed(item.unit_price),
        "discount": _discount_typed(item.discount, item.discount_percent),
        "taxes": f"{tax_mark(numbers)} ".join(_tax_typed(tax, numbers) for tax in item.taxes),
    }


def _tax_typed(tax: Tax, numbers: NumberFormat) -> str:
    plain = tax.category in (TaxCategory.STANDARD, TaxCategory.ZERO)
    return f"{tax.name} {numbers.typed(text(tax.rate))}" + ("" if plain else f" {tax.category.value}")


def _discount_typed(amount: Decimal, percent: Decimal) -> str:
    if percent:
        return f"{number_formats.active().typed(text(percent))} %"
    return number_formats.active().typed(amount) if amount else ""


def _item(row: FormRow, numbers: NumberFormat) -> Item | None:
    """What is wrong with it stands in `row.errors`."""
    given, errors = row.given, row.errors
    for name, most in (("description", DESCRIPTION_MAX), ("unit", UNIT_MAX)):
        one = Form.__new__(Form)
        one.given, one.errors = dict(given), {}
        one.line(name, most=most, needed=name == "description")
        errors.update(one.errors)
    quantity = _number(given["quantity"] or "1", "quantity", (QUANTITY_DIGITS, QUANTITY_PLACES), numbers, errors)
    price = _number(given["price"], "price", (PRICE_DIGITS, PRICE_PLACES), numbers, errors)
    discount, percent = _discount(given, "discount", numbers, errors)
    taxes = _taxes(given["taxes"], numbers, errors)
    if not errors and quantity == 0:
        errors["quantity"] = gettext("must be more than zero")
    if errors:
        return None
    return Item(
        description=given["description"],
        quantity=quantity,
        unit=given["unit"],
        unit_price=price,
        discount=discount,
        discount_percent=percent,
        taxes=taxes,
    )


def _number(typed: str, name: str, room: tuple[int, int], numbers: NumberFormat, errors: dict[str, str]) -> Decimal:
    """`room`: how many digits before the decimals, and how many decimals."""
    digits, places = room
    if not typed:
        errors.setdefault(name, gettext("is needed"))
        return Decimal(0)
    try:
        value = numbers.read(typed)
    except ValueError:
        errors.setdefault(name, gettext("is not a number such as %(example)s") % {"example": numbers.typed("1234.50")})
        return Decimal(0)
    if value >= Decimal(10) ** digits or -int(value.normalize().as_tuple().exponent) > places:
        errors.setdefault(
            name, gettext("has more than %(digits)s digits before the point or %(places)s behind it") % {"digits": digits, "places": places}
        )
    return value


def _discount(given: Mapping[str, str], name: str, numbers: NumberFormat, errors: dict[str, str]) -> tuple[Decimal, Decimal]:
    """(an amount, a part in per cent): one of them is zero."""
    typed = given[name]
    if not typed:
        return Decimal(0), Decimal(0)
    if not typed.endswith("%"):
        return _number(typed, name, (PRICE_DIGITS, PRICE_PLACES), numbers, errors), Decimal(0)
    percent = _number(typed[:-1].strip(), name, (3, RATE_PLACES), numbers, errors)
    if percent > 100:
        errors.setdefault(name, gettext("is more than 100 %"))
    return Decimal(0), percent


def _taxes(typed: str, numbers: NumberFormat, errors: dict[str, str]) -> tuple[Tax, ...]:
    taxes = []
    for part in filter(None, (part.strip() for part in typed.split(tax_mark(numbers)))):
        found = _TAX.fullmatch(part)
        own: dict[str, str] = {}
        rate = _number(found["rate"], "taxes", (3, RATE_PLACES), numbers, own) if found else Decimal(0)
        category = TaxCategory(found["category"]) if found and found["category"] else TaxCategory.STANDARD
        if not found or own or rate > 100 or (rate and category is not TaxCategory.STANDARD) or len(found["name"] or "") > 40:
            errors.setdefault("taxes", gettext("are not such as VAT 19, or 0 AE for reverse charge"))
            return ()
        if not rate and category is TaxCategory.STANDARD:
            category = TaxCategory.ZERO
        taxes.append(Tax(name=found["name"] or "VAT", rate=rate, category=category))
    if len(taxes) > TAXES_MAX:
        errors.setdefault("taxes", gettext("are more than %(n)s") % {"n": TAXES_MAX})
    return tuple(taxes)
