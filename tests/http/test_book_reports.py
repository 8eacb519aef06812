"""The trial balance, the general ledger and the certificate as files, over HTTP: their figures are those that the API tells."""

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
from crypto_api.flows import general_ledger_file as flow
from crypto_api.flows.seal_entries import seal_entries
from crypto_api.runtime import Runtime
from tests.http.conftest import Join, Person
from tests.http.test_books import posted
from tests.http.test_statements import world
from tests.programs import program

D = Decimal


@pytest.fixture
async def ada(join: Join) -> Person:
    person = await join("ada", founds="Byron Treasury 東京")
    await world(person)
    return person


async def taken(person: Person, report: str, form: str, **query: str) -> bytes:
    answer = await person.http.get(f"/api/ledger/{report}/export/", params={"format": form, **query})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].endswith(f'.{form}"')
    return answer.content


def printed(content: bytes, folder: Path) -> set[str]:
    (folder / "file.pdf").write_bytes(content)
    command = [program("pdftotext"), "-layout", str(folder / "file.pdf"), "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return {" ".join(row.split()) for row in text.splitlines()}


async def test_a_trial_balance_is_the_one_that_the_api_tells(ada: Person, tmp_path: Path) -> None:
    told = (await ada.http.get("/api/ledger/trial-balance/?at=2026-03-31")).json()["accounts"]
    days = {"at": "2026-03-31", "compare_to": "2025-12-31"}
    rows = list(csv.DictReader(io.StringIO((await taken(ada, "trial-balance", "csv", **days)).decode())))
    sides = {row["account_code"]: D(row["debit 2026-03-31"] or 0) - D(row["credit 2026-03-31"] or 0) for row in rows}
    assert sides == {row["account_code"]: D(row["balance"]) for row in told}
    assert next(row for row in rows if row["account_code"] == "1200")["debit 2025-12-31"] == "300.25"
    before = (await ada.http.get("/api/ledger/trial-balance/?at=2025-12-31")).json()["accounts"]
    was = {row["account_code"]: D(row["balance"]) for row in before}
    changed = {code: balance - was.get(code, D(0)) for code, balance in sides.items()}
    parts = {code: round(change / abs(was[code]) * 100, 4) if was.get(code) else None for code, change in changed.items()}
    assert {row["account_code"]: D(row["change"]) for row in rows} == changed and any(parts.values()) and None in parts.values()
    assert {row["account_code"]: D(row["change in percent"]) if row["change in percent"] else None for row in rows} == parts
    file = openpyxl.load_workbook(io.BytesIO(await taken(ada, "trial-balance", "xlsx", **days)))
    sheet = file.active
    totals = [f"=SUM({one}6:{one}{5 + len(rows)})" for one in "CDEF"]
    assert sheet.freeze_panes == "C6" and [cell.value for cell in sheet[6 + len(rows)]][2:6] == totals
    file.save(tmp_path / "report.xlsx")  # without the values that we wrote beside the formulas
    command = [program("soffice"), "--headless", f"-env:UserInstallation=file://{tmp_path}/home", "--convert-to", "xlsx:Calc MS Excel 2007 XML"]
    command += ["--outdir", str(tmp_path / "computed"), str(tmp_path / "report.xlsx")]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=300)
    computed = openpyxl.load_workbook(tmp_path / "computed" / "report.xlsx", data_only=True).active
    assert [D(str(cell.value)) for cell in computed[6 + len(rows)][2:6]] == [D("1380.25"), D("1380.25"), D("1300.25"), D("1300.25")]
    for row in computed.iter_rows(min_row=6, max_row=5 + len(rows), values_only=True):
        assert round(D(str(row[6])), 2) == changed[row[0]], row
        assert (round(D(str(row[7])) * 100, 4) if row[7] not in ("", None) else None) == parts[row[0]], row
    lines = await asyncio.to_thread(printed, await taken(ada, "trial-balance", "pdf", **days), tmp_path)
    assert {"Byron Treasury 東京", "1010 Cash at bank 1,100.25 1,000.00 +100.25 +10.0 %", "Total 1,380.25 1,380.25 1,300.25 1,300.25"} <= lines


