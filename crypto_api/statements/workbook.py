"""A statement as a workbook: amounts are numbers, totals are formulas of ours over their rows, what people and the chain named is text."""

from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

from crypto_api.kit.xlsx_text import CELL_MAX, OPTIONS, as_number, set_for_print
from crypto_api.statements.changes import change_between, change_names, pairs_of
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.roll_forward import ADDITIONS, CLOSING_PARTS, DISPOSALS
from crypto_api.statements.types import Measure, Row, RowKind, StatementKind

ZERO = Decimal(0)
MONEY = "#,##0.00;[Red]-#,##0.00"
WHOLE = "#,##0;[Red]-#,##0"  # the other one would show a point behind a whole number
PERCENT = "+0.0%;[Red]-0.0%;0.0%"
QUANTITY = "#,##0.##################;[Red]-#,##0.##################"
SUMS = {
    "result": ("income", "expenses"),
    "liabilities_and_equity": ("liabilities", "equity"),
    "change": ("operations", "investing", "financing", "without_payment"),
    "closing": ("opening", "change"),
}
"""Totals of other rows, by their keys; any other total sums the rows since its heading."""
_FIRST = 5  # the row below the head of the table


def write_workbook(path: Path, report: FinancialReport, organization: str, title: str, columns: list[str], notes: list[str]) -> None:
    book = xlsxwriter.Workbook(str(path), {**OPTIONS, "constant_memory": False})
    _Sheet(book, title).write(report, organization, columns, notes)
    book.close()


