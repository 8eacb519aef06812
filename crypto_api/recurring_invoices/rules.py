"""Pure decisions of the slice: on which days something recurs."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from crypto_api.recurring_invoices.types import Frequency, Schedule

_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.YEARLY: 12}
_DAYS = {Frequency.DAILY: 1, Frequency.WEEKLY: 7}


def date_of(schedule: Schedule, number: int) -> date | None:
    """The day of that period, the first being 0; None behind its end. 31 January is followed by 28 February and 31 March."""
    if schedule.occurrences is not None and number >= schedule.occurrences:
        return None
    day = _counted(schedule, number)
    return None if day is None or (schedule.end_date is not None and day > schedule.end_date) else day


def dates_from(schedule: Schedule, number: int, most: int) -> list[date]:
    """The next ones, at most so many."""
    return list(_dates(schedule, number, most))


def words_of(description: str, day: date) -> str:
    """`Support for {month}` → Support for December 2026; {date} → 2026-12-31."""
    return description.replace("{month}", f"{day:%B %Y}").replace("{date}", day.isoformat())


def _dates(schedule: Schedule, number: int, most: int) -> Iterator[date]:
    for at in range(number, number + most):
        day = date_of(schedule, at)
        if day is None:
            return
        yield day


def _counted(schedule: Schedule, number: int) -> date | None:
    start, steps = schedule.start_date, number * schedule.interval
    try:
        if schedule.frequency in _DAYS:
            return start + timedelta(days=steps * _DAYS[schedule.frequency])
        months = start.year * 12 + start.month - 1 + steps * _MONTHS[schedule.frequency]
        year, month = months // 12, months % 12 + 1
        last = monthrange(year, month)[1]
        return date(year, month, last if schedule.month_end else min(start.day, last))
    except (ValueError, OverflowError):  # beyond the year 9999
        return None
