"""Figures out of movements, each computed here by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crypto_api.insights import rules
from crypto_api.insights.service import window_of
from crypto_api.insights.types import Moved

D = Decimal
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WINDOW = window_of(NOW, 30)


def moved(value: str | None, days: float = 1, **changes: Any) -> Moved:
    values: dict[str, Any] = {
        "transaction_id": f"t{days}",
        "key": "value",
        "at": NOW - timedelta(days=days),
        "network": "local",
        "category": "expense",
        "party": "Grace",
        "outgoing": True,
        "fee": False,
        "asset": "USDC",
        "symbol": "USDC",
        "amount": D(1),
        "value": None if value is None else D(value),
    }
    return Moved(**{**values, **changes})


def test_what_is_spent_is_what_went_out_for_good() -> None:
    rows = [
        moved("100"),
        moved("50.5", 2),
        moved(None, 3),
        moved("70", 40),  # in the thirty days before
        moved("9", 70),  # before those
        moved("1.25", fee=True, category="swap"),
        moved("500", category="swap"),
        moved("500", category="own_transfer"),
        moved("500", category="bridge"),
        moved("500", outgoing=False, category="income"),
        moved("30", category="payroll"),
        moved("8", category="unclassified"),
    ]
    found = [(row.category, row.value, row.previous, row.movements, row.unpriced) for row in rules.spending(rows, WINDOW)]
    assert found == [
        ("expense", D("150.5"), D(70), 3, 1),
        ("payroll", D(30), D(0), 1, 0),
        ("unclassified", D(8), D(0), 1, 0),
        ("gas", D("1.25"), D(0), 1, 0),
    ]


def test_sums_are_exact_beyond_28_digits() -> None:
    large = "1234567890123456789012.00000001"
    (row,) = rules.spending([moved(large), moved("0.00000001")], WINDOW)
    assert row.value == D("1234567890123456789012.00000002")
    assert rules.median([D(large), D(large)]) == D(large)


def test_with_whom_most_was_moved() -> None:
    rows = [
        moved("10"),
        moved("5", outgoing=False, category="income"),
        moved("12", party="Acme", outgoing=False, category="income"),
        moved("99", party="Kraken", category="transfer_out"),
        moved("7", 200, party="Long ago"),
    ]
    assert [(row.party, row.paid, row.received, row.movements) for row in rules.parties(rows, WINDOW)] == [
        ("Grace", D(10), D(5), 2),
        ("Acme", D(0), D(12), 1),
    ]


def test_gas_counts_transactions_and_names_the_dearest() -> None:
    rows = [
        moved("2", transaction_id="a", fee=True),
        moved("3", transaction_id="a", fee=True, key="levy"),
        moved("4", transaction_id="b", fee=True, network="base"),
        moved("9", 300, transaction_id="old", fee=True),
    ]
    found = rules.gas(rows, WINDOW)
    assert (found.value, found.transactions, found.dearest and found.dearest.transaction_id) == (D(9), 2, "b")
    assert [(row.network, row.value, row.transactions) for row in found.rows] == [("local", D(5), 1), ("base", D(4), 1)]


def test_how_long_it_lasts_when_prices_fall() -> None:
    rows = [moved("3000"), moved("600", fee=True), moved("600", outgoing=False, category="income")]
    held = {"ETH": (D(40_000), D(2000)), "USDC": (D(20_000), D("0.999")), "EURC": (D(10_000), D("1.03")), "X": (None, None)}
    found = rules.runway(rows, WINDOW, held)
    assert (found.spent_a_month, found.received_a_month, found.net_a_month, found.steady, found.unpriced) == (
        D(3600),
        D(600),
        D(3000),
        D(20_000),
        ["X"],
    )
    assert [(shock.drop, shock.value, shock.months) for shock in found.shocks] == [
        (D(0), D(70_000), D("23.3")),
        (D("0.25"), D(57_500), D("19.2")),
        (D("0.5"), D(45_000), D(15)),
        (D("0.75"), D(32_500), D("10.8")),
    ]
    earning = rules.runway([moved("5", outgoing=False, category="income")], WINDOW, held)
    assert {shock.months for shock in earning.shocks} == {None}, "nothing is spent on balance"


def test_unusual_is_far_above_the_others_of_the_same_party() -> None:
    usual = [moved(str(value), 10 * number + 1) for number, value in enumerate((100, 110, 90, 105, 95, 100, 120, 80, 100))]
    big = moved("900", 2, transaction_id="big")
    found = rules.unusual([*usual, big], WINDOW)
    (one,) = found
    assert (one.moved.transaction_id, one.median, one.deviation, one.compared_with) == ("big", D(100), D(5), 9)
    assert one.score == D("107.9"), "0.6745 × 800 / 5"
    assert one.reason == ("Paid 900: the median of the 9 others with “Grace” is 100, their median deviation 5: a score of 107.9, where 3.5 is far.")
    assert rules.unusual([*usual, moved("130", 2)], WINDOW) and not rules.unusual([*usual, moved("120", 2)], WINDOW)
    assert not rules.unusual([*usual, moved("1", 2)], WINDOW), "far below is no alarm"
    assert not rules.unusual([*usual, moved("900", 40)], WINDOW), "of another time"
    assert not rules.unusual([*usual[:7], big], WINDOW), "seven are too few to compare with"


def test_where_all_are_alike_three_times_as_much_stands_out() -> None:
    rent = [moved("1000", 30 * number + 1) for number in range(9)]
    assert rules.unusual([*rent, moved("2999", 2)], WINDOW) == []
    (one,) = rules.unusual([*rent, moved("3000", 2)], WINDOW)
    assert (one.score, one.reason) == (None, "Paid 3000: the median of the 9 others with “Grace” is 1000, and they are nearly all alike.")


def test_a_new_party_is_compared_with_the_category() -> None:
    usual = [moved(str(90 + number), 10 * number + 1, party=f"p{number}") for number in range(9)]
    (one,) = rules.unusual([*usual, moved("5000", 2, party="New")], WINDOW)
    assert "others called expense" in one.reason


def test_every_month_stands_there() -> None:
    rows = [moved("10"), moved("4", fee=True), moved("20", 40, outgoing=False, category="income"), moved("7", 364)]
    found = rules.months(rows, WINDOW, ZoneInfo("Europe/Zurich"))
    assert (len(found), found[0].month, found[-1].month) == (13, date(2025, 11, 1), date(2026, 11, 1))
    assert (found[-1].spent, found[-1].gas, found[-1].transactions, found[-2].received, found[0].spent) == (D(10), D(4), 1, D(20), D(7))


SINCE = WINDOW.since


def test_a_movement_of_the_first_moment_counts_and_of_the_one_before_does_not() -> None:
    edge, late = moved("900", at=SINCE, transaction_id="edge"), moved("900", at=SINCE - timedelta(microseconds=1), transaction_id="late")
    usual = [moved(str(100 + number), 40 + number) for number in range(9)]
    assert [one.moved.transaction_id for one in rules.unusual([*usual, edge, late], WINDOW)] == ["edge"]
    assert [(row.value, row.previous) for row in rules.spending([edge, late], WINDOW)] == [(D(900), D(900))]
    assert rules.parties([edge, late], WINDOW)[0].paid == D(900)
    assert rules.runway([edge, late], WINDOW, {}).spent_a_month == D(900)
    fees = [moved("1", at=SINCE, fee=True), moved("2", at=SINCE - timedelta(microseconds=1), fee=True), moved("9", at=SINCE)]
    assert rules.gas(fees, WINDOW).value == D(1)
    before = SINCE - timedelta(days=30)
    assert [(row.value, row.previous) for row in rules.spending([moved("5", at=before)], WINDOW)] == [(D(0), D(5))]


def test_only_what_came_in_as_income_is_set_against_what_is_spent() -> None:
    rows = [
        moved("900"),
        moved("300", outgoing=False, category="income"),
        moved("7", outgoing=False, category="swap"),
        moved("7", outgoing=False, category="income", fee=True),
        moved("7", category="income"),
        moved("7", outgoing=False, category="expense"),
    ]
    found = rules.runway(
        rows, WINDOW, {"A": (D(100), None), "B": (None, D(1)), "C": (None, D(9)), "D": (D(400), D("1.02")), "E": (D(60), D("1.0201"))}
    )
    assert (found.spent_a_month, found.received_a_month) == (D(907), D(300)), "a fee is spent, whichever way it is written"
    assert (found.steady, found.unpriced, found.shocks[2].value) == (D(400), ["B", "C"], D(430)), (
        "2 % off one is steady, more is not; no rate, no part"
    )
    assert found.shocks[0].months == D("0.8"), "460 / 607, to a tenth"


def test_what_is_worth_less_than_one_unit_falls_too() -> None:
    found = rules.runway([moved("100")], WINDOW, {"ARB": (D(800), D("0.4")), "USDC": (D(50), D("0.98"))})
    assert (found.steady, [shock.value for shock in found.shocks]) == (D(50), [D(850), D(650), D(450), D(250)])


def test_an_even_balance_lasts_and_a_small_one_counts() -> None:
    even = rules.runway([moved("5"), moved("5", outgoing=False, category="income")], WINDOW, {"D": (D(60), D(1))})
    assert (even.net_a_month, even.shocks[0].months) == (D(0), None)
    small = rules.runway([moved("1")], WINDOW, {"D": (D("0.3"), D(1))})
    assert (small.net_a_month, small.shocks[0].months) == (D(1), D("0.3"))
    assert rules.runway([moved("1")], WINDOW, {"D": (D("-3"), D(1))}).shocks[0].months == D(0), "what is owed lasts no time"
    thirds = rules.runway([moved("10")], window_of(NOW, 7), {})
    assert thirds.spent_a_month == D("42.85714286"), "rounded as the books round"


def test_a_median_is_the_middle_or_between_the_two() -> None:
    cases = {("3",): "3", ("9", "1", "5"): "5", ("1", "9", "5", "2"): "3.5", ("0", "0", "1", "2", "30", "70"): "1.5"}
    assert {values: rules.median(list(map(D, values))) for values in cases} == {values: D(middle) for values, middle in cases.items()}


def test_the_edge_of_what_is_far_and_who_is_compared_with_whom() -> None:
    usual = [moved(value, 40 + at) for at, value in enumerate(("80", "90", "90", "100", "100", "110", "110", "120"))]  # median 100, deviation 10
    assert rules.unusual([*usual, moved("151.8", 2)], WINDOW)[0].score == D("3.5"), "0.6745 x 51.8 / 10 = 3.4939, to a tenth"
    assert rules.unusual([*usual, moved("151", 2)], WINDOW) == [], "3.4"
    assert rules.unusual([*usual, moved("152.8", 2)], WINDOW)[0].score == D("3.6")
    (one,) = rules.unusual([*usual, moved(None, 70), moved("900", 2)], WINDOW)
    assert (one.compared_with, "“Grace”" in one.reason) == (8, True), "eight others are enough"
    others = [moved(row.value and str(row.value), 50 + at, party="Acme") for at, row in enumerate(usual)]
    (one,) = rules.unusual([*usual[:7], *others, moved("900", 2)], WINDOW)
    assert (one.compared_with, "called expense" in one.reason) == (15, True), "with seven of her own the category is asked"
    nobody = [moved("500", 60 + at, party="") for at in range(9)]
    (one,) = rules.unusual([*nobody, *usual, moved("9000", 2, party="")], WINDOW)
    assert one.compared_with == 17, "those without a name are no party"
    noise = [moved("9000", 2, fee=True, category="expense"), moved("9000", 2, category="swap"), moved(None, 2), moved("0", 2)]
    assert rules.unusual([*usual, *noise], WINDOW) == []
    came = [moved(str(100 + at), 40 + at, outgoing=False, category="income") for at in range(9)]
    (one,) = rules.unusual([*came, moved("900", 2, outgoing=False, category="income")], WINDOW)
    assert one.reason.startswith("Received 900: ")


def test_most_telling_first_and_no_more_than_ten() -> None:
    usual = [moved(str(100 + at), 40 + at) for at in range(41)]  # median 120, of those far above too few to move it
    rent = [moved("10", 40 + at, party="Rent") for at in range(9)]
    odd = [moved(str(1000 + at), 2, transaction_id=f"o{at:02}") for at in range(11)]
    found = rules.unusual([*usual, *rent, moved("5000", 2, party="Rent", transaction_id="rent"), *odd], WINDOW)
    assert [one.moved.transaction_id for one in found] == [f"o{at:02}" for at in range(10, 0, -1)]
    found = rules.unusual(
        [*usual, *rent, moved("31", 2, party="Rent", transaction_id="r1"), moved("50", 3, party="Rent", transaction_id="r2"), odd[0]], WINDOW
    )
    assert [(one.moved.transaction_id, one.score is None) for one in found] == [("o00", False), ("r2", True), ("r1", True)], "without a score last"
    near = [moved("200", 2, transaction_id="by score"), moved("250", 2, party="Wide", transaction_id="by value")]
    wide = [moved(value, 40 + at, party="Wide") for at, value in enumerate(("60", "80", "80", "100", "100", "120", "120", "140", "100"))]
    assert [one.moved.transaction_id for one in rules.unusual([*usual[:9], *wide, *near], WINDOW)] == ["by score", "by value"]
    many = [moved(str(at), party=f"p{at:02}") for at in range(1, 13)]
    assert [row.party for row in rules.parties(many, WINDOW)] == [f"p{at:02}" for at in range(12, 2, -1)]
    assert rules.parties([moved("5", party=""), moved("5", fee=True)], WINDOW) == []
    fees = [moved("1", fee=True, network="a"), moved("3", fee=True, network="b"), moved(None, fee=True)]
    assert [row.network for row in rules.gas(fees, WINDOW).rows] == ["b", "a", "local"]
    assert rules.gas(fees[2:], WINDOW).dearest is None


@pytest.mark.parametrize("count", [2, 3, 8, 9, 10, 101, 102])
def test_each_is_compared_with_all_others_as_if_those_were_gone_through(count: int) -> None:
    random = Random(count)
    for spread in (3, 1_000_000):  # with many that are alike, and with hardly any
        values = [Decimal(random.randrange(1, spread + 1)) / 100 for _ in range(count)]
        same = rules.Alike(values)
        for place, value in enumerate(values):
            others = values[:place] + values[place + 1 :]
            middle = rules.median(others)
            assert same.without(value) == (middle, rules.median([abs(one - middle) for one in others]))
        assert same.others == count - 1
