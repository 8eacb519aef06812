"""Rows that people bring: read to the last digit, or refused with the number of the row and the name of the column."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from crypto_api.transactions.imports import COLUMNS, read_rows

NOW = datetime(2026, 11, 30, tzinfo=UTC)
ANY_CELL = st.text(max_size=20) | st.sampled_from(
    [
        *("", "BUY", "sell", "TRANSFER", "1", "0", "-1", "1,000.00", "1e5", "１", "NaN", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"),
        *("2026-02-29T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T09:30:00+25:00", "2026-11-21T09:30:00Z", "=1+1", "\u202e", "0" * 40),
    ]
)
AMOUNTS = st.decimals(Decimal("0.000001"), 10**12, places=6)


@given(st.lists(st.lists(ANY_CELL, max_size=len(COLUMNS) + 1), max_size=5))
@example([["0001-01-01T00:00:00+10:00"]])
def test_whatever_is_brought_is_rows_or_errors_that_name_their_place(table: list[list[str]]) -> None:
    rows, errors = read_rows([list(COLUMNS), *table], NOW)
    assert all(1 <= error.row <= len(table) + 1 and error.message for error in errors)
    assert {error.column for error in errors} <= {"", *COLUMNS}
    assert all(row.amount > 0 and row.fee >= 0 and row.at.tzinfo is UTC for row in rows)
    named = {row.number for row in rows} | {error.row for error in errors}
    assert named >= {number for number, cells in enumerate(table, start=2) if any(cells)}, "a row that is neither read nor refused"


@given(st.lists(st.lists(st.text(max_size=12), max_size=6), max_size=4))
def test_any_header_is_taken_or_refused(table: list[list[str]]) -> None:
    rows, errors = read_rows(table, NOW)
    assert not rows and errors


@given(
    st.datetimes(datetime(2010, 1, 1), datetime(2026, 11, 1)),  # noqa: DTZ001  bounds of hypothesis are naive
    st.integers(-14 * 60, 14 * 60),
    AMOUNTS,
    AMOUNTS,
)
def test_a_good_row_is_read_to_its_last_digit_and_to_the_millisecond(at: datetime, offset: int, amount: Decimal, price: Decimal) -> None:
    moment = at.replace(tzinfo=timezone(timedelta(minutes=offset)))
    said = dict.fromkeys(COLUMNS, "") | {
        "timestamp": moment.isoformat(),
        "type": "BUY",
        "asset": "ETH",
        "amount": format(amount, "f"),
        "price": format(price, "f"),
        "wallet": "Operations",
    }
    (row,), errors = read_rows([list(COLUMNS), [said[name] for name in COLUMNS]], NOW)
    assert errors == []
    assert (Fraction(row.amount), Fraction(row.price or 0)) == (Fraction(amount), Fraction(price))
    assert timedelta() <= moment - row.at < timedelta(milliseconds=1)
