"""Words on a page of a PDF, in whatever script they are written: by reportlab where one letter follows the other, else shaped and in the order in
which its readers read (UAX 9)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph

from crypto_api.kit import bidi, pdf_fonts
from crypto_api.kit.pdf_fonts import faces_of, markup, needs_shaping
from crypto_api.kit.pdf_shaping import Cluster, Em, Face, Points, draw_glyphs

_ELLIPSIS = "…"


def paragraph(text: str, style: ParagraphStyle, *, bold: bool = False) -> Flowable:
    """As many lines as it takes; `\\n` begins a new one. Nothing in it is read as a tag. `bold` as the font of the style is."""
    if needs_shaping(text):
        return ShapedParagraph(text, style, bold=bold)
    return Paragraph("<br/>".join(markup(line, bold=bold) for line in text.split("\n")), style)


def draw(canvas: Canvas, x: Points, y: Points, text: str, size: Points, width_max: Points) -> None:
    """One line, cut with an ellipsis where it would be wider than `width_max` points."""
    if not needs_shaping(text):
        pdf_fonts.draw(canvas, x, y, text, size, width_max)
        return
    words = _Words.of(text, bold=False)
    if words.width(0, len(text)) * size > width_max:
        end = len(text)
        while end and words.width(0, end) * size > width_max - size:
            end -= 1
        words = _Words.of(text[:end].rstrip() + _ELLIPSIS, bold=False)
    words.draw(canvas, x, y, size, 0, len(words.text))


class _Item(NamedTuple):
    """Letters of one font and one direction."""

    start: int
    end: int
    face: Face
    level: bidi.Level


@dataclass(frozen=True)
class _Words:
    """A paragraph that was looked at: the font and the level of each of its characters."""

    text: str
    faces: Sequence[Face]
    levels: Sequence[bidi.Level]
    base: bidi.Level

    @classmethod
    def of(cls, text: str, *, bold: bool) -> "_Words":
        shown, faces = faces_of(text, bold=bold)
        return cls(shown, faces, bidi.levels(shown), bidi.base_level(shown))

    def items(self, start: int, end: int) -> list[_Item]:
        """Of one line, from left to right."""
        levels = bidi.of_line(self.text[start:end], self.levels[start:end], self.base)
        found, at = list[_Item](), start
        for (face, level), group in groupby(zip(self.faces[start:end], levels, strict=True)):
            length = len(list(group))
            found.append(_Item(at, at + length, face, level))
            at += length
        return [found[place] for place in bidi.visual_order([item.level for item in found])]

    def width(self, start: int, end: int) -> Em:
        return sum(item.face.width(self.text[item.start : item.end], to_the_left=item.level % 2 == 1) for item in self.items(start, end))

    def draw(self, canvas: Canvas, x: Points, y: Points, size: Points, start: int, end: int) -> None:
        for item in self.items(start, end):
            x = draw_glyphs(canvas, x, y, size, item.face, self._shaped(item))

    def lines(self, width: Em) -> Iterator[tuple[int, int]]:
        """Where each begins and ends, none wider than `width` ems: between words, and within one that is wider than a line."""
        start, end = 0, 0
        for first, last in self._words():
            if end > start and self.width(start, last) > width:
                yield start, end
                start = first
            while self.width(start, last) > width and (cut := self._cut(start, last, width)) < last:
                yield start, cut
                start = cut
            end = last
        yield start, end

    def _words(self) -> Iterator[tuple[int, int]]:
        at = 0
        for word in self.text.split(" "):
            if word:
                yield at, at + len(word)
            at += len(word) + 1

    def _cut(self, start: int, end: int, width: Em) -> int:
        """How far a word fits on a line; one group of letters stands there, however wide it is."""
        steps = sorted((item.start + cluster.at, cluster.advance) for item in self.items(start, end) for cluster in self._shaped(item))
        taken, cuts = 0.0, list[int]()
        for at, advance in steps:
            cuts += [at] if at > start else []
            taken += advance
            if taken > width and cuts:
                break
        else:
            return end
        while len(cuts) > 1 and self.width(start, cuts[-1]) > width:  # the letter before a cut may be wider there than within the word
            cuts.pop()
        return cuts[-1]

    def _shaped(self, item: _Item) -> list[Cluster]:
        return item.face.shape(self.text[item.start : item.end], to_the_left=item.level % 2 == 1)


_Line = tuple[_Words, int, int]


class ShapedParagraph(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A line begins where its style says. A text of several lines that is read from right to left begins at the right edge."""

    canv: Any

    def __init__(self, text: str, style: ParagraphStyle, *, bold: bool, lines: Sequence[_Line] | None = None) -> None:
        super().__init__()
        self.style, self._bold, self._lines = style, bold, lines
        self._parts = [_Words.of(" ".join(part.split()), bold=bold) for part in text.split("\n")] if lines is None else []

    def wrap(self, width: Points, height: Points) -> tuple[Points, Points]:
        self.width = width
        room = (width - self.style.leftIndent - self.style.rightIndent) / self.style.fontSize
        if self._parts:
            self._lines = [(words, start, end) for words in self._parts for start, end in words.lines(room)]
        self.height = len(self._lines or ()) * self.style.leading
        return self.width, self.height

    def split(self, width: Points, height: Points) -> list[Flowable]:
        self.wrap(width, height)
        lines, fits = self._lines or (), int(height // self.style.leading)
        if fits <= 0 or fits >= len(lines):
            return [self] if fits else []
        return [ShapedParagraph("", self.style, bold=self._bold, lines=part) for part in (lines[:fits], lines[fits:])]

    def getSpaceBefore(self) -> Points:  # noqa: N802 - reportlab's name
        return float(self.style.spaceBefore)

    def getSpaceAfter(self) -> Points:  # noqa: N802 - reportlab's name
        return float(self.style.spaceAfter)

    def minWidth(self) -> Points:  # noqa: N802 - reportlab's name
        return float(self.style.leftIndent + self.style.rightIndent + self.style.fontSize)

    def draw(self) -> None:
        style, lines = self.style, self._lines or ()
        self.canv.saveState()
        self.canv.setFillColor(style.textColor)
        for number, (words, start, end) in enumerate(lines, start=1):
            left = self._left(words, words.width(start, end) * style.fontSize, len(lines))
            words.draw(self.canv, left, self.height - (number - 1) * style.leading - style.fontSize, style.fontSize, start, end)
        self.canv.restoreState()

    def _left(self, words: _Words, taken: Points, lines: int) -> Points:
        alignment = self.style.alignment
        if alignment == TA_LEFT and words.base and lines > 1:
            alignment = TA_RIGHT
        room = self.width - self.style.leftIndent - self.style.rightIndent - taken
        return float(self.style.leftIndent + {TA_RIGHT: room, TA_CENTER: room / 2}.get(alignment, 0.0))
