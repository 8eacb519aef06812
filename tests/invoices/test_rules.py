"""What an invoice comes to: by hand, and by rules that hold for any invoice in twelve currencies."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.invoices import rules
from crypto_api.invoices.types import InvoiceStatus, Item, Rounding, RoundingMode, Standing, Tax, TaxRounding, Terms, Totals

CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "KRW", "CLP", "KWD", "BHD", "TND", "INR", "BRL")
D = Decimal
VAT = Tax(rate=D(19))


def item(quantity: str, price: str, *taxes: Tax, **fields: Any) -> Item:
    return Item(description="Work", quantity=D(quantity), unit_price=D(price), taxes=taxes, **fields)


def figures(totals: Totals) -> tuple[str, str, str, str]:
    return str(totals.subtotal), str(totals.discount), str(totals.tax), str(totals.total)


def test_by_hand() -> None:
    three = [item("1", "0.33", VAT)] * 3
    assert figures(rules.reckon(three, Terms(2))) == ("0.99", "0.00", "0.19", "1.18")
    assert figures(rules.reckon(three, Terms(2, Rounding(tax=TaxRounding.PER_LINE)))) == ("0.99", "0.00", "0.18", "1.17")
    even = Rounding(mode=RoundingMode.HALF_EVEN)
    assert [str(rules.reckon([item("0.5", "0.25")], Terms(2, rule)).total) for rule in (Rounding(), even)] == ["0.13", "0.12"]
    assert figures(rules.reckon([item("3", "333", Tax(rate=D(10)))], Terms(0))) == ("999", "0", "100", "1099")
    assert figures(rules.reckon([item("1", "1.005", Tax(rate=D("5")))], Terms(3))) == ("1.005", "0.000", "0.050", "1.055")
    ether = rules.reckon([item("3", "0.000000000000000001", VAT)], Terms(18))
    assert figures(ether) == ("3E-18", "0E-18", "1E-18", "4E-18")


def test_prices_that_include_their_taxes_stay_what_they_are() -> None:
    got = rules.reckon([item("1", "10.00", VAT), item("2", "4.99", Tax(rate=D(7)))], Terms(2, prices_include_tax=True))
    assert figures(got) == ("17.73", "0.00", "2.25", "19.98")
    assert [(str(row.rate), str(row.base), str(row.amount)) for row in got.taxes] == [("19", "8.40", "1.60"), ("7", "9.33", "0.65")]


def test_several_taxes_on_a_line_and_discounts_on_lines_and_on_the_whole() -> None:
    gst, pst = Tax(name="GST", rate=D(5)), Tax(name="PST", rate=D(7))
    got = rules.reckon([item("1", "100", gst, pst, discount_percent=D(10)), item("1", "10", gst, discount=D("0.50"))], Terms(2, discount=D(20)))
    # 90.00 and 9.50; 20.00 off: 18.09 and 1.91
    assert [(str(line.net), str(line.discount), str(line.share)) for line in got.lines] == [("90.00", "10.00", "18.09"), ("9.50", "0.50", "1.91")]
    assert [(row.name, str(row.base), str(row.amount)) for row in got.taxes] == [("GST", "79.50", "3.98"), ("PST", "71.91", "5.03")]
    assert figures(got) == ("99.50", "20.00", "9.01", "88.51")


@pytest.mark.parametrize(
    ("items", "terms", "field"),
    [([item("1", "1", discount=D(2))], Terms(2), "items.0.discount"), ([item("1", "1")], Terms(2, discount=D("1.01")), "discount")],
)
def test_a_discount_is_never_more_than_what_it_is_taken_off(items: list[Item], terms: Terms, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}$"):
        rules.reckon(items, terms)


amounts = st.integers(0, 10**7).map(lambda cents: D(cents) / 100)
rates = st.sampled_from([D(0), D(5), D("7.7"), D(19), D("20"), D("8.875")])


@st.composite
def invoices(draw: st.DrawFn) -> tuple[list[Item], Terms]:
    decimals = rules.decimals_of(draw(st.sampled_from(CURRENCIES)))
    unit = D(1).scaleb(-decimals)
    items = [
        Item(
            description="x",
            quantity=draw(st.integers(1, 10**6)) * D("0.001"),
            unit_price=draw(st.integers(0, 10**7)) * unit,
            discount_percent=draw(st.sampled_from([D(0), D(10), D("33.33"), D(100)])),
            taxes=tuple(Tax(name=f"T{number}", rate=rate) for number, rate in enumerate(draw(st.lists(rates, max_size=3)))),
        )
        for _ in range(draw(st.integers(1, 12)))
    ]
    rounding = Rounding(mode=draw(st.sampled_from(RoundingMode)), tax=draw(st.sampled_from(TaxRounding)))
    percent = draw(st.sampled_from([D(0), D("2.5"), D(50), D(100)]))
    return items, Terms(decimals, rounding, draw(st.booleans()), D(0), percent)


def by_fractions(value: Fraction, terms: Terms) -> Decimal:
    """The stated rounding, by integers alone."""
    scaled = value * 10**terms.decimals
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    twice = 2 * rest - scaled.denominator
    up = twice > 0 or (twice == 0 and (terms.rounding.mode is RoundingMode.HALF_UP or whole % 2 == 1))
    return D(whole + up).scaleb(-terms.decimals)


@settings(max_examples=300, deadline=None)
@given(invoices())
def test_totals_are_the_sums_of_rounded_lines_by_the_stated_rule(case: tuple[list[Item], Terms]) -> None:
    items, terms = case
    got, unit = rules.reckon(items, terms), D(1).scaleb(-terms.decimals)
    every = [got.subtotal, got.discount, got.tax, got.total, *(value for line in got.lines for value in (line.net, line.share, line.tax, line.gross))]
    assert all(value == value.quantize(unit) and value >= 0 for value in every)
    assert got.subtotal == sum(line.net for line in got.lines)
    assert got.discount == sum(line.share for line in got.lines)
    assert got.tax == sum((row.amount for row in got.taxes), D(0))
    assert got.total == got.subtotal - got.discount + got.tax
    for line in got.lines:
        assert line.gross == line.net - line.share + line.tax
    priced = []
    for one in items:
        full = by_fractions(Fraction(one.quantity) * Fraction(one.unit_price), terms)
        priced.append(full - by_fractions(Fraction(full) * Fraction(one.discount_percent) / 100, terms))
    off = by_fractions(Fraction(sum(priced, D(0))) * Fraction(terms.discount_percent) / 100, terms)
    if terms.prices_include_tax:
        assert got.total == sum(priced, D(0)) - off == sum(line.gross for line in got.lines), "what was said to be paid is paid"
        return
    assert [line.net for line in got.lines] == priced and got.discount == off
    for row in got.taxes:
        on = [
            line.net - line.share
            for one, line in zip(items, got.lines, strict=True)
            for tax in one.taxes
            if (tax.name, tax.rate) == (row.name, row.rate)
        ]
        assert row.base == sum(on, D(0))
        if terms.rounding.tax is TaxRounding.PER_RATE:
            assert row.amount == by_fractions(Fraction(row.base) * Fraction(row.rate) / 100, terms), "EN 16931 BR-CO-17"
        else:
            assert row.amount == sum((by_fractions(Fraction(base) * Fraction(row.rate) / 100, terms) for base in on), D(0))


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), max_size=20), st.sampled_from([0, 2, 3, 18]))
def test_shares_sum_exactly_and_none_is_a_unit_off(units: int, weights: list[int], decimals: int) -> None:
    amount, unit = D(units).scaleb(-decimals), D(1).scaleb(-decimals)
    shares = rules.split(amount, [D(weight) for weight in weights], decimals)
    if not sum(weights):
        assert shares == [0] * len(weights)
        return
    assert sum(shares) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(Fraction(share) - Fraction(amount) * weight / sum(weights)) < Fraction(unit)


def test_the_status_follows_from_what_happened_and_never_jumps() -> None:
    due = date(2026, 11, 30)

    def status(today: date, settled: str = "0", **fields: Any) -> str:
        return rules.status_of(Standing(**{"issued": True, "cancelled": False, "total": D(10), "settled": D(settled), "due": due} | fields), today)

    assert [status(due), status(date(2026, 12, 1)), status(due, "4"), status(date(2026, 12, 1), "4")] == ["SENT", "OVERDUE", "PARTIAL", "OVERDUE"]
    assert [status(due, "10"), status(date(2027, 1, 1), "10"), status(due, issued=False), status(due, cancelled=True)] == [
        *("PAID", "PAID", "DRAFT", "CANCELLED")
    ]
    assert not rules.may_become(InvoiceStatus.DRAFT, InvoiceStatus.PAID) and not rules.may_become(InvoiceStatus.DRAFT, InvoiceStatus.OVERDUE)
    assert not rules.may_become(InvoiceStatus.PARTIAL, InvoiceStatus.CANCELLED) and not rules.may_become(InvoiceStatus.PAID, InvoiceStatus.CANCELLED)
    assert not any(rules.may_become(InvoiceStatus.CANCELLED, other) for other in InvoiceStatus if other is not InvoiceStatus.CANCELLED)
    assert not any(rules.may_become(before, InvoiceStatus.DRAFT) for before in InvoiceStatus if before is not InvoiceStatus.DRAFT)


def test_numbers() -> None:
    assert rules.numbered("INV-{year}-{number:05}", 42, 2026) == "INV-2026-00042"
    for pattern in ("INV", "{year}", "{name}", "{number.real}{", "{}"):
        with pytest.raises(ValueError, match="number"):
            rules.numbered(pattern, 1, 2026)
