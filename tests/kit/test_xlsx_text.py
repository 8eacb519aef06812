"""Workbooks read back: exact, and nothing in them computes."""

from decimal import Decimal
from pathlib import Path

import openpyxl

from crypto_api.kit.xlsx_text import XlsxTable

EXACT = Decimal("123456789012.345")
LONG = Decimal("115792089237316195423570985008687907853.000000000000000001")


def test_cells_are_text_or_numbers_and_the_header_stays(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    with XlsxTable(path, "Transactions", ["what", "how much"]) as table:
        table.add([["=1+1", EXACT], ["@SUM(A1)", LONG], ["https://elsewhere.example", None], ["-1", Decimal("0.1")]])
        table.add([["123", Decimal(0)], ["x" * 40_000, Decimal("1E-20")]])
    sheet = openpyxl.load_workbook(path)["Transactions"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0] == ["what", "how much"]
    assert [row[0] for row in rows[1:6]] == ["=1+1", "@SUM(A1)", "https://elsewhere.example", "-1", "123"]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}  # no formula
    assert all(cell.hyperlink is None for row in sheet.iter_rows() for cell in row)
    assert [row[1] for row in rows[1:]] == [float(EXACT), format(LONG, "f"), None, 0.1, 0, "0.00000000000000000001"]
    assert len(rows[6][0]) == 32_767
    marked = [cell.value for row in sheet.iter_rows() for cell in row if cell.style and cell.quotePrefix]
    assert marked == ["=1+1", "@SUM(A1)", "-1"], "a ' in front, as programs of tables write it: whoever edits the cell edits a text"
    assert sheet.freeze_panes == "A2"
