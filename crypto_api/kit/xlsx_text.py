"""Workbooks (Office Open XML) of one table, written row by row in constant memory. What a cell holds is text or a number, never a formula, a link
or a macro."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import xlsxwriter

from crypto_api.kit.csv_text import starts_a_formula

ROWS_MAX = 1_048_575  # of a sheet, beside its header
CELL_MAX = 32_767
_DIGITS_MAX = 15  # what a number of a workbook, an IEEE double, holds exactly
_WIDTHS = {
    "date": 11,
    "timestamp": 21,
    "posted_at": 21,
    "currency": 9,
    "status": 11,
    "account_code": 13,
    "asset": 14,
    "account_name": 30,
    "wallet": 24,
    "counter_wallet": 24,
    "counterparty": 24,
    "reference": 20,
    "amount": 22,
    "quantity": 22,
    "raw_amount": 26,
    "description": 48,
    "line_description": 32,
    "explanation": 48,
    "note": 32,
    "debit_amount": 17,
    "credit_amount": 17,
    "balance": 17,
    "value": 17,
    "hash": 24,
    "transaction_hash": 24,
    "transaction_id": 24,
    "entry_id": 24,
    "from_address": 24,
    "to_address": 24,
}
_MONEY = frozenset({"debit_amount", "credit_amount", "balance", "value"})
MONEY = "#,##0.00;[Red]-#,##0.00"
OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}

Cell = str | Decimal | None


class XlsxTable:
    """`with XlsxTable(path, "Transactions", columns) as table: table.add(rows)`. The header stays in sight; `widths` are in characters,
    and where there are none those that what a column is called asks for. Amounts of money show cents; their cells hold every digit. What is more
    than a sheet holds goes on in the next."""

    def __init__(self, path: Path, title: str, columns: Sequence[str], widths: Sequence[int] = ()) -> None:
        self._book = xlsxwriter.Workbook(str(path), OPTIONS)
        self._title, self._columns, self._widths, self._sheets = title, columns, widths, 0
        self._money = self._book.add_format({"num_format": MONEY})
        self._head = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF2F6"})
        self._quoted = self._book.add_format({"quote_prefix": True})
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._book.close()

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            if self._next > ROWS_MAX:
                self._begin()
            for column, cell in enumerate(row):
                self._write(column, cell)
            self._next += 1

    def _begin(self) -> None:
        self._sheets += 1
        number = f" ({self._sheets})" if self._sheets > 1 else ""
        self._sheet = self._book.add_worksheet(self._title[: 31 - len(number)] + number)
        self._sheet.freeze_panes(1, 0)
        set_for_print(self._sheet, 0)
        for index, name in enumerate(self._columns):
            width = self._widths[index] if index < len(self._widths) else _WIDTHS.get(name, max(12, len(name) + 2))
            self._sheet.set_column(index, index, width, self._money if name in _MONEY else None)
        self._sheet.write_row(0, 0, self._columns, self._head)
        self._next = 1

    def _write(self, column: int, cell: Cell) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            # The ' of a workbook is a mark of the cell (ECMA-376, 18.8.45, quotePrefix): it stays text when somebody edits it.
            self._sheet.write_string(self._next, column, cell[:CELL_MAX], self._quoted if starts_a_formula(cell) else None)
        elif as_number(cell):
            self._sheet.write_number(self._next, column, cell)
        else:  # more digits than a program of tables keeps: as text it keeps them all
            self._sheet.write_string(self._next, column, format(cell, "f"))


def set_for_print(sheet: Any, head: int, *, wide: bool = True) -> None:
    """On A4, all columns on one page, the head of the table (a row number, from 0) on every page, with the number of the page."""
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    if wide:
        sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(head)
    sheet.set_footer("&L&8&A&R&8Page &P of &N")


def as_number(cell: Decimal) -> bool:
    """Whether a program of tables keeps all of its digits."""
    return len(cell.normalize().as_tuple().digits) <= _DIGITS_MAX and abs(cell.adjusted()) < _DIGITS_MAX
