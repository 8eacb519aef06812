"""A statement as a PDF page that can be printed and signed."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from crypto_api.kit.amounts import plain, to_functional
from crypto_api.kit.pdf_pages import GREY, LINE, LOSS, PdfPages, change_words, money, sentence
from crypto_api.statements.changes import change_between, change_names, pairs_of
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import MEASURES, Measure, Row, RowKind

_COLUMN_MM, _CHANGE_MM, _PERCENT_MM = 34, 28, 18
_MANY, _MANY_MM = 4, 28  # columns beyond which the page lies on its side, and a change has its percent below it


def write_pdf(path: Path, report: FinancialReport, organization: str, title: str, columns: list[str], notes: list[str]) -> None:
    """`notes` stand below the table, the first of them at the foot of every page as well."""
    pages = PdfPages(path, title=title, organization=organization, about=notes[0] if notes else "", wide=len(columns) > _MANY)
    measures = [column.measure for column in report.columns]
    days = f", {report.columns[0].first} to {report.columns[0].last}" if report.detail is not None else ""
    pairs, many = pairs_of(report.columns), len(columns) > _MANY
    changes = [word for name in change_names(report.columns) for word in ([name] if many else [name, "%"])]
    heads = [_head(name, measure) for name, measure in zip(columns, measures, strict=True)] + changes
    head = [pages.words(f"Amounts in {report.currency}{days}", "muted"), *(pages.words(name, "head") for name in heads)]
    rows = [[*_cells(pages, row, measures), *_changes(row, pairs, below=many)] for row in report.rows]
    figures = [_MANY_MM] * len(heads) if many else [_COLUMN_MM] * len(columns) + [_CHANGE_MM, _PERCENT_MM] * len(pairs)
    pages.table(head, rows, [pages.width_mm - sum(figures), *figures], _style(report.rows))
    pages.close([*map(sentence, notes[:1]), *notes[1:]])


def _head(name: str, measure: Measure | None) -> str:
    """What a column counts has a line, a span of days two: a day each."""
    if measure is not None:
        name = name.replace(f"{MEASURES[measure]} ", f"{MEASURES[measure]}\n", 1)
    return name.replace(" – ", " –\n").replace(" ", "\N{NO-BREAK SPACE}")


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


def _changes(row: Row, pairs: Sequence[tuple[int, int]], *, below: bool) -> Iterator[str]:
    """As the page shows them: nothing where nothing changed, no per cent of nothing. `below`: both in one cell."""
    for pair in pairs:
        change = change_between(row, *pair)
        amount, part = change_words(change.amount, change.part) if change is not None else ("", "")
        yield from (["\n".join(filter(None, (amount, part)))] if below else [amount, part])


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
