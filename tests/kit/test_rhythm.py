"""Days that come again, wherever one begins to count."""

from datetime import date, timedelta
from itertools import islice, product

from crypto_api.kit.rhythm import MonthEnd, Rhythm


def test_a_day_has_its_number_wherever_one_begins_to_count() -> None:
    every = [{"days": 1}, {"days": 14}, {"months": 1}, {"months": 5}, {"months": 1, "halves": True}, {"months": 2, "halves": True}]
    for start, step, month_end in product((1, 14, 15, 16, 28, 29, 30, 31), every, MonthEnd):
        rhythm = Rhythm(date(2027, 1, start), month_end=month_end, **step)  # type: ignore[arg-type]
        counted = list(islice(rhythm.days_from(1), 60))
        assert [number for number, _ in counted] == list(range(1, 61)) and counted[0][1] >= rhythm.start
        assert [day for _, day in counted] == sorted({day for _, day in counted})
        for first in (1, 2, 3, 4, 17, 40):
            assert next(rhythm.days_from(first)) == counted[first - 1], (rhythm, first)


def test_what_began_long_ago_is_gone_on_with_from_where_it_is() -> None:
    rhythm = Rhythm(date(1, 1, 1), days=1)
    assert next(rhythm.days_from(739_000)) == (739_000, date(1, 1, 1) + timedelta(days=738_999))
    assert list(rhythm.days_from(date.max.toordinal() + 1)) == [], "the calendar ends"
    assert list(Rhythm(date(9999, 12, 31), months=1).days_from(1)) == [(1, date(9999, 12, 31))]
