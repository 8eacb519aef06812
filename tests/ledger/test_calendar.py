"""Months and days at the edges of the calendar."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto_api.ledger.rules import days_of, last_of_month, period_of
from crypto_api.tax.rules import bounds
from crypto_api.tax.types import TaxPeriod


@given(st.dates())
@example(date.min)
@example(date.max)
@example(date(9999, 12, 1))
@example(date(2024, 2, 1))
@example(date(2100, 2, 28))
def test_the_last_day_ends_the_month(day: date) -> None:
    last = last_of_month(day)
    assert (last.year, last.month) == (day.year, day.month) and last >= day
    assert last == date.max or (last + timedelta(days=1)).day == 1


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_day_lies_in_its_period(day: date) -> None:
    first, last = days_of(period_of(day))
    assert first == day.replace(day=1) <= day <= last == last_of_month(day)


@given(st.text(max_size=10) | st.text("0123456789-", max_size=8))
@example("2026-13")
@example("2026-00")
@example("9999-12")
@example("２０２６-01")
@example("2026-01\n")
def test_any_text_is_a_month_or_refused(text: str) -> None:
    try:
        first, _ = days_of(text)
    except ValueError:
        return
    assert f"{first:%Y-%m}" == text


def test_what_is_no_month() -> None:
    for text in ("2026-13", "2026-1", "1999-12", "2026-01-01", ""):
        with pytest.raises(ValueError, match="month"):
            days_of(text)


@given(
    st.dates(),
    st.sampled_from([TaxPeriod.WEEKLY, TaxPeriod.MONTHLY, TaxPeriod.YEARLY]),
    st.sampled_from(["01-01", "04-06", "07-01", "12-31", "02-29"]),
)
@example(date.min, TaxPeriod.YEARLY, "07-01")
@example(date.max, TaxPeriod.YEARLY, "07-01")
@example(date.max, TaxPeriod.YEARLY, "01-01")
@example(date.max, TaxPeriod.WEEKLY, "01-01")
@example(date.max, TaxPeriod.MONTHLY, "01-01")
def test_every_day_lies_in_one_tax_period_and_periods_join(day: date, period: TaxPeriod, starts: str) -> None:
    first, last = bounds(period, day, starts)
    assert first <= day <= last and (last - first).days <= 366
    assert bounds(period, first, starts) == bounds(period, last, starts) == (first, last)
    if last < date.max:
        assert bounds(period, last + timedelta(days=1), starts)[0] == last + timedelta(days=1)
