"""How figures stand on a page."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from crypto_api.dashboard.templatetags import coffer


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("1234567.895", "USD", "$1,234,567.90"),
        ("0.125", "USD", "$0.12"),  # half to even
        ("0.135", "USD", "$0.14"),
        ("0", "USD", "$0.00"),
        ("-13804.81", "EUR", "\N{MINUS SIGN}€13,804.81"),
        ("0.0003", "USD", "$0.00030"),  # a small fee is not zero
        ("0.00000001", "USD", "$0.00000001"),
        ("12", "CHF", "12.00\N{NARROW NO-BREAK SPACE}CHF"),
        ("99999999999999999999999999.99", "USD", "$99,999,999,999,999,999,999,999,999.99"),  # more digits than a float has
    ],
)
def test_money(value: str, currency: str, text: str) -> None:
    assert coffer.money(Decimal(value), currency) == text


def test_no_value_is_not_zero() -> None:
    assert coffer.money(None, "USD") == "\N{EM DASH}"
    assert coffer.quantity(None) == "unknown amount"
    assert coffer.percent(None) == "\N{EM DASH}"


@pytest.mark.parametrize(
    ("value", "shown", "whole"),
    [
        ("0.1", "0.1", "0.1"),
        ("1250000", "1,250,000", "1,250,000"),
        ("60.000000000000000001", "60", "60.000000000000000001"),
        ("0.0000004", "<\N{NARROW NO-BREAK SPACE}0.000001", "0.0000004"),
        ("-2.50", "\N{MINUS SIGN}2.5", "\N{MINUS SIGN}2.5"),
        ("0", "0", "0"),
        ("1E+3", "1,000", "1,000"),
        ("123456789012345678901234.567891", "123,456,789,012,345,678,901,234.567891", "123,456,789,012,345,678,901,234.567891"),
    ],
)
def test_quantity(value: str, shown: str, whole: str) -> None:
    assert (coffer.quantity(Decimal(value)), coffer.exact(Decimal(value))) == (shown, whole)


def test_identifiers_are_cut_in_the_middle() -> None:
    assert coffer.short("0x732d1e10807de2262c4c7e86aabe62d1938e4597eccc44a427f34373a4b4669e") == "0x732d…669e"
    assert coffer.short("eip155:1/erc20:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045") == "0xd8dA…6045"
    assert coffer.short("USDC") == "USDC"


def test_foreign_text_is_one_bounded_line_without_tricks() -> None:
    assert coffer.capped("U\N{RIGHT-TO-LEFT OVERRIDE}SD\N{ZERO WIDTH SPACE}C\n\ttoken") == "USDCtoken"
    assert len(coffer.capped("x" * 5_000)) == coffer.NAME_LENGTH_MAX
    assert coffer.asset_name("eip155:1/erc20:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045") == "0xd8dA…6045"


def test_times_carry_their_utc() -> None:
    text = coffer.when(datetime(2026, 7, 1, 22, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert text == '<time datetime="2026-07-01T22:30:00.000Z" title="2026-07-01 22:30:00 UTC">2 Jul 00:30:00</time>'
