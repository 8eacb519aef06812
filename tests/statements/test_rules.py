"""Statements in the abstract: whatever was posted, they balance, and each amount stands where an accountant looks for it."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.kit.amounts import add_exactly
from crypto_api.ledger.types import DEFAULT_CHART, AccountType, ChartAccount
from crypto_api.statements.rules import balance_sheet, cash_flow, difference, fiscal_year, income_statement
from crypto_api.statements.types import RowKind

D = Decimal
CHART = (
    *DEFAULT_CHART,
    ChartAccount("1101", "Cold wallets", AccountType.ASSET, "1100"),
    ChartAccount("1300", "Office furniture", AccountType.ASSET, "1000"),
    ChartAccount("2500", "Loans", AccountType.LIABILITY, "2000"),
    ChartAccount("4110", "Licences", AccountType.INCOME, "4100"),
)
CODES = [account.code for account in CHART]


def nets(**amounts: str) -> dict[str, Decimal]:
    return {code.lstrip("a"): D(amount) for code, amount in amounts.items()}


LAST_YEAR = nets(a1100="1000", a3100="-1000", a1200="300", a4100="-300")
IN_YEAR = nets(
    a1200="-300",  # the customer of last year paid
    a4110="-500.25",  # a licence was sold and paid at once
    a5200="200",
    a2200="-50",  # of which 50 are still owed
    a5300="80",
    a5100="0.00000001",
    a4200="-40",
    a5900="15",
    a1300="25",
    a2500="-60",
    a1010="60",
    a1101="300",
    a1100="270.24999999",
)
NOW = {code: add_exactly([LAST_YEAR.get(code, D(0)), IN_YEAR.get(code, D(0))]) for code in LAST_YEAR.keys() | IN_YEAR.keys()}


def test_the_sample_balances() -> None:
    assert add_exactly(list(LAST_YEAR.values())) == 0 == add_exactly(list(IN_YEAR.values()))


def test_an_income_statement_has_income_and_expenses_of_the_period_and_its_result() -> None:
    told = income_statement(CHART, [IN_YEAR, LAST_YEAR])
    assert [(row.kind, row.name, [format(amount, "f") for amount in row.amounts]) for row in told.rows] == [
        (RowKind.HEADING, "Income", []),
        (RowKind.ACCOUNT, "Income", ["0", "0"]),
        (RowKind.ACCOUNT, "Revenue", ["0", "300"]),
        (RowKind.ACCOUNT, "Licences", ["500.25", "0"]),
        (RowKind.ACCOUNT, "Realised gains on crypto assets", ["40", "0"]),
        (RowKind.TOTAL, "Total income", ["540.25", "300"]),
        (RowKind.HEADING, "Expenses", []),
        (RowKind.ACCOUNT, "Expenses", ["0", "0"]),
        (RowKind.ACCOUNT, "Network fees", ["-0.00000001", "0"]),
        (RowKind.ACCOUNT, "Salaries", ["-200", "0"]),
        (RowKind.ACCOUNT, "Suppliers and services", ["-80", "0"]),
        (RowKind.ACCOUNT, "Realised losses on crypto assets", ["-15", "0"]),
        (RowKind.TOTAL, "Total expenses", ["-295.00000001", "0"]),
        (RowKind.TOTAL, "Result of the period", ["245.24999999", "300"]),
    ]
    assert [row.depth for row in told.rows if row.account_code in ("4000", "4100", "4110")] == [1, 2, 3]


def test_a_balance_sheet_tells_the_result_of_the_year_from_those_before() -> None:
    told = balance_sheet(CHART, [NOW], [LAST_YEAR])
    assert told.balanced
    assert told.amount("assets") == D("1655.24999999") == told.amount("liabilities_and_equity")
    assert (told.amount("liabilities"), told.amount("earlier_results"), told.amount("result")) == (D(110), D(300), D("245.24999999"))
    assert told.amount("equity") == D("1545.24999999")


def test_a_cash_flow_tells_who_paid_and_was_paid() -> None:
    told = cash_flow(CHART, [IN_YEAR], [LAST_YEAR], [NOW])
    assert told.balanced
    lines = {row.key: row.amounts[0] for row in told.rows if row.kind is RowKind.LINE}
    assert lines == {
        "customers": D("800.25"),  # 500.25 of this year and 300 owed from the last
        "suppliers": D(-80),
        "employees": D(-150),  # 200 earned, 50 of them not paid yet
        "network_fees": D("-0.00000001"),
        "other_assets": D(-25),
        "borrowing": D(60),
        "realised": D(25),
        "opening": D(1000),
    }
    totals = {key: told.amount(key) for key in ("operations", "investing", "financing", "without_payment", "change", "closing")}
    assert totals == {
        "operations": D("570.24999999"),
        "investing": D(-25),
        "financing": D(60),
        "without_payment": D(25),
        "change": D("630.24999999"),
        "closing": D("1630.24999999"),
    }
    held = {row.account_code: row.amounts[0] for row in told.rows if row.kind is RowKind.ACCOUNT}
    assert held == {"1010": D(60), "1100": D("1270.24999999"), "1101": D(300)}


amounts = st.integers(-(10**30), 10**30).map(lambda raw: D(raw).scaleb(-8))


@st.composite
def books(draw: st.DrawFn) -> dict[str, Decimal]:
    posted = draw(st.dictionaries(st.sampled_from(CODES[1:]), amounts, max_size=8))
    return posted | {CODES[0]: add_exactly(list(posted.values())).copy_negate()}


@settings(max_examples=150, deadline=None)
@given(books(), books(), st.permutations(CHART))
def test_any_books_make_statements_that_balance(earlier: dict[str, Decimal], later: dict[str, Decimal], chart: list[ChartAccount]) -> None:
    period = difference(later, earlier)
    sheet, flow, income = balance_sheet(chart, [later], [earlier]), cash_flow(chart, [period], [earlier], [later]), income_statement(chart, [period])
    assert sheet.balanced and flow.balanced
    assert sheet.amount("result") == income.amount("result")
    flows = [row.amounts[0] for row in flow.rows if row.kind is RowKind.LINE and row.key != "opening"]
    assert add_exactly(flows) == flow.amount("change")


def test_books_that_do_not_balance_are_told() -> None:
    wrong = NOW | {"5300": D("80.00000001")}
    assert not balance_sheet(CHART, [wrong], [LAST_YEAR]).balanced
    assert not cash_flow(CHART, [difference(wrong, LAST_YEAR)], [LAST_YEAR], [wrong]).balanced


@pytest.mark.parametrize(
    ("day", "starts", "first", "last"),
    [
        (date(2026, 11, 29), "01-01", date(2026, 1, 1), date(2026, 12, 31)),
        (date(2026, 3, 31), "04-01", date(2025, 4, 1), date(2026, 3, 31)),
        (date(2026, 4, 1), "04-01", date(2026, 4, 1), date(2027, 3, 31)),
        (date(2026, 5, 1), "02-29", date(2026, 3, 1), date(2027, 2, 28)),
        (date(2028, 2, 28), "02-29", date(2027, 3, 1), date(2028, 2, 28)),
        (date(2028, 2, 29), "02-29", date(2028, 2, 29), date(2029, 2, 28)),
    ],
)
def test_fiscal_years(day: date, starts: str, first: date, last: date) -> None:
    assert fiscal_year(day, starts) == (first, last)
