"""A report as a PDF that can be printed and read: what it says first, then every disposal by lot, what is missing, and income."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from crypto_api.kit.pdf_pages import GREY, LINE, LOSS, SHADE, PdfPages, PdfTable, money
from crypto_api.tax.tables import Cell, Column

_SHOWN = {
    "Asset": 20,
    "Quantity": 36,
    "Acquired": 31,
    "Disposed": 31,
    "Received": 31,
    "Proceeds": 30,
    "Cost basis": 30,
    "Gain or loss": 30,
    "Value": 30,
    "Term": 12,
    "Why": 44,
    "Account": 16,
    "Transaction": 37,
}
"""Columns that fit a page, in millimetres; the workbook and the CSV have them all."""

_TEXT_MAX = 34


class ReportPdf:
    def __init__(self, path: Path, title: str, organization: str, made: str) -> None:
        self._pages = PdfPages(path, title=title, organization=organization, about=made, wide=True)
        self._table: PdfTable | None = None

    def summary(self, rows: Iterable[tuple[str, Cell]]) -> None:
        told = [
            (label, _told(value, in_money=isinstance(value, Decimal) and not label.startswith(("Taxable", "Without", "Income without"))))
            for label, value in rows
        ]
        half = (len(told) + 1) // 2
        pairs = [[*left, *right] for left, right in zip(told[:half], [*told[half:], ("", "")], strict=False)]
        greys = [("TEXTCOLOR", (at, 0), (at, -1), GREY) for at in (0, 2)]
        rights = [("ALIGN", (at, 0), (at, -1), "RIGHT") for at in (1, 3)]
        self._pages.table(pairs[0], pairs[1:], (50, 82, 59, 82), [*_BASE, *greys, *rights])
        self._pages.space(4)

    def begin(self, title: str, columns: Sequence[Column]) -> None:
        """A table: rows follow by `add`, then `end`."""
        self._kept = [(at, column) for at, column in enumerate(columns) if column.title in _SHOWN]
        self._numbers = {at for at, (_, column) in enumerate(self._kept) if column.kind in ("money", "quantity")}
        self._widths, self._table = [_SHOWN[column.title] for _, column in self._kept], None
        self._pages.heading(title)

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        for row in rows:
            if self._table is None:
                style = [*_BASE, ("BACKGROUND", (0, 0), (-1, 0), SHADE), ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")]
                style += [("ALIGN", (at, 0), (at, -1), "RIGHT") for at in sorted(self._numbers)]
                self._table = PdfTable(self._pages, [column.title for _, column in self._kept], self._widths, style)
            told = [_told(row[at], in_money=column.kind == "money") for at, column in self._kept]
            losses = [("TEXTCOLOR", (at, 0), (at, 0), LOSS) for at in self._numbers if told[at].startswith("-")]
            cells = [self._pages.cell(text, self._widths[at], number=at in self._numbers) for at, text in enumerate(told)]
            self._table.add(cells, losses)

    def end(self, empty: str) -> None:
        if self._table is not None:
            self._table.end()
        else:
            self._pages.add(self._pages.words(empty))

    def build(self) -> None:
        self._pages.close()


_BASE: list[tuple[Any, ...]] = [
    ("FONTNAME", (0, 0), (-1, -1), "Helvetica"),
    ("FONTSIZE", (0, 0), (-1, -1), 7.5),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]


def _told(cell: Cell, *, in_money: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return money(cell) if in_money else f"{cell:,f}"
    return cell if len(cell) <= _TEXT_MAX else f"{cell[:12]}…{cell[-8:]}"