async def test_a_general_ledger_has_every_line_between_its_balances(ada: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_api.ledger.day_store._DAYS_AT_FIRST", 1)
    days = {"date_from": "2026-01-01", "date_to": "2026-02-28"}
    rows = list(csv.DictReader(io.StringIO((await taken(ada, "general-ledger", "csv", **days)).decode())))
    told = ("date", "description", "debit_amount", "credit_amount", "balance")
    cash = [tuple(row[name] for name in told) for row in rows if row["account_code"] == "1010"]
    assert cash == [
        ("2026-01-01", "Opening balance", "", "", "1000"),
        ("2026-01-15", "Invoice 7 paid", "300.25", "", "1300.25"),
        ("2026-02-28", "Closing balance", "", "", "1300.25"),
    ]
    everything = list(csv.DictReader(io.StringIO((await taken(ada, "general-ledger", "csv")).decode())))
    assert len([row for row in everything if row["entry_id"]]) == 10 and sorted({row["account_code"] for row in everything}) == [
        *("1010", "1200", "2100", "3100", "4100", "5200", "5300"),
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(await taken(ada, "general-ledger", "xlsx", account_code="5200"))).active
    assert [row[4] for row in sheet.iter_rows(min_row=2, values_only=True)] == ["Opening balance", "=SUM(A1:A9) <b>Salaries</b>", "Closing balance"]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    lines = await asyncio.to_thread(printed, await taken(ada, "general-ledger", "pdf", **days), tmp_path)
    assert {"1010 Cash at bank", "2026-01-15 Invoice 7 paid 300.25 1,300.25"} <= lines
    records = await AuditRecord.find({"org_id": ada.org_id, "action": "general_ledger.exported"}).to_list()
    assert sorted(record.after["format"] for record in records) == ["csv", "csv", "pdf", "xlsx"]


async def test_what_cannot_be_taken_is_refused(ada: Person, join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PDF_LINES_AT_ONCE", 3)
    refused = await ada.http.get("/api/ledger/general-ledger/export/?format=pdf")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_rows")
    for path, field in (
        ("trial-balance/export/?format=doc", "format"),
        ("trial-balance/export/?at=2026-01-01&compare_to=2026-01-01", "compare_to"),
        ("general-ledger/export/?date_from=yesterday", "date_from"),
    ):
        answer = await ada.http.get(f"/api/ledger/{path}")
        assert answer.status_code == 422 and field in answer.text, path
    assert (await ada.http.get("/api/ledger/periods/2026-01/certificate/pdf/")).status_code == 404
    assert (await ada.http.get("/api/ledger/periods/x/certificate/pdf/")).status_code == 404
    header = (await ada.http.get('/api/ledger/general-ledger/export/?account_code=10"; x=y')).headers["Content-Disposition"]
    assert header == 'attachment; filename="general-ledger-10___x_y.csv"'
    eve = await join("eve", founds="Elsewhere")
    assert "Salaries" not in (await taken(eve, "general-ledger", "csv")).decode()


async def test_a_certificate_can_be_printed_and_signed(join: Join, runtime: Runtime, tmp_path: Path) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await posted(ada, date="2026-10-05")
    await seal_entries(runtime.uow, runtime.clock)
    checklist = await ada.http.get("/api/ledger/periods/2026-10/checklist/pdf/")
    lines = await asyncio.to_thread(printed, checklist.content, tmp_path)
    assert {"Closing checklist for 2026-10", "Nothing keeps the month open."} <= lines and checklist.headers["Content-Type"] == "application/pdf"
    assert any(line.startswith("Seals ") and line.endswith(" passed") for line in lines)
    lines = await asyncio.to_thread(printed, (await ada.http.get("/api/ledger/periods/2099-10/checklist/pdf/")).content, tmp_path)
    assert any(line.startswith("The month is over ") and line.endswith(" open") for line in lines)
    certificate: dict[str, Any] = (await ada.http.post("/api/ledger/periods/2026-10/close/")).json()
    answer = await ada.http.get("/api/ledger/periods/2026-10/certificate/pdf/")
    lines = await asyncio.to_thread(printed, answer.content, tmp_path)
    assert {"Certificate for 2026-10", "Closed through 2026-10-31", "Total 1,200.50 1,200.50"} <= lines
    assert any(certificate["digest"] in line for line in lines)
