"""Fonts of PDF files, and which of them shows what.

Text that every reader's own fonts can show (Windows-1252) stays in Helvetica, which no file needs to carry. Anything else is set in Fira Sans (Latin
with all its marks, Greek, Cyrillic), with WenQuanYi Micro Hei for Chinese, Japanese and Korean; what is used of them is put into the file. Further
scripts whose letters stand one behind the other (Armenian, Georgian, Ethiopic, Cherokee, Tifinagh, Canadian syllabics) are shown where the machine
has Noto Sans for them, as Debian's `fonts-noto-core` brings it. Scripts that are written from right to left or whose letters join (Arabic, Hebrew,
Thai, those of India) would stand there wrongly without shaping: each of their characters is a box, as is any that no font has, and the file says so.

Licences, as the fonts themselves state them: Fira Sans and Noto Sans, SIL Open Font License 1.1; WenQuanYi Micro Hei, Apache License 2.0. Each lets a
document carry it.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from reportlab.pdfbase.pdfmetrics import getFont, registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

Points = float  # of a page: 1/72 inch
PLAIN, PLAIN_BOLD, WIDE, WIDE_BOLD, HAN = "Helvetica", "Helvetica-Bold", "Coffer-Fira", "Coffer-Fira-Bold", "Coffer-Han"
BOX = "\u25a1"
BOX_NOTE = f"{BOX} stands for a character that the fonts of this file cannot show. The workbook and the CSV file have it."
_FIRA, _HAN = "fontpkg_fira_sans", "paperang_p2_fonts_cjk"
FOLDERS = ("/usr/share/fonts/truetype/noto", "/usr/share/fonts/noto", "/usr/local/share/fonts/noto")
"""Where distributions put Noto Sans."""
_FURTHER = ("Armenian", "Georgian", "Ethiopic", "Cherokee", "Tifinagh", "CanadianAboriginal")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UPSIDE = frozenset({"R", "AL", "AN"})  # written from right to left (UAX 9)


@cache
def _register() -> None:
    faces = files(_FIRA) / "files"
    registerFont(TTFont(WIDE, str(faces / "FiraSans-Regular.ttf")))
    registerFont(TTFont(WIDE_BOLD, str(faces / "FiraSans-Bold.ttf")))
    registerFont(TTFont(HAN, str(files(_HAN) / "fonts" / "wqy-microhei.ttc"), subfontIndex=0))


@cache
def _further() -> tuple[tuple[str, Mapping[int, int]], ...]:
    """(font, its glyphs by character) of each further script that this machine has one for."""
    found = []
    for script in _FURTHER:
        paths = (Path(folder) / f"NotoSans{script}-Regular.ttf" for folder in FOLDERS)
        if (path := next((path for path in paths if path.is_file()), None)) is not None:
            registerFont(TTFont(f"Coffer-{script}", str(path)))
            found.append((f"Coffer-{script}", getFont(f"Coffer-{script}").face.charToGlyph))
    return tuple(found)


def embedded() -> tuple[str, str]:
    """The regular and the bold font that are put into the file, for files that hold all their fonts."""
    _register()
    return WIDE, WIDE_BOLD


def is_plain(text: str) -> bool:
    """Whether every reader's own fonts show it."""
    return (text.isascii() and text.isprintable()) or _in_windows_1252(text)


def _in_windows_1252(text: str) -> bool:
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return not any(unicodedata.category(letter) in _HIDDEN for letter in text)


def has_boxes(text: str) -> bool:
    """Whether a character of it cannot be shown."""
    return not is_plain(text) and any(shown == BOX and letter != BOX for letter, (shown, _) in zip(text, _letters(text, bold=False), strict=True))


def markup(text: str, *, bold: bool = False) -> str:
    """As a paragraph takes it: nothing in it is read as a tag."""
    if is_plain(text):
        return escape(text)
    return "".join(f'<font name="{font}">{escape(run)}</font>' for run, font in _runs(text, bold=bold))


def draw(canvas: Canvas, x: Points, y: Points, text: str, size: Points, width_max: Points) -> None:
    """One line, cut with an ellipsis where it would be wider than `width_max` points."""
    runs = [(text, PLAIN)] if is_plain(text) else list(_runs(text, bold=False))
    end = x + width_max
    for run, font in runs:
        fits = run
        while fits and x + stringWidth(fits, font, size) > end:
            fits = fits[:-1]
        canvas.setFont(font, size)
        canvas.drawString(x, y, fits if fits == run else fits[:-1] + ("…" if font != HAN else ""))
        x += stringWidth(fits, font, size)
        if fits != run:
            return


def _runs(text: str, *, bold: bool) -> Iterator[tuple[str, str]]:
    for font, letters in groupby(_letters(text, bold=bold), key=lambda pair: pair[1]):
        yield "".join(letter for letter, _ in letters), font


def _letters(text: str, *, bold: bool) -> list[tuple[str, str]]:
    """Each with the font that has it; a box in place of one that none has."""
    _register()
    wide, han = getFont(WIDE).face.charToGlyph, getFont(HAN).face.charToGlyph
    found: list[tuple[str, str]] = []
    for letter in text:
        hidden = unicodedata.category(letter) in _HIDDEN or unicodedata.bidirectional(letter) in _UPSIDE
        if not hidden and ord(letter) in wide:
            found.append((letter, WIDE_BOLD if bold else WIDE))
        elif not hidden and ord(letter) in han and not unicodedata.category(letter).startswith("M"):
            found.append((letter, HAN))
        else:
            further = None if hidden else next((font for font, glyphs in _further() if ord(letter) in glyphs), None)
            found.append((letter, further) if further is not None else (BOX, HAN))
    return found
