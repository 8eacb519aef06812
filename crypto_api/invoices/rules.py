"""What an invoice comes to, and where it stands. Pure.

Rounding, as it is stated on every invoice: each line's net amount is rounded to the currency, half up or half even; the subtotal is the sum of the
rounded lines. A tax is rounded once for each rate, of the sum of its lines (EN 16931 BR-CO-17), or on every line, as the organisation has set.
Where prices include their taxes, the gross amount of a line is rounded first and its taxes are taken out of it, so that it stays what was said.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from crypto_api.invoices.types import AgeBucket, InvoiceStatus, Item, LineTotal, RoundingMode, Standing, Tax, TaxRounding, TaxTotal, Terms, Totals

_WIDE = Context(prec=120)
_NUMBER = re.compile(r"\{number(?::0([1-9]))?\}", re.ASCII)
_PATTERN = re.compile(r"(?:[0-9A-Za-z ./_-]|\{year\}){0,40}\{number(?::0[1-9])?\}(?:[0-9A-Za-z ./_-]|\{year\}){0,20}", re.ASCII)
_HUNDRED = Decimal(100)
_ROUNDINGS: Mapping[RoundingMode, str] = {RoundingMode.HALF_UP: ROUND_HALF_UP, RoundingMode.HALF_EVEN: ROUND_HALF_EVEN}

_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""ISO 4217 minor units, where they are not 2."""


def decimals_of(currency: str) -> int:
    """Of a currency of ISO 4217."""
    return _DECIMALS.get(currency, 2)


# ---- what it comes to ------------------------------------------------------------------------------------------------------------


def reckon(items: Sequence[Item], terms: Terms) -> Totals:
    """Every amount of the invoice. ValueError where a discount is more than what it is taken off."""
    gross_lines = [_line_amount(item, terms, number) for number, item in enumerate(items)]
    priced = [amount for amount, _ in gross_lines]
    whole = _sum(priced)
    discount = _rounded(_WIDE.divide(_WIDE.multiply(whole, terms.discount_percent), _HUNDRED), terms) + terms.discount
    if discount > whole:
        raise ValueError("discount")
    shares = split(discount, priced, terms.decimals)
    if terms.prices_include_tax:
        lines, taxes = _inclusive(items, gross_lines, shares, terms)
    else:
        lines, taxes = _exclusive(items, gross_lines, shares, terms)
    subtotal, off, tax = _sum([line.net for line in lines]), _sum([line.share for line in lines]), _sum([row.amount for row in taxes])
    return Totals(lines=tuple(lines), taxes=tuple(taxes), subtotal=subtotal, discount=off, tax=tax, total=subtotal - off + tax)


def _line_amount(item: Item, terms: Terms, number: int) -> tuple[Decimal, Decimal]:
    """(what the line costs after its own discount, that discount), both rounded, in the terms of the prices."""
    full = _rounded(_WIDE.multiply(item.quantity, item.unit_price), terms)
    off = item.discount + _rounded(_WIDE.divide(_WIDE.multiply(full, item.discount_percent), _HUNDRED), terms)
    if off > full:
        raise ValueError(f"items.{number}.discount")
    return full - off, off


def _exclusive(
    items: Sequence[Item], amounts: Sequence[tuple[Decimal, Decimal]], shares: Sequence[Decimal], terms: Terms
) -> tuple[list[LineTotal], list[TaxTotal]]:
    lines, groups = [], _Groups()
    for item, (net, off), share in zip(items, amounts, shares, strict=True):
        base = net - share
        each = [_percent(base, tax.rate, terms) for tax in item.taxes]
        for tax, amount in zip(item.taxes, each, strict=True):
            groups.add(tax, base, amount)
        lines.append(LineTotal(net=net, discount=off, share=share, tax=_sum(each), gross=base + _sum(each)))
    if terms.rounding.tax is TaxRounding.PER_LINE:
        return lines, groups.totals()
    return lines, [row.model_copy(update={"amount": _percent(row.base, row.rate, terms)}) for row in groups.totals()]


def _inclusive(
    items: Sequence[Item], amounts: Sequence[tuple[Decimal, Decimal]], shares: Sequence[Decimal], terms: Terms
) -> tuple[list[LineTotal], list[TaxTotal]]:
    """Gross amounts are given and stay; the net of a line is what is left when its taxes are taken out."""
    lines, groups = [], _Groups()
    for item, (price, off), share in zip(items, amounts, shares, strict=True):
        rate = _sum([tax.rate for tax in item.taxes])
        base, net_before = _net(price - share, rate, terms), _net(price, rate, terms)
        each = split(price - share - base, [tax.rate for tax in item.taxes], terms.decimals)
        for tax, amount in zip(item.taxes, each, strict=True):
            groups.add(tax, base, amount)
        lines.append(
            LineTotal(net=net_before, discount=_net(off, rate, terms), share=net_before - base, tax=price - share - base, gross=price - share)
        )
    return lines, groups.totals()


