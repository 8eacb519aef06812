"""On which days something recurs."""

from datetime import date

import pytest

from crypto_api.recurring_invoices.rules import date_of, dates_from, words_of
from crypto_api.recurring_invoices.types import Frequency, Schedule


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ({"frequency": "monthly", "start_date": "2027-01-31"}, "2027-01-31 2027-02-28 2027-03-31 2027-04-30"),
        ({"frequency": "monthly", "start_date": "2027-02-28"}, "2027-02-28 2027-03-28 2027-04-28 2027-05-28"),
        ({"frequency": "monthly", "start_date": "2027-02-28", "month_end": True}, "2027-02-28 2027-03-31 2027-04-30 2027-05-31"),
        ({"frequency": "monthly", "start_date": "2027-01-15", "month_end": True}, "2027-01-31 2027-02-28 2027-03-31 2027-04-30"),
        ({"frequency": "monthly", "interval": 2, "start_date": "2026-12-30"}, "2026-12-30 2027-02-28 2027-04-30 2027-06-30"),
        ({"frequency": "quarterly", "start_date": "2026-11-30"}, "2026-11-30 2027-02-28 2027-05-30 2027-08-30"),
        ({"frequency": "yearly", "start_date": "2024-02-29"}, "2024-02-29 2025-02-28 2026-02-28 2027-02-28 2028-02-29"),
        ({"frequency": "weekly", "interval": 2, "start_date": "2026-12-25"}, "2026-12-25 2027-01-08 2027-01-22"),
        ({"frequency": "daily", "start_date": "2026-12-31"}, "2026-12-31 2027-01-01"),
    ],
)
def test_days_are_counted_from_the_first(schedule: dict[str, object], wanted: str) -> None:
    days = wanted.split()
    assert [day.isoformat() for day in dates_from(Schedule.model_validate(schedule), 0, len(days))] == days


def test_it_ends_after_a_day_or_a_number_and_never_beyond_the_calendar() -> None:
    last = Schedule(frequency=Frequency.MONTHLY, start_date=date(2027, 1, 31), end_date=date(2027, 3, 31))
    assert [len(dates_from(last, start, 10)) for start in (0, 2, 3)] == [3, 1, 0]
    assert len(dates_from(last.model_copy(update={"occurrences": 2}), 0, 10)) == 2
    assert date_of(last.model_copy(update={"end_date": date(2027, 1, 30)}), 0) is None
    assert date_of(Schedule(frequency=Frequency.YEARLY, interval=99, start_date=date(2027, 1, 1)), 1000) is None
    assert words_of("Support for {month} ({date}) {x}", date(2027, 2, 28)) == "Support for February 2027 (2027-02-28) {x}"
