"""On which days something is due: by the number of the occurrence, so that nothing drifts."""

from datetime import date, timedelta
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from crypto_api.recurring import rules
from crypto_api.recurring.types import BusinessDay, MonthEnd, PaymentFrequency, Schedule


def days(shown: int, *given: object, **more: object) -> list[str]:
    return [due.pays_on.isoformat() for due in islice(rules.occurrences(Schedule(*given, **more)), shown)]  # type: ignore[arg-type]


def test_each_frequency_has_its_days() -> None:
    start = date(2026, 1, 5)
    assert days(3, PaymentFrequency.DAILY, start, 2) == ["2026-01-05", "2026-01-07", "2026-01-09"]
    assert days(3, PaymentFrequency.WEEKLY, start) == ["2026-01-05", "2026-01-12", "2026-01-19"]
    assert days(3, PaymentFrequency.BIWEEKLY, start) == ["2026-01-05", "2026-01-19", "2026-02-02"]
    assert days(4, PaymentFrequency.SEMIMONTHLY, start) == ["2026-01-05", "2026-01-20", "2026-02-05", "2026-02-20"]
    assert days(4, PaymentFrequency.SEMIMONTHLY, date(2026, 1, 15)) == ["2026-01-15", "2026-01-31", "2026-02-15", "2026-02-28"]
    assert days(3, PaymentFrequency.MONTHLY, start) == ["2026-01-05", "2026-02-05", "2026-03-05"]
    assert days(3, PaymentFrequency.QUARTERLY, start) == ["2026-01-05", "2026-04-05", "2026-07-05"]
    assert days(3, PaymentFrequency.SEMIANNUAL, start) == ["2026-01-05", "2026-07-05", "2027-01-05"]
    assert days(2, PaymentFrequency.YEARLY, date(2024, 2, 29)) == ["2024-02-29", "2025-02-28"]


def test_the_end_of_a_month_does_not_drift() -> None:
    last, skip, always = ({"month_end": rule} for rule in MonthEnd)
    start = date(2026, 1, 31)
    assert days(4, PaymentFrequency.MONTHLY, start, **last) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    assert days(3, PaymentFrequency.MONTHLY, start, **skip) == ["2026-01-31", "2026-03-31", "2026-05-31"]
    assert days(3, PaymentFrequency.MONTHLY, date(2026, 2, 28), **always) == ["2026-02-28", "2026-03-31", "2026-04-30"]


def test_weekends_and_holidays_move_a_day_by_the_rule() -> None:
    saturday, christmas = date(2026, 10, 31), frozenset({date(2026, 12, 25)})

    def one(day: date, rule: BusinessDay) -> str:
        return days(1, PaymentFrequency.MONTHLY, day, business_day=rule, holidays=christmas)[0]

    assert [one(saturday, rule) for rule in BusinessDay] == ["2026-10-31", "2026-11-02", "2026-10-30", "2026-10-30"]
    assert [one(date(2026, 12, 25), rule) for rule in BusinessDay] == ["2026-12-25", "2026-12-28", "2026-12-24", "2026-12-28"]


def test_it_ends_by_a_day_or_by_a_number() -> None:
    start = date(2026, 1, 31)
    assert days(9, PaymentFrequency.MONTHLY, start, end_date=date(2026, 3, 30)) == ["2026-01-31", "2026-02-28"]
    assert len(days(9, PaymentFrequency.MONTHLY, start, count=3)) == 3
    assert rules.next_after(Schedule(PaymentFrequency.MONTHLY, start, count=3), 3) is None


@given(
    st.sampled_from(PaymentFrequency),
    st.dates(date(2000, 1, 1), date(2090, 1, 1)),
    st.integers(1, 4),
    st.sampled_from(MonthEnd),
    st.sampled_from(BusinessDay),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_whoever_looks_seldom_finds_each_once(
    frequency: PaymentFrequency, start: date, interval: int, month_end: MonthEnd, business_day: BusinessDay, gaps: list[int]
) -> None:
    rule = Schedule(frequency, start, interval, month_end, business_day)
    found: list[int] = []
    day = start - timedelta(days=5)
    for gap in gaps:
        day += timedelta(days=gap)
        found += [due.number for due in rules.due_after(rule, len(found), day)]
    assert found == list(range(1, len(found) + 1))
    assert found == [due.number for due in rules.due_after(rule, 0, day)]
