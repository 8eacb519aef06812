"""Reports that a worker makes, over HTTP: ordered, followed, taken, cancelled, failed, asked for again; what a dead worker left another makes."""

import asyncio
import csv
import hashlib
import io
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.events.documents import Event
from crypto_api.flows import long_report_makers as makers
from crypto_api.flows import make_long_report as flow
from crypto_api.flows import order_book_report as orders
from crypto_api.flows.long_report_makers import Desk, Made, Told
from crypto_api.flows.make_long_report import make_next
from crypto_api.flows.order_long_report import sweep_expired
from crypto_api.kit.errors import InvalidInput
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport, LongReportPart
from crypto_api.long_reports.types import LEASE, LongReportKind
from crypto_api.organizations.types import Role
from crypto_api.prices.types import Pricing
from crypto_api.runtime import Runtime
from mongodb_config import claimed_row
from tests.http.conftest import Join, Person
from tests.http.test_statements import world
from tests.programs import program

D = Decimal
LEDGER = "/api/ledger/general-ledger/export/"


@pytest.fixture
async def ada(join: Join) -> Person:
    person = await join("ada", founds="Byron Treasury 東京")
    await world(person)
    return person


@pytest.fixture
def desk(runtime: Runtime) -> Desk:
    return Desk(runtime.uow, runtime.clock, Pricing())


async def ordered(person: Person, path: str = LEDGER, **body: Any) -> dict[str, Any]:
    answer = await person.http.post(path, json=body)
    assert answer.status_code == 202, answer.text
    report = (await person.http.get(answer.headers["Location"])).json()
    assert report["task_id"] == answer.json()["id"]
    return report


async def read(person: Person, report: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await person.http.get(f"/api/long-reports/{report['id']}/")).json()
    return found


def printed(content: bytes, folder: Path) -> tuple[list[str], int]:
    """Lines, and how many pages a reader sees."""
    (folder / "file.pdf").write_bytes(content)
    told = subprocess.run([program("pdftotext"), "-layout", str(folder / "file.pdf"), "-"], check=True, capture_output=True, text=True, timeout=60)
    return [" ".join(row.split()) for row in told.stdout.splitlines()], told.stdout.count("\f")


