"""CSV for programs of tables: what a cell holds is text there too, never a formula (OWASP, "CSV injection")."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from crypto_api.kit.amounts import text as digits

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def safe_cell(text: str) -> str:
    """With a ' in front where a program of tables would compute instead of show. Numbers of our own go in as they are, without this."""
    return f"'{text}" if starts_a_formula(text) else text


def starts_a_formula(text: str) -> bool:
    """For some program of tables (OWASP ASVS 5.0, 1.2.10, and signs that look like those)."""
    return text.lstrip(" ").startswith(_STARTS_A_FORMULA)


def csv_line(cells: Iterable[str | Decimal | None]) -> str:
    """One line (RFC 4180): texts are safe, numbers are digits, with a sign where they are negative."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return line.getvalue()


def _cell(cell: str | Decimal | None) -> str:
    if cell is None:
        return ""
    return digits(cell) if isinstance(cell, Decimal) else safe_cell(cell)
