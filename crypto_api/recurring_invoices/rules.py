"""Pure decisions of the slice: on which days something recurs."""

from datetime import date
from itertools import islice

from crypto_api.kit.rhythm import MonthEnd, Rhythm
from crypto_api.recurring_invoices.types import Frequency, Schedule

_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.YEARLY: 12}
_DAYS = {Frequency.DAILY: 1, Frequency.WEEKLY: 7}


def date_of(schedule: Schedule, number: int) -> date | None:
    """The day of that period, the first being 0; None behind its end. 31 January is followed by 28 February and 31 March."""
    return next(iter(dates_from(schedule, number, 1)), None)


def dates_from(schedule: Schedule, number: int, most: int) -> list[date]:
    """The next ones, at most so many."""
    found = []
    for count, day in islice(_rhythm(schedule).days_from(number + 1), most):
        if (schedule.occurrences is not None and count > schedule.occurrences) or (schedule.end_date is not None and day > schedule.end_date):
            break
        found.append(day)
    return found


def words_of(description: str, day: date) -> str:
    """`Support for {month}` → Support for December 2026; {date} → 2026-12-31."""
    return description.replace("{month}", f"{day:%B %Y}").replace("{date}", day.isoformat())


def _rhythm(schedule: Schedule) -> Rhythm:
    days, months = _DAYS.get(schedule.frequency, 0), _MONTHS.get(schedule.frequency, 0)
    month_end = MonthEnd.ALWAYS_LAST if schedule.month_end else MonthEnd.LAST_DAY
    return Rhythm(schedule.start_date, days * schedule.interval, months * schedule.interval, month_end)
