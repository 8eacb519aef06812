"""Figures out of movements, each computed here by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

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
