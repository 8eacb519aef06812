"""An alert fires once for each crossing, however often and however jumpily its rate is looked at."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_api.price_alerts.rules import judge
from crypto_api.price_alerts.types import Condition, Standing

D = Decimal
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def fires(condition: Condition, threshold: str, rates: list[str], hysteresis: str = "1") -> list[int]:
    """The positions at which it fires."""
    standing, found = Standing(), []
    for position, rate in enumerate(rates):
        judged = judge(condition, D(threshold), D(hysteresis), standing, D(rate), AT + timedelta(minutes=position))
        standing = judged.standing
        found += [position] if judged.fired else []
    return found


def test_above_and_below_fire_at_the_crossing_and_once() -> None:
    assert fires(Condition.ABOVE, "4000", ["3900", "3999.99", "4000", "4100", "5000"]) == [2]
    assert fires(Condition.BELOW, "3000", ["3100", "3000", "2900", "2000"]) == [1]


def test_the_first_rate_only_says_on_which_side_it_stands() -> None:
    assert fires(Condition.ABOVE, "4000", ["4100", "4200"]) == []
    assert fires(Condition.ABOVE, "4000", ["4100", "3900", "4100"]) == [2]
    assert fires(Condition.BELOW, "3000", ["2900"]) == []


def test_it_is_armed_again_only_after_going_back_by_the_hysteresis() -> None:
    """One per cent of 4,000: below 3,960."""
    assert fires(Condition.ABOVE, "4000", ["3900", "4000", "3999", "4001", "3961", "4001"]) == [1]
    assert fires(Condition.ABOVE, "4000", ["3900", "4000", "3960", "4000"]) == [1, 3]
    assert fires(Condition.BELOW, "3000", ["3100", "3000", "3029", "3000", "3030", "3000"]) == [1, 5]
    assert fires(Condition.ABOVE, "4000", ["3900", "4000", "3999", "4000"], hysteresis="0") == [1, 3]


def test_moves_counts_from_the_rate_at_which_it_fired_last() -> None:
    assert fires(Condition.MOVES, "10", ["100", "109.99", "110", "111", "120.99", "121", "108.9", "109"]) == [2, 5, 6]


def test_the_same_rate_again_and_an_older_one_change_nothing() -> None:
    seen = judge(Condition.ABOVE, D(4000), D(1), Standing(), D(3900), AT).standing
    for at in (AT, AT - timedelta(minutes=1)):
        again = judge(Condition.ABOVE, D(4000), D(1), seen, D(9999), at)
        assert (again.standing, again.fired) == (seen, False)


@given(st.lists(st.integers(min_value=3_000, max_value=5_000), min_size=2, max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_between_two_alarms_the_rate_went_back_and_each_alarm_is_beyond(rates: list[int]) -> None:
    found = fires(Condition.ABOVE, "4000", [str(rate) for rate in rates])
    assert all(rates[position] >= 4000 for position in found)
    assert all(min(rates[first:second]) <= 3960 for first, second in pairwise(found))
    looked_at_twice = [str(rate) for rate in rates for _ in range(2)]
    assert len(fires(Condition.ABOVE, "4000", looked_at_twice)) == len(found)
