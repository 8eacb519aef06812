"""What a report says, from events and rules. Pure."""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from crypto_api.kit.amounts import add_exactly, plain, to_units
from crypto_api.ledger.types import AccountCode
from crypto_api.lots.rules import History
from crypto_api.lots.types import QUANTITY_PLACES, VALUE_PLACES, Disposed, Event, HoldingTerm, Kind, LotEvents, Portion, Rule, Told
from crypto_api.tax.types import Computed, DisposalRow, IncomeRow, MissingReason, MissingRow, TaxPeriod, Totals

NOT_TAXABLE = frozenset({AccountCode.OPENING})
"""What was gone before the known history began was not disposed of."""


def bounds(period: TaxPeriod, day: date, fiscal_year_start: str) -> tuple[date, date]:
    """First and last day of the period in which `day` lies. `fiscal_year_start` is MM-DD."""
    match period:
        case TaxPeriod.DAILY | TaxPeriod.CUSTOM:
            return day, day
        case TaxPeriod.WEEKLY:
            first = day - timedelta(days=day.weekday())
            return first, date.fromordinal(min(first.toordinal() + 6, date.max.toordinal()))
        case TaxPeriod.MONTHLY:
            return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
        case TaxPeriod.YEARLY:
            first = _year_start(day.year, fiscal_year_start)
            if day < first and day.year == date.min.year:
                return date.min, first - timedelta(days=1)
            if day < first:
                first = _year_start(day.year - 1, fiscal_year_start)
            last_of_all = first.year == date.max.year
            return first, date.max if last_of_all else _year_start(first.year + 1, fiscal_year_start) - timedelta(days=1)


def _year_start(year: int, month_and_day: str) -> date:
    month, day = (int(part) for part in month_and_day.split("-"))
    if (month, day) == (2, 29):
        return date(year, 3, 1) - timedelta(days=1)
    return date(year, month, day)


def compute(history: LotEvents, rules: Sequence[Rule], start: date, end: date, income_accounts: Collection[str]) -> Computed:
    """Every disposal from `start` to `end`, both included, against the lots as all events before made them."""
    first, last = start.toordinal(), end.toordinal()
    book, report = History(rules), _Report(history.told, income_accounts)
    for event in history.events:
        if event.day > last:
            continue
        outcome = book.apply(event)
        if event.day < first:
            continue
        if isinstance(outcome, Disposed):
            report.dispose(event, outcome)
        elif event.kind is Kind.ACQUIRE:
            report.acquire(event)
    return report.computed()


def gains_by_year(history: LotEvents, rules: Sequence[Rule], fiscal_year_start: str) -> dict[date, Decimal]:
    """What reports of whole fiscal years say by these rules: gains less losses, by the first day of the year. Years without a disposal are left
    out."""
    book, found = History(rules), dict[date, int]()
    start = end = date.min
    for event in history.events:
        outcome = book.apply(event)
        if not isinstance(outcome, Disposed) or history.told[event.ref].contra in NOT_TAXABLE:
            continue
        day = date.fromordinal(event.day)
        if not start <= day <= end:
            start, end = bounds(TaxPeriod.YEARLY, day, fiscal_year_start)
        found[start] = found.get(start, 0) + sum(portion.gain or 0 for portion in outcome.portions)
    return {year: _money(gain) for year, gain in sorted(found.items())}


class _Report:
    def __init__(self, told: Mapping[str, Told], income_accounts: Collection[str]) -> None:
        self._told, self._income_accounts = told, income_accounts
        self._disposals: list[DisposalRow] = []
        self._missing: list[MissingRow] = []
        self._income: list[IncomeRow] = []
        self._fees: list[Decimal] = []
        self._events = 0

    def acquire(self, event: Event) -> None:
        told = self._told[event.ref]
        self._fees.append(_money(event.fee))
        if told.contra in self._income_accounts:
            value = None if event.value is None else _money(event.value)
            self._income.append(IncomeRow(**_where(told, event.quantity), received_at=told.at, value=value, account_code=told.contra))

    def dispose(self, event: Event, outcome: Disposed) -> None:
        told = self._told[event.ref]
        if told.contra in NOT_TAXABLE:
            return
        self._events += 1
        paid = event.value if told.contra == AccountCode.NETWORK_FEES else event.fee
        self._fees.append(_money(paid or 0))
        for portion in outcome.portions:
            self._portion(told, portion)
        if outcome.missing:
            proceeds = None if outcome.missing_proceeds is None else _money(outcome.missing_proceeds)
            self._lack(told, outcome.missing, proceeds, MissingReason.MISSING_ACQUISITION, None)

    def _portion(self, told: Told, portion: Portion) -> None:
        acquired = self._told[portion.lot.ref]
        proceeds = None if portion.proceeds is None else _money(portion.proceeds)
        if portion.cost is None or proceeds is None:
            reason = MissingReason.UNKNOWN_COST if portion.cost is None else MissingReason.NO_PRICE
            self._lack(told, portion.quantity, proceeds, reason, acquired)
            return
        row = DisposalRow(
            **_where(told, portion.quantity),
            acquired_at=acquired.at,
            disposed_at=told.at,
            proceeds=proceeds,
            cost_basis=_money(portion.cost),
            gain=_money(portion.gain or 0),
            term=HoldingTerm.LONG if portion.long else HoldingTerm.SHORT,
            account_code=told.contra,
            acquired_entry_id=acquired.entry_id,
            acquired_transaction_id=acquired.transaction_id,
        )
        self._disposals.append(row)

    def _lack(self, told: Told, quantity: int, proceeds: Decimal | None, reason: MissingReason, acquired: Told | None) -> None:
        row = MissingRow(
            **_where(told, quantity),
            disposed_at=told.at,
            proceeds=proceeds,
            reason=reason,
            acquired_at=acquired.at if acquired is not None else None,
            acquired_entry_id=acquired.entry_id if acquired is not None else None,
        )
        self._missing.append(row)

    def computed(self) -> Computed:
        rows = self._disposals
        totals = Totals(
            gains=_sum([row.gain for row in rows if row.gain > 0]),
            losses=_sum([row.gain.copy_negate() for row in rows if row.gain < 0]),
            short_term=_sum([row.gain for row in rows if row.term is HoldingTerm.SHORT]),
            long_term=_sum([row.gain for row in rows if row.term is HoldingTerm.LONG]),
            proceeds=_sum([row.proceeds for row in rows]),
            cost_basis=_sum([row.cost_basis for row in rows]),
            fees=_sum(self._fees),
            income=_sum([row.value for row in self._income if row.value is not None]),
            taxable_events=self._events,
            disposals=len(rows),
            missing=len(self._missing),
            incomes=len(self._income),
            unpriced_income=sum(row.value is None for row in self._income),
        )
        return Computed(totals, rows, self._missing, self._income)


def _where(told: Told, quantity: int) -> dict[str, Any]:
    return {
        "asset": told.asset,
        "quantity": to_units(quantity, QUANTITY_PLACES),
        "wallet_id": told.wallet_id,
        "entry_id": told.entry_id,
        "transaction_id": told.transaction_id,
        "transaction_hash": told.transaction_hash,
        "network": told.network,
    }


def _money(units: int) -> Decimal:
    return to_units(units, VALUE_PLACES)


def _sum(values: list[Decimal]) -> Decimal:
    return plain(add_exactly(values))
