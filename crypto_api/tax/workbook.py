"""A report as a workbook (Office Open XML): summary, disposals, what is missing, income. Sums are formulas of ours over the rows above them; what the
data holds is text or a number, never a formula or a link."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from crypto_api.kit.amounts import add_exactly
from crypto_api.kit.xlsx_text import CELL_MAX, OPTIONS, ROWS_MAX, as_number, set_for_print
from crypto_api.tax.errors import TooManyRows
from crypto_api.tax.tables import Cell, Column

FORMATS = {"whole": "#,##0", "quantity": "#,##0.##################", "money": "#,##0.00;[Red]-#,##0.00"}


class ReportWorkbook:
    """`with`-less: `sheet` by `sheet`, then `close`."""

    def __init__(self, path: Path) -> None:
        self._book = xlsxwriter.Workbook(str(path), OPTIONS)
        self._head = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF2F6"})
        self._title = self._book.add_format({"bold": True, "font_size": 14})
        self._label = self._book.add_format({"bold": True})
        self._formats = {kind: self._book.add_format({"num_format": shown}) for kind, shown in FORMATS.items()}
        self._sums = self._book.add_format({"bold": True, "top": 1, "num_format": FORMATS["money"]})

    def summary(self, title: str, rows: Iterable[tuple[str, Cell]]) -> None:
        sheet = self._book.add_worksheet("Summary")
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 34)
        sheet.write_string(0, 0, title, self._title)
        sheet.freeze_panes(2, 0)
        for at, (label, value) in enumerate(rows, start=2):
            sheet.write_string(at, 0, label, self._label)
            whole = isinstance(value, Decimal) and value == value.to_integral_value() and label.startswith(("Taxable", "Without", "Income without"))
            self._write(sheet, at, 1, value, None if whole else self._formats["money"])

    def begin(self, title: str, columns: Sequence[Column]) -> None:
        """A sheet: rows follow by `add`, then `end`."""
        self._sheet, self._columns, self._last = self._book.add_worksheet(title), columns, 0
        self._totals = {at: Decimal(0) for at, column in enumerate(columns) if column.summed}
        self._sheet.freeze_panes(1, 1)
        set_for_print(self._sheet, 0)
        for at, column in enumerate(columns):
            self._sheet.set_column(at, at, column.width)
            self._sheet.write_string(0, at, column.title, self._head)

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """TooManyRows."""
        for row in rows:
            self._last += 1
            if self._last >= ROWS_MAX:
                raise TooManyRows(ROWS_MAX)
            for at, (cell, column) in enumerate(zip(row, self._columns, strict=True)):
                whole = column.kind == "quantity" and isinstance(cell, Decimal) and cell == cell.to_integral_value()
                self._write(self._sheet, self._last, at, cell, self._formats.get("whole" if whole else column.kind))
                if at in self._totals and isinstance(cell, Decimal):
                    self._totals[at] = add_exactly([self._totals[at], cell])

    def end(self) -> None:
        if self._last:
            self._sum(self._sheet, self._totals, self._last)
            self._sheet.autofilter(0, 0, self._last, len(self._columns) - 1)

    def close(self) -> None:
        self._book.close()

    def _sum(self, sheet: Any, sums: Mapping[int, Decimal], last: int) -> None:
        """The formula, and what it gives, for whoever shows a workbook without computing."""
        sheet.write_string(last + 1, 0, "Total", self._sums)
        for at, value in sums.items():
            name = xl_col_to_name(at)
            sheet.write_formula(last + 1, at, f"=SUM({name}2:{name}{last + 1})", self._sums, value)

    def _write(self, sheet: Any, row: int, at: int, cell: Cell, shown: Any) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            sheet.write_string(row, at, cell[:CELL_MAX])
        elif as_number(cell):
            sheet.write_number(row, at, cell, shown)
        else:  # more digits than a program of tables keeps: as text it keeps them all
            sheet.write_string(row, at, format(cell, "f"))
