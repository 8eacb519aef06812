"""A chart of accounts that somebody brings."""

import pytest

from crypto_api.ledger.chart import circles, in_order, read_chart
from crypto_api.ledger.documents import Account
from crypto_api.ledger.types import AccountType

KNOWN = {"1000": AccountType.ASSET, "4000": AccountType.INCOME}
HEADER = ["code", "name", "type", "parent", "active"]


def faults(*rows: list[str]) -> list[tuple[int, str]]:
    return [(error.row, error.column) for error in read_chart([HEADER, *rows], KNOWN)[1]]


def test_a_chart_is_read_whatever_its_columns_order() -> None:
    rows, errors = read_chart([["Type", " Name ", "CODE"], ["Asset", "Cash", "1010"], ["", "", ""], ["income", "'=Grants", "4500"]], KNOWN)
    assert errors == []
    assert [(row.number, row.code, row.name, row.account_type, row.parent_code, row.active) for row in rows] == [
        (2, "1010", "Cash", AccountType.ASSET, None, True),
        (4, "4500", "=Grants", AccountType.INCOME, None, True),
    ]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (["10 10", "Cash", "asset", "", ""], "code"),
        (["", "Cash", "asset", "", ""], "code"),
        (["1010", "", "asset", "", ""], "name"),
        (["1010", "Cash\u202e", "asset", "", ""], "name"),
        (["1010", "x" * 201, "asset", "", ""], "name"),
        (["1010", "Cash", "money", "", ""], "type"),
        (["4000", "Cash", "asset", "", ""], "type"),
        (["1010", "Cash", "asset", "9999", ""], "parent"),
        (["1010", "Cash", "asset", "4000", ""], "parent"),
        (["1010", "Cash", "asset", "", "perhaps"], "active"),
        (["1900", "Suspense", "asset", "", "false"], "active"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_column(row: list[str], column: str) -> None:
    assert faults(["1020", "Bank", "asset", "1000", "yes"], row) == [(3, column)]


def test_a_code_stands_there_once_and_a_parent_may_come_later() -> None:
    assert faults(["1011", "A", "asset", "1010", ""], ["1010", "B", "asset", "1000", ""]) == []
    assert faults(["1010", "A", "asset", "", ""], ["1010", "B", "asset", "", ""]) == [(3, "code")]
    assert [error.column for error in read_chart([["code", "code", "name"]], {})[1]] == ["type", "code"]
    assert read_chart([], {})[1][0].row == 1


def test_circles_and_depth() -> None:
    assert circles({"a": "b", "b": "a", "c": "a", "d": None}) == {"a", "b", "c"}
    chain = {str(i): str(i - 1) if i else None for i in range(13)}
    assert circles(chain) == {"11", "12"}


def test_parents_stand_before_their_children(ada_chart: list[Account]) -> None:
    assert [(row.code, depth) for row, depth in in_order(ada_chart)] == [("1", 0), ("12", 1), ("11", 2), ("2", 0), ("9", 0)]


@pytest.fixture
def ada_chart() -> list[Account]:
    parents = {"11": "12", "12": "1", "1": None, "9": "gone", "2": None}
    return [Account.model_construct(code=code, parent_code=parent) for code, parent in parents.items()]
