"""A QR code on a page of a PDF."""

import re
from typing import Any

import segno
from reportlab.lib import colors
from reportlab.platypus import Flowable

from crypto_api.kit.pdf_shaping import Points

_DARK = re.compile(b"\x01+")
_QUIET = 2  # modules around it


class QrCode(Flowable):  # type: ignore[misc]  # reportlab has no types
    """As one filled path, `side` wide: each run of dark modules in a row is a rectangle of it. A shape for each takes more than the page."""

    canv: Any

    def __init__(self, code: segno.QRCode, side: Points) -> None:
        super().__init__()
        self._rows = [bytes(line) for line in code.matrix_iter(border=_QUIET)]
        self.width = self.height = side

    def draw(self) -> None:
        """In modules as units, so that the numbers are whole and short."""
        unit, count = self.height / len(self._rows), len(self._rows)
        runs = [
            f"{run.start()} {count - number} {run.end() - run.start()} 1 re"
            for number, row in enumerate(self._rows, start=1)
            for run in _DARK.finditer(row)
        ]
        self.canv.saveState()
        self.canv.setFillColor(colors.black)
        self.canv.scale(unit, unit)
        self.canv._code.append("\n".join(["n", *runs, "f"]))
        self.canv.restoreState()
