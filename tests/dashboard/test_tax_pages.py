"""The tax centre on pages: a report from the form to its figures and files, and what is refused on the way."""

import httpx
import pytest

from crypto_api.flows import make_tax_report
from crypto_api.flows.long_report_makers import Desk
from crypto_api.flows.make_long_report import make_next
from crypto_api.prices.types import Pricing
from crypto_api.runtime import Runtime
from crypto_api.tax.documents import TaxReport
from tests.dashboard.conftest import Window, log_in, send
from tests.factories.treasury import Treasury

HEADER = "timestamp,type,asset,amount,price,fee,fee_asset,wallet,to_wallet,description,external_id"
YEAR = {"period": "yearly", "date": "2025-06-01", "method": "fifo", "scope": "wallet"}


def rows(wallet: str) -> str:
    return f"""{HEADER}
2024-01-10T10:00:00Z,BUY,ETH,1,1000,,,{wallet},,,k-1
2024-02-10T10:00:00Z,BUY,ETH,1,3000,,,{wallet},,,k-2
2025-01-10T12:00:00Z,SELL,ETH,1.5,2500,,,{wallet},,,k-3
2025-06-01T12:00:00Z,SELL,ETH,0.75,2200,,,{wallet},,,k-4
2025-07-01T12:00:00Z,INCOME,ETH,0.1,2300,,,{wallet},,Staking,k-5
"""


async def bring(client: httpx.AsyncClient, wallet: str) -> None:
    await bring_table(client, rows(wallet))


async def bring_table(client: httpx.AsyncClient, table: str) -> None:
    page = (await client.get("/transactions/import/")).text
    csrf = page.split('name="csrfmiddlewaretoken" value="', 1)[1].split('"', 1)[0]
    files = {"file": ("rows.csv", table.encode())}
    answer = await client.post("/transactions/import/", data={"csrfmiddlewaretoken": csrf, "do": "bring"}, files=files)
    assert answer.status_code == 302, answer.text


@pytest.fixture
async def ada(visitor: httpx.AsyncClient, treasury: Treasury) -> httpx.AsyncClient:
    assert (await log_in(visitor)).status_code == 302
    return visitor


async def test_a_report_from_the_form_to_its_files(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    assert "No report was made yet" in (await ada.get("/tax/")).text
    await bring(ada, (await treasury.wallet("Operations")).name)
    made = await send(ada, "/tax/generate/", "/tax/", **YEAR)
    assert made.status_code == 302
    url = made.headers["location"]
    shown = (await ada.get(url)).text
    for told in ("1 Jan 2025 – 31 Dec 2025", "$1,000.00", "More went out than came in", "FIFO", "Each wallet by itself", "$230.00"):
        assert told in shown, told
    listed = (await ada.get("/tax/")).text
    assert "1 missing" in listed and url in listed
    for form in ("pdf", "xlsx", "csv"):
        file = await ada.get(f"{url}{form}/")
        assert file.status_code == 200 and f"2025-12-31-fifo.{form}" in file.headers["content-disposition"]
    deleted = await send(ada, f"{url}delete/", url, version="99")
    assert deleted.status_code == 412 and "was changed since it was read" in deleted.text
    (report,) = await TaxReport.find({"org_id": treasury.org_id}).to_list()
    assert (await send(ada, f"{url}delete/", url, version=str(report.version))).headers["location"] == "/tax/?done=deleted"
    assert "The report was deleted" in (await ada.get("/tax/?done=deleted")).text and (await ada.get(url)).status_code == 404


async def test_what_is_long_is_computed_and_written_in_the_background(
    ada: httpx.AsyncClient, treasury: Treasury, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report and its files, each watched on its own page."""
    desk = Desk(runtime.uow, runtime.clock, Pricing())
    await bring(ada, (await treasury.wallet("Operations")).name)
    monkeypatch.setattr(make_tax_report, "AT_ONCE_MAX", 0)
    made = await send(ada, "/tax/generate/", "/tax/", **YEAR)
    (report,) = await TaxReport.find({"org_id": treasury.org_id}).to_list()
    url = f"/tax/{report.id}/"
    assert made.headers["location"] == f"{url}?done=asked#long-reports"
    waits = (await ada.get(f"{url}?done=asked")).text
    assert "It is being computed" in waits and "Waits for a worker" in waits and "In the background…" not in waits
    assert "Net gain or loss" not in waits, "nothing is not what it comes to"
    assert "Computing 0 %" in (await ada.get("/tax/")).text
    assert await make_next(desk)
    ready = (await ada.get(url)).text
    assert "$1,000.00" in ready and "It is being computed" not in ready and "In the background…" in ready
    ordered = await send(ada, "/exports/order/", url, report="tax_report", tax_report=report.id, format="csv")
    assert ordered.headers["location"] == f"{url}?done=ordered#long-reports"
    assert "The file is being made" in (await ada.get(f"{url}?done=ordered")).text
    assert await make_next(desk)
    fragment = (await ada.get(f"/fragments/long-reports/?tax_report={report.id}")).text
    link = fragment.split('/file/"', 1)[0].rsplit('href="', 1)[1]
    assert (await ada.get(f"{link}/file/")).content == (await ada.get(f"{url}csv/")).content
    other = await send(ada, "/tax/generate/", "/tax/", **{**YEAR, "method": "lifo"})
    assert "CSV" not in (await ada.get(f"/fragments/long-reports/?tax_report={other.headers['location'].split('/')[2]}")).text
    assert (await send(ada, "/exports/order/", url, report="tax_report", tax_report="taxr_none", format="csv")).status_code == 404


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"date": "yesterday"}, "The day is not a date such as 2026-11-21."),
        ({"date": ""}, "The day is needed."),
        ({"period": "custom", "start_date": "2025-02-01", "end_date": "2025-01-01"}, "The last day is before start_date."),
        ({"period": "decade"}, "The period is not one of those offered."),
    ],
)
async def test_what_is_refused_stands_at_its_field(ada: httpx.AsyncClient, treasury: Treasury, changes: dict[str, str], says: str) -> None:
    answer = await send(ada, "/tax/generate/", "/tax/", **{**YEAR, **changes})
    assert answer.status_code == 422 and says in answer.text
    assert await TaxReport.find({"org_id": treasury.org_id}).count() == 0


@pytest.mark.browser
async def test_it_is_fit_to_be_looked_at(window: Window, ada: httpx.AsyncClient, treasury: Treasury) -> None:
    await bring(ada, (await treasury.wallet("Operations")).name)
    await send(ada, "/tax/generate/", "/tax/", **YEAR)
    await window.log_in(path="/tax/")
    assert await window.unfit() == []
    await window.page.click(".row-target")
    await window.page.wait_for_selector("text=Net gain or loss")
    assert await window.unfit() == []