class _Groups:
    """Taxes by name, rate and category, in the order in which they first stand there."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Decimal, str], tuple[Tax, list[Decimal], list[Decimal]]] = {}

    def add(self, tax: Tax, base: Decimal, amount: Decimal) -> None:
        _, bases, amounts = self._rows.setdefault((tax.name, tax.rate, tax.category), (tax, [], []))
        bases.append(base)
        amounts.append(amount)

    def totals(self) -> list[TaxTotal]:
        return [
            TaxTotal(name=tax.name, rate=tax.rate, category=tax.category, base=_sum(bases), amount=_sum(amounts))
            for tax, bases, amounts in self._rows.values()
        ]


def split(amount: Decimal, weights: Sequence[Decimal], decimals: int) -> list[Decimal]:
    """`amount` in shares that are proportional to the weights and sum to it exactly: what is left after rounding down goes unit by unit to the
    largest remainders (Hamilton), the first of equals."""
    whole = _sum(weights)
    if not weights or whole == 0:
        return [Decimal(0)] * len(weights)
    unit = Decimal(1).scaleb(-decimals)
    exact = [_WIDE.divide(_WIDE.multiply(amount, weight), whole) for weight in weights]
    shares = [value.quantize(unit, ROUND_FLOOR, context=_WIDE) for value in exact]
    left = int(_WIDE.divide(amount - _sum(shares), unit))
    order = sorted(range(len(shares)), key=lambda index: (shares[index] - exact[index], index))
    for index in order[:left]:
        shares[index] += unit
    return shares


def _net(gross: Decimal, rate: Decimal, terms: Terms) -> Decimal:
    return _rounded(_WIDE.divide(_WIDE.multiply(gross, _HUNDRED), _HUNDRED + rate), terms)


def _percent(base: Decimal, rate: Decimal, terms: Terms) -> Decimal:
    return _rounded(_WIDE.divide(_WIDE.multiply(base, rate), _HUNDRED), terms)


def _rounded(value: Decimal, terms: Terms) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-terms.decimals), _ROUNDINGS[terms.rounding.mode], context=_WIDE)


def _sum(values: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = _WIDE.add(total, value)
    return total


# ---- where it stands -------------------------------------------------------------------------------------------------------------

TRANSITIONS: Mapping[InvoiceStatus, frozenset[InvoiceStatus]] = {
    InvoiceStatus.DRAFT: frozenset({InvoiceStatus.SENT, InvoiceStatus.CANCELLED}),
    InvoiceStatus.SENT: frozenset({InvoiceStatus.PARTIAL, InvoiceStatus.PAID, InvoiceStatus.OVERDUE, InvoiceStatus.CANCELLED}),
    InvoiceStatus.PARTIAL: frozenset({InvoiceStatus.SENT, InvoiceStatus.PAID, InvoiceStatus.OVERDUE}),
    InvoiceStatus.OVERDUE: frozenset({InvoiceStatus.SENT, InvoiceStatus.PARTIAL, InvoiceStatus.PAID, InvoiceStatus.CANCELLED}),
    InvoiceStatus.PAID: frozenset({InvoiceStatus.SENT, InvoiceStatus.PARTIAL, InvoiceStatus.OVERDUE}),  # a payment that is taken back
    InvoiceStatus.CANCELLED: frozenset(),
}
"""Where a status may go in one step: none jumps. A draft is never paid before it was sent; what is cancelled stays so."""


def status_of(standing: Standing, today: date) -> InvoiceStatus:
    """The status that follows from what happened. `today` in the organisation's time zone: an invoice is overdue from the day after its due date."""
    if standing.cancelled:
        return InvoiceStatus.CANCELLED
    if not standing.issued:
        return InvoiceStatus.DRAFT
    if standing.settled >= standing.total:
        return InvoiceStatus.PAID
    if standing.due is not None and today > standing.due:
        return InvoiceStatus.OVERDUE
    return InvoiceStatus.PARTIAL if standing.settled > 0 else InvoiceStatus.SENT


_BUCKETS = ((0, AgeBucket.NOT_DUE), (30, AgeBucket.DAYS_1_30), (60, AgeBucket.DAYS_31_60), (90, AgeBucket.DAYS_61_90))


def bucket_of(due: date, day: date) -> AgeBucket:
    """How long it has been due on that day: on the due date itself it is not yet."""
    late = (day - due).days
    return next((bucket for most, bucket in _BUCKETS if late <= most), AgeBucket.OVER_90)


def may_become(before: InvoiceStatus, after: InvoiceStatus) -> bool:
    return before is after or after in TRANSITIONS[before]


def numbered(pattern: str, number: int, year: int) -> str:
    """`INV-{year}-{number:05}` → INV-2026-00042. ValueError for a pattern that is none."""
    if not _PATTERN.fullmatch(pattern):
        raise ValueError("must hold {number} or {number:05} once, and may hold {year}; else letters, digits, spaces and . / _ -")
    text = pattern.replace("{year}", f"{year:04}")
    return _NUMBER.sub(lambda found: f"{number:0{int(found.group(1) or 1)}}", text)


CONTRAST_MIN = Decimal("4.5")
"""Of text on its background: WCAG 2.2, success criterion 1.4.3 (level AA)."""


def contrast_with_white(colour: str) -> Decimal:
    """The contrast ratio of `#RRGGBB` and white, from 1 to 21 (WCAG 2.2, relative luminance of sRGB), rounded down to a tenth."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels)
    ratio = 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    return Decimal(int(ratio * 10)) / 10


def checked_iban(text: str) -> str:
    """Compact, or empty. ValueError."""
    try:
        return str(iban.validate(text)) if text.strip() else ""
    except ValidationError as error:
        raise ValueError("is no valid IBAN: look for a typing error") from error


def checked_bic(text: str) -> str:
    try:
        return str(bic.validate(text)) if text.strip() else ""
    except ValidationError as error:
        raise ValueError("is no valid BIC") from error


# ---- what it is worth in the books -----------------------------------------------------------------------------------------------


def part_of(value: Decimal, part: Decimal, whole: Decimal, places: Decimal) -> Decimal:
    """`value` × part ÷ whole, half even to `places`: what a part payment settles of an amount in the books."""
    if whole == 0:
        return Decimal(0)
    return _WIDE.divide(_WIDE.multiply(value, part), whole).quantize(places, ROUND_HALF_EVEN, context=_WIDE)
