"""Statements over HTTP: what they say is what was posted, they stay as they were, and their files say the same."""

import asyncio
import csv
import io
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crypto_api.audit.documents import AuditRecord
from tests.http.conftest import Join, Person
from tests.http.test_books import posted
from tests.programs import program

CENT, PART = Decimal("0.01"), Decimal("0.000001")


def line(code: str, debit: str = "0", credit: str = "0") -> dict[str, str]:
    return {"account_code": code, "debit_amount": debit, "credit_amount": credit}


async def world(ada: Person) -> None:
    """Last year: capital and an invoice. This year: it is paid, rent is due, salaries are paid."""
    for day, description, lines in (
        ("2025-03-01", "Capital", [line("1010", "1000"), line("3100", credit="1000")]),
        ("2025-12-31", "Invoice 7", [line("1200", "300.25"), line("4100", credit="300.25")]),
        ("2026-01-15", "Invoice 7 paid", [line("1010", "300.25"), line("1200", credit="300.25")]),
        ("2026-02-01", "Rent", [line("5300", "80"), line("2100", credit="80")]),
        ("2026-03-31", "=SUM(A1:A9) <b>Salaries</b>", [line("5200", "200"), line("1010", credit="200")]),
    ):
        await posted(ada, date=day, description=description, line_items=lines)


async def made(person: Person, kind: str, **body: Any) -> dict[str, Any]:
    answer = await person.http.post(f"/api/reports/{kind}/", json=body)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    assert report["balanced"] is True
    return report


def amounts(report: dict[str, Any], column: int = 0) -> dict[str, str]:
    return {row["account_code"] or row["key"]: row["amounts"][column] for row in report["rows"] if row["amounts"]}


@pytest.fixture
async def ada(join: Join) -> Person:
    person = await join("ada", founds="Byron Treasury")
    await world(person)
    return person


async def test_a_balance_sheet_beside_that_of_the_year_before(ada: Person) -> None:
    report, whole = await made(ada, "balance-sheet", as_of="2026-03-31", compare_to="2025-12-31"), {"measure": None}
    assert report["columns"] == [{"start_date": None, "end_date": "2026-03-31"} | whole, {"start_date": None, "end_date": "2025-12-31"} | whole]
    assert amounts(report) == {
        "1000": "0",
        "1010": "1100.25",
        "1200": "0",
        "assets": "1100.25",
        "2000": "0",
        "2100": "80",
        "liabilities": "80",
        "3000": "0",
        "3100": "1000",
        "earlier_results": "300.25",
        "result": "-280",
        "equity": "1020.25",
        "liabilities_and_equity": "1100.25",
    }
    before = amounts(report, 1)
    assert (before["assets"], before["1200"], before["result"], before["earlier_results"]) == ("1300.25", "300.25", "300.25", "0")


async def test_an_income_statement_and_a_cash_flow_of_a_quarter(ada: Person) -> None:
    quarter = {"start_date": "2026-01-01", "end_date": "2026-03-31"}
    income = await made(ada, "income-statement", **quarter, compare_to="2025-12-31")
    assert income["columns"][1] == {"start_date": "2025-10-01", "end_date": "2025-12-31", "measure": None}
    assert (amounts(income)["result"], amounts(income, 1)["result"]) == ("-280", "300.25")
    flow = await made(ada, "cash-flow", **quarter)
    assert amounts(flow) == {
        "customers": "300.25",
        "employees": "-200",
        "operations": "100.25",
        "investing": "0",
        "financing": "0",
        "without_payment": "0",
        "change": "100.25",
        "opening": "1000",
        "closing": "1100.25",
        "1010": "1100.25",
    }


