"""PDF files of any number of pages in bounded memory: a page goes into the file when it is full, and what stays of it is where it stands there.

reportlab keeps every page as text until the end and then joins them all. Its objects and their format (ISO 32000-1, 7.5) are used as they are, in
the order in which they become final: pages as they are shown, fonts and the tree of pages when the file is closed.
"""

from pathlib import Path
from typing import Any

from reportlab.pdfbase.pdfdoc import (
    PDFCrossReferenceTable,
    PDFDocument,
    PDFFile,
    PDFIndirectObject,
    PDFObjectReference,
    PDFTrailer,
)
from reportlab.pdfgen.canvas import Canvas

Points = float  # of a page: 1/72 inch


class _SpooledDocument(PDFDocument):  # type: ignore[misc]
    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(**options)
        self._path, self._offset = path, 0
        path.write_bytes(b"")
        self._append(PDFFile(self._pdfVersion).format(self))

    def _append(self, content: bytes) -> int:
        """Where it stands, in bytes from the beginning."""
        with self._path.open("ab") as file:
            file.write(content)
        self._offset += len(content)
        return self._offset - len(content)

    def emit_page(self) -> None:
        """The page that was shown last, and what it draws. Fonts and colour spaces are referred to, and follow."""
        page = self.Pages.pages.pop()
        name = page.__InternalName__
        self._emit(name)
        self.Pages.pages.append(PDFObjectReference(name))
        self._emit(page.Contents.__InternalName__)

    def _emit(self, name: str) -> None:
        self.idToOffset[name] = self._append(PDFIndirectObject(name, self.idToObject[name]).format(self))
        self.idToObject[name] = None

    def finish(self) -> None:
        for font in self.delayedFonts:
            font.addObjects(self)
        self.info.invariant = self.invariant
        self.info.digest(self.signature)
        root, info = self.Reference(self.Catalog), self.Reference(self.info)
        self.Catalog.Outlines = None  # no file of ours has any
        number, names = 1, list[str]()
        while name := self.numberToId.get(number):  # formatting one may add others behind it
            if name not in self.idToOffset:
                self._emit(name)
            names.append(name)
            number += 1
        table = PDFCrossReferenceTable()
        table.addsection(0, names)
        start = self._append(table.format(self))
        self._append(PDFTrailer(startxref=start, Size=number, Root=root, Info=info, ID=self.ID()).format(self))


class SpooledCanvas(Canvas):  # type: ignore[misc]
    """Draws into `path`, which is a PDF file once `end` was called."""

    def __init__(self, path: Path, pagesize: tuple[Points, Points], *, title: str, author: str) -> None:
        super().__init__(str(path), pagesize=pagesize, pageCompression=1)
        self._doc = _SpooledDocument(path, compression=1)
        self._make_preamble()
        self.setTitle(title)
        self.setAuthor(author)

    def showPage(self) -> None:  # noqa: N802 - reportlab's name
        super().showPage()
        self._doc.emit_page()

    def end(self) -> None:
        self._doc.finish()
