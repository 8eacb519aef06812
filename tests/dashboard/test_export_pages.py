"""What can be taken along of the books, on a page: each file with what it is for, and the way to verify them elsewhere."""

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.long_report_makers import Desk
from crypto_api.flows.make_long_report import make_next
from crypto_api.long_reports.documents import LongReport
from crypto_api.prices.types import Pricing
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import log_in
from tests.dashboard.test_book_pages import send
from tests.dashboard.test_statement_pages import rent
from tests.factories.treasury import Treasury


@pytest.fixture
async def ada(visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await log_in(visitor)).status_code == 302
    return visitor


async def test_every_export_of_the_page_is_a_file(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    await rent(ada)
    page = (await ada.get("/exports/?at=2026-11-30&date_from=2026-11-01")).text
    assert "python -m crypto_api.ledger.verify ledger-seals.ndjson" in page and 'href="/ledger-seals/"' in page
    files = {
        "trial-balance/?format=pdf": (b"%PDF-", "trial-balance-2026-11-30.pdf"),
        "trial-balance/?format=xlsx": (b"PK", "trial-balance-2026-11-30.xlsx"),
        "trial-balance/?format=csv": (b"account_code", "trial-balance-2026-11-30.csv"),
        "general-ledger/?format=pdf": (b"%PDF-", "general-ledger.pdf"),
        "general-ledger/?format=xlsx": (b"PK", "general-ledger.xlsx"),
        "general-ledger/?format=csv": (b"account_code", "general-ledger.csv"),
        "books/?format=beancount": (b"", "books.beancount"),
        "books/?format=hledger": (b"", "books.journal"),
        "books/?format=csv": (b"date,", "books.csv"),
        "books/?format=xlsx": (b"PK", "books.xlsx"),
    }
    for path, (begins, name) in files.items():
        days = "at=2026-11-30" if path.startswith("books") else "at=2026-11-30&date_from=2026-11-01"
        assert f"/exports/{path}&{days}".replace("&", "&amp;") in page, path
        file = await ada.get(f"/exports/{path}&{days}")
        assert file.status_code == 200 and file.content.startswith(begins), path
        assert file.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    lines = (await ada.get("/exports/general-ledger/?format=csv&account=5300&at=2026-11-30")).text
    assert "Opening balance" in lines and "Rent <b>November" in lines and lines.count("5300,") == 3
    assert "Rent" not in (await ada.get("/exports/general-ledger/?format=csv&account=5300&at=2026-11-19")).text
    assert await AuditRecord.find({"org_id": treasury.org_id, "action": "general_ledger.exported"}).count() == 5


async def test_what_cannot_be_taken_is_told(ada: httpx.AsyncClient) -> None:
    for path in ("books/?format=doc", "trial-balance/?format=beancount", "general-ledger/?at=yesterday", "books/?at=x"):
        assert (await ada.get(f"/exports/{path}")).status_code == 404, path
    wrong = await ada.get("/exports/trial-balance/?format=pdf&at=2026-11-01&compare_to=2026-11-30")
    assert wrong.status_code == 422 and "Exports" in wrong.text
    assert (await ada.get("/closing/2026-01/certificate/pdf/")).status_code == 404


async def test_what_is_too_long_to_wait_for_is_made_in_the_background(
    ada: httpx.AsyncClient, treasury: Treasury, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(runtime.uow, runtime.clock, Pricing())
    await rent(ada)
    monkeypatch.setattr("crypto_api.flows.general_ledger_file.PDF_LINES_AT_ONCE", 1)
    too_long = await ada.get("/exports/general-ledger/?format=pdf&at=2026-11-30")
    assert too_long.status_code == 409 and "A PDF of more than 1 lines is not made while you wait" in too_long.text
    assert 'name="at" value="2026-11-30"' in too_long.text and "Make it in the background" in too_long.text
    assert (await ada.get("/exports/general-ledger/?format=pdf&account=5300")).headers["Content-Type"] == "application/pdf"
    offered = [("report", "general_ledger"), ("format", "pdf"), ("account", ""), ("at", "2026-11-30"), ("date_from", "")]
    done = await send(ada, "/exports/order/", "/exports/", offered)
    assert (done.status_code, done.headers["location"]) == (302, "/exports/?done=ordered#long-reports")
    waits = (await ada.get("/fragments/long-reports/")).text
    assert "General ledger, the beginning to 2026-11-30, PDF" in waits and "Waits for a worker" in waits and "Cancel" in waits
    assert await make_next(desk)
    ready = (await ada.get("/exports/")).text
    (report,) = await LongReport.find({"org_id": treasury.org_id}).to_list()
    assert "Ready" in ready and f'href="/exports/reports/{report.id}/file/"' in ready and "Waits for" not in ready
    file = await ada.get(f"/exports/reports/{report.id}/file/")
    assert file.content.startswith(b"%PDF-") and file.headers["Content-Length"] == str(report.size)
    assert (await send(ada, f"/exports/reports/{report.id}/cancel/", "/exports/", [])).status_code == 409
    assert (await send(ada, f"/exports/reports/{report.id}/delete/", "/exports/", [])).headers["location"].startswith("/exports/?done=deleted")
    assert (await ada.get(f"/exports/reports/{report.id}/file/")).status_code == 404
    for wrong in (
        [("report", "payroll"), ("format", "pdf")],
        [("report", "books"), ("format", "pdf")],
        [("report", "general_ledger"), ("format", "x")],
    ):
        assert (await send(ada, "/exports/order/", "/exports/", wrong)).status_code == 404
    refused = await send(ada, "/exports/order/", "/exports/", [("report", "general_ledger"), ("format", "csv"), ("account", "<b>")])
    assert refused.status_code == 422 and "is no account of the chart" in refused.text and "<b>" not in refused.text.split("problem")[1][:200]