async def test_a_statement_stays_as_the_books_were_known(ada: Person) -> None:
    first = await made(ada, "balance-sheet", as_of="2026-03-31")
    await posted(ada, date="2026-03-30", description="Late", line_items=[line("5300", "1"), line("2100", credit="1")])
    again = await made(ada, "balance-sheet", as_of="2026-03-31", known_at=first["known_at"])
    assert again["rows"] == first["rows"]
    assert amounts(await made(ada, "balance-sheet", as_of="2026-03-31"))["liabilities"] == "81"
    assert (await ada.http.get(f"/api/reports/{first['id']}/")).json() == first
    listed = (await ada.http.get("/api/reports/balance-sheets/?limit=2&count=true")).json()
    assert (listed["total"], len(listed["items"]), listed["items"][1]["id"]) == (3, 2, again["id"])
    assert "rows" not in listed["items"][0]
    rest = (await ada.http.get(f"/api/reports/balance-sheets/?limit=2&cursor={listed['next_cursor']}")).json()
    assert [row["id"] for row in rest["items"]] == [first["id"]] and rest["next_cursor"] is None
    assert (await ada.http.get("/api/reports/cash-flows/")).json()["items"] == []


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("balance-sheet", {}, "as_of"),
        ("balance-sheet", {"as_of": "2026-02-30"}, "as_of"),
        ("balance-sheet", {"as_of": "0001-01-01"}, "as_of"),
        ("balance-sheet", {"as_of": "9999-12-31"}, "as_of"),
        ("balance-sheet", {"as_of": "2026-03-31", "compare_to": "2026-03-31"}, "compare_to"),
        ("balance-sheet", {"as_of": "2026-03-31", "known_at": "2999-01-01T00:00:00Z"}, "known_at"),
        ("balance-sheet", {"as_of": "2026-03-31", "start_date": "2026-01-01"}, "start_date"),
        ("cash-flow", {"start_date": "2026-03-31", "end_date": "2026-01-01"}, "end_date"),
        ("cash-flow", {"start_date": "1899-12-31", "end_date": "2026-01-01"}, "start_date"),
        ("income-statement", {"start_date": "1950-01-01", "end_date": "2025-12-31", "compare_to": "1949-12-31"}, "compare_to"),
        ("income-statement", {"start_date": 20260101, "end_date": "2026-03-31"}, "start_date"),
    ],
)
async def test_what_cannot_be_stated_is_refused_and_nothing_is_kept(ada: Person, kind: str, body: dict[str, Any], field: str) -> None:
    refused = await ada.http.post(f"/api/reports/{kind}/", json=body)
    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, [field])
    for path in ("balance-sheets", "income-statements", "cash-flows"):
        assert (await ada.http.get(f"/api/reports/{path}/")).json()["items"] == []


