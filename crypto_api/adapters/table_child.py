"""`python -I table_child.py KIND INPUT OUTPUT`: a table that a stranger sent (csv or xlsx) as JSON rows of text. Run bounded
(`limited_child.py`): a file may be made to be huge when it is opened."""

import csv
import io
import json
import sys
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ROWS_MAX, COLUMNS_MAX, CELL_MAX = 1_001, 40, 2_000  # the header is a row
RATIO_MAX, PARTS_MAX = 100, 500


class Refused(Exception):
    pass


def main() -> None:
    kind, given, made = sys.argv[1:4]
    content = Path(given).read_bytes()
    try:
        answer: dict[str, Any] = {"rows": from_csv(content) if kind == "csv" else from_xlsx(content)}
    except Refused as refused:
        answer = {"refused": str(refused)}
    Path(made).write_text(json.dumps(answer))


def from_csv(content: bytes) -> list[list[str]]:
    text = _decoded(content)
    head = text.split("\n", 1)[0]
    mark = max(",;\t", key=head.count)
    rows: list[list[str]] = []
    empty = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True):
            if any(cell.strip() for cell in row):
                cells = _checked([cell.strip() for cell in row], len(rows) + empty)
                rows += [[] for _ in range(empty)]  # keeps the numbers of the rows behind them
                rows.append(cells)
                empty = 0
            elif rows:
                empty += 1
    except csv.Error as error:
        raise Refused(f"is no CSV after row {len(rows)}: {error}") from error
    return rows


def _decoded(content: bytes) -> str:
    coding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(coding)
    except UnicodeDecodeError as error:
        raise Refused("must be text in UTF-8 (or UTF-16 with its mark)") from error
    if "\0" in text:
        raise Refused("holds NUL characters: it is no text")
    return text


def from_xlsx(content: bytes) -> list[list[str]]:
    _check_archive(content)
    import openpyxl  # reads XML by defusedxml, which is installed

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        rows: list[list[str]] = []
        for cells in sheet.iter_rows(max_row=ROWS_MAX + 1, max_col=COLUMNS_MAX + 1):
            rows.append(_checked([_text(cell) for cell in cells], len(rows)))
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"cannot be read as a workbook ({type(error).__name__})") from error
    while rows and not any(rows[-1]):
        rows.pop()
    return rows


def _check_archive(content: bytes) -> None:
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Refused("is no workbook (xlsx)") from error
    if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > RATIO_MAX * len(content):
        raise Refused("becomes far too large when it is opened")


def _text(cell: Any) -> str:
    value = cell.value
    if getattr(cell, "data_type", "") == "f" or (isinstance(value, str) and value.startswith("=")):
        raise Refused(f"holds a formula in row {cell.row}: paste its value instead")
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return format(Decimal(repr(value)), "f")
        case datetime():
            return value.isoformat(timespec="milliseconds") + "Z"  # a workbook has no time zones: UTC
        case date():
            return value.isoformat()
    return str(value).strip()


def _checked(cells: list[str], before: int) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    if before >= ROWS_MAX:
        raise Refused(f"has more than {ROWS_MAX - 1:,} rows: import it in parts")
    if len(cells) > COLUMNS_MAX:
        raise Refused(f"has more than {COLUMNS_MAX} columns")
    if any(len(cell) > CELL_MAX for cell in cells):
        raise Refused(f"has a cell of more than {CELL_MAX:,} characters in row {before + 1}")
    return cells


if __name__ == "__main__":
    main()
