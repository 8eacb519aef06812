"""Rates as they come in from outside, before anybody believes them: values that adapters hand on, and what makes a number a rate."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from crypto_api.kit.amounts import divide, plain

_DIGITS = Context(prec=28, rounding=ROUND_HALF_EVEN)
RATE_MAX, RATE_MIN = Decimal(10) ** 18, Decimal(10) ** -18
"""Of what a provider says. Nothing that is traded lies beyond; what does is a mistake of units."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that is no price, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class FeedRound:
    """What a feed contract answers: the price in units of 10^-decimals, when it was updated (seconds since 1970), and for which round."""

    answer: int
    decimals: int
    updated_at: int
    round_id: int = 1
    answered_in_round: int = 1


@dataclass(frozen=True, slots=True)
class Point:
    """Units of the quote currency for one of the asset, as it stood at `at`."""

    at: datetime
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says: rates as they stood at their times, or in words why there are none. Empty without a problem: it was asked just now."""

    points: tuple[Point, ...] = ()
    problem: str | None = None


def judge_rate(told: object) -> Decimal | Refused:
    """A number from outside as a rate. Digits beyond 28 are rounded half-even."""
    if isinstance(told, bool) or not isinstance(told, (Decimal, int, str)):
        return Refused("it answers no number")
    try:
        rate = Decimal(told)
    except ArithmeticError:
        return Refused("it answers no number")
    if not rate.is_finite():
        return Refused("it answers no number")
    if not RATE_MIN <= rate <= RATE_MAX:
        return Refused("it answers zero or less" if rate <= 0 else "it answers what nothing is worth")
    return rounded(rate)


def rounded(rate: Decimal) -> Decimal:
    """A computed rate carries 28 significant digits."""
    return plain(_DIGITS.plus(rate))


def cross(base: Decimal, quote: Decimal) -> Decimal:
    """Units of `quote` for one `base`, both given in units for one of a third."""
    return rounded(divide(quote, base))
