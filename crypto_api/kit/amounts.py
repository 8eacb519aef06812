"""Exact amounts. `Decimal` inside, Decimal128 in MongoDB, a string in JSON; never a float.

On chain an amount is an integer of base units (uint256, up to 78 digits). Decimal128 holds 34 digits: what needs more is
`inexact`, kept out of the books and shown as such.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, localcontext
from typing import Annotated, Any

from bson.decimal128 import Decimal128
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DECIMAL128_DIGITS = 34
FUNCTIONAL_PLACES = Decimal("0.00000001")  # functional amounts carry 8 decimals in the ledger
UINT256_MAX = 2**256 - 1
_WIDE = Context(prec=120)
_DECIMAL_TEXT = re.compile(r"(0|[1-9][0-9]{0,59})(\.[0-9]{1,36})?", re.ASCII)


def to_units(raw: int, decimals: int) -> Decimal:
    """Base units as whole units, exactly, at any size: to_units(1_500_000, 6) == Decimal("1.5")."""
    return plain(_WIDE.scaleb(Decimal(raw), -decimals))


def to_raw(units: Decimal, decimals: int) -> int:
    """Whole units as base units. ValueError when `units` has more decimals than the asset."""
    scaled = _WIDE.scaleb(units, decimals)
    raw = int(scaled)
    if scaled != raw:
        raise ValueError(f"more than {decimals} decimals")
    return raw


def plain(value: Decimal) -> Decimal:
    """The same value without an exponent form and without trailing zeros."""
    if value == 0:
        return Decimal(0)
    normal = _WIDE.normalize(value)
    return _WIDE.quantize(normal, Decimal(1)) if normal.as_tuple().exponent > 0 else normal  # type: ignore[operator]


def is_exact(value: Decimal) -> bool:
    """Whether Decimal128 holds it without rounding."""
    return len(plain(value).as_tuple().digits) <= DECIMAL128_DIGITS


def to_functional(value: Decimal) -> Decimal:
    """Rounded half-even to the 8 decimals that the ledger carries."""
    return value.quantize(FUNCTIONAL_PLACES, ROUND_HALF_EVEN, context=_WIDE)


def multiply(left: Decimal, right: Decimal) -> Decimal:
    return _WIDE.multiply(left, right)


def change_of(now: Decimal, before: Decimal) -> Decimal | None:
    """By which part of what it was before something changed: 0.25 is a quarter more. Of the size of what was before, so that a loss that became
    smaller is an increase. None where there was nothing before: of nothing there is no part."""
    return _WIDE.divide(_WIDE.subtract(now, before), abs(before)) if before else None


def percent_of(part: Decimal, places: int) -> Decimal:
    """A part (0.25) as per cent (25), rounded half-even."""
    return multiply(part, Decimal(100)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def divide(left: Decimal, right: Decimal) -> Decimal:
    return _WIDE.divide(left, right)


def add_exactly(values: list[Decimal]) -> Decimal:
    """The sum. decimal.Inexact when a digit would be lost."""
    with localcontext(_WIDE) as context:
        context.traps[Inexact] = True
        return sum(values, Decimal(0))


def text(value: Decimal) -> str:
    """How an amount stands in JSON: digits and at most one point, never an exponent."""
    return format(plain(value), "f")


def parse(value: object) -> Decimal:
    """A decimal string of the API. ValueError for a sign, an exponent, NaN, underscores, full-width digits or leading zeros."""
    if not isinstance(value, str) or not _DECIMAL_TEXT.fullmatch(value):
        raise ValueError('must be a decimal string such as "1234.50"')
    return Decimal(value)


def _from_store(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value


def _from_client(value: Any) -> Any:
    return value if isinstance(value, Decimal) else parse(value)


StoredDecimal = Annotated[Decimal, BeforeValidator(_from_store)]
"""A Decimal field of a document: Decimal128 in MongoDB."""

Money = Annotated[
    Decimal,
    BeforeValidator(_from_client),
    PlainSerializer(text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", "examples": ["1234.50"]}),
]
"""A non-negative amount in a request: a decimal string, nothing else."""

SignedMoney = Annotated[
    Decimal,
    PlainSerializer(text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "examples": ["-12.50"]}),
]
"""An amount in an answer, possibly negative."""
