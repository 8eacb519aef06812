"""Tax reports over real HTTP: exact rows by each method, what is missing told and never guessed, files that hold the same figures."""

import base64
import csv
import io
import re
import zlib
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.flows import make_tax_report as flow
from crypto_api.flows.long_report_makers import Desk
from crypto_api.flows.make_long_report import make_next
from crypto_api.organizations.types import Role
from crypto_api.prices.types import Pricing
from crypto_api.runtime import Runtime
from crypto_api.tax.documents import TaxReport, TaxReportPart
from tests.http.conftest import Join, Person, random_address, wallet_body
from tests.lots.test_rp2 import table

HEADER = "timestamp,type,asset,amount,price,fee,fee_asset,wallet,to_wallet,description,external_id"
ROWS = f"""{HEADER}
2024-01-10T10:00:00Z,BUY,ETH,1,1000,,,Operations,,,k-1
2024-02-10T10:00:00Z,BUY,ETH,1,3000,,,Operations,,,k-2
2024-03-10T10:00:00Z,BUY,ETH,1,2000,,,Reserve,,,k-3
2025-01-10T12:00:00Z,SELL,ETH,0.5,2500,,,Operations,,,k-4
2025-01-11T12:00:00Z,SELL,ETH,0.5,2500,,,Operations,,,k-5
2025-03-01T12:00:00Z,TRANSFER,ETH,0.25,,,,Operations,Reserve,,k-6
2025-06-01T12:00:00Z,SELL,ETH,2,2200,,,Reserve,,,k-7
2025-07-01T12:00:00Z,INCOME,ETH,0.1,2300,,,Reserve,,Staking,k-8
"""
YEAR = {"start_date": "2025-01-01", "end_date": "2025-12-31"}


@pytest.fixture
async def ada(join: Join) -> Person:
    ada = await join("ada", founds="Byron Treasury")
    for name in ("Operations", "Reserve"):
        assert (await ada.http.post("/api/wallets/", json=wallet_body(name=name, address=random_address()))).status_code == 201
    return ada


async def bring(ada: Person, rows: str = ROWS) -> None:
    answer = await ada.http.post("/api/transactions/import/", files={"file": ("rows.csv", rows.encode())})
    assert answer.status_code == 201, answer.text


async def made(ada: Person, path: str = "generate", **body: Any) -> dict[str, Any]:
    answer = await ada.http.post(f"/api/tax-reports/{path}/", json=body)
    assert answer.status_code == 201, answer.text
    report: dict[str, Any] = answer.json()
    assert report["status"] == "ready"
    return report


def rows_of(report: dict[str, Any]) -> list[tuple[str, ...]]:
    names = ("disposed_at", "acquired_at", "quantity", "proceeds", "cost_basis", "gain", "term")
    return [tuple(row[name][:10] if name.endswith("_at") else row[name] for name in names) for row in report["disposals"]]


async def test_fifo_by_wallet(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    assert rows_of(report) == [
        ("2025-01-10", "2024-01-10", "0.5", "1250", "500", "750", "short"),  # on the day itself a year is not over
        ("2025-01-11", "2024-01-10", "0.5", "1250", "500", "750", "long"),
        ("2025-06-01", "2024-02-10", "0.25", "550", "750", "-200", "long"),  # carried there by the transfer, with its date and its cost
        ("2025-06-01", "2024-03-10", "1", "2200", "2000", "200", "long"),
    ]
    assert [(row["quantity"], row["proceeds"], row["reason"], row["disposed_at"][:10]) for row in report["missing"]] == [
        ("0.75", "1650", "missing_acquisition", "2025-06-01")
    ]
    totals = {name: report[name] for name in ("total_gains", "total_losses", "net_gain_loss", "short_term_gain_loss", "long_term_gain_loss")}
    assert totals == {
        "total_gains": "1700",
        "total_losses": "200",
        "net_gain_loss": "1500",
        "short_term_gain_loss": "750",
        "long_term_gain_loss": "750",
    }
    assert (report["taxable_events"], report["income"], report["missing_count"]) == (3, "230", 1)
    assert [(row["value"], row["account_code"]) for row in report["incomes"]] == [("230", "4100")]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fifo", [("2024-01-10", "0.5"), ("2024-01-10", "0.5"), ("2024-02-10", "1"), ("2024-03-10", "1")]),
        ("lifo", [("2024-03-10", "0.5"), ("2024-03-10", "0.5"), ("2024-02-10", "1"), ("2024-01-10", "1")]),
        ("hifo", [("2024-02-10", "0.5"), ("2024-02-10", "0.5"), ("2024-03-10", "1"), ("2024-01-10", "1")]),
    ],
)
async def test_universal_lots_by_each_method(ada: Person, method: str, expected: list[tuple[str, str]]) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method=method, scope="universal")
    assert [(row[1], row[2]) for row in rows_of(report)] == expected and report["missing"] == []
    assert report["total_proceeds"] == "6900" and report["total_cost_basis"] == "6000"