async def test_one_key_makes_one_statement_and_others_see_none(ada: Person, join: Join) -> None:
    body, headers = {"as_of": "2026-03-31"}, {"Idempotency-Key": "balance-1"}
    answers = [await ada.http.post("/api/reports/balance-sheet/", json=body, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json() and answers[1].headers["Idempotency-Replayed"] == "true"
    eve = await join("eve", founds="Elsewhere")
    absent = await eve.http.get("/api/reports/rep_absent/")
    for path in ("", "pdf/", "excel/"):
        foreign = await eve.http.get(f"/api/reports/{answers[0].json()['id']}/{path}")
        assert foreign.status_code == 404 == absent.status_code
    assert (await eve.http.get("/api/reports/balance-sheets/")).json()["items"] == []


async def test_a_workbook_computes_the_same_totals(ada: Person, tmp_path: Path) -> None:
    report = await made(ada, "balance-sheet", as_of="2026-03-31", compare_to="2025-12-31")
    answer = await ada.http.get(f"/api/reports/{report['id']}/excel/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="balance-sheet-2026-03-31.xlsx"'
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["Balance sheet"]
    formulas = [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    totalled = [str(cell.value) for cell in formulas if cell.column_letter in "CD"]
    assert len(totalled) == 8 and all(formula.startswith(("=SUM(", "=C", "=D")) for formula in totalled)
    changed = {cell.coordinate: cell.value for cell in formulas if cell.column_letter in "EF"}
    assert changed["E7"] == "=C7-D7" and changed["F7"] == '=IF(D7=0,"",(C7-D7)/ABS(D7))' and len(changed) == 2 * len(told(report))
    assert [cell.value for cell in sheet[5]][4:] == ["Change", "Change in percent"]
    shown = openpyxl.load_workbook(io.BytesIO(answer.content), data_only=True)["Balance sheet"]
    assert totals(shown) == told(report)


async def test_libreoffice_computes_the_totals_that_we_tell(ada: Person, tmp_path: Path) -> None:
    office = program("soffice")
    report = await made(ada, "balance-sheet", as_of="2026-03-31", compare_to="2025-12-31")
    file = openpyxl.load_workbook(io.BytesIO((await ada.http.get(f"/api/reports/{report['id']}/excel/")).content))
    file.save(tmp_path / "report.xlsx")  # without the values that we wrote beside the formulas
    command = [office, "--headless", f"-env:UserInstallation=file://{tmp_path}/home", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
    command += ["--outdir", str(tmp_path / "computed"), str(tmp_path / "report.xlsx")]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=100)
    computed = openpyxl.load_workbook(tmp_path / "computed" / "report.xlsx", data_only=True)["Balance sheet"]
    assert totals(computed) == told(report)
    rows = {row[1]: row[4:6] for row in computed.iter_rows(min_row=6, values_only=True) if row[2] is not None}
    assert {name: Decimal(str(change)).quantize(CENT) for name, (change, _) in rows.items()} == {
        name: now - before for name, (now, before) in told(report).items()
    }
    parts = {name: (now - before) / abs(before) if before else None for name, (now, before) in told(report).items()}
    assert None in parts.values() and any(part and part < 0 for part in parts.values())
    assert {name: Decimal(str(part)).quantize(PART) if part not in ("", None) else None for name, (_, part) in rows.items()} == {
        name: part.quantize(PART) if part is not None else None for name, part in parts.items()
    }


async def test_a_csv_file_tells_the_changes_exactly_and_in_percent(ada: Person) -> None:
    report = await made(ada, "balance-sheet", as_of="2026-03-31", compare_to="2025-12-31")
    rows = list(csv.DictReader(io.StringIO((await ada.http.get(f"/api/reports/{report['id']}/csv/")).text)))
    figures = {row["name"]: (row["Change"], row["Change in percent"]) for row in rows}
    for name, (now, before) in told(report).items():
        change, percent = figures[name]
        assert Decimal(change) == now - before
        assert (Decimal(percent) if percent else None) == (round((now - before) / abs(before) * 100, 4) if before else None)
    alone = await made(ada, "balance-sheet", as_of="2026-03-31")
    assert "Change" not in (await ada.http.get(f"/api/reports/{alone['id']}/csv/")).text, "beside nothing nothing changes"


def totals(sheet: Any) -> dict[str, tuple[Decimal, ...]]:
    return {row[1]: tuple(Decimal(str(cell)) for cell in row[2:4]) for row in sheet.iter_rows(min_row=6, values_only=True) if row[2] is not None}


def told(report: dict[str, Any]) -> dict[str, tuple[Decimal, ...]]:
    return {row["name"]: tuple(map(Decimal, row["amounts"])) for row in report["rows"] if row["amounts"]}


async def test_a_pdf_says_the_same(ada: Person, tmp_path: Path) -> None:
    report = await made(ada, "balance-sheet", as_of="2026-03-31", compare_to="2025-12-31")
    answer = await ada.http.get(f"/api/reports/{report['id']}/pdf/")
    assert answer.content.startswith(b"%PDF-") and answer.headers["Content-Type"] == "application/pdf"
    records = await AuditRecord.find({"org_id": ada.org_id, "action": "statement.exported"}).to_list()
    assert [(record.subject_id, record.after) for record in records] == [(report["id"], {"format": "pdf"})]


async def test_pdftotext_reads_the_figures_that_we_tell(ada: Person, tmp_path: Path) -> None:
    reader = program("pdftotext")
    report = await made(ada, "balance-sheet", as_of="2026-03-31", compare_to="2025-12-31")
    (tmp_path / "report.pdf").write_bytes((await ada.http.get(f"/api/reports/{report['id']}/pdf/")).content)
    command = [reader, "-layout", str(tmp_path / "report.pdf"), "-"]
    text = (await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True, timeout=60)).stdout
    rows = {" ".join(row.split()) for row in text.splitlines()}
    assert {"Byron Treasury", "Balance sheet"} <= rows
    assert {"Total assets 1,100.25 1,300.25 -200.00 -15.4 %", "Result of the year -280.00 300.25 -580.25 -193.3 %"} <= rows
