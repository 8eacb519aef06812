"""What the overview tells, to a page as to a program: what is held and its value over time, how long it lasts, what clients owe, who is to be paid
next, what waits for the person who looks, and what moved last.

Nothing here grows with history: the runway reads one period of movements, capped; receivables read the invoices that are open; payroll the few
periods that are not paid. What is the same for everybody who may see it is read once for all who ask while it is being read (`kit/together.py`):
whatever happens, every dashboard of the organisation that stands open asks at that moment.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from crypto_api.inbox import store as inbox
from crypto_api.inbox.types import ItemState
from crypto_api.insights.service import runway_at
from crypto_api.insights.store import ROWS_MAX
from crypto_api.insights.types import Runway
from crypto_api.invoices import rules
from crypto_api.invoices import store as invoices
from crypto_api.invoices.types import AgeBucket
from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.clock import day_of
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.together import SharedReads
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payroll import store as payroll
from crypto_api.payroll.documents import PayrollPeriod
from crypto_api.prices.types import Pricing
from crypto_api.reports import needs, overview, value_history
from crypto_api.reports.overview import Counts, Valuation
from crypto_api.reports.value_history import ValueHistory
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from mongodb_config.unit_of_work import UnitOfWork

LATEST = 12
PACE_DAYS = 90
"""The pace of spending is that of a quarter, unless another period was asked for: a month with one large bill is no pace."""
PAY_AHEAD = timedelta(days=14)
WAITING = (ItemState.OPEN, ItemState.IN_PROGRESS)


@dataclass(frozen=True, slots=True)
class AgeRow:
    """What is owed of one age, in the functional currency as it stands in the books."""

    bucket: AgeBucket
    amount: Decimal
    invoices: int


@dataclass(frozen=True, slots=True)
class OwedNow:
    rows: list[AgeRow]  # of every age, also those without anything

    @property
    def total(self) -> Decimal:
        return add_exactly([row.amount for row in self.rows])

    @property
    def _late(self) -> list[AgeRow]:
        return [row for row in self.rows if row.bucket is not AgeBucket.NOT_DUE]

    @property
    def overdue(self) -> Decimal:
        return add_exactly([row.amount for row in self._late])

    @property
    def overdue_invoices(self) -> int:
        return sum(row.invoices for row in self._late)

    @property
    def invoices(self) -> int:
        return sum(row.invoices for row in self.rows)


@dataclass(frozen=True, slots=True)
class PayDue:
    """A payroll that is not paid and whose day comes within two weeks, or is past."""

    period: PayrollPeriod
    people: int
    net: Decimal  # in the currency of the period
    days: int  # until the day of pay; below zero: so many days late


@dataclass(frozen=True, slots=True)
class Attention:
    """None: not this person's to see."""

    approvals: int | None
    inbox: int | None
    owed: OwedNow | None
    pay: list[PayDue] | None

    @property
    def anything(self) -> bool:
        return bool(self.approvals or self.inbox or (self.owed and self.owed.overdue_invoices) or self.pay)


class Range(StrEnum):
    """How far back value over time goes."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR = "1y"


RANGES = {
    Range.HOUR: timedelta(hours=1),
    Range.DAY: timedelta(hours=24),
    Range.WEEK: timedelta(days=7),
    Range.MONTH: timedelta(days=30),
    Range.QUARTER: timedelta(days=90),
    Range.YEAR: timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class Overview:
    """What is None is not this person's to see."""

    held: Valuation
    counts: Counts  # each at most `COUNT_MAX`
    attention: Attention
    runway: Runway | None
    latest: list[Transaction] | None


async def read_overview(
    reads: SharedReads, organization: Organization, principal: Principal, now: datetime, pricing: Pricing, pace: int, runway_rows_max: int = ROWS_MAX
) -> Overview:
    """All of it but value over time. `pace`: the days whose spending the runway goes on with."""
    if principal.may(Permission.LEDGER_READ):
        held, runway = await held_and_runway(reads, organization, now, pricing, pace, runway_rows_max)
    else:
        held, runway = await held_now(reads, organization, now, pricing), None
    return Overview(
        held=held,
        counts=await counts(reads, organization.id),
        attention=await attention(reads, organization, principal, now),
        runway=runway,
        latest=await latest(reads, organization.id, principal),
    )