async def test_a_general_ledger_is_made_by_a_worker_and_says_what_the_api_says(ada: Person, join: Join, desk: Desk, tmp_path: Path) -> None:
    reports = {form: await ordered(ada, format=form, date_from="2026-01-01", date_to="2026-03-31") for form in ("pdf", "xlsx", "csv")}
    again = await ada.http.post(LEDGER, json={"format": "pdf", "date_from": "2026-01-01", "date_to": "2026-03-31"})
    assert again.json()["id"] == reports["pdf"]["task_id"] and again.headers["Location"].endswith(f"{reports['pdf']['id']}/")
    assert {(report["status"], report["progress"]) for report in reports.values()} == {("queued", 0)}
    early = await ada.http.get(f"/api/long-reports/{reports['pdf']['id']}/file/")
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    assert [await make_next(desk) for _ in range(4)] == [True, True, True, False]
    files = {}
    for form, report in reports.items():
        made = await read(ada, report)
        answer = await ada.http.get(f"/api/long-reports/{report['id']}/file/")
        files[form] = answer.content
        assert (made["status"], made["progress"], made["size"], made["error"]) == ("ready", 100, len(answer.content), "")
        assert made["sha256"] == hashlib.sha256(answer.content).hexdigest()
        assert answer.headers["Content-Disposition"] == f'attachment; filename="general-ledger-all.{form}"'
    told = (await ada.http.get("/api/ledger/general-ledger/?account_code=1010&date_from=2026-01-01&date_to=2026-03-31")).json()
    rows = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    cash = [row for row in rows if row["account_code"] == "1010"]
    assert [(row["description"], row["balance"]) for row in cash[:2]] == [("Opening balance", "1000"), ("Invoice 7 paid", "1300.25")]
    assert D(cash[-1]["balance"]) == D(told["closing_balance"]) == D("1100.25") and cash[-1]["description"] == "Closing balance"
    assert any(row["description"].startswith("'=") for row in rows), "no formula leaves with a CSV"
    cells = [cell for row in openpyxl.load_workbook(io.BytesIO(files["xlsx"])).active.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    lines, pages = await asyncio.to_thread(printed, files["pdf"], tmp_path)
    assert {"1010 Cash at bank", "2026-01-15 Invoice 7 paid 300.25 1,300.25", "2026-03-31 Closing balance 1,100.25"} <= set(lines)
    assert f"Page {pages}" in " ".join(lines[-3:])
    task = (await ada.http.get(f"/api/system/tasks/{reports['pdf']['task_id']}/")).json()
    assert (task["kind"], task["status"], task["result"]) == ("report", "succeeded", {"long_report_id": reports["pdf"]["id"]})
    actions = [row.action for row in await AuditRecord.find({"org_id": ada.org_id, "action": {"$regex": "^long_report"}}).to_list()]
    assert sorted(actions) == ["long_report.downloaded"] * 3 + ["long_report.ordered"] * 3
    kinds = [row.kind for row in await Event.find({"org_id": ada.org_id, "data.report_id": reports["pdf"]["id"]}).sort("+_id").to_list()]
    assert kinds == ["long_report.requested", "long_report.ended"]
    # whose it is
    eve, bob = await join("eve", founds="Elsewhere"), await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    for path in ("", "file/"):
        assert (await eve.http.get(f"/api/long-reports/{reports['pdf']['id']}/{path}")).status_code == 404
        assert (await bob.http.get(f"/api/long-reports/{reports['pdf']['id']}/{path}")).status_code == 200
    assert (await eve.http.get("/api/long-reports/")).json()["items"] == []
    refused = await bob.http.delete(f"/api/long-reports/{reports['pdf']['id']}/")
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert (await ada.http.delete(f"/api/long-reports/{reports['pdf']['id']}/")).status_code == 204
    assert await LongReportPart.find({"org_id": ada.org_id, "report_id": reports["pdf"]["id"]}).count() == 0
    # and how long
    assert await sweep_expired(desk.uow, desk.clock) == 0
    await LongReport.get_pymongo_collection().update_many({}, {"$set": {"expires_at": desk.clock.now() - timedelta(seconds=1)}})
    assert await sweep_expired(desk.uow, desk.clock) == 2
    assert await LongReportPart.find({}).count() == 0 and (await ada.http.get("/api/long-reports/")).json()["items"] == []


async def test_what_cannot_be_ordered_is_refused(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    for body, field in (
        ({"format": "doc"}, "format"),
        ({"date_from": "2026-02-01", "date_to": "2026-01-01"}, "date_to"),
        ({"known_at": "2099-01-01T00:00:00Z"}, "known_at"),
        ({"account_code": '9999"; DROP'}, "account_code"),
        ({"account_code": {"$ne": None}}, "account_code"),
        ({"wallet_id": "wal_elsewhere"}, "wallet_id"),
        ({"date_from": "0001-01-01T00:00:00"}, "date_from"),
        ({"path": "/etc/passwd"}, "path"),
    ):
        answer = await ada.http.post(LEDGER, json=body)
        assert answer.status_code == 422 and field in answer.text, body
    assert (await ada.http.post("/api/tax-reports/txr_none/file/", json={})).status_code == 404
    assert await LongReport.find({"org_id": ada.org_id}).count() == 0
    monkeypatch.setattr("crypto_api.flows.order_long_report.UNFINISHED_MAX", 2)
    one = await ordered(ada, date_from="0001-01-01", date_to="9999-12-31")
    await ordered(ada, "/api/ledger/export/", format="beancount")
    refused = await ada.http.post(LEDGER, json={"account_code": "1010"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_reports")
    for path, code in (("retry/", "nothing_to_retry"), ("", "report_unfinished")):
        method = "POST" if path else "DELETE"
        answer = await ada.http.request(method, f"/api/long-reports/{one['id']}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (409, code)


async def test_one_of_an_organisation_at_a_time_and_others_beside_it(ada: Person, join: Join, desk: Desk) -> None:
    eve = await join("eve", founds="Elsewhere")
    mine = [await ordered(ada, "/api/ledger/export/", format=form) for form in ("beancount", "csv")]
    hers = await ordered(eve, "/api/ledger/export/", format="beancount")
    row = await store.get(ada.org_id, mine[0]["id"])
    assert row is not None
    assert await flow.bench_of(desk).claim(row) is not None and await flow.bench_of(desk).claim(row) is None
    assert [await make_next(desk), await make_next(desk)] == [True, False]
    assert [(await read(ada, report))["status"] for report in mine] == ["running", "queued"] and (await read(eve, hers))["status"] == "ready"


async def test_cancelled_while_it_is_made(ada: Person, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, parted = asyncio.Event(), asyncio.Event()

    async def slow(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
        begun.set()
        await parted.wait()
        await told(50, "half of it")
        raise AssertionError("it was told that nobody wants it")

    monkeypatch.setitem(makers.MAKERS, LongReportKind.GENERAL_LEDGER, slow)
    report = await ordered(ada)
    making = asyncio.create_task(make_next(desk))
    await asyncio.wait_for(begun.wait(), 30)
    assert (await ada.http.post(f"/api/long-reports/{report['id']}/cancel/")).json()["status"] == "cancelled"
    parted.set()
    assert await asyncio.wait_for(making, 30)
    again = await ada.http.post(f"/api/long-reports/{report['id']}/cancel/")
    assert (again.status_code, again.json()["code"]) == (409, "report_ended")
    assert (await ada.http.get(f"/api/system/tasks/{report['task_id']}/")).json()["status"] == "cancelled"
    monkeypatch.undo()
    retried = await ada.http.post(f"/api/long-reports/{report['id']}/retry/")
    assert retried.status_code == 202 and await make_next(desk)
    assert (await ada.http.get(retried.headers["Location"])).json()["status"] == "ready"
    assert (await read(ada, report))["status"] == "cancelled"


async def test_a_failure_says_why_and_what_a_dead_worker_left_is_made_by_another(ada: Person, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
        raise InvalidInput.of("by", "would have too many rows", "too_many_rows")

    async def breaks(desk: Desk, row: LongReport, path: Path, told: Told) -> Made:
        raise ValueError("a secret of the inside")

    for maker, said in ((refuses, "by: would have too many rows"), (breaks, flow._LEFT)):
        monkeypatch.setitem(makers.MAKERS, LongReportKind.GENERAL_LEDGER, maker)
        failed = await ordered(ada)
        assert await make_next(desk)
        assert ((await read(ada, failed))["status"], (await read(ada, failed))["error"]) == ("failed", said)
        task = (await ada.http.get(f"/api/system/tasks/{failed['task_id']}/")).json()
        assert (task["status"], task["error"]) == ("failed", said)
    monkeypatch.undo()
    monkeypatch.setattr(flow, "PART", 100)
    report = await ordered(ada, format="csv")
    row = await store.get(ada.org_id, report["id"])
    assert row is not None
    dead = await flow.bench_of(desk).claim(row)
    assert dead is not None
    left = LongReportPart(
        id="left", created_at=desk.clock.now(), org_id=dead.org_id, report_id=dead.id, claim=dead.claim or "", number=0, content=b"half"
    )
    await desk.uow.run(lambda session: store.insert_parts(session, [left]))
    assert not await make_next(desk), "its lease has not run out"
    out = desk.clock.now() - LEASE
    await LongReport.get_pymongo_collection().update_one({"_id": dead.id}, {"$set": {"claimed_until": out}})
    assert await make_next(desk)
    content = (await ada.http.get(f"/api/long-reports/{report['id']}/file/")).content
    assert content.startswith(b"account_code,") and len(content) == (await read(ada, report))["size"] > 100
    assert not await desk.uow.run(lambda session: claimed_row.finish(session, dead, {"status": "failed"})), "the dead one comes too late"
    claims = {part.claim for part in await LongReportPart.find({"report_id": dead.id}).to_list()}
    assert len(claims) == 1 and dead.claim not in claims
    again = await ordered(ada, format="xlsx")
    await LongReport.get_pymongo_collection().update_one({"_id": again["id"]}, {"$set": {"tries": 3}})
    assert await make_next(desk)
    assert (await read(ada, again))["error"].startswith("It was interrupted 3 times")


async def test_a_roll_forward_over_very_much_is_ordered(ada: Person, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"start_date": "2026-01-01", "end_date": "2026-03-31"}
    at_once = await ada.http.post("/api/reports/crypto-roll-forward/", json=asked)
    assert at_once.status_code == 201
    monkeypatch.setattr(orders, "ROLLED_AT_ONCE", -1)
    answer = await ada.http.post("/api/reports/crypto-roll-forward/", json=asked)
    assert answer.status_code == 202 and await make_next(desk)
    task = (await ada.http.get(f"/api/system/tasks/{answer.json()['id']}/")).json()
    report = (await ada.http.get(f"/api/reports/{task['result']['report_id']}/")).json()
    assert report["rows"] == at_once.json()["rows"] and report["kind"] == "crypto_roll_forward"
    refused = await ada.http.get(f"/api/long-reports/{task['result']['long_report_id']}/file/")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_file")
