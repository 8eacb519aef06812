"""A statement as a PDF page that can be printed and signed."""

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from crypto_api.kit.pdf_text import shown
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import Row, RowKind

_GREY, _LINE, _LOSS = colors.HexColor("#5B6673"), colors.HexColor("#C3CCD6"), colors.HexColor("#B42318")
_CENTS = Decimal("0.01")
_TEXT = ParagraphStyle("text", fontName="Helvetica", fontSize=9, leading=12)
_BOLD = ParagraphStyle("bold", parent=_TEXT, fontName="Helvetica-Bold")
_MUTED = ParagraphStyle("muted", parent=_TEXT, fontSize=8, leading=11, textColor=_GREY)
_TITLE = ParagraphStyle("title", parent=_BOLD, fontSize=18, leading=23)
_HEAD = ParagraphStyle("head", parent=_BOLD, alignment=TA_RIGHT)


def write_pdf(path: Path, report: FinancialReport, organization: str, title: str, columns: list[str], notes: list[str]) -> None:
    """`notes` stand below the table, the first of them at the foot of every page as well."""
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=title,
        author=shown(organization),
    )
    width = 34 * mm
    names = 170 * mm - width * len(columns)
    head = [Paragraph(f"Amounts in {escape(report.currency)}", _MUTED), *(Paragraph(escape(name), _HEAD) for name in columns)]
    table = LongTable([head, *map(_cells, report.rows)], colWidths=[names, *[width] * len(columns)], repeatRows=1, hAlign="LEFT")
    table.setStyle(TableStyle(_style(report.rows)))
    foot = f"{shown(organization)}  ·  {title}  ·  {notes[0]}" if notes else f"{shown(organization)}  ·  {title}"

    def number(canvas: Canvas, page: Any) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 7)
        canvas.setFillColor(_GREY)
        canvas.drawString(20 * mm, 11 * mm, foot[:150])
        canvas.drawRightString(A4[0] - 20 * mm, 11 * mm, f"Page {page.page}")
        canvas.restoreState()

    flow = [Paragraph(_safe(organization), _TEXT), Paragraph(escape(title), _TITLE), Spacer(1, 6 * mm), table, Spacer(1, 8 * mm)]
    document.build([*flow, *(Paragraph(_safe(note), _MUTED) for note in notes)], onFirstPage=number, onLaterPages=number)


def _cells(row: Row) -> list[Any]:
    name = f"{row.account_code}  {row.name}" if row.account_code is not None else row.name
    indented = ParagraphStyle("row", parent=_BOLD if row.kind in (RowKind.HEADING, RowKind.TOTAL) else _TEXT, leftIndent=4 * mm * row.depth)
    return [Paragraph(_safe(name), indented), *("–" if not amount and row.kind is RowKind.ACCOUNT else _money(amount) for amount in row.amounts)]


def _money(amount: Decimal) -> str:
    rounded = amount.quantize(_CENTS, ROUND_HALF_EVEN)
    return f"{rounded:,}" if rounded else "0.00"


def _style(rows: list[Row]) -> list[tuple[Any, ...]]:
    style: list[tuple[Any, ...]] = [
        ("FONTNAME", (1, 1), (-1, -1), "Helvetica"),
        ("FONTSIZE", (1, 1), (-1, -1), 9),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LINEBELOW", (0, 0), (-1, 0), 0.75, _LINE),
    ]
    for at, row in enumerate(rows, start=1):
        if row.kind is RowKind.TOTAL:
            style += [
                ("LINEABOVE", (1, at), (-1, at), 0.5, _GREY),
                ("FONTNAME", (1, at), (-1, at), "Helvetica-Bold"),
                ("BOTTOMPADDING", (0, at), (-1, at), 7),
            ]
        style += [
            ("TEXTCOLOR", (1 + column, at), (1 + column, at), _LOSS) for column, amount in enumerate(row.amounts) if _money(amount).startswith("-")
        ]
    return style


def _safe(text: str) -> str:
    return escape(shown(text))
