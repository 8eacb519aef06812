"""Amounts as they are read and written: a text means exactly one number or is refused, and nothing is lost on the way to the chain and back."""

from decimal import Decimal
from fractions import Fraction

import pytest
from bson.decimal128 import Decimal128
from hypothesis import example, given
from hypothesis import strategies as st

from crypto_api.kit.amounts import UINT256_MAX, change_of, is_exact, parse, plain, text, to_raw, to_units

DIGITS = "0123456789"
PARTS = st.just("") | st.text(DIGITS, min_size=1, max_size=36).map(".{}".format)
NUMBERS = st.builds(lambda whole, part: whole + part, st.integers(0, 10**60 - 1).map(str), PARTS)
LOOKALIKES = st.text("0123456789.,-+eE_ \t\n０１２٣٤NaInf", max_size=24)


@given(NUMBERS)
@example("0")
@example("0." + "0" * 35 + "1")
def test_a_number_is_read_to_its_last_digit_and_written_as_itself(said: str) -> None:
    read = parse(said)
    whole, _, part = said.partition(".")
    assert Fraction(read) == Fraction(int(whole + part), 10 ** len(part))
    assert parse(text(read)) == read
    assert Fraction(Decimal(text(read))) == Fraction(read)


@given(st.text(max_size=30) | LOOKALIKES | st.integers() | st.floats() | st.booleans() | st.none() | st.lists(st.integers()))
@example("1_000")
@example("１２")
@example("1e3")
@example("01")
@example(" 1")
@example("1\n")
@example("-1")
@example("NaN")
@example("." + "1" * 5)
def test_anything_else_is_refused(said: object) -> None:
    """A text that is taken is one that another reader, of ASCII digits and one point, reads to the same."""
    try:
        read = parse(said)
    except ValueError:
        return
    assert isinstance(said, str) and set(said) <= set(DIGITS + ".") and said.count(".") <= 1
    assert said[0] in DIGITS and said[-1] in DIGITS and (said[0] != "0" or said[:2] in ("0", "0."))
    assert Fraction(read) == Fraction(said)


@given(st.integers(0, UINT256_MAX), st.integers(0, 80))
@example(UINT256_MAX, 0)
@example(UINT256_MAX, 77)
@example(1, 80)
def test_base_units_come_back_as_they_were(raw: int, decimals: int) -> None:
    units = to_units(raw, decimals)
    assert Fraction(units) == Fraction(raw, 10**decimals)
    assert to_raw(units, decimals) == raw
    assert Fraction(plain(units)) == Fraction(units)


@given(st.integers(1, 10**40), st.integers(0, 30))
def test_a_decimal_too_many_is_refused_and_never_cut(raw: int, decimals: int) -> None:
    finer = to_units(raw * 10 + 1, decimals + 1)
    with pytest.raises(ValueError, match="decimals"):
        to_raw(finer, decimals)


@given(NUMBERS)
def test_what_is_exact_is_what_the_database_holds_unchanged(said: str) -> None:
    value = parse(said)
    try:
        kept = Decimal128(plain(value)).to_decimal()
    except ArithmeticError:
        kept = None
    assert is_exact(value) == (kept is not None and kept == value)


@given(st.decimals(-(10**12), 10**12, places=4), st.decimals(-(10**12), 10**12, places=4))
def test_a_change_has_the_sign_of_what_happened(now: Decimal, before: Decimal) -> None:
    change = change_of(now, before)
    if not before:
        assert change is None
    else:
        assert change is not None
        assert (change > 0, change < 0) == (now > before, now < before)
