"""A statement as a PDF page that can be printed and signed."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from crypto_api.kit.amounts import plain, to_functional
from crypto_api.kit.pdf_pages import GREY, LINE, LOSS, PdfPages, money, sentence
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import Measure, Row, RowKind

_COLUMN_MM = 34


def write_pdf(path: Path, report: FinancialReport, organization: str, title: str, columns: list[str], notes: list[str]) -> None:
    """`notes` stand below the table, the first of them at the foot of every page as well."""
    pages = PdfPages(path, title=title, organization=organization, about=notes[0] if notes else "", wide=len(columns) > 4)
    measures = [column.measure for column in report.columns]
    days = f", {report.columns[0].first} to {report.columns[0].last}" if report.detail is not None else ""
    head = [pages.words(f"Amounts in {report.currency}{days}", "muted"), *(pages.words(_unbroken(name), "head") for name in columns)]
    widths = [pages.width_mm - _COLUMN_MM * len(columns), *[_COLUMN_MM] * len(columns)]
    pages.table(head, [_cells(pages, row, measures) for row in report.rows], widths, _style(report.rows))
    pages.close([*map(sentence, notes[:1]), *notes[1:]])


def _unbroken(days: str) -> str:
    """A span of days takes two lines of its column, a day each."""
    return " ".join(day.replace(" ", "\N{NO-BREAK SPACE}") for day in days.replace(" – ", "\N{NO-BREAK SPACE}–\n").split("\n"))


def _cells(pages: PdfPages, row: Row, measures: Sequence[Measure | None]) -> list[Any]:
    name = f"{row.account_code}  {row.name}" if row.account_code and row.asset is None else row.name
    words = pages.words(name, "bold" if row.kind in (RowKind.HEADING, RowKind.TOTAL) else "text", indent=4 * row.depth)
    return [words, *(_figure(row, amount, measure) for amount, measure in zip(row.amounts, measures, strict=False))]


def _figure(row: Row, amount: Decimal | None, measure: Measure | None) -> str:
    if amount is None:
        return "no price" if row.kind is RowKind.TOTAL and measure is Measure.FAIR_VALUE else ""
    if not amount and row.kind is RowKind.ACCOUNT:
        return "–"
    return _quantity(amount) if measure is Measure.QUANTITY else money(amount)


def _quantity(amount: Decimal) -> str:
    """To eight decimals, without zeros at their end; workbook and CSV have all of them."""
    return f"{plain(to_functional(amount)):,f}"


def _style(rows: list[Row]) -> list[tuple[Any, ...]]:
    style: list[tuple[Any, ...]] = [
        ("FONTNAME", (1, 1), (-1, -1), "Helvetica"),
        ("FONTSIZE", (1, 1), (-1, -1), 9),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LINEBELOW", (0, 0), (-1, 0), 0.75, LINE),
    ]
    for at, row in enumerate(rows, start=1):
        if row.kind is RowKind.TOTAL:
            style += [
                ("LINEABOVE", (1, at), (-1, at), 0.5, GREY),
                ("FONTNAME", (1, at), (-1, at), "Helvetica-Bold"),
                ("BOTTOMPADDING", (0, at), (-1, at), 7),
            ]
        losses = [column for column, amount in enumerate(row.amounts) if amount is not None and amount < 0]
        style += [("TEXTCOLOR", (1 + column, at), (1 + column, at), LOSS) for column in losses]
    return style
