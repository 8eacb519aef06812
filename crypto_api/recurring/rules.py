"""Pure decisions of the slice: on which days something is due."""

from collections.abc import Iterator
from datetime import date, timedelta

from crypto_api.kit.rhythm import MOVED_MAX, Rhythm, business_day
from crypto_api.recurring.types import Due, PaymentFrequency, Schedule

_MONTHS = {
    PaymentFrequency.SEMIMONTHLY: 1,
    PaymentFrequency.MONTHLY: 1,
    PaymentFrequency.QUARTERLY: 3,
    PaymentFrequency.SEMIANNUAL: 6,
    PaymentFrequency.YEARLY: 12,
}
_DAYS = {PaymentFrequency.DAILY: 1, PaymentFrequency.WEEKLY: 7, PaymentFrequency.BIWEEKLY: 14}
_YEAR_MAX = 9_000


def occurrences(schedule: Schedule, first: int = 1) -> Iterator[Due]:
    """From that number on, in their order; without end where it has none. A nominal day beyond the end is none, and neither is one that a month does
    not have, where those are skipped: the numbers go on without it."""
    for number, nominal in _rhythm(schedule).days_from(first):
        if nominal.year >= _YEAR_MAX or (schedule.end_date is not None and nominal > schedule.end_date):
            return
        if schedule.count is not None and number > schedule.count:
            return
        yield Due(number, nominal, adjusted(nominal, schedule))


def due_after(schedule: Schedule, number: int, until: date) -> list[Due]:
    """Those behind `number` that are to be paid by that day, in order."""
    found = []
    for due in occurrences(schedule, number + 1):
        if due.nominal > until + timedelta(days=MOVED_MAX):
            break
        if due.pays_on <= until:
            found.append(due)
    return found


def next_after(schedule: Schedule, number: int) -> Due | None:
    return next(occurrences(schedule, number + 1), None)


def adjusted(day: date, schedule: Schedule) -> date:
    """The business day on which it is paid."""
    return business_day(day, schedule.business_day, schedule.holidays)


def _rhythm(schedule: Schedule) -> Rhythm:
    days, months = _DAYS.get(schedule.frequency, 0), _MONTHS.get(schedule.frequency, 0)
    halves = schedule.frequency is PaymentFrequency.SEMIMONTHLY
    return Rhythm(schedule.start_date, days * schedule.interval, months * schedule.interval, schedule.month_end, halves)
