"""Values of the slice: how often, on which days, and until when something is paid."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from crypto_api.kit.rhythm import BusinessDay as BusinessDay
from crypto_api.kit.rhythm import MonthEnd as MonthEnd

INTERVAL_MAX = 100
HOLIDAYS_MAX = 400
COUNT_MAX = 10_000


class PaymentFrequency(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    SEMIMONTHLY = "semimonthly"  # on the day of the month of the start, and half a month later: 1 and 16, 15 and the last
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    SEMIANNUAL = "semiannual"
    YEARLY = "yearly"


class RecurringPaymentStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class OccurrenceState(StrEnum):
    WAITS = "waits"  # it is due, and its payment could not be prepared yet: the reason says why
    PREPARED = "prepared"  # there is a payment for it, which goes its way
    SKIPPED = "skipped"  # its payment would have failed, or was paused over


@dataclass(frozen=True, slots=True)
class Schedule:
    """Days follow from the number of the occurrence, not from the one before: so nothing drifts, and whoever missed some finds each."""

    frequency: PaymentFrequency
    start_date: date
    interval: int = 1
    month_end: MonthEnd = MonthEnd.LAST_DAY
    business_day: BusinessDay = BusinessDay.UNADJUSTED
    holidays: frozenset[date] = frozenset()
    end_date: date | None = None  # the last day on which anything may be due, before it is moved to a business day
    count: int | None = None  # how many there are at most


@dataclass(frozen=True, slots=True)
class Due:
    number: int  # from 1
    nominal: date
    pays_on: date  # moved to a business day


@dataclass(frozen=True, slots=True)
class NewRecurring:
    name: str
    wallet_id: str
    payee_id: str
    asset: str
    amount: Decimal
    schedule: Schedule
    description: str = ""