async def held_now(reads: SharedReads, organization: Organization, now: datetime, pricing: Pricing) -> Valuation:
    org_id, currency = organization.id, organization.functional_currency
    return await reads.read(("held", org_id, currency), lambda: overview.valuation(org_id, currency, now, pricing))


async def counts(reads: SharedReads, org_id: str) -> Counts:
    return await reads.read(("counts", org_id), lambda: overview.counts(org_id))


async def value_over(reads: SharedReads, uow: UnitOfWork, organization: Organization, wanted: Range, now: datetime, pricing: Pricing) -> ValueHistory:
    """Equally far apart, from the beginning of the range, or of the books, until now; of a month and longer at the ends of days."""
    org_id, currency, zone = organization.id, organization.functional_currency, organization.time_zone

    async def read() -> ValueHistory:
        if RANGES[wanted] > RANGES[Range.WEEK]:
            return await value_history.value_by_day(uow, org_id, currency, RANGES[wanted].days, now, zone, pricing)
        return await value_history.value_history(org_id, currency, now - RANGES[wanted], now, pricing)

    return await reads.read(("value", org_id, currency, zone, wanted), read)


async def latest(reads: SharedReads, org_id: str, principal: Principal) -> list[Transaction] | None:
    """The last `LATEST` transactions, spam left out."""
    if not principal.may(Permission.TRANSACTIONS_READ):
        return None
    request = PageRequest(limit=LATEST, sort="timestamp")
    found = await reads.read(("latest", org_id), lambda: transactions.page(org_id, {"category": {"$ne": "spam"}}, request))
    return list(found.items)


async def held_and_runway(
    reads: SharedReads, organization: Organization, now: datetime, pricing: Pricing, days: int, rows_max: int = ROWS_MAX
) -> tuple[Valuation, Runway]:
    """How long what is held lasts, at the pace of the last `days`, or of those that the `rows_max` latest transactions are of."""
    org_id, currency = organization.id, organization.functional_currency

    async def read() -> tuple[Valuation, Runway]:
        held = await overview.valuation(org_id, currency, now, pricing)
        return held, await runway_at(org_id, held, now, days, rows_max)

    return await reads.read(("held and runway", org_id, currency, days, rows_max), read)


async def owed_now(organization: Organization, now: datetime) -> OwedNow:
    """As `age_receivables` of today, out of what the open invoices say of themselves: no payment is read."""
    today = day_of(now, organization.time_zone)
    amounts: dict[AgeBucket, list[Decimal]] = {bucket: [] for bucket in AgeBucket}
    for due_date, left in await invoices.left_of_open(organization.id, today):
        amounts[rules.bucket_of(due_date, today)].append(left)
    return OwedNow([AgeRow(bucket, add_exactly(some), len(some)) for bucket, some in amounts.items()])


async def pay_due(organization: Organization, now: datetime) -> list[PayDue]:
    """Soonest first."""
    today = day_of(now, organization.time_zone)
    periods = await payroll.unpaid_until(organization.id, today + PAY_AHEAD)
    nets = await payroll.nets_of_periods(organization.id, [row.id for row in periods])
    return [_due(row, nets.get(row.id, []), today) for row in periods]


def _due(row: PayrollPeriod, nets: list[Decimal], today: date) -> PayDue:
    return PayDue(row, len(nets), add_exactly(nets), (row.pay_date - today).days)


async def in_the_inbox(reads: SharedReads, org_id: str) -> int:
    """What is open or at work in it."""
    counts = await reads.read(("inbox", org_id), lambda: inbox.counts(org_id, {"state": {"$in": list(WAITING)}}))
    return sum(counts[state] for state in WAITING)


async def attention(reads: SharedReads, organization: Organization, principal: Principal, now: datetime) -> Attention:
    org_id = organization.id
    return Attention(
        approvals=await needs.count_of(org_id, principal) if principal.may(Permission.PAYMENTS_READ) else None,
        inbox=await in_the_inbox(reads, org_id) if principal.may(Permission.INBOX_READ) else None,
        owed=await owed_now(organization, now) if principal.may(Permission.INVOICES_READ) else None,
        pay=await pay_due(organization, now) if principal.may(Permission.PAYROLL_READ) else None,
    )
