"""The furniture of every PDF file: who it is of, what it is, tables with a head on every page, a foot with the number of the page, and notes."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from crypto_api.kit.pdf_fonts import BOX_NOTE, PLAIN, PLAIN_BOLD, draw, has_boxes, is_plain, markup

Millimetres = float
GREY, LINE, SHADE, LOSS = colors.HexColor("#5B6673"), colors.HexColor("#C3CCD6"), colors.HexColor("#EEF2F6"), colors.HexColor("#B42318")
_CENTS = Decimal("0.01")
FRAME_PADDING = 6  # points that reportlab leaves inside its margins: without them tables, words and foot share their edges
_CELL_PADDING = 12  # points, left and right of what a cell holds: reportlab's own
_BELOW_A_HEADING = 28 * mm
_ROWS_OF_A_TABLE = 400  # a long table is set in stretches: laying one out as a whole would cost the square of its rows

_TEXT = ParagraphStyle("text", fontName=PLAIN, fontSize=9, leading=12, splitLongWords=1)
_BOLD = ParagraphStyle("bold", parent=_TEXT, fontName=PLAIN_BOLD)
STYLES = {
    "text": _TEXT,
    "bold": _BOLD,
    "muted": ParagraphStyle("muted", parent=_TEXT, fontSize=8, leading=11, textColor=GREY),
    "title": ParagraphStyle("title", parent=_BOLD, fontSize=18, leading=23),
    "heading": ParagraphStyle("heading", parent=_BOLD, fontSize=11, leading=15, spaceBefore=6, spaceAfter=3),
    "head": ParagraphStyle("head", parent=_BOLD, alignment=TA_RIGHT),
    "row": ParagraphStyle("row", parent=_TEXT, fontSize=8, leading=9.6),
    "row numbers": ParagraphStyle("row numbers", parent=_TEXT, fontSize=8, leading=9.6, alignment=TA_RIGHT),
    "small": ParagraphStyle("small", parent=_TEXT, fontSize=7.5, leading=9.5),
    "small numbers": ParagraphStyle("small numbers", parent=_TEXT, fontSize=7.5, leading=9.5, alignment=TA_RIGHT),
}
_IN_BOLD = frozenset({"bold", "title", "heading", "head"})


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def money(amount: Decimal) -> str:
    """To the cent, half-even; never a zero with a sign."""
    rounded = amount.quantize(_CENTS, ROUND_HALF_EVEN)
    return f"{rounded:,}" if rounded else "0.00"


class PdfPages:
    """`about` stands at the foot of every page, between the title and the number."""

    def __init__(self, path: Path, *, title: str, organization: str, about: str = "", wide: bool = False) -> None:
        self._size = landscape(A4) if wide else A4
        self._margin = (12 if wide else 20) * mm
        self._foot = "  ·  ".join(part for part in (organization, title, about) if part)
        self._boxes = has_boxes(organization)
        self._document = SimpleDocTemplate(
            str(path),
            pagesize=self._size,
            leftMargin=self._margin - FRAME_PADDING,
            rightMargin=self._margin - FRAME_PADDING,
            topMargin=(14 if wide else 18) * mm,
            bottomMargin=(16 if wide else 20) * mm,
            title=title,
            author=organization,
        )
        self._flow: list[Any] = [self.words(organization), self.words(title, "title"), Spacer(1, 5 * mm)]

    @property
    def width_mm(self) -> Millimetres:
        """Between the margins."""
        return float((self._size[0] - 2 * self._margin) / mm)

    def words(self, text: str, style: str = "text", *, indent: Millimetres = 0) -> Paragraph:
        """`indent` in millimetres."""
        self._boxes = self._boxes or has_boxes(text)
        shape = STYLES[style]
        if indent:
            shape = ParagraphStyle(f"{style} {indent}", parent=shape, leftIndent=indent * mm)
        return Paragraph(markup(text, bold=style in _IN_BOLD), shape)

    def cell(self, text: str, width_mm: Millimetres, *, number: bool = False) -> Any:
        """In a table of small print: a paragraph only where it needs other fonts, or more than one line of its column."""
        small = STYLES["small"]
        if is_plain(text) and stringWidth(text, small.fontName, small.fontSize) <= width_mm * mm - _CELL_PADDING:
            return text
        return self.words(text, "small numbers" if number else "small")

    def heading(self, text: str) -> None:
        """Never the last line of a page: what it is about begins on the same one."""
        self._flow += [CondPageBreak(_BELOW_A_HEADING), self.words(text, "heading")]

    def add(self, *parts: Any) -> None:
        self._flow += parts

    def space(self, height_mm: Millimetres) -> None:
        self._flow.append(Spacer(1, height_mm * mm))

    def table(self, head: Sequence[Any], rows: Sequence[Sequence[Any]], widths_mm: Sequence[Millimetres], styles: Iterable[tuple[Any, ...]]) -> None:
        """The head stands on every page. `styles` are commands of reportlab; where they name rows, the head is row 0."""
        commands = list(styles)
        if len(rows) <= _ROWS_OF_A_TABLE:
            self._put(head, rows, widths_mm, commands)
            return
        of_rows = [command for command in commands if command[1][1] == command[2][1] and command[1][1] > 0]
        common = [command for command in commands if command not in of_rows]
        by_start: dict[int, list[tuple[Any, ...]]] = {}
        for name, (left, row), (right, _), *values in of_rows:
            start = (row - 1) // _ROWS_OF_A_TABLE * _ROWS_OF_A_TABLE
            by_start.setdefault(start, []).append((name, (left, row - start), (right, row - start), *values))
        for start in range(0, len(rows), _ROWS_OF_A_TABLE):
            self._put(head, rows[start : start + _ROWS_OF_A_TABLE], widths_mm, [*common, *by_start.get(start, [])])

    def _put(self, head: Sequence[Any], rows: Sequence[Sequence[Any]], widths_mm: Sequence[Millimetres], styles: list[tuple[Any, ...]]) -> None:
        table = LongTable([list(head), *map(list, rows)], colWidths=[width * mm for width in widths_mm], repeatRows=1, hAlign="LEFT")
        table.setStyle(TableStyle(styles))
        self._flow.append(table)

    def close(self, notes: Iterable[str] = ()) -> None:
        """Writes the file."""
        said = [*notes, *([BOX_NOTE] if self._boxes else [])]
        if said:
            self._flow += [Spacer(1, 6 * mm), *(self.words(note, "muted") for note in said)]
        self._document.build(self._flow, onFirstPage=self._number, onLaterPages=self._number)

    def _number(self, canvas: Canvas, document: Any) -> None:
        canvas.saveState()
        canvas.setFillColor(GREY)
        draw(canvas, self._margin, 10 * mm, self._foot, 7, self._size[0] - 2 * self._margin - 18 * mm)
        canvas.setFont(PLAIN, 7)
        canvas.drawRightString(self._size[0] - self._margin, 10 * mm, f"Page {document.page}")
        canvas.restoreState()
