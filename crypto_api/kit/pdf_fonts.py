"""Fonts of PDF files, and which of them shows what.

Text that every reader's own fonts can show (Windows-1252) stays in Helvetica, which no file needs to carry. Anything else is set in Fira Sans (Latin
with all its marks, Greek, Cyrillic), with WenQuanYi Micro Hei for Chinese, Japanese and Korean; what is used of them is put into the file. Arabic,
Hebrew, Devanagari and Thai are shaped (`pdf_shaping`), in Noto Sans and Heebo. Further scripts are shown where the machine has Noto Sans for them, as
Debian's `fonts-noto-core` brings it: Armenian, Georgian, Ethiopic and others whose letters stand one behind the other, and, shaped, the other
scripts of India and South-East Asia. A character that no font has is a box, as is any that cannot be seen, and the file says so.

Licences, as the fonts themselves state them: Fira Sans, Heebo and Noto Sans, SIL Open Font License 1.1; WenQuanYi Micro Hei, Apache License 2.0. Each
lets a document carry it.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, wraps
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from xml.sax.saxutils import escape

from reportlab.pdfbase.pdfmetrics import getFont, registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from crypto_api.kit.pdf_shaping import BOLD_WEIGHT, Face, Points, Source, opened

PLAIN, PLAIN_BOLD, WIDE, WIDE_BOLD, HAN = "Helvetica", "Helvetica-Bold", "Coffer-Fira", "Coffer-Fira-Bold", "Coffer-Han"
BOX = "\u25a1"
BOX_NOTE = f"{BOX} stands for a character that the fonts of this file cannot show. The workbook and the CSV file have it."
_FIRA, _HAN = "fontpkg_fira_sans", "paperang_p2_fonts_cjk"
FOLDERS = ("/usr/share/fonts/truetype/noto", "/usr/share/fonts/noto", "/usr/local/share/fonts/noto")
"""Where distributions put Noto Sans."""
_FURTHER = ("Armenian", "Georgian", "Ethiopic", "Cherokee", "Tifinagh", "CanadianAboriginal")
_SHAPED = {
    "Arabic": ("fontpkg_noto_sans_arabic", "NotoSansArabic[wdth,wght].ttf"),
    "Hebrew": ("fontpkg_heebo", "Heebo[wght].ttf"),
    "Devanagari": ("fontpkg_noto_sans_devanagari", "NotoSansDevanagari[wdth,wght].ttf"),
    "Thai": ("fontpkg_noto_sans_thai", "NotoSansThai[wdth,wght].ttf"),
}
_SHAPED_FURTHER = (
    *("Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Lao", "Khmer", "Myanmar"),
    *("Tibetan", "Syriac", "Thaana"),
)
_SHAPED_FROM = "\u0590"  # nothing before it is written in a script that is shaped
_JOINERS = "\u200c\u200d"  # between letters that are shaped they say whether these join: to be seen by what they do
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UPSIDE = frozenset({"R", "AL", "AN"})  # written from right to left (UAX 9)

Made = TypeVar("Made")


class _Font(TTFont):  # type: ignore[misc]  # reportlab has no types
    """Files are written in several threads at once, and all share a font. While a face is cut to what a file uses of it, reportlab keeps in the face
    where it is in it: two at once would give one another's letters to their files, or fail."""

    _cut = Lock()

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - reportlab's name
        with self._cut:
            super().addObjects(doc)


def _once(make: Callable[[], Made]) -> Callable[[], Made]:
    """`cache` would let two threads make it, and a font that is registered anew in the midst of a file has forgotten what the file uses of it. Nobody
    who asks afterwards waits, not even while a font is cut: the loop asks as well."""
    kept, making = cache(make), Lock()

    @wraps(make)
    def made() -> Made:
        with making:
            return kept()

    return made


@_once
def _register() -> None:
    faces = files(_FIRA) / "files"
    registerFont(_Font(WIDE, str(faces / "FiraSans-Regular.ttf")))
    registerFont(_Font(WIDE_BOLD, str(faces / "FiraSans-Bold.ttf")))
    registerFont(_Font(HAN, str(files(_HAN) / "fonts" / "wqy-microhei.ttc"), subfontIndex=0))


@_once
def _further() -> tuple[tuple[str, Mapping[int, int]], ...]:
    """(font, its glyphs by character) of each further script that this machine has one for."""
    found = []
    for script in _FURTHER:
        if (path := _of_the_machine(f"NotoSans{script}-Regular.ttf")) is not None:
            registerFont(_Font(f"Coffer-{script}", str(path)))
            found.append((f"Coffer-{script}", getFont(f"Coffer-{script}").face.charToGlyph))
    return tuple(found)