class _Sheet:
    def __init__(self, book: Any, title: str) -> None:
        self._sheet, self._title = book.add_worksheet(title[:31]), title
        self._formats = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "muted": book.add_format({"font_color": "#5B6673"}),
            "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF2F6", "align": "right"}),
            "head of names": book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF2F6"}),
            "heading": book.add_format({"bold": True}),
            "money": book.add_format({"num_format": MONEY}),
            "total": book.add_format({"bold": True, "top": 1, "num_format": MONEY}),
            "percent": book.add_format({"num_format": PERCENT}),
            "total percent": book.add_format({"bold": True, "top": 1, "num_format": PERCENT}),
            "quantity": book.add_format({"num_format": QUANTITY}),
            "whole": book.add_format({"num_format": WHOLE}),
            "total whole": book.add_format({"bold": True, "top": 1, "num_format": WHOLE}),
            "note": book.add_format({"font_color": "#5B6673", "text_wrap": True, "valign": "top"}),
            "total quantity": book.add_format({"bold": True, "top": 1, "num_format": QUANTITY}),
            **{f"depth {depth}": book.add_format({"indent": depth}) for depth in range(1, 16)},
        }

    def write(self, report: FinancialReport, organization: str, columns: list[str], notes: list[str]) -> None:
        sheet, first = self._sheet, report.columns[0]
        rolled = report.kind is StatementKind.CRYPTO_ROLL_FORWARD
        days = f", {first.first} to {first.last}" if rolled else ""
        sheet.set_column(0, 0, 12)
        sheet.set_column(1, 1, 52)
        columns = [*columns, *(word for name in change_names(report.columns) for word in (name, f"{name} in percent"))]
        width = max(22, *(len(name) + 4 for name in columns))
        sheet.set_column(2, 1 + len(columns), width)
        sheet.write_string(0, 0, self._title, self._formats["title"])
        sheet.write_string(1, 0, organization[:CELL_MAX])
        sheet.write_string(2, 0, f"Amounts in {report.currency}{days}", self._formats["muted"])
        self._measures, self._pairs = [column.measure for column in report.columns], pairs_of(report.columns)
        for at, name in enumerate(["Asset" if rolled else "Account", "", *columns]):
            sheet.write_string(_FIRST - 1, at, name, self._formats["head" if at > 1 else "head of names"])
        sheet.freeze_panes(_FIRST, 2)
        set_for_print(sheet, _FIRST - 1, wide=bool(self._pairs))
        for at, row in enumerate(report.rows):
            self._row(report.rows, at, row)
        for at, note in enumerate(notes):
            self._note(_FIRST + len(report.rows) + 1 + at, note, 1 + len(columns), 64 + width * len(columns))

    def _note(self, line: int, note: str, last_column: int, characters: int) -> None:
        """Over the width of the table: on paper a longer line would shrink the whole page."""
        self._sheet.merge_range(line, 0, line, last_column, "", self._formats["note"])
        self._sheet.write_string(line, 0, note, self._formats["note"])
        self._sheet.set_row(line, 15 * ceil(len(note) / characters))

    def _row(self, rows: list[Row], at: int, row: Row) -> None:
        sheet, line = self._sheet, _FIRST + at
        code = row.account_code if row.asset is None else row.asset
        if code:
            sheet.write_string(line, 0, code[:CELL_MAX])
        shown = {RowKind.HEADING: "heading", RowKind.TOTAL: "total"}.get(row.kind, f"depth {min(max(row.depth, 1), 15)}")
        sheet.write_string(line, 1, row.name[:CELL_MAX], self._formats[shown])
        for column, amount in enumerate(row.amounts):
            if amount is None:
                continue
            if self._measures[column] is Measure.QUANTITY:
                digits = "whole" if amount == amount.to_integral_value() else "quantity"
                shape = self._formats[f"total {digits}" if row.kind is RowKind.TOTAL else digits]
            else:
                shape = self._formats["total" if row.kind is RowKind.TOTAL else "money"]
            formula = self._rolled(rows, at, column) if self._measures[column] else self._formula(rows, at, column)
            if formula:
                sheet.write_formula(line, 2 + column, formula, shape, amount)
            else:
                self._amount(line, 2 + column, amount, shape)
        self._changes(row, line)

    def _changes(self, row: Row, line: int) -> None:
        """Formulas over the two columns; of nothing there is no percent."""
        shown = "total " if row.kind is RowKind.TOTAL else ""
        for place, (now, before) in enumerate(self._pairs):
            change, column = change_between(row, now, before), 2 + len(row.amounts) + 2 * place
            if change is None:
                continue
            left, right = (xl_rowcol_to_cell(line, 2 + at) for at in (now, before))
            if all(as_number(row.amounts[at] or ZERO) for at in (now, before)):
                part = change.part if change.part is not None else ""
                self._sheet.write_formula(line, column, f"={left}-{right}", self._formats["total" if shown else "money"], change.amount)
                share = f'=IF({right}=0,"",({left}-{right})/ABS({right}))'
                self._sheet.write_formula(line, column + 1, share, self._formats[f"{shown}percent"], part)
            else:
                self._amount(line, column, change.amount, self._formats["total" if shown else "money"])

    def _rolled(self, rows: list[Row], at: int, column: int) -> str | None:
        """Of a roll-forward: a balance of the parts of its group; of all assets, the rows of the same name of each."""
        row, start = rows[at], max(index for index in range(at + 1) if rows[index].kind is RowKind.HEADING)
        if row.kind is RowKind.TOTAL:
            wanted = {"additions": ADDITIONS, "disposals": DISPOSALS}.get(row.key, CLOSING_PARTS)
            parts = [index for index in range(start, at) if rows[index].key in wanted and rows[index].amounts[column] is not None]
            cells = "+".join(xl_rowcol_to_cell(_FIRST + index, 2 + column) for index in parts)
        elif row.asset is None and row.key not in ("own_transfers", "gains", "losses"):
            parts = [index for index in range(at + 1, len(rows)) if rows[index].key == row.key and rows[index].asset is not None]
            parts = [index for index in parts if rows[index].amounts[column] is not None]
            after = next((index for index in range(at, len(rows)) if rows[index].kind is RowKind.HEADING and rows[index].asset is not None), at)
            first = xl_rowcol_to_cell(_FIRST + after, 2 + column, row_abs=True)
            last = xl_rowcol_to_cell(_FIRST + len(rows) - 1, 2 + column, row_abs=True)
            cells = f"SUMIFS({first}:{last},$B${_FIRST + after + 1}:$B${_FIRST + len(rows)},$B{_FIRST + at + 1})" if parts else ""
        else:
            return None
        return f"={cells}" if cells and all(as_number(rows[index].amounts[column] or ZERO) for index in parts) else None

    def _formula(self, rows: list[Row], at: int, column: int) -> str | None:
        """None for what is no total, and where a cell that it would sum holds more digits than a program of tables keeps, and therefore text."""
        row = rows[at]
        if row.kind is not RowKind.TOTAL:
            return None
        if row.key in SUMS:
            parts = [index for index, each in enumerate(rows) if each.key in SUMS[row.key]]
            cells = "+".join(xl_rowcol_to_cell(_FIRST + index, 2 + column) for index in parts)
        else:
            first = max(index for index in range(at) if rows[index].kind is RowKind.HEADING) + 1
            parts = list(range(first, at))
            ends = [xl_rowcol_to_cell(_FIRST + index, 2 + column) for index in (first, max(first, at - 1))]
            cells = f"SUM({ends[0]}:{ends[1]})" if parts else ""
        return f"={cells}" if cells and all(as_number(rows[index].amounts[column] or ZERO) for index in parts) else None

    def _amount(self, line: int, column: int, amount: Decimal, shown: Any) -> None:
        if as_number(amount):
            self._sheet.write_number(line, column, amount, shown)
        else:
            self._sheet.write_string(line, column, format(amount, "f"))
