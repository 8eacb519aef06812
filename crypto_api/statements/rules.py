"""Balance sheet, income statement and cash flow, out of sums of accounts. Pure.

A statement is a list of rows under headings, each with an amount for each column, so that pages, PDF and workbooks show one and the same. Amounts
have the sign that their statement gives them: assets, liabilities, equity, income and receipts are positive, expenses and payments negative.

The books are never closed into equity by entries: what income and expenses left over belongs to equity as the result of earlier years and of the year
(IAS 1.54 r), computed from the accounts themselves.

The cash flow is that of everything that can be paid with: money at banks and the crypto assets held, at their cost. It follows the direct method;
what was received from customers and paid to suppliers and employees is income or expense, adjusted for the change of what they owe or are owed
(IAS 7.19 b). What a disposal realises changes the cost of what is held without anybody paying it, and stands apart, as exchange differences do
(IAS 7.28).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.errors import InvalidInput
from crypto_api.ledger.types import AccountCode, AccountType
from crypto_api.statements.types import Asked, Column, Row, RowKind, Statement

ZERO = Decimal(0)
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)
PAYROLL_PAYABLE = "2200"


class ChartRow(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def account_type(self) -> AccountType: ...
    @property
    def parent_code(self) -> str | None: ...


Nets = Mapping[str, Decimal]
"""account code → debit less credit"""


def fiscal_year(day: date, starts: str) -> tuple[date, date]:
    """First and last day of the year in which `day` lies. `starts` is MM-DD; where that is 29 February, other years start on 1 March."""
    first = _start_in(day.year, starts)
    if day < first:
        first = _start_in(day.year - 1, starts)
    return first, _start_in(first.year + 1, starts) - timedelta(days=1)


def _start_in(year: int, starts: str) -> date:
    month, day = (int(part) for part in starts.split("-"))
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 3, 1)


def columns_of(asked: Asked) -> list[Column]:
    """What is asked for, and what it is compared to: a day, or a period as long, by calendar months where it consists of whole ones. InvalidInput."""
    end, start, compared = ("as_of" if asked.first is None else "end_date"), "start_date", "compare_to"
    for field, day in ((end, asked.last), (start, asked.first), (compared, asked.compare_to)):
        if day is not None and not EARLIEST <= day <= LATEST:
            raise InvalidInput.of(field, f"must lie between {EARLIEST} and {LATEST}", "out_of_range")
    if asked.first is not None and asked.first > asked.last:
        raise InvalidInput.of("end_date", "is before start_date", "wrong_order")
    columns = [Column(first=asked.first, last=asked.last)]
    if asked.compare_to is not None:
        if asked.compare_to >= asked.last:
            raise InvalidInput.of("compare_to", "must lie before the last day of the statement", "wrong_order")
        first = None if asked.first is None else _as_long_before(asked.first, asked.last, asked.compare_to)
        columns.append(Column(first=first, last=asked.compare_to))
    return columns


def _as_long_before(first: date, last: date, end: date) -> date:
    """The first day of a period that ends on `end` and is as long as first..last."""
    day = timedelta(days=1)
    whole_months = first.day == 1 and (last + day).day == 1 and (end + day).day == 1
    if not whole_months:
        found = end - min(last - first, end - date.min)
    else:
        at = end.year * 12 + end.month - 1 - ((last.year - first.year) * 12 + last.month - first.month)
        found = date(at // 12, at % 12 + 1, 1)
    if found < EARLIEST:
        raise InvalidInput.of("compare_to", f"must leave room for a period as long after {EARLIEST}", "out_of_range")
    return found


def difference(later: Nets, earlier: Nets) -> dict[str, Decimal]:
    """What was posted in between."""
    found = {code: add_exactly([later.get(code, ZERO), earlier.get(code, ZERO).copy_negate()]) for code in later.keys() | earlier.keys()}
    return {code: net for code, net in found.items() if net}


# ---- income statement --------------------------------------------------------------------------------------------------------------


def income_statement(chart: Sequence[ChartRow], columns: Sequence[Nets]) -> Statement:
    """`columns` hold what was posted in each period."""
    desk = _Desk(chart, len(columns))
    income = desk.section("Income", [AccountType.INCOME], columns, "Total income", "income", sign=-1)
    expenses = desk.section("Expenses", [AccountType.EXPENSE], columns, "Total expenses", "expenses", sign=-1)
    desk.total("Result of the period", _sum(income, expenses), "result")
    return Statement(tuple(desk.rows), balanced=True)


# ---- balance sheet -----------------------------------------------------------------------------------------------------------------


def balance_sheet(chart: Sequence[ChartRow], columns: Sequence[Nets], before_year: Sequence[Nets]) -> Statement:
    """`columns` hold everything up to each day, `before_year` everything up to the last day of the fiscal year before it."""
    desk = _Desk(chart, len(columns))
    assets = desk.section("Assets", [AccountType.ASSET], columns, "Total assets", "assets", sign=1)
    liabilities = desk.section("Liabilities", [AccountType.LIABILITY], columns, "Total liabilities", "liabilities", sign=-1)
    desk.heading("Equity")
    equity = desk.accounts([AccountType.EQUITY], columns, sign=-1)
    results = [AccountType.INCOME, AccountType.EXPENSE]
    earlier = desk.sum_of(results, before_year, sign=-1)
    year = _less(desk.sum_of(results, columns, sign=-1), earlier)
    desk.line("Result of earlier years", earlier, "earlier_results")
    desk.line("Result of the year", year, "result")
    equity = _sum(equity, earlier, year)
    desk.total("Total equity", equity, "equity")
    both = _sum(liabilities, equity)
    desk.total("Total liabilities and equity", both, "liabilities_and_equity")
    return Statement(tuple(desk.rows), balanced=assets == both)


# ---- cash flow ---------------------------------------------------------------------------------------------------------------------


def cash_flow(chart: Sequence[ChartRow], columns: Sequence[Nets], opening: Sequence[Nets], closing: Sequence[Nets]) -> Statement:
    """`columns` hold what was posted in each period, `opening` and `closing` everything up to the day before it and up to its last day."""
    desk = _Desk(chart, len(columns))
    groups = {account.code: _group(account, desk.by_code) for account in chart}
    totals = []
    for heading, total, key, lines in _CASH_FLOW:
        desk.heading(heading)
        of_section = [desk.group(name, word, columns, [code for code, group in groups.items() if group == word]) for name, word in lines]
        totals.append(_sum(*of_section))
        desk.total(total, totals[-1], key)
    funds = [code for code, group in groups.items() if group == FUNDS]
    change = _sum(*totals)
    desk.total("Change of funds", change, "change")
    first, last = (desk.net_of(funds, each) for each in (opening, closing))
    desk.line("Funds at the beginning", first, "opening")
    desk.total("Funds at the end", last, "closing")
    for code in funds:
        held = desk.net_of([code], closing)
        if any(held):
            desk.rows.append(Row(kind=RowKind.ACCOUNT, name=f"of which {desk.by_code[code].name}", amounts=held, depth=1, account_code=code))
    return Statement(tuple(desk.rows), balanced=_sum(first, change) == last)


FUNDS = "funds"
_CASH_FLOW = (
    (
        "Operations",
        "From operations",
        "operations",
        (
            ("Received from customers", "customers"),
            ("Rewards received", "rewards"),
            ("Other income received", "other_income"),
            ("Paid to suppliers and for services", "suppliers"),
            ("Paid to employees", "employees"),
            ("Network fees paid", "network_fees"),
            ("Movements not identified yet", "suspense"),
        ),
    ),
    ("Investing", "From investing", "investing", (("Other assets", "other_assets"),)),
    (
        "Financing",
        "From financing",
        "financing",
        (("Borrowed and repaid", "borrowing"), ("Paid in and out by owners", "owners"), ("Opening balances of wallets brought in", "brought_in")),
    ),
    ("Without payment", "Without payment", "without_payment", (("Realised gains and losses on crypto assets", "realised"),)),
)
_BY_ACCOUNT: dict[str, str] = {
    AccountCode.CASH: FUNDS,
    AccountCode.CRYPTO: FUNDS,
    AccountCode.CUSTODY: FUNDS,
    AccountCode.RECEIVABLES: "customers",
    AccountCode.UNAPPLIED: "customers",
    AccountCode.REVENUE: "customers",
    AccountCode.TAXES: "customers",
    AccountCode.EXCHANGE_GAINS: "customers",
    AccountCode.EXCHANGE_LOSSES: "customers",
    AccountCode.REWARDS: "rewards",
    AccountCode.PAYABLES: "suppliers",
    AccountCode.SUPPLIERS: "suppliers",
    AccountCode.SALARIES: "employees",
    PAYROLL_PAYABLE: "employees",
    AccountCode.NETWORK_FEES: "network_fees",
    AccountCode.SUSPENSE: "suspense",
    AccountCode.EXCHANGES: "suspense",  # zero: what goes out and what comes in are worth the same
    AccountCode.GAINS: "realised",
    AccountCode.LOSSES: "realised",
    AccountCode.OPENING: "brought_in",
}
_BY_TYPE = {
    AccountType.ASSET: "other_assets",
    AccountType.LIABILITY: "borrowing",
    AccountType.EQUITY: "owners",
    AccountType.INCOME: "other_income",
    AccountType.EXPENSE: "suppliers",
}


def _group(account: ChartRow, chart: Mapping[str, ChartRow]) -> str:
    """By the nearest account above it that says, itself first; else by its type."""
    code: str | None = account.code
    seen: set[str] = set()
    while code is not None and code in chart and code not in seen:
        if code in _BY_ACCOUNT and chart[code].account_type is account.account_type:
            return _BY_ACCOUNT[code]
        seen.add(code)
        code = chart[code].parent_code
    return _BY_TYPE[account.account_type]


# ---- rows --------------------------------------------------------------------------------------------------------------------------


class _Desk:
    """Writes the rows of one statement."""

    def __init__(self, chart: Sequence[ChartRow], columns: int) -> None:
        self.by_code = {account.code: account for account in chart}
        self.rows: list[Row] = []
        self._none = (ZERO,) * columns

    def heading(self, name: str) -> None:
        self.rows.append(Row(kind=RowKind.HEADING, name=name))

    def line(self, name: str, amounts: tuple[Decimal, ...], key: str) -> None:
        self.rows.append(Row(kind=RowKind.LINE, name=name, amounts=amounts, depth=1, key=key))

    def total(self, name: str, amounts: tuple[Decimal, ...], key: str) -> None:
        self.rows.append(Row(kind=RowKind.TOTAL, name=name, amounts=amounts, key=key))

    def section(self, heading: str, types: Sequence[AccountType], columns: Sequence[Nets], total: str, key: str, *, sign: int) -> tuple[Decimal, ...]:
        self.heading(heading)
        amounts = self.accounts(types, columns, sign=sign)
        self.total(total, amounts, key)
        return amounts

    def accounts(self, types: Sequence[AccountType], columns: Sequence[Nets], *, sign: int) -> tuple[Decimal, ...]:
        """Those that have an amount in any column, each below its parents, in the order of their codes. A parent is shown with what was posted on it
        alone."""
        posted = {code: _signed(self.net_of([code], columns), sign) for code in self._of(types)}
        shown = {above for code, amounts in posted.items() if any(amounts) for above in self._path(code)}
        for code in self._in_order(shown):
            self.rows.append(self._account(code, posted.get(code, self._none)))
        return _sum(self._none, *posted.values())

    def _account(self, code: str, amounts: tuple[Decimal, ...]) -> Row:
        return Row(kind=RowKind.ACCOUNT, name=self.by_code[code].name, amounts=amounts, depth=len(self._path(code)), account_code=code)

    def group(self, name: str, key: str, columns: Sequence[Nets], codes: Sequence[str]) -> tuple[Decimal, ...]:
        amounts = _signed(self.net_of(codes, columns), -1)
        if any(amounts):
            self.line(name, amounts, key)
        return amounts

    def sum_of(self, types: Sequence[AccountType], columns: Sequence[Nets], *, sign: int) -> tuple[Decimal, ...]:
        return _signed(self.net_of(self._of(types), columns), sign)

    def net_of(self, codes: Iterable[str], columns: Sequence[Nets]) -> tuple[Decimal, ...]:
        wanted = list(codes)
        return tuple(add_exactly([nets.get(code, ZERO) for code in wanted]) for nets in columns)

    def _of(self, types: Sequence[AccountType]) -> list[str]:
        return [code for code, account in self.by_code.items() if account.account_type in types]

    def _path(self, code: str) -> list[str]:
        """From the highest account of the same type above it down to itself."""
        path, parent, own = [code], self.by_code[code].parent_code, self.by_code[code].account_type
        while parent is not None and parent in self.by_code and self.by_code[parent].account_type is own and parent not in path:
            path.insert(0, parent)
            parent = self.by_code[parent].parent_code
        return path

    def _in_order(self, codes: Iterable[str]) -> list[str]:
        return sorted(codes, key=self._path)


def _signed(amounts: tuple[Decimal, ...], sign: int) -> tuple[Decimal, ...]:
    return amounts if sign > 0 else tuple(amount.copy_negate() if amount else ZERO for amount in amounts)


def _sum(*columns: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return tuple(add_exactly(list(amounts)) for amounts in zip(*columns, strict=True))


def _less(left: tuple[Decimal, ...], right: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    return _sum(left, _signed(right, -1))
