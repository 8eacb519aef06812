"""Returns against closed forms: what is known before it is computed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_api.portfolio.rules import dietz, money_weighted, time_weighted
from crypto_api.portfolio.types import Flow, NoResult, Valued

D = Decimal
START = datetime(2025, 1, 1, tzinfo=UTC)
TINY = D("1E-9")


def on(day: float) -> datetime:
    return START + timedelta(days=day)


def valued(day: float, value: str | Decimal) -> Valued:
    return Valued(on(day), D(value))


def flow(day: float, amount: str | Decimal) -> Flow:
    return Flow(on(day), D(amount))


def test_what_doubles_in_a_year_made_a_hundred_per_cent_either_way() -> None:
    ends = [valued(0, "1000"), valued(365, "2000")]
    assert (time_weighted(ends, []).period, time_weighted(ends, []).annual) == (D(1), D(1))
    assert (money_weighted(*ends, []).period, money_weighted(*ends, []).annual) == (D(1), D(1))


def test_two_years_are_annualised_by_the_square_root_and_half_a_year_is_not() -> None:
    two = money_weighted(valued(0, "100"), valued(730, "121"), [])
    assert (two.period, two.annual) == (D("0.21"), D("0.1"))
    half = money_weighted(valued(0, "100"), valued(182, "110"), [])
    assert (half.period, half.annual) == (D("0.1"), None)


def test_time_weighted_does_not_see_when_money_came_and_money_weighted_does() -> None:
    """Up 50 % with 100, then 1,000 came in, then down 20 %: 1.5 × 0.8 is up 20 %, while nearly all of the money lost."""
    valuations = [valued(0, "100"), valued(100, "150"), valued(100.5, "1150"), valued(200, "920")]
    flows = [flow(100.5, "1000")]
    assert time_weighted(valuations, flows).period == D("0.2")
    money = money_weighted(valuations[0], valuations[-1], flows)
    assert money.period is not None and money.period < D("-0.2")


def test_xirr_as_spreadsheets_print_it() -> None:
    """The example of the documentation of XIRR: -10,000, 2,750, 4,250, 3,250, 2,750 on their dates make 37.3362535 % a year."""
    days = [(datetime(2008, 3, 1, tzinfo=UTC), "-2750"), (datetime(2008, 10, 30, tzinfo=UTC), "-4250"), (datetime(2009, 2, 15, tzinfo=UTC), "-3250")]
    found = money_weighted(
        Valued(datetime(2008, 1, 1, tzinfo=UTC), D(10_000)),
        Valued(datetime(2009, 4, 1, tzinfo=UTC), D(2_750)),
        [Flow(at, D(amount)) for at, amount in days],
    )
    assert found.annual is not None and abs(found.annual - D("0.3733625335188316")) < D("1E-8")


def test_modified_dietz_weighs_a_flow_by_the_time_that_it_was_there() -> None:
    """100 at first, 50 after three quarters of the time, 162 at the end: 12 over 100 + 50/4."""
    rate = dietz(valued(0, "100"), valued(4, "162"), [flow(3, "50")])
    assert rate is not None and abs(rate - D("0.106666666666666666666666666667")) < D("1E-25")


@given(
    st.integers(min_value=-40, max_value=60),
    st.lists(st.tuples(st.integers(min_value=0, max_value=399), st.integers(min_value=-40, max_value=500)), max_size=8),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_where_everything_grows_by_one_rate_both_returns_are_that_rate(per_mille_a_day: int, paid: list[tuple[int, int]]) -> None:
    """Whatever is paid in or out at the ends of days, money at a constant rate earned that rate: valued every day, exactly."""
    growth = D(1) + D(per_mille_a_day) / D(10_000)
    value, valuations, flows = D(100_000), [valued(0, "100000")], []
    by_day: dict[int, int] = {}
    for day, amount in paid:
        by_day[day + 1] = by_day.get(day + 1, 0) + amount
    for day in range(1, 401):
        value *= growth
        if (amount := by_day.get(day, 0)) and day < 400:
            value += amount
            flows.append(Flow(on(day), D(amount)))
        valuations.append(Valued(on(day), value))
    expected = growth**400 - 1
    time, money = time_weighted(valuations, flows), money_weighted(valuations[0], valuations[-1], flows)
    assert time.period is not None and abs(time.period - expected) < TINY * (1 + abs(expected))
    assert money.period is not None and abs(money.period - expected) < TINY * (1 + abs(expected))


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=2, max_size=40))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_without_flows_only_the_ends_count(values: list[int]) -> None:
    ends = D(values[-1]) / D(values[0]) - 1
    valuations = [valued(day, D(value)) for day, value in enumerate(values)]
    found = time_weighted(valuations, []).period
    assert found is not None and abs(found - ends) <= D("1E-11") * max(abs(ends), D(1))


@given(st.lists(st.integers(min_value=-(10**12), max_value=10**12), min_size=1, max_size=200), st.integers(min_value=0, max_value=10**12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_in_there_is_a_bounded_answer_or_a_reason(amounts: list[int], end: int) -> None:
    found = money_weighted(valued(0, "0"), valued(len(amounts), D(end)), [flow(day, D(amount)) for day, amount in enumerate(amounts)])
    assert (found.period is None) == (found.none_because is not None)


NONE = [
    (valued(0, "0"), valued(100, "0"), [], NoResult.NOTHING_HELD),
    (valued(0, "100"), valued(0.5, "200"), [], NoResult.TOO_SHORT),
    (valued(0, "0"), valued(100, "50"), [], NoResult.NO_RATE),
    (valued(0, "100"), valued(730, "0"), [flow(0, "0"), flow(365, "-230"), flow(729.5, "132")], NoResult.SEVERAL_RATES),
]


@pytest.mark.parametrize(("start", "end", "flows", "reason"), NONE)
def test_no_result_is_said_and_why(start: Valued, end: Valued, flows: list[Flow], reason: NoResult) -> None:
    found = money_weighted(start, end, flows)
    assert (found.period, found.annual, found.none_because) == (None, None, reason)


def test_value_out_of_nothing_is_no_return() -> None:
    assert time_weighted([valued(0, "0"), valued(1, "5")], []).none_because is NoResult.LOST_FROM_NOTHING
    assert time_weighted([valued(0, "0"), valued(1, "0")], []).none_because is NoResult.NOTHING_HELD
    assert time_weighted([valued(0, "7")], []).none_because is NoResult.NOT_PRICED
    assert time_weighted([valued(0, "0"), valued(1, "110")], [flow(0.5, "100")]).period == D("0.1"), "it begins with its first flow"
