"""A report as a PDF that can be printed and read: what it says first, then every disposal by lot, what is missing, and income."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from crypto_api.kit.pdf_text import shown
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

_GREY = colors.HexColor("#5B6673")
_LINE = colors.HexColor("#D5DCE4")
_HEAD = colors.HexColor("#EEF2F6")
_LOSS = colors.HexColor("#B42318")
_CENTS = Decimal("0.01")
_TEXT_MAX = 34


class ReportPdf:
    def __init__(self, path: Path, title: str, organization: str, made: str) -> None:
        self._document = SimpleDocTemplate(
            str(path),
            pagesize=landscape(A4),
            leftMargin=12 * mm,
            rightMargin=12 * mm,
            topMargin=14 * mm,
            bottomMargin=16 * mm,
            title=title,
            author=shown(organization),
        )
        self._styles = getSampleStyleSheet()
        self._foot = f"{shown(organization)}  ·  {title}  ·  {made}"
        self._flow: list[Any] = [self._text(organization, "Heading2"), self._text(title, "Title")]

    def summary(self, rows: Iterable[tuple[str, Cell]]) -> None:
        cells = [
            [label, _told(value, money=isinstance(value, Decimal) and not label.startswith(("Taxable", "Without", "Income without")))]
            for label, value in rows
        ]
        half = (len(cells) + 1) // 2
        pairs = [[*left, *right] for left, right in zip(cells[:half], [*cells[half:], ["", ""]], strict=False)]
        table = Table(pairs, colWidths=[58 * mm, 72 * mm, 64 * mm, 62 * mm], hAlign="LEFT")
        table.setStyle(
            TableStyle([*_BASE, ("TEXTCOLOR", (0, 0), (0, -1), _GREY), ("TEXTCOLOR", (2, 0), (2, -1), _GREY), ("ALIGN", (3, 0), (3, -1), "RIGHT")])
        )
        self._flow += [table, Spacer(1, 6 * mm)]

    def table(self, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], empty: str) -> None:
        kept = [(at, column) for at, column in enumerate(columns) if column.title in _SHOWN]
        body = [[_told(row[at], money=column.kind == "money") for at, column in kept] for row in rows]
        self._flow.append(self._text(title, "Heading3"))
        if not body:
            self._flow += [self._text(empty, "Normal"), Spacer(1, 4 * mm)]
            return
        table = LongTable(
            [[column.title for _, column in kept], *body], colWidths=[_SHOWN[column.title] * mm for _, column in kept], repeatRows=1, hAlign="LEFT"
        )
        numbers = [at for at, (_, column) in enumerate(kept) if column.kind in ("money", "quantity")]
        style = [*_BASE, ("BACKGROUND", (0, 0), (-1, 0), _HEAD), ("FONTNAME", (0, 0), (-1, 0), "Helvetica-Bold")]
        style += [("ALIGN", (at, 0), (at, -1), "RIGHT") for at in numbers]
        style += [
            ("TEXTCOLOR", (at, row), (at, row), _LOSS) for at in numbers for row, cells in enumerate(body, start=1) if cells[at].startswith("-")
        ]
        table.setStyle(TableStyle(style))
        self._flow += [table, Spacer(1, 6 * mm)]

    def build(self) -> None:
        self._document.build(self._flow, onFirstPage=self._number, onLaterPages=self._number)

    def _number(self, canvas: Canvas, document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 7)
        canvas.setFillColor(_GREY)
        canvas.drawString(12 * mm, 9 * mm, self._foot)
        canvas.drawRightString(landscape(A4)[0] - 12 * mm, 9 * mm, f"Page {document.page}")
        canvas.restoreState()

    def _text(self, text: str, style: str) -> Paragraph:
        return Paragraph(shown(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"), self._styles[style])


_BASE = [
    ("FONTNAME", (0, 0), (-1, -1), "Helvetica"),
    ("FONTSIZE", (0, 0), (-1, -1), 7.5),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LINEBELOW", (0, 0), (-1, -1), 0.25, _LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
]


def _told(cell: Cell, *, money: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return f"{cell.quantize(_CENTS, ROUND_HALF_EVEN):,}" if money else f"{cell:,f}"
    text = shown(cell)
    return text if len(text) <= _TEXT_MAX else f"{text[:16]}…{text[-12:]}"
