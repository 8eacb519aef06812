"""The furniture of every PDF file: who it is of, what it is, tables with a head on every page, a foot with the number of the page, and notes. What
was added is drawn at once, and a page that is full has left memory: a file may have any number of them."""

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
from reportlab.platypus import CondPageBreak, Flowable, Frame, LongTable, Spacer, TableStyle
from reportlab.platypus.doctemplate import LayoutError

from crypto_api.kit.amounts import percent_of
from crypto_api.kit.pdf_fonts import BOX_NOTE, PLAIN, PLAIN_BOLD, has_boxes, is_plain
from crypto_api.kit.pdf_spool import SpooledCanvas
from crypto_api.kit.pdf_text import draw, paragraph

Millimetres = float
GREY, LINE, SHADE, LOSS = colors.HexColor("#5B6673"), colors.HexColor("#C3CCD6"), colors.HexColor("#EEF2F6"), colors.HexColor("#B42318")
_CENTS = Decimal("0.01")
FRAME_PADDING = 6  # points that reportlab leaves inside its margins: without them tables, words and foot share their edges
_CELL_PADDING = 12  # points, left and right of what a cell holds: reportlab's own
_BELOW_A_HEADING = 28 * mm
_ROWS_AT_ONCE = 200  # a long table is set in stretches: laying one out as a whole would cost the square of its rows

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


def change_words(amount: Decimal, part: Decimal | None) -> tuple[str, str]:
    """How much something changed, in money and as per cent of what was: nothing where nothing changed, `new` where nothing was."""
    if not amount:
        return "–", ""
    return _signed(money(amount)), f"{_signed(f'{percent_of(part, 1):,f}')} %" if part is not None else "new"


def _signed(figure: str) -> str:
    """With its sign, but for a zero."""
    some = figure.strip("-0.,")
    return figure if figure.startswith("-") and some else f"+{figure}" if some else figure.removeprefix("-")


