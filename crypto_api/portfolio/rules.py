"""How returns are computed. Pure, in decimals.

Time-weighted: sub-periods between two valuations, each by Modified Dietz, linked by multiplication (GIPS 2020, provision 2.A.21 and its guidance
on the calculation methodology): what the portfolio did, whatever was paid in and when. Money-weighted: the annual rate at which all flows and
the two values are worth zero together (internal rate of return, days over 365 as XIRR counts them): what the owner got.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise

from crypto_api.kit.amounts import add_exactly
from crypto_api.portfolio.types import Flow, NoResult, Return, Valued

ZERO, ONE = Decimal(0), Decimal(1)
YEAR_DAYS = 365
RATE_MIN, RATE_MAX = Decimal("-0.9999"), Decimal(1_000)
_WORK = Context(prec=40, rounding=ROUND_HALF_EVEN)
_SHOWN = Context(prec=16, rounding=ROUND_HALF_EVEN)
_GRID, _HALVINGS = 128, 110


def time_weighted(valuations: Sequence[Valued], flows: Sequence[Flow]) -> Return:
    """`flows` lie after the first valuation and not after the last."""
    if len(valuations) < 2:
        return Return(None, None, NoResult.NOT_PRICED)
    growth, position, moved = ONE, 0, False
    ordered = sorted(flows, key=lambda flow: flow.at)
    for before, after in pairwise(valuations):
        inside: list[Flow] = []
        while position < len(ordered) and ordered[position].at <= after.at:
            inside.append(ordered[position])
            position += 1
        moved |= before.value != 0 or bool(inside)
        rate = dietz(before, after, inside)
        if rate is None:
            return Return(None, None, NoResult.LOST_FROM_NOTHING)
        growth = _WORK.multiply(growth, _WORK.add(ONE, rate))
    if not moved:
        return Return(None, None, NoResult.NOTHING_HELD)
    return _told(_WORK.subtract(growth, ONE), valuations[-1].at - valuations[0].at)


def dietz(before: Valued, after: Valued, flows: Sequence[Flow]) -> Decimal | None:
    """Modified Dietz of one sub-period: the gain over the capital, each flow weighted by the time that it was there. Where nothing was held at first,
    the sub-period begins with its first flow. None where there was no capital to relate a gain to."""
    start = flows[0].at if before.value == 0 and flows else before.at
    length = _seconds(after.at - start)
    total = add_exactly([flow.amount for flow in flows])
    gain = _WORK.subtract(_WORK.subtract(after.value, before.value), total)
    weighted = ZERO
    for flow in flows:
        weight = _WORK.divide(_seconds(after.at - flow.at), length) if length > 0 else ONE
        weighted = _WORK.add(weighted, _WORK.multiply(weight, flow.amount))
    capital = _WORK.add(before.value, weighted)
    if capital > 0:
        return _WORK.divide(gain, capital)
    return ZERO if gain == 0 else None


def money_weighted(start: Valued, end: Valued, flows: Sequence[Flow]) -> Return:
    """Flows of one day are one; days are counted from the start."""
    span = end.at - start.at
    days = span.days
    if days < 1:
        return Return(None, None, NoResult.TOO_SHORT)
    amounts = [ZERO] * (days + 1)
    amounts[0] = start.value
    for flow in flows:
        day = min(max((flow.at - start.at).days, 0), days)
        amounts[day] = _WORK.add(amounts[day], flow.amount)
    amounts[days] = _WORK.subtract(amounts[days], end.value)
    if all(amount == 0 for amount in amounts):
        return Return(None, None, NoResult.NOTHING_HELD)
    daily = _root(amounts)
    if isinstance(daily, NoResult):
        return Return(None, None, daily)
    return _told(_WORK.subtract(_WORK.power(daily, days), ONE), span)


def _root(amounts: Sequence[Decimal]) -> Decimal | NoResult:
    """The daily growth factor at which the amounts, carried to the last day, come to nothing. It is sought on a grid over all rates allowed, which
    finds several where there are several, and then halved down to the last digit: bounded, whatever comes in."""
    grid = _grid()
    values = [_carried(amounts, growth) for growth in grid]
    exact = [growth for growth, value in zip(grid, values, strict=True) if value == 0]
    brackets = [
        position
        for position in range(len(grid) - 1)
        if values[position] != 0 != values[position + 1] and (values[position] < 0) != (values[position + 1] < 0)
    ]
    if len(exact) + len(brackets) > 1:
        return NoResult.SEVERAL_RATES
    if exact:
        return exact[0]
    if not brackets:
        return NoResult.NO_RATE
    low, high = grid[brackets[0]], grid[brackets[0] + 1]
    rising = values[brackets[0]] < 0
    for _ in range(_HALVINGS):
        middle = _WORK.divide(_WORK.add(low, high), Decimal(2))
        if (_carried(amounts, middle) < 0) is rising:
            low = middle
        else:
            high = middle
    return _WORK.divide(_WORK.add(low, high), Decimal(2))


def _carried(amounts: Sequence[Decimal], growth: Decimal) -> Decimal:
    """Horner's scheme: one multiplication a day."""
    total = ZERO
    for amount in amounts:
        total = _WORK.fma(total, growth, amount)
    return total


def _grid() -> list[Decimal]:
    """Daily growth factors, evenly spaced in the logarithm of the annual one."""
    low, high = (_WORK.ln(_WORK.add(ONE, rate)) for rate in (RATE_MIN, RATE_MAX))
    step = _WORK.divide(_WORK.subtract(high, low), Decimal(_GRID))
    return [_WORK.exp(_WORK.divide(_WORK.fma(step, Decimal(position), low), Decimal(YEAR_DAYS))) for position in range(_GRID + 1)]


def _told(period: Decimal, span: timedelta) -> Return:
    """Annual only for a year and more, as GIPS 2020 has it (2.A.29: shorter periods are not annualised)."""
    annual = None
    if span >= timedelta(days=YEAR_DAYS):
        growth = _WORK.add(ONE, period)
        years = _WORK.divide(_seconds(span), Decimal(YEAR_DAYS * 86_400))
        annual = _WORK.subtract(_WORK.power(growth, _WORK.divide(ONE, years)), ONE) if growth > 0 else ONE.copy_negate()
    return Return(_shown(period), None if annual is None else _shown(annual))


def _shown(rate: Decimal) -> Decimal:
    """Twelve decimals: beyond lies the noise of the last halving."""
    return _SHOWN.plus(rate).quantize(Decimal("1E-12"), ROUND_HALF_EVEN, context=_WORK)


def _seconds(span: timedelta) -> Decimal:
    return _WORK.divide(Decimal(span // timedelta(milliseconds=1)), Decimal(1_000))


def last_of_days(since: datetime, until: datetime, days: Sequence[datetime]) -> list[datetime]:
    """The moments of a series: both ends, and every day's end between them."""
    return [since, *(day for day in days if since < day < until), until]
