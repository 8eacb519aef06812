"""Tables that strangers send: whatever the bytes are, they are rows within bounds or refused with a reason; and a table that a program wrote is read
as it stands there."""

import csv
import io
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_api.adapters.table_child import CELL_MAX, COLUMNS_MAX, ROWS_MAX, Refused, from_csv, from_xlsx

MARKS = st.sampled_from(",;\t")
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=6)


def within_bounds(rows: list[list[str]]) -> bool:
    return len(rows) <= ROWS_MAX and all(
        len(row) <= COLUMNS_MAX and all(len(cell) <= CELL_MAX and cell == cell.strip() for cell in row) for row in rows
    )


def trimmed(table: list[list[str]]) -> list[list[str]]:
    """As it is read: without spaces around, without empty cells at the end of a row, without empty rows before and behind."""
    rows = [[cell.strip() for cell in row] for row in table]
    for row in rows:
        while row and not row[-1]:
            row.pop()
    while rows and not rows[0]:
        rows.pop(0)
    while rows and not rows[-1]:
        rows.pop()
    return rows


@given(st.binary(max_size=300) | st.text(',;\t"\r\n a=\x85\u2028', max_size=60).map(str.encode))
@example(b'"')
@example(b"\xff\xfe\x00")
@example(b"\xff\xfea\x00\n\xd8")
@example(b'a,b\n"c"d,e')
def test_any_bytes_are_rows_within_bounds_or_refused(content: bytes) -> None:
    try:
        rows = from_csv(content)
    except Refused as refused:
        assert str(refused)
        return
    assert within_bounds(rows) and (not rows or rows[0])


@given(TABLES, MARKS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from(["\r\n", "\n"]))
def test_what_a_program_wrote_is_read_as_it_stands_there(table: list[list[str]], mark: str, coding: str, end: str) -> None:
    header = ["first", "second"]  # by which the separator is known
    out = io.StringIO()
    csv.writer(out, delimiter=mark, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([header, *table])
    assert from_csv(out.getvalue().encode(coding)) == trimmed([header, *table])


@pytest.mark.parametrize("row", [b"\n", b",,,\n", b" , ,\r\n"])
def test_empty_rows_keep_the_numbers_of_those_behind_them_and_cost_nothing_at_the_end(row: bytes) -> None:
    assert from_csv(b"a,b\n" + row * 3 + b"1,2\n" + row * 100_000) == [["a", "b"], [], [], [], ["1", "2"]]
    with pytest.raises(Refused, match="more than 1,000 rows"):
        from_csv(b"a,b\n" + row * ROWS_MAX + b"1,2\n")


def workbook(rows: list[list[Any]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


GOOD = workbook([["timestamp", "amount"], ["2026-11-21T09:30:00Z", 1.5], [True, 10**15]])


def test_a_workbook_is_read_to_its_last_digit() -> None:
    assert from_xlsx(GOOD) == [["timestamp", "amount"], ["2026-11-21T09:30:00Z", "1.5"], ["true", "1000000000000000"]]


@settings(max_examples=40)
@given(st.data())
def test_a_damaged_workbook_is_rows_or_refused(data: st.DataObject) -> None:
    """Damaged as a file, and damaged within a part of it that is packed whole again."""
    if data.draw(st.booleans()):
        raw = bytearray(GOOD)
        for _ in range(data.draw(st.integers(1, 6))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        damaged = bytes(raw)[: data.draw(st.integers(len(raw) // 2, len(raw)))]
    else:
        damaged = _with_a_damaged_part(data)
    try:
        rows = from_xlsx(damaged)
    except Refused as refused:
        assert str(refused)
        return
    assert within_bounds(rows)


def _with_a_damaged_part(data: st.DataObject) -> bytes:
    out, parts = io.BytesIO(), zipfile.ZipFile(io.BytesIO(GOOD))
    hurt = data.draw(st.sampled_from(parts.namelist()))
    with zipfile.ZipFile(out, "w") as made:
        for name in parts.namelist():
            content = parts.read(name)
            if name == hurt:
                at = data.draw(st.integers(0, len(content)))
                content = (
                    content[:at] + data.draw(st.sampled_from([b"", b"<", b"&x;", b"\xff", b'r="A9999999"', b"1e999", b"</c>"])) + content[at + 1 :]
                )
            made.writestr(name, content)
    return out.getvalue()