@cache
def _shaped() -> Mapping[str, tuple[Source, Source]]:
    """By its name, the regular and the bold font of each script that has to be shaped."""
    found = {}
    for script, (package, name) in _SHAPED.items():
        path = Path(str(files(package) / "files" / name))
        found[script] = (Source(f"Coffer-{script}", path), Source(f"Coffer-{script}-Bold", path, weight=BOLD_WEIGHT))
    for script in _SHAPED_FURTHER:
        regular, bold = (_of_the_machine(f"NotoSans{script}-{weight}.ttf") for weight in ("Regular", "Bold"))
        if regular is not None:
            found[script] = (Source(f"Coffer-{script}", regular), Source(f"Coffer-{script}-Bold", bold or regular))
    return found


def _of_the_machine(name: str) -> Path | None:
    return next((path for folder in FOLDERS if (path := Path(folder) / name).is_file()), None)


@cache
def _plain_source(font: str) -> Source:
    """Of a font whose letters need no shaping, for lines in which others do."""
    if font == HAN:
        return Source(HAN, Path(str(files(_HAN) / "fonts" / "wqy-microhei.ttc")))
    if font in (WIDE, WIDE_BOLD):
        return Source(font, Path(str(files(_FIRA) / "files" / f"FiraSans-{'Bold' if font == WIDE_BOLD else 'Regular'}.ttf")))
    path = _of_the_machine(f"NotoSans{font.removeprefix('Coffer-')}-Regular.ttf")
    assert path is not None, f"{font} was found before"
    return Source(font, path)


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


def needs_shaping(text: str) -> bool:
    """Whether a character of it is of a script whose letters join, stack or change places."""
    return not is_plain(text) and max(text) >= _SHAPED_FROM and any(font in _shaped() for _, font in _letters(text, bold=False))


def faces_of(text: str, *, bold: bool) -> tuple[str, Sequence[Face]]:
    """The text, with a box for each character that no font has, and the font of each, for one that needs shaping."""
    letters = _letters(text, bold=bold)
    return "".join(letter for letter, _ in letters), [_face(font, bold) for _, font in letters]


def _face(font: str, bold: bool) -> Face:
    return opened(_shaped()[font][bold] if font in _shaped() else _plain_source(font))


def has_boxes(text: str) -> bool:
    """Whether a character of it cannot be shown."""
    return not is_plain(text) and any(shown == BOX and letter != BOX for letter, (shown, _) in zip(text, _letters(text, bold=False), strict=True))


def markup(text: str, *, bold: bool = False) -> str:
    """As a paragraph takes what needs no shaping: nothing in it is read as a tag."""
    if is_plain(text):
        return escape(text)
    return "".join(f'<font name="{font}">{escape(run)}</font>' for run, font in _runs(text, bold=bold))


def draw(canvas: Canvas, x: Points, y: Points, text: str, size: Points, width_max: Points) -> None:
    """One line that needs no shaping, cut with an ellipsis where it would be wider than `width_max` points."""
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
    """Each with the font that has it; a box in place of one that none has. A script that is shaped is its own font here."""
    _register()
    wide, han = getFont(WIDE).face.charToGlyph, getFont(HAN).face.charToGlyph
    found: list[tuple[str, str]] = []
    for at, letter in enumerate(text):
        kind = unicodedata.category(letter)
        before = found[-1][1] if found else ""
        if letter in _JOINERS and before in _shaped() and _script_of(text[at + 1 : at + 2]) is not None:
            found.append((letter, before))
        elif kind in _HIDDEN:
            found.append((BOX, HAN))
        elif kind.startswith("M") and before in _shaped() and ord(letter) in opened(_shaped()[before][0]).letters:
            found.append((letter, before))
        elif ord(letter) in wide:
            found.append((letter, WIDE_BOLD if bold else WIDE))
        elif (script := _script_of(letter)) is not None:
            found.append((letter, script))
        elif ord(letter) in han and not kind.startswith("M") and unicodedata.bidirectional(letter) not in _UPSIDE:
            found.append((letter, HAN))
        else:
            further = next((font for font, glyphs in _further() if ord(letter) in glyphs), None)
            found.append((letter, further) if further is not None else (BOX, HAN))
    return found


def _script_of(letter: str) -> str | None:
    """The script that is shaped whose font has this letter."""
    if letter < _SHAPED_FROM:
        return None
    return next((script for script, (regular, _) in _shaped().items() if ord(letter) in opened(regular).letters), None)
