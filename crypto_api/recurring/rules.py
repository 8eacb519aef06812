"""Pure decisions of the slice: on which days something is due."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from crypto_api.recurring.types import BusinessDay, Due, MonthEnd, PaymentFrequency, Schedule

_MONTHS = {PaymentFrequency.MONTHLY: 1, PaymentFrequency.QUARTERLY: 3, PaymentFrequency.SEMIANNUAL: 6, PaymentFrequency.YEARLY: 12}
_DAYS = {PaymentFrequency.DAILY: 1, PaymentFrequency.WEEKLY: 7, PaymentFrequency.BIWEEKLY: 14}
_SATURDAY = 5
_MOVED_MAX = 60  # days: longer is no run of holidays
_YEAR_MAX = 9_000


def occurrences(schedule: Schedule) -> Iterator[Due]:
    """In their order, each with its number; without end where it has none. A nominal day beyond the end is none, and neither is one that a month does
    not have, where those are skipped: the numbers go on without it."""
    for number, nominal in enumerate(_nominal(schedule), start=1):
        if schedule.end_date is not None and nominal > schedule.end_date:
            return
        if schedule.count is not None and number > schedule.count:
            return
        yield Due(number, nominal, adjusted(nominal, schedule))


def due_after(schedule: Schedule, number: int, until: date) -> list[Due]:
    """Those behind `number` that are to be paid by that day, in order."""
    found = []
    for due in occurrences(schedule):
        if due.nominal > until + timedelta(days=_MOVED_MAX):
            break
        if due.number > number and due.pays_on <= until:
            found.append(due)
    return found


def next_after(schedule: Schedule, number: int) -> Due | None:
    return next((due for due in occurrences(schedule) if due.number > number), None)


def adjusted(day: date, schedule: Schedule) -> date:
    """The business day on which it is paid."""
    if schedule.business_day is BusinessDay.UNADJUSTED:
        return day
    if schedule.business_day is BusinessDay.PRECEDING:
        return _moved(day, schedule, -1)
    following = _moved(day, schedule, 1)
    if schedule.business_day is BusinessDay.MODIFIED_FOLLOWING and following.month != day.month:
        return _moved(day, schedule, -1)
    return following


def _moved(day: date, schedule: Schedule, step: int) -> date:
    for _ in range(_MOVED_MAX):
        if day.weekday() < _SATURDAY and day not in schedule.holidays:
            return day
        day += timedelta(days=step)
    return day


def _nominal(schedule: Schedule) -> Iterator[date]:
    start, place = schedule.start_date, 0
    if schedule.frequency in _DAYS:
        step = timedelta(days=_DAYS[schedule.frequency] * schedule.interval)
        while start.year + place * step.days // 365 < _YEAR_MAX:
            yield start + place * step
            place += 1
        return
    months = _MONTHS.get(schedule.frequency, 1) * schedule.interval
    while start.year + place * months // 12 < _YEAR_MAX:
        days = (start.day,) if schedule.frequency is not PaymentFrequency.SEMIMONTHLY else _halves(start.day)
        for wanted in days:
            day = _in_month(start, place * months, wanted, schedule.month_end, halves=len(days) == 2)
            if day is not None and day >= start:
                yield day
        place += 1


def _halves(day: int) -> tuple[int, int]:
    """The two days of a month: half a month apart, the earlier first."""
    first = day if day <= 15 else day - 15
    return first, min(first + 15, 31) if first != 15 else 31


def _in_month(start: date, months: int, wanted: int, month_end: MonthEnd, *, halves: bool) -> date | None:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    if month_end is MonthEnd.ALWAYS_LAST and not halves:
        return date(year, month + 1, last)
    if wanted > last:
        return None if month_end is MonthEnd.SKIP else date(year, month + 1, last)
    return date(year, month + 1, wanted)