class PdfPages:
    """`about` stands at the foot of every page, between the title and the number."""

    def __init__(self, path: Path, *, title: str, organization: str, about: str = "", wide: bool = False) -> None:
        self._size = landscape(A4) if wide else A4
        self._margin = (12 if wide else 20) * mm
        self._foot = "  ·  ".join(part for part in (organization, title, about) if part)
        self._boxes = has_boxes(organization)
        self._canvas = SpooledCanvas(path, self._size, title=title, author=organization)
        side, foot = self._margin - FRAME_PADDING, (16 if wide else 20) * mm
        self._frame = Frame(side, foot, self._size[0] - 2 * side, self._size[1] - foot - (14 if wide else 18) * mm, *[FRAME_PADDING] * 4)
        self.page = 1
        self.add(self.words(organization), self.words(title, "title"), Spacer(1, 5 * mm))

    @property
    def width_mm(self) -> Millimetres:
        """Between the margins."""
        return float((self._size[0] - 2 * self._margin) / mm)

    def words(self, text: str, style: str = "text", *, indent: Millimetres = 0) -> Flowable:
        """`indent` in millimetres."""
        self._boxes = self._boxes or has_boxes(text)
        shape = STYLES[style]
        if indent:
            shape = ParagraphStyle(f"{style} {indent}", parent=shape, leftIndent=indent * mm)
        return paragraph(text, shape, bold=style in _IN_BOLD)

    def cell(self, text: str, width_mm: Millimetres, *, number: bool = False, style: str = "small") -> Any:
        """In a table of small print: a paragraph only where it needs other fonts, or more than one line of its column."""
        shape = STYLES[style]
        if is_plain(text) and stringWidth(text, shape.fontName, shape.fontSize) <= width_mm * mm - _CELL_PADDING:
            return text
        return self.words(text, f"{style} numbers" if number else style)

    def heading(self, text: str) -> None:
        """Never the last line of a page: what it is about begins on the same one."""
        self.add(CondPageBreak(_BELOW_A_HEADING), self.words(text, "heading"))

    def add(self, *parts: Flowable) -> None:
        """Draws them below what is there, on as many pages as they take."""
        for part in parts:
            self._place(part)

    def _place(self, part: Flowable) -> None:
        if isinstance(part, CondPageBreak):
            if self._frame._y - self._frame._y1p < part.height:
                self._turn()
            return
        while not self._frame.add(part, self._canvas, trySplit=1):
            fits = self._frame.split(part, self._canvas)
            if len(fits) > 1:
                self._frame.add(fits[0], self._canvas)
                part = fits[1]
            elif self._frame._atTop:
                raise LayoutError(f"{part.identity(40)} is higher than a page")
            self._turn()

    def _turn(self) -> None:
        """To the next page."""
        self._number()
        self._canvas.showPage()
        self._frame._reset()
        self.page += 1

    def space(self, height_mm: Millimetres) -> None:
        self.add(Spacer(1, height_mm * mm))

    def table(self, head: Sequence[Any], rows: Sequence[Sequence[Any]], widths_mm: Sequence[Millimetres], styles: Iterable[tuple[Any, ...]]) -> None:
        """The head stands on every page. `styles` are commands of reportlab; where they name rows, the head is row 0."""
        common, by_row = list[tuple[Any, ...]](), dict[int, list[tuple[Any, ...]]]()
        for command in styles:
            (_, first), (_, last) = command[1:3]
            if first == last and first > 0:
                by_row.setdefault(first, []).append(command)
            else:
                common.append(command)
        table = PdfTable(self, head, widths_mm, common)
        for number, row in enumerate(rows, start=1):
            table.add(row, by_row.get(number, ()))
        table.end()

    def close(self, notes: Iterable[str] = ()) -> None:
        """Whole from here on."""
        said = [*notes, *([BOX_NOTE] if self._boxes else [])]
        if said:
            self.add(Spacer(1, 6 * mm), *(self.words(note, "muted") for note in said))
        self._number()
        self._canvas.showPage()
        self._canvas.end()

    def _number(self) -> None:
        canvas = self._canvas
        canvas.saveState()
        canvas.setFillColor(GREY)
        draw(canvas, self._margin, 10 * mm, self._foot, 7, self._size[0] - 2 * self._margin - 18 * mm)
        canvas.setFont(PLAIN, 7)
        canvas.drawRightString(self._size[0] - self._margin, 10 * mm, f"Page {self.page}")
        canvas.restoreState()


class PdfTable:
    """A table of any length, drawn page by page as its rows come: in memory are the rows of a few pages."""

    def __init__(self, pages: PdfPages, head: Sequence[Any], widths_mm: Sequence[Millimetres], styles: Sequence[tuple[Any, ...]]) -> None:
        self._pages, self._head, self._styles = pages, list(head), list(styles)
        self._widths = [width * mm for width in widths_mm]
        self._rows: list[tuple[Sequence[Any], Sequence[tuple[Any, ...]]]] = []

    def add(self, row: Sequence[Any], styles: Sequence[tuple[Any, ...]] = ()) -> None:
        """`styles` are of this row alone: their numbers of rows do not count."""
        self._rows.append((row, styles))
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._draw()

    def end(self) -> None:
        """Draws what is left; without any row the head alone."""
        self._pages.add(self._laid_out())
        self._rows = []

    def _draw(self) -> None:
        """Full pages. What does not fill one waits for the rows behind it, so that no head stands in the midst of a page."""
        pages, table, drawn = self._pages, self._laid_out(), 0
        while len(fits := pages._frame.split(table, pages._canvas)) != 1:
            if fits:
                pages._frame.add(fits[0], pages._canvas)
                drawn, table = drawn + fits[0]._nrows - 1, fits[1]
            elif pages._frame._atTop:
                raise LayoutError("a row is higher than a page")
            pages._turn()
        self._rows = self._rows[drawn:]

    def _laid_out(self) -> LongTable:
        table = LongTable([self._head, *(list(row) for row, _ in self._rows)], colWidths=self._widths, repeatRows=1, hAlign="LEFT")
        styles = [
            (name, (left, number), (right, number), *values)
            for number, (_, commands) in enumerate(self._rows, start=1)
            for name, (left, _), (right, _), *values in commands
        ]
        table.setStyle(TableStyle([*self._styles, *styles]))
        return table
