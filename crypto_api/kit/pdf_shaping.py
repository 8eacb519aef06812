"""Scripts whose letters join, stack or change places, as glyphs: shaped by HarfBuzz, put into the file as far as they are used.

Each glyph is written with the text that it stands for (`ToUnicode`), and a group that stands for its letters only together carries them as
`ActualText` (ISO 32000-1, 14.9.4), so that what is copied or searched is what was written.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import uharfbuzz as hb
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFObjectReference, PDFStream, PDFString
from reportlab.pdfgen.canvas import Canvas

Points = float  # of a page: 1/72 inch
Em = float  # of the size of the font
Weight = float  # from 100 to 900
BOLD_WEIGHT = 700.0
_SYMBOLIC = 4  # flags of a font descriptor (ISO 32000-1, table 123)
_MIRRORED = str.maketrans("()[]{}<>\u00ab\u00bb", ")(][}{><\u00bb\u00ab")  # as it is drawn: readers turn it round again with what is around it
_STEM = 80  # required there, used by nobody who has the glyphs
_UNUSED_TABLES = ("GSUB", "GPOS", "GDEF", "kern", "DSIG", "name", "post", "STAT", "gasp", "meta")


@dataclass(frozen=True)
class Source:
    """Of a font: its file, and how heavy it is to be where it may have any weight."""

    name: str
    path: Path
    index: int = 0
    weight: Weight | None = None


@dataclass(frozen=True, slots=True)
class Glyph:
    number: int
    dx: Em
    dy: Em
    advance: Em


@dataclass(frozen=True, slots=True)
class Cluster:
    """Letters that stand for one another only together: `at` is where they are in the text."""

    at: int
    text: str
    glyphs: tuple[Glyph, ...]

    @property
    def advance(self) -> Em:
        return sum(glyph.advance for glyph in self.glyphs)

    @property
    def bearer(self) -> Glyph | None:
        """The one glyph that stands for all of its text, the others being marks on it; None where several stand side by side."""
        wide = [glyph for glyph in self.glyphs if glyph.advance]
        return self.glyphs[0] if len(self.glyphs) == 1 else wide[0] if len(wide) == 1 else None


class Face:
    """A font that was opened. It never changes."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.face = hb.Face(source.path.read_bytes(), source.index)
        self.letters = frozenset(self.face.unicodes)
        self._font = hb.Font(self.face)
        if source.weight is not None:
            self._font.set_variations({"wght": source.weight})
        extents = self._font.get_font_extents("ltr")
        self.ascent, self.descent = extents.ascender / self.face.upem, extents.descender / self.face.upem
        self.box = [value / self.face.upem for value in struct.unpack_from(">4h", self.face.reference_table("head").data, 36)]

    def shape(self, text: str, *, to_the_left: bool) -> list[Cluster]:
        """From left to right as they stand."""
        buffer = hb.Buffer()
        buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if to_the_left else "ltr"
        hb.shape(self._font, buffer)
        found: dict[int, list[Glyph]] = {}
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            measures = (value / self.face.upem for value in (place.x_offset, place.y_offset, place.x_advance))
            found.setdefault(info.cluster, []).append(Glyph(info.codepoint, *measures))
        ends = dict(zip(sorted(found), [*sorted(found)[1:], len(text)], strict=True))
        words = text.translate(_MIRRORED) if to_the_left else text
        return [Cluster(at, words[at : ends[at]], tuple(glyphs)) for at, glyphs in found.items()]

    @lru_cache(maxsize=512)  # noqa: B019 - faces are opened once and stay
    def width(self, text: str, *, to_the_left: bool) -> Em:
        return float(sum(cluster.advance for cluster in self.shape(text, to_the_left=to_the_left)))

    def own_width(self, glyph: int) -> Em:
        """Where nothing is beside it: what the file says of it, so that a reader does not take a kern for a blank."""
        return float(self._font.get_glyph_h_advance(glyph) / self.face.upem)

    def subset(self, glyphs: Iterable[int]) -> bytes:
        """A font file of these alone, in its own weight, each by its number."""
        wanted = hb.SubsetInput()
        wanted.glyph_set.update(glyphs)
        wanted.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NO_LAYOUT_CLOSURE
        wanted.drop_table_tag_set.update(int.from_bytes(tag.encode()) for tag in _UNUSED_TABLES)
        wanted.pin_all_axes_to_default(self.face)
        if self.source.weight is not None:
            wanted.pin_axis_location(self.face, "wght", self.source.weight)
        return bytes(hb.subset(self.face, wanted).blob.data)