async def test_average_cost(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="average", scope="universal")
    assert [row[4] for row in rows_of(report)] == ["1000", "1000", "2000", "2000"]
    assert report["net_gain_loss"] == "900"


async def test_every_figure_opens_to_its_transactions(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    for row in report["disposals"]:
        for name in ("transaction_id", "acquired_transaction_id"):
            found = await ada.http.get(f"/api/transactions/{row[name]}/")
            assert found.status_code == 200 and found.json()["timestamp"] == row["disposed_at" if name == "transaction_id" else "acquired_at"]
        for name in ("entry_id", "acquired_entry_id"):
            assert (await ada.http.get(f"/api/journal-entries/{row[name]}/")).status_code == 200


async def test_a_report_stays_and_the_next_says_what_the_books_say_then(ada: Person) -> None:
    await bring(ada)
    before = await made(ada, **YEAR, method="fifo", scope="wallet")
    await bring(ada, f"{HEADER}\n2024-01-01T10:00:00Z,BUY,ETH,1,500,,,Operations,,,k-0\n")
    after = await made(ada, **YEAR, method="fifo", scope="wallet")
    assert (before["net_gain_loss"], after["net_gain_loss"]) == ("1500", "2500")
    assert (await ada.http.get(f"/api/tax-reports/{before['id']}/")).json() == before
    listed = (await ada.http.get("/api/tax-reports/", params={"count": "true"})).json()
    assert [row["id"] for row in listed["items"]] == [after["id"], before["id"]] and listed["total"] == 2
    assert "disposals" not in listed["items"][0]


@pytest.mark.parametrize(
    ("path", "day", "start", "end"),
    [
        ("daily", "2025-01-10", "2025-01-10", "2025-01-10"),
        ("weekly", "2025-01-11", "2025-01-06", "2025-01-12"),
        ("monthly", "2024-02-10", "2024-02-01", "2024-02-29"),
        ("yearly", "2025-06-01", "2025-01-01", "2025-12-31"),
    ],
)
async def test_periods(ada: Person, path: str, day: str, start: str, end: str) -> None:
    report = await made(ada, path, date=day, method="fifo", scope="universal")
    assert (report["start_date"], report["end_date"], report["period"]) == (start, end, path)
    assert report["disposals"] == [] and report["net_gain_loss"] == "0"


async def test_a_year_begins_where_the_organisation_is(ada: Person) -> None:
    read = await ada.http.get(f"/api/organizations/{ada.org_id}/")
    body = {"time_zone": "Pacific/Auckland", "fiscal_year_start": "04-01"}
    changed = await ada.http.put(f"/api/organizations/{ada.org_id}/", json=body, headers={"If-Match": read.headers["ETag"]})
    assert changed.status_code == 200, changed.text
    await bring(ada, f"{HEADER}\n2024-01-10T10:00:00Z,BUY,ETH,1,1000,,,Operations,,,a\n2025-03-31T11:30:00Z,SELL,ETH,1,1500,,,Operations,,,b\n")
    late, early = await made(ada, "yearly", date="2025-04-01", method="fifo"), await made(ada, "yearly", date="2025-03-31", method="fifo")
    assert (late["start_date"], late["end_date"], early["start_date"]) == ("2025-04-01", "2026-03-31", "2024-04-01")
    assert len(late["disposals"]) == 1 and early["disposals"] == []  # half past eleven in UTC is the next day there


# ---- a public program as oracle -------------------------------------------------------------------------------------------------

TRADES = 120


def trades() -> str:
    """The first of the trades of which tests/lots holds what rp2 makes: fees in money."""
    lines = [HEADER]
    for row in sorted(table("eth_1000"), key=lambda row: row["timestamp"])[:TRADES]:
        at = row["timestamp"].replace(" ", "T")
        lines.append(f"{at},{row['kind']},ETH,{row['crypto']},{row['spot_price']},{row['fiat_fee'] if row['kind'] == 'BUY' else ''},,Operations,,,")
    return "\n".join(lines)


async def test_the_same_lots_as_rp2_from_a_table_to_a_report(ada: Person) -> None:
    await bring(ada, trades())
    last = sorted(row["timestamp"] for row in table("eth_1000"))[TRADES - 1]
    for method in ("fifo", "lifo", "hifo"):
        report = await made(ada, start_date="2017-01-01", end_date="2026-01-01", method=method, scope="universal")
        expected = [row for row in table(f"eth_1000_{method}_lots") if row["out_timestamp"] <= last]
        assert len(report["disposals"]) == len(expected) > 50 and report["missing"] == []
        for mine, theirs in zip(report["disposals"], expected, strict=True):
            times = (mine["disposed_at"][:19].replace("T", " "), mine["acquired_at"][:19].replace("T", " "))
            assert times == (theirs["out_timestamp"][:19], theirs["lot_timestamp"][:19]), method
            assert Decimal(mine["quantity"]) == Decimal(theirs["crypto_amount"])
            for name in ("proceeds", "cost_basis", "gain"):
                assert abs(Decimal(mine[name]) - Decimal(theirs[name])) < Decimal("0.0001"), (method, mine, theirs)


# ---- files -----------------------------------------------------------------------------------------------------------------------


async def file_of(ada: Person, report: dict[str, Any], form: str) -> httpx.Response:
    answer = await ada.http.get(f"/api/tax-reports/{report['id']}/{form}/")
    assert answer.status_code == 200 and answer.headers["content-disposition"].startswith(
        'attachment; filename="tax-report-2025-01-01-2025-12-31-fifo.'
    )
    return answer


async def test_csv_holds_the_same_figures(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    table = list(csv.DictReader((await file_of(ada, report, "csv")).text.splitlines()))
    assert [(row["quantity"], row["proceeds"], row["cost_basis"], row["gain"]) for row in table] == [row[2:6] for row in rows_of(report)]
    assert table[2]["wallet"] == "Reserve" and table[2]["acquired_at"] == "2024-02-10 10:00:00"


async def test_the_workbook_sums_by_formula_and_holds_no_other(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    content = (await file_of(ada, report, "excel")).content
    book, values = openpyxl.load_workbook(io.BytesIO(content)), openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    assert book.sheetnames == ["Summary", "Disposals", "Missing", "Income"]
    sheet = book["Disposals"]
    assert sheet.freeze_panes == "B2" and sheet["G2"].number_format.startswith("#,##0.00")
    formulas = [cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert formulas == ["=SUM(E2:E5)", "=SUM(F2:F5)", "=SUM(G2:G5)"]
    assert [values["Disposals"][f"{column}6"].value for column in "EFG"] == [5250, 3750, 1500]
    assert [cell.value for cell in sheet["G"]][1:5] == [750, 750, -200, 200]
    summed = {row[0].value: row[1].value for row in values["Summary"].iter_rows(min_row=3)}
    assert summed["Net gain or loss"] == 1500 and summed["Organisation"] == "Byron Treasury"


def text_of(pdf: bytes) -> list[str]:
    """What it shows, piece by piece: the streams of the pages are compressed text."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    pages = [zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>"))) for stream in streams]
    return [text.decode("cp1252") for page in pages for text in re.findall(rb"\((.*?)\) Tj", page)]


async def test_the_pdf_reads_the_same(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    answer = await file_of(ada, report, "pdf")
    assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    words = " ".join(text_of(answer.content))
    for told in (
        "Byron Treasury",
        "Tax report 2025-01-01 to 2025-12-31",
        "1,700.00",
        "-200.00",
        "1,500.00",
        "0.75",
        "More went out than came in",
        "Page 1",
    ):
        assert told in words, (told, words)


# ---- refusals --------------------------------------------------------------------------------------------------------------------


async def test_what_is_refused(ada: Person) -> None:
    for body, field in (
        ({"start_date": "2025-02-01", "end_date": "2025-01-01"}, "end_date"),
        ({**YEAR, "method": "lofo"}, "method"),
        ({**YEAR, "scope": "house"}, "scope"),
        ({**YEAR, "metod": "fifo"}, "metod"),
        ({"start_date": "01/02/2025", "end_date": "2025-01-01"}, "start_date"),
    ):
        answer = await ada.http.post("/api/tax-reports/generate/", json=body)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.text
    assert await TaxReport.find({"org_id": ada.org_id}).count() == 0
    assert (await ada.http.get("/api/tax-reports/txr_none/")).status_code == 404
    assert (await ada.http.get("/api/tax-reports/txr_none/pdf/")).status_code == 404


async def test_deleting_takes_the_rows_and_leaves_the_books(ada: Person) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    path = f"/api/tax-reports/{report['id']}/"
    assert (await ada.http.delete(path, headers={"If-Match": '"99"'})).status_code == 412
    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path)).status_code == 404 and (await ada.http.delete(path)).status_code == 404
    assert await TaxReportPart.find({"org_id": ada.org_id}).count() == 0
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True
    actions = {row.action for row in await AuditRecord.find({"org_id": ada.org_id, "subject_kind": "tax_report"}).to_list()}
    assert actions == {"tax_report.requested", "tax_report.deleted"}


async def test_another_organisation_and_a_reader(ada: Person, join: Join) -> None:
    await bring(ada)
    report = await made(ada, **YEAR, method="fifo", scope="wallet")
    stranger = await join("eve", founds="Elsewhere")
    for form in ("", "pdf/", "excel/", "csv/"):
        assert (await stranger.http.get(f"/api/tax-reports/{report['id']}/{form}")).status_code == 404
    assert (await stranger.http.delete(f"/api/tax-reports/{report['id']}/")).status_code == 404
    auditor = await join("aud", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await auditor.http.get(f"/api/tax-reports/{report['id']}/")).status_code == 200
    assert (await auditor.http.post("/api/tax-reports/generate/", json=YEAR)).status_code == 403
    assert (await auditor.http.delete(f"/api/tax-reports/{report['id']}/")).status_code == 403


# ---- a long history --------------------------------------------------------------------------------------------------------------


async def test_a_long_history_is_a_task(ada: Person, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    await bring(ada)
    monkeypatch.setattr(flow, "AT_ONCE_MAX", 3)
    monkeypatch.setattr("crypto_api.tax.store.ROWS_IN_A_PART", 3)
    answer = await ada.http.post("/api/tax-reports/generate/", json=YEAR | {"method": "fifo", "scope": "wallet"})
    assert answer.status_code == 202 and answer.json()["status"] == "queued"
    (row,) = await TaxReport.find({"org_id": ada.org_id}).to_list()
    waiting = (await ada.http.get(f"/api/tax-reports/{row.id}/")).json()
    assert waiting["status"] == "queued" and waiting["task_id"] == answer.json()["id"]
    refused = await ada.http.get(f"/api/tax-reports/{row.id}/pdf/")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_ready")
    desk = Desk(runtime.uow, runtime.clock, Pricing())
    assert [await make_next(desk), await make_next(desk)] == [True, False]
    task = (await ada.http.get(f"/api/system/tasks/{row.task_id}/")).json()
    assert (task["status"], task["result"]["tax_report_id"], task["kind"]) == ("succeeded", row.id, "report")
    report = (await ada.http.get(f"/api/tax-reports/{row.id}/")).json()
    assert report["status"] == "ready" and len(report["disposals"]) == 4 and report["net_gain_loss"] == "1500"
    assert await TaxReportPart.find({"org_id": ada.org_id, "report_id": row.id, "kind": "disposals"}).count() == 2
    assert Decimal(report["total_gains"]) == Decimal(1700)
