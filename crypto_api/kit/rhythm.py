"""Days that come again: every so many days, weeks or months from a first one, and the business day on which each is kept. Pure.

Each day is counted from the first and not from the one before, so that a short month moves none after it and whoever missed some finds each.
"""

from calendar import monthrange
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MOVED_MAX = 60  # days: longer is no run of holidays
_SATURDAY = 5
_SHORTEST_MONTH = 28


class MonthEnd(StrEnum):
    """Where a month has no such day."""

    LAST_DAY = "last_day"  # on its last day: 31 January, 28 February, 31 March
    SKIP = "skip"  # not in that month
    ALWAYS_LAST = "always_last"  # always on the last day, whichever day it began on


class BusinessDay(StrEnum):
    """Where the day is a Saturday, a Sunday or a holiday (ISDA conventions)."""

    UNADJUSTED = "unadjusted"
    FOLLOWING = "following"
    PRECEDING = "preceding"
    MODIFIED_FOLLOWING = "modified_following"  # the next one, unless that is in another month: then the one before


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Every so many `days`, or every so many `months`. `halves`: twice in each of these, on the day of the start and half a month from it."""

    start: date
    days: int = 0
    months: int = 0
    month_end: MonthEnd = MonthEnd.LAST_DAY
    halves: bool = False

    def days_from(self, number: int) -> Iterator[tuple[int, date]]:
        """(number, day) from that number on, the first being 1, until the calendar ends. A day that a month does not have, where those are skipped,
        has no number."""
        count, place = self._begin(number)
        while True:
            try:
                found = self._days_of(place)
            except (ValueError, OverflowError):  # beyond the year 9999
                return
            for day in found:
                if count >= number:
                    yield count, day
                count += 1
            place += 1

    def _begin(self, number: int) -> tuple[int, int]:
        """(number of its first day, place) of a stretch that is not behind `number`: the one that holds it, unless days are skipped, since then only
        counting tells."""
        if self.month_end is MonthEnd.SKIP and max(self._wanted()) > _SHORTEST_MONTH and not self.days:
            return 1, 0
        if not self.halves or self.days:
            return number, number - 1
        first = len(self._days_of(0))
        if number <= first:
            return 1, 0
        place = 1 + (number - first - 1) // 2
        return first + 1 + 2 * (place - 1), place

    def _days_of(self, place: int) -> list[date]:
        """Of that stretch. ValueError or OverflowError where the calendar has none."""
        if self.days:
            return [self.start + timedelta(days=place * self.days)]
        year, month = divmod(self.start.year * 12 + self.start.month - 1 + place * self.months, 12)
        last = date(year, month + 1, monthrange(year, month + 1)[1])
        found = [self._in_month(last, wanted) for wanted in self._wanted()]
        return [day for day in found if day is not None and day >= self.start]

    def _wanted(self) -> tuple[int, ...]:
        """Days of the month, the earlier first."""
        day = self.start.day
        if not self.halves:
            return (day,)
        first = day if day <= 15 else day - 15
        return first, min(first + 15, 31) if first != 15 else 31

    def _in_month(self, last: date, wanted: int) -> date | None:
        if self.month_end is MonthEnd.ALWAYS_LAST and not self.halves:
            return last
        if wanted > last.day:
            return None if self.month_end is MonthEnd.SKIP else last
        return last.replace(day=wanted)


def business_day(day: date, convention: BusinessDay, holidays: Collection[date]) -> date:
    """The one on which it is kept."""
    if convention is BusinessDay.UNADJUSTED:
        return day
    if convention is BusinessDay.PRECEDING:
        return _moved(day, holidays, -1)
    following = _moved(day, holidays, 1)
    if convention is BusinessDay.MODIFIED_FOLLOWING and following.month != day.month:
        return _moved(day, holidays, -1)
    return following


def _moved(day: date, holidays: Collection[date], step: int) -> date:
    for _ in range(MOVED_MAX):
        if day.weekday() < _SATURDAY and day not in holidays:
            return day
        day += timedelta(days=step)
    return day