@cache
def opened(source: Source) -> Face:
    """Once in a process."""
    return Face(source)


class _Embedded:
    """What of a face one document uses: a code for each glyph and the text that it stands for."""

    def __init__(self, face: Face, name: str) -> None:
        self._face, self.name = face, name
        self._codes: dict[tuple[int, str], int] = {(0, ""): 0}

    def code(self, glyph: Glyph, text: str) -> int:
        return self._codes.setdefault((glyph.number, text), len(self._codes))

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - reportlab's name
        """As a composite font (ISO 32000-1, 9.7), once it is known which glyphs there are."""
        base = PDFName(f"COFFER+{self._face.source.name}")
        glyphs = [number for number, _ in self._codes]
        program = PDFStream(PDFDictionary(), self._face.subset(glyphs), doc.defaultStreamFilters)
        descriptor = {
            "Type": PDFName("FontDescriptor"),
            "FontName": base,
            "Flags": _SYMBOLIC,
            "FontBBox": PDFArray([round(value * 1000) for value in self._face.box]),
            "ItalicAngle": 0,
            "Ascent": round(self._face.ascent * 1000),
            "Descent": round(self._face.descent * 1000),
            "CapHeight": round(self._face.ascent * 1000),
            "StemV": _STEM,
            "FontFile2": doc.Reference(program, f"{self.name} program"),
        }
        places = PDFStream(PDFDictionary(), b"".join(number.to_bytes(2) for number in glyphs), doc.defaultStreamFilters)
        descendant = {
            "Type": PDFName("Font"),
            "Subtype": PDFName("CIDFontType2"),
            "BaseFont": base,
            "CIDSystemInfo": PDFDictionary({"Registry": PDFString("Adobe"), "Ordering": PDFString("Identity"), "Supplement": 0}),
            "FontDescriptor": doc.Reference(PDFDictionary(descriptor), f"{self.name} descriptor"),
            "W": PDFArray([0, PDFArray([round(self._face.own_width(number) * 1000) for number in glyphs])]),
            "CIDToGIDMap": doc.Reference(places, f"{self.name} places"),
        }
        words = PDFStream(PDFDictionary(), self._to_unicode(), doc.defaultStreamFilters)
        font = {
            "Type": PDFName("Font"),
            "Subtype": PDFName("Type0"),
            "BaseFont": base,
            "Encoding": PDFName("Identity-H"),
            "DescendantFonts": PDFArray([doc.Reference(PDFDictionary(descendant), f"{self.name} descendant")]),
            "ToUnicode": doc.Reference(words, f"{self.name} words"),
        }
        doc.Reference(PDFDictionary(font), f"{self.name} font")
        doc.idToObject["BasicFonts"].dict[self.name] = PDFObjectReference(f"{self.name} font")

    def _to_unicode(self) -> bytes:
        rows = [f"<{code:04X}> <{_utf16(text)}>" for (_, text), code in self._codes.items() if text]
        blocks = [rows[at : at + 100] for at in range(0, len(rows), 100)]
        maps = "".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar\n" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{maps}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        ).encode()


def draw_glyphs(canvas: Canvas, x: Points, y: Points, size: Points, face: Face, clusters: Sequence[Cluster]) -> Points:
    """On the canvas as it stands, in its colour for filling. Where they end."""
    font = _embedded(canvas._doc, face)
    code = [f"q BT /{font.name} {size:g} Tf"]
    for cluster in clusters:
        bearer = cluster.bearer
        code += [] if bearer is not None else [_span(cluster.text)]
        for glyph in cluster.glyphs:
            number = font.code(glyph, cluster.text if glyph is bearer else "")
            shown = f"1 0 0 1 {x + glyph.dx * size:.3f} {y + glyph.dy * size:.3f} Tm <{number:04X}> Tj"
            code.append(f"{_span('')} {shown} EMC" if bearer is not None and glyph is not bearer else shown)
            x += glyph.advance * size
        code += [] if bearer is not None else ["EMC"]
    canvas._code.append("\n".join([*code, "ET Q"]))
    return x


def _span(text: str) -> str:
    """What is drawn until `EMC` stands for this text."""
    return f"/Span <</ActualText <FEFF{_utf16(text)}>>> BDC"


def _embedded(doc: Any, face: Face) -> _Embedded:
    fonts: dict[Face, _Embedded] = doc.__dict__.setdefault("_coffer_fonts", {})
    if face not in fonts:
        fonts[face] = _Embedded(face, f"S{len(fonts) + 1}")
        doc.delayedFonts.append(fonts[face])
    return fonts[face]


def _utf16(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()
