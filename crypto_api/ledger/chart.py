"""A chart of accounts as a table, and what is wrong with one that somebody brings. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from crypto_api.ledger.types import AccountCode, AccountType, RowError

COLUMNS = ("code", "name", "type", "parent", "active")
ROWS_MAX = 2_000
NAME_MAX = 200
DEPTH_MAX = 10
_NEEDED = ("code", "name", "type")
_CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,19}", re.ASCII)
_NOT_INERT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_ACTIVE = {"": True, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SYSTEM = frozenset(AccountCode)


class Placed(Protocol):
    """An account as far as its place in the hierarchy is concerned."""

    @property
    def code(self) -> str: ...
    @property
    def parent_code(self) -> str | None: ...


Row = TypeVar("Row", bound=Placed)


@dataclass(frozen=True, slots=True)
class ChartRow:
    number: int  # as a program of tables numbers them: the header is row 1
    code: str
    name: str
    account_type: AccountType
    parent_code: str | None
    active: bool


def in_order(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    """Each account with its depth, parents before their children, by code among siblings. What has an unknown parent stands at the top."""
    codes = {row.code for row in rows}
    below: dict[str | None, list[Row]] = {}
    for row in sorted(rows, key=lambda one: one.code):
        below.setdefault(row.parent_code if row.parent_code in codes else None, []).append(row)
    waiting = [(row, 0) for row in reversed(below.get(None, []))]
    while waiting:
        row, depth = waiting.pop()
        yield row, depth
        waiting += [(child, depth + 1) for child in reversed(below.get(row.code, []))]


def read_chart(table: Sequence[Sequence[str]], known: Mapping[str, AccountType]) -> tuple[list[ChartRow], list[RowError]]:
    """Every row that can be read, and everything that is wrong. `known`: the types of the accounts that there are."""
    if not table:
        return [], [RowError(1, "", "is empty: it must begin with the names of the columns")]
    header = [cell.strip().lower() for cell in table[0]]
    errors = [RowError(1, name, "is no column of a chart") for name in header if name not in COLUMNS]
    errors += [RowError(1, name, "is missing") for name in _NEEDED if name not in header]
    errors += [RowError(1, name, "stands there twice") for name in COLUMNS if header.count(name) > 1]
    if len(table) > ROWS_MAX + 1:
        errors.append(RowError(ROWS_MAX + 2, "", f"is too much: a chart has at most {ROWS_MAX} accounts"))
    if errors:
        return [], errors
    rows = []
    for number, cells in enumerate(table[1:], start=2):
        if any(cell.strip() for cell in cells):
            given = dict.fromkeys(COLUMNS, "") | dict(zip(header, (_plain(cell) for cell in cells), strict=False))
            row, wrong = _row(number, given)
            rows += [row] if row is not None else []
            errors += wrong
    return rows, sorted([*errors, *_faults_of(rows, known)], key=lambda error: (error.row, error.column))


def _plain(cell: str) -> str:
    """Without the mark that keeps a program of tables from computing."""
    text = cell.strip()
    return text.removeprefix("'")


def _row(number: int, given: Mapping[str, str]) -> tuple[ChartRow | None, list[RowError]]:
    wrong = [
        RowError(number, column, "must be 1 to 20 letters, digits, points or dashes")
        for column in ("code", "parent")
        if (given[column] or column == "code") and not _CODE.fullmatch(given[column])
    ]
    if not 1 <= len(given["name"]) <= NAME_MAX or _NOT_INERT.search(given["name"]):
        wrong.append(RowError(number, "name", f"must have 1 to {NAME_MAX} plain characters"))
    if given["type"].lower() not in set(AccountType):
        wrong.append(RowError(number, "type", f"must be one of {', '.join(AccountType)}"))
    if given["active"].lower() not in _ACTIVE:
        wrong.append(RowError(number, "active", "must be true or false"))
    elif given["code"] in _SYSTEM and not _ACTIVE[given["active"].lower()]:
        wrong.append(RowError(number, "active", "must be true: movements on the chain are booked on this account"))
    if wrong:
        return None, wrong
    account_type = AccountType(given["type"].lower())
    return ChartRow(number, given["code"], given["name"], account_type, given["parent"] or None, _ACTIVE[given["active"].lower()]), []


def _faults_of(rows: Sequence[ChartRow], known: Mapping[str, AccountType]) -> Iterator[RowError]:
    by_code: dict[str, ChartRow] = {}
    for row in rows:
        if row.code in by_code:
            yield RowError(row.number, "code", f"stands in row {by_code[row.code].number} already")
        by_code.setdefault(row.code, row)
    types = dict(known) | {row.code: row.account_type for row in rows}
    for row in rows:
        if row.code in known and known[row.code] is not row.account_type:
            yield RowError(row.number, "type", f"is {known[row.code]} already: a type never changes, entries rest on it")
        if row.parent_code is not None:
            if row.parent_code not in types:
                yield RowError(row.number, "parent", "is neither in this table nor an account of the organisation")
            elif types[row.parent_code] is not row.account_type:
                yield RowError(row.number, "parent", f"is of another type ({types[row.parent_code]})")


def circles(parents: Mapping[str, str | None]) -> set[str]:
    """Codes from which the way up never ends, or is longer than DEPTH_MAX."""
    found = set()
    for code in parents:
        above: str | None = code
        for _ in range(DEPTH_MAX + 1):
            above = parents.get(above) if above is not None else None
        if above is not None:
            found.add(code)
    return found
