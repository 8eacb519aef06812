"""Figures out of movements. Pure: rows in, exact Decimals out."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.insights.types import Gas, GasRow, MonthRow, Moved, PartyRow, Runway, Shock, SpendingRow, Unusual, Window
from crypto_api.kit.amounts import add_exactly, divide, multiply, text, to_functional
from crypto_api.kit.plain_text import quoted

ZERO, ONE = Decimal(0), Decimal(1)
SPENDING = frozenset({"expense", "payroll", "invoice_payment", "unclassified"})
"""Categories of what goes out for good. What changes its form or its place is not spent."""
INCOME = frozenset({"income", "invoice_payment", "reward"})
GAS = "gas"
PARTIES_SHOWN, UNUSUAL_SHOWN, PARTIES_MIN = 10, 10, 8
SHOCKS = tuple(map(Decimal, ("0", "0.25", "0.5", "0.75")))
STEADY = Decimal("0.02")
"""An asset whose rate is so near to one unit of the functional currency keeps to it, and is left out of the shocks."""
SCORE_MIN = Decimal("3.5")
SCORE_SCALE = Decimal("0.6745")
"""A modified z-score beyond 3.5 is an outlier; 0.6745 makes the median deviation comparable with a standard one (Iglewicz and Hoaglin, 1993)."""
ALIKE_FACTOR = Decimal(3)
MONTH_DAYS = Decimal(30)


def spent_as(row: Moved) -> str | None:
    """The category under which it was spent; None where it was not."""
    if row.fee:
        return GAS
    return row.category if row.outgoing and row.category in SPENDING else None


def is_income(row: Moved) -> bool:
    return not row.outgoing and not row.fee and row.category in INCOME


def total(rows: Iterable[Moved]) -> Decimal:
    return add_exactly([row.value for row in rows if row.value is not None])


def spending(rows: Sequence[Moved], window: Window) -> list[SpendingRow]:
    """Greatest first."""
    before = window.since - (window.until - window.since)
    now: defaultdict[str, list[Moved]] = defaultdict(list)
    then: defaultdict[str, list[Moved]] = defaultdict(list)
    for row in rows:
        if (category := spent_as(row)) is not None and row.at >= before:
            (now if row.at >= window.since else then)[category].append(row)
    found = [
        SpendingRow(name, total(now[name]), total(then[name]), len(now[name]), sum(row.value is None for row in now[name]))
        for name in sorted(now.keys() | then.keys())
    ]
    return sorted(found, key=lambda row: (-row.value, row.category))


def parties(rows: Sequence[Moved], window: Window) -> list[PartyRow]:
    """With whom most was moved, without fees and without what stays ours."""
    by_party: defaultdict[str, list[Moved]] = defaultdict(list)
    for row in rows:
        if row.at >= window.since and row.party and not row.fee and (row.category in SPENDING or is_income(row)):
            by_party[row.party].append(row)
    found = [
        PartyRow(party, total(row for row in some if row.outgoing), total(row for row in some if not row.outgoing), len(some))
        for party, some in by_party.items()
    ]
    return sorted(found, key=lambda row: (-add_exactly([row.paid, row.received]), row.party))[:PARTIES_SHOWN]


def gas(rows: Sequence[Moved], window: Window) -> Gas:
    paid = [row for row in rows if row.fee and row.at >= window.since]
    networks: defaultdict[str, list[Moved]] = defaultdict(list)
    for row in paid:
        networks[row.network].append(row)
    by_network = [GasRow(name, total(some), len({row.transaction_id for row in some})) for name, some in networks.items()]
    dearest = max((row for row in paid if row.value), key=lambda row: (row.value or ZERO, row.transaction_id), default=None)
    return Gas(total(paid), len({row.transaction_id for row in paid}), sorted(by_network, key=lambda row: (-row.value, row.network)), dearest)


def runway(rows: Sequence[Moved], window: Window, held: Mapping[str, tuple[Decimal | None, Decimal | None]]) -> Runway:
    """`held`: value and rate by asset. How long it lasts, at the pace of the period, at prices that fell by so much."""
    now = [row for row in rows if row.at >= window.since]
    spent, received = (_a_month(total(some), window) for some in ([row for row in now if spent_as(row)], [row for row in now if is_income(row)]))
    net = _less(spent, received)
    steady = add_exactly([value for value, rate in held.values() if value is not None and rate is not None and abs(_less(rate, ONE)) <= STEADY])
    moving = add_exactly([value for value, rate in held.values() if value is not None and rate is not None and abs(_less(rate, ONE)) > STEADY])
    shocks = []
    for drop in SHOCKS:
        value = to_functional(add_exactly([steady, multiply(moving, _less(ONE, drop))]))
        months = divide(max(value, ZERO), net).quantize(Decimal("0.1")) if net > 0 else None
        shocks.append(Shock(drop, value, months))
    unpriced = sorted(asset for asset, (value, _) in held.items() if value is None)
    return Runway(spent, received, net, to_functional(steady), shocks, unpriced, window.days)


def _less(left: Decimal, right: Decimal) -> Decimal:
    """Exactly: the operator rounds to 28 digits."""
    return add_exactly([left, right.copy_negate()])


def _a_month(value: Decimal, window: Window) -> Decimal:
    return to_functional(divide(multiply(value, MONTH_DAYS), Decimal(window.days)))


# ---- unusual ---------------------------------------------------------------------------------------------------------------------


def unusual(rows: Sequence[Moved], window: Window) -> list[Unusual]:
    """Of the period, compared with the others of the same party, or, where those are few, of the same category. Only what is far above."""
    counted = [row for row in rows if row.value and not row.fee and (row.category in SPENDING or is_income(row))]
    by_party, by_category = _grouped(counted, lambda row: row.party), _grouped(counted, lambda row: row.category)
    found = []
    for row in counted:
        if row.at < window.since:
            continue
        same = by_party[row.outgoing, row.party] if row.party else None
        named = f"with {quoted(row.party)}"
        if same is None or same.others < PARTIES_MIN:
            same, named = by_category[row.outgoing, row.category], f"called {row.category.replace('_', ' ')}"
        if same.others >= PARTIES_MIN and (judged := _judged(row, same, named)) is not None:
            found.append(judged)
    found.sort(key=lambda one: (one.score is None, -(one.score or ZERO), -one.value))
    return found[:UNUSUAL_SHOWN]


class Alike:
    """The values of a group, of which each is compared with all others: put in order once, since ten thousand would be compared a hundred million
    times else. Without one of them the median is one of at most three, and so are the deviations from it."""

    def __init__(self, values: Iterable[Decimal]) -> None:
        self._ordered = sorted(values)
        self._deviations: dict[Decimal, list[Decimal]] = {}

    @property
    def others(self) -> int:
        return len(self._ordered) - 1

    def without(self, value: Decimal) -> tuple[Decimal, Decimal]:
        """Median of the others, and their median deviation from it. `value` is one of the group."""
        middle = _median_without(self._ordered, value)
        if middle not in self._deviations:
            self._deviations[middle] = sorted(abs(_less(one, middle)) for one in self._ordered)
        return middle, _median_without(self._deviations[middle], abs(_less(value, middle)))


def _grouped(rows: Iterable[Moved], key: Callable[[Moved], str]) -> dict[tuple[bool, str], Alike]:
    found: defaultdict[tuple[bool, str], list[Decimal]] = defaultdict(list)
    for row in rows:
        found[row.outgoing, key(row)].append(row.value or ZERO)
    return {group: Alike(values) for group, values in found.items()}


def _judged(row: Moved, same: Alike, named: str) -> Unusual | None:
    value = row.value or ZERO
    middle, deviation = same.without(value)
    way = "Paid" if row.outgoing else "Received"
    compared = f"{way} {text(value)}: the median of the {same.others} others {named} is {text(middle)}"
    if deviation == 0:
        if middle > 0 and value < multiply(ALIKE_FACTOR, middle):
            return None
        return Unusual(row, value, middle, deviation, None, same.others, f"{compared}, and they are nearly all alike.")
    score = divide(multiply(SCORE_SCALE, _less(value, middle)), deviation).quantize(Decimal("0.1"))
    if score < SCORE_MIN:
        return None
    reason = f"{compared}, their median deviation {text(deviation)}: a score of {text(score)}, where {text(SCORE_MIN)} is far."
    return Unusual(row, value, middle, deviation, score, same.others, reason)


def _median_without(ordered: Sequence[Decimal], value: Decimal) -> Decimal:
    """Of all but one that equals `value`, which there is."""
    left_out, count = bisect_left(ordered, value), len(ordered) - 1
    middle = [ordered[place + (place >= left_out)] for place in ((count - 1) // 2, count // 2)]
    return median(middle[count % 2 :])


def median(values: Sequence[Decimal]) -> Decimal:
    """Of at least one."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else to_functional(divide(add_exactly([ordered[half - 1], ordered[half]]), Decimal(2)))


# ---- by month --------------------------------------------------------------------------------------------------------------------


def months(rows: Sequence[Moved], window: Window, zone: ZoneInfo) -> list[MonthRow]:
    """Every month of the comparison, oldest first, also those without anything."""
    by_month: defaultdict[date, list[Moved]] = defaultdict(list)
    for row in rows:
        by_month[_month(row.at, zone)].append(row)
    at, last, found = _month(window.history_since, zone), _month(window.until, zone), []
    while at <= last:
        some = by_month[at]
        spent = total(row for row in some if spent_as(row) not in (None, GAS))
        fees = total(row for row in some if row.fee)
        found.append(MonthRow(at, total(filter(is_income, some)), spent, fees, len({row.transaction_id for row in some})))
        at = date(at.year + at.month // 12, at.month % 12 + 1, 1)
    return found


def _month(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date().replace(day=1)
