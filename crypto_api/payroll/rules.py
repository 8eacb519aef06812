"""Pure decisions of the slice: what a payslip comes to, how the net pay is split, and what follows from the payments of its shares."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from itertools import pairwise

from crypto_api.kit.amounts import divide, multiply, to_raw
from crypto_api.payroll.types import (
    Bracket,
    Deduction,
    DeductionKind,
    Earning,
    EarningKind,
    PayMethod,
    PayoutState,
    PayrollStatus,
    PayslipStatus,
    Reckoned,
    ShareRule,
)

HUNDRED = Decimal(100)
_WIDE = Context(prec=120)
_DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "UGX": 0, "XAF": 0, "XOF": 0, "XPF": 0, "PYG": 0, "RWF": 0, "KMF": 0, "GNF": 0}
_DECIMALS |= {"BIF": 0, "DJF": 0, "VUV": 0, "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3}

EXAMPLE_TABLE = (
    Bracket(above=Decimal(0), percent=Decimal(0)),
    Bracket(above=Decimal(1000), percent=Decimal(10)),
    Bracket(above=Decimal(3000), percent=Decimal(20)),
    Bracket(above=Decimal(8000), percent=Decimal(35)),
)
"""Of no country: it shows what a table looks like, and is called an example wherever it is shown."""
EXAMPLE_CODE, EXAMPLE_NAME = "EXAMPLE", "Example table (of no country; not for use)"


def decimals_of(currency: str) -> int:
    """Of the smallest amount that is paid in it (ISO 4217)."""
    return _DECIMALS.get(currency, 2)


def rounded(value: Decimal, currency: str) -> Decimal:
    """Half up, to what the currency has."""
    return value.quantize(Decimal(1).scaleb(-decimals_of(currency)), ROUND_HALF_UP, context=_WIDE)


# ---- what it comes to ------------------------------------------------------------------------------------------------------------


def progressive(brackets: Sequence[Bracket], taxable: Decimal, currency: str) -> Decimal:
    """Each bracket takes its part of what lies in it; rounded once, at the end."""
    tax = Decimal(0)
    for place, bracket in enumerate(brackets):
        end = brackets[place + 1].above if place + 1 < len(brackets) else taxable
        inside = max(Decimal(0), min(taxable, end) - bracket.above)
        tax = _WIDE.add(tax, multiply(inside, bracket.percent))
    return rounded(divide(tax, HUNDRED), currency)


def check_brackets(brackets: Sequence[Bracket]) -> str | None:
    """What is wrong with a table, in words; None where nothing is."""
    if not brackets or brackets[0].above != 0:
        return "must begin with a bracket above 0"
    if any(right.above <= left.above for left, right in pairwise(brackets)):
        return "must rise from bracket to bracket"
    if any(not 0 <= row.percent <= HUNDRED for row in brackets):
        return "must take 0 to 100 per cent"
    return None


def overtime(hours: Decimal, rate: Decimal, currency: str) -> Earning | None:
    """`rate` is for an hour."""
    amount = rounded(multiply(hours, rate), currency)
    return Earning(kind=EarningKind.OVERTIME, name=f"Overtime, {hours.normalize():f} h", amount=amount) if amount else None


def reckon(earnings: Sequence[Earning], deductions: Sequence[Deduction], brackets: Sequence[Bracket], currency: str) -> Reckoned:
    """Gross to net. Every amount is rounded by itself and the totals are their sums, so that a payslip adds up as it is printed. ValueError where
    more is kept back than is earned."""
    gross = sum((row.amount for row in earnings), Decimal(0))
    kept = sum((row.amount for row in deductions), Decimal(0))
    taxed = sum((row.amount for row in earnings if row.taxable), Decimal(0))
    taxable = max(Decimal(0), taxed - sum((row.amount for row in deductions if row.before_tax), Decimal(0)))
    tax = progressive(brackets, taxable, currency)
    if gross < kept + tax:
        raise ValueError("more is kept back than is earned")
    return Reckoned(gross, taxable, tax, kept, gross - kept - tax)


def with_tax(deductions: Sequence[Deduction], reckoned: Reckoned, table: str) -> list[Deduction]:
    row = Deduction(kind=DeductionKind.TAX, name=table, amount=reckoned.tax)
    return [*([row] if reckoned.tax else []), *deductions]


# ---- how it is split -------------------------------------------------------------------------------------------------------------


def split(total: int, weights: Sequence[Decimal]) -> list[int]:
    """Whole parts of `total` in the proportion of `weights`, which always sum exactly: by largest remainder, the earlier one first among equals.
    ValueError without a weight above zero."""
    whole = sum(weights, Decimal(0))
    if total < 0 or whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("there is nothing to split by")
    exact = [_WIDE.divide(_WIDE.multiply(Decimal(total), weight), whole) for weight in weights]
    parts = [int(value.to_integral_value(ROUND_FLOOR)) for value in exact]
    left = total - sum(parts)
    by_rest = sorted(range(len(parts)), key=lambda place: (parts[place] - exact[place], place))
    for place in by_rest[:left]:
        parts[place] += 1
    return parts


def split_amount(total: Decimal, weights: Sequence[Decimal], places: int) -> list[Decimal]:
    """The same of an amount with so many decimals."""
    return [Decimal(part).scaleb(-places) for part in split(to_raw(total, places), weights)]


def check_shares(shares: Sequence[ShareRule]) -> str | None:
    """What is wrong with them, in words; None where nothing is."""
    if sum((row.percent for row in shares), Decimal(0)) != HUNDRED:
        return "must come to exactly 100 per cent"
    if any(row.percent <= 0 for row in shares):
        return "must each be above 0 per cent"
    if any((row.asset is not None) is not (row.method is PayMethod.CRYPTO) for row in shares):
        return "name an asset where they are paid in crypto, and only there"
    ways = [(row.method, row.asset) for row in shares]
    return "name each way of paying once" if len(set(ways)) != len(ways) else None


def base_units(amount: Decimal, rate: Decimal, decimals: int) -> int:
    """How many base units `amount` of a currency is at `rate` units of it for one of the asset, to the nearest, half up: never off by more than
    half a base unit."""
    exact = _WIDE.scaleb(divide(amount, rate), decimals)
    return int(exact.to_integral_value(ROUND_HALF_UP))


# ---- what follows from its payments ----------------------------------------------------------------------------------------------


def status_of(shares: int, paid_by_hand: int, states: Iterable[PayoutState]) -> PayslipStatus:
    """Of an approved payslip with so many `shares`, of which so many were paid by bank or in cash, and the `states` of the rest as far as they were
    planned."""
    found = list(states)
    if PayoutState.FAILED in found:
        return PayslipStatus.FAILED
    if paid_by_hand + found.count(PayoutState.PAID) == shares:
        return PayslipStatus.PAID
    return PayslipStatus.PAYING if found or paid_by_hand else PayslipStatus.APPROVED


def status_of_period(statuses: Sequence[PayslipStatus]) -> PayrollStatus:
    if not statuses:
        return PayrollStatus.DRAFT
    if PayslipStatus.DRAFT in statuses:
        return PayrollStatus.PREPARED
    if all(status is PayslipStatus.PAID for status in statuses):
        return PayrollStatus.PAID
    if all(status is PayslipStatus.APPROVED for status in statuses):
        return PayrollStatus.APPROVED
    return PayrollStatus.PAYING
