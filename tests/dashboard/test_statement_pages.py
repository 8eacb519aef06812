"""Statements on pages: asked for in a form, read as an accountant sets them, opened to the lines that an amount consists of."""

from datetime import timedelta

import httpx
import pytest

from crypto_api.statements.documents import FinancialReport
from tests.dashboard.conftest import log_in
from tests.dashboard.test_book_pages import BALANCED, RENT, send
from tests.factories.treasury import Treasury


@pytest.fixture
async def ada(visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    assert (await log_in(visitor)).status_code == 302
    return visitor


async def rent(client: httpx.AsyncClient) -> None:
    """On 20 November 2026."""
    done = await send(client, "/journal/new/", "/journal/new/", [*RENT, *BALANCED, ("then", "draft")])
    url = done.headers["location"].split("?")[0]
    assert (await send(client, f"{url}post/", url, [("version", "1")])).status_code == 302


async def make(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await send(client, "/statements/make/", "/statements/", list(fields.items()))


async def test_a_balance_sheet_is_made_read_and_opened(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    assert "No statement was made yet" in (await ada.get("/statements/")).text
    await rent(ada)
    done = await make(ada, kind="balance_sheet", as_of="2026-11-30", compare_to="2026-10-31", start_date="", end_date="")
    assert done.status_code == 302, done.text
    report = await FinancialReport.get(done.headers["location"].split("/")[2])
    assert report is not None and report.org_id == treasury.org_id and [str(column.last) for column in report.columns] == ["2026-11-30", "2026-10-31"]
    page = (await ada.get(done.headers["location"])).text
    assert "30 Nov 2026" in page and "31 Oct 2026" in page and "Total liabilities and equity" in page
    assert 'href="/general-ledger/?account=2100&amp;date_to=2026-11-30"' in page
    listed = (await ada.get("/fragments/statements/")).text
    assert "Balance sheet" in listed and f'href="/statements/{report.id}/"' in listed
    for path, head in (("pdf", b"%PDF-"), ("xlsx", b"PK")):
        file = await ada.get(f"/statements/{report.id}/{path}/")
        assert file.content.startswith(head) and f"balance-sheet-2026-11-30.{path}" in file.headers["Content-Disposition"]


async def test_a_cash_flow_opens_to_the_lines_of_its_days(ada: httpx.AsyncClient) -> None:
    await rent(ada)
    days = {"start_date": "2026-11-01", "end_date": "2026-11-30", "as_of": "", "compare_to": ""}
    page = (await ada.get((await make(ada, kind="cash_flow", **days)).headers["location"])).text
    assert "1 Nov 2026 – 30 Nov 2026" in page and "Funds at the end" in page
    income = (await ada.get((await make(ada, kind="income_statement", **days)).headers["location"])).text
    assert 'href="/general-ledger/?account=5300&amp;date_to=2026-11-30&amp;date_from=2026-11-01"' in income and "1,200.50" in income
    lines = (await ada.get("/general-ledger/?account=5300&date_to=2026-11-30&date_from=2026-11-01")).text
    assert "Rent &lt;b&gt;November" in lines


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "balance_sheet", "as_of": ""}, "The day is needed"),
        ({"kind": "balance_sheet", "as_of": "2026-02-30"}, "The day is not a date"),
        ({"kind": "income_statement", "start_date": "2026-11-30", "end_date": "2026-11-01"}, "is before"),
        ({"kind": "profit", "as_of": "2026-11-30"}, "The statement"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_nothing_is_kept(ada: httpx.AsyncClient, fields: dict[str, str], words: str) -> None:
    refused = await make(ada, **{"as_of": "", "start_date": "", "end_date": "", "compare_to": ""} | fields)
    assert refused.status_code == 422 and words in refused.text
    assert await FinancialReport.find_all().count() == 0


async def test_what_is_not_there_is_not_found(ada: httpx.AsyncClient) -> None:
    for path in ("/statements/rep_absent/", "/statements/rep_absent/pdf/", "/statements/?cursor=nonsense", "/fragments/statements/?cursor=nonsense"):
        assert (await ada.get(path)).status_code == 404


async def test_a_roll_forward_opens_to_the_lines_of_a_row(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Treasury")
    opening = await treasury.opening(wallet, "ETH", "2.5", "5000", treasury.now)
    await treasury.opening(wallet, "DAI", "7", "0", treasury.now)
    day = opening.date.isoformat()
    await treasury.rate("ETH", "2400", treasury.now, 9_000)
    done = await make(ada, kind="crypto_roll_forward", by="wallet", start_date=day, end_date=day, as_of="", compare_to="")
    assert done.status_code == 302, done.text
    report = await FinancialReport.get(done.headers["location"].split("/")[2])
    assert report is not None and report.balanced and report.without_fair_value == ["DAI"]
    page = (await ada.get(done.headers["location"])).text
    assert "ETH · Treasury" in page and "$6,000.00" in page and "no price" in page and "in no fair value: DAI" in page
    at = next(at for at, row in enumerate(report.rows) if row.key == "brought_in" and row.asset == "ETH")
    assert f'href="/statements/{report.id}/rows/?row={at}"' in page
    behind = (await ada.get(f"/statements/{report.id}/rows/?row={at}")).text
    assert f'href="/journal/{opening.id}/"' in behind and "+2.5" in behind and behind.count('class="row-link"') == 1
    assert (await ada.get(f"/statements/{report.id}/rows/")).text.count('class="row-link"') == 2
    for row in ("0", "1", "999", "-1", "x"):  # a heading, what was before, and what there is not
        assert (await ada.get(f"/statements/{report.id}/rows/?row={row}")).status_code == 404
    assert (await ada.get(f"/statements/{report.id}/csv/")).text.startswith("asset,wallet_id,key,")
    sheet = await make(ada, kind="balance_sheet", as_of=day, start_date="", end_date="", compare_to="")
    assert (await ada.get(f"{sheet.headers['location']}rows/")).status_code == 404


async def test_beside_an_earlier_period_each_amount_tells_how_it_changed(ada: httpx.AsyncClient, treasury: Treasury) -> None:
    """In the functional currency and as a part of what it was; of nothing there is no part. The trial balance tells the same."""
    wallet, earlier = await treasury.wallet("Treasury"), treasury.now - timedelta(days=40)
    await treasury.opening(wallet, "ETH", "2", "4000", earlier)
    await treasury.opening(wallet, "USDC", "1000", "1000", treasury.now)
    for at, block in ((earlier, 8_000), (treasury.now - timedelta(days=1), 8_999), (treasury.now, 9_000)):
        for asset, rate in (("ETH", "2400"), ("USDC", "1")):
            await treasury.rate(asset, rate, at, block)
    day, before = treasury.now.date().isoformat(), earlier.date().isoformat()
    days = {"start_date": day, "end_date": day, "as_of": "", "compare_to": before}
    rolled = (await ada.get((await make(ada, kind="crypto_roll_forward", by="asset", **days)).headers["location"])).text
    closing = rolled.split("statement-total")[-1]
    assert "Cost, change</th>" in rolled and "Fair value, change</th>" in rolled and "Quantity, change" not in rolled
    assert ">+1,000.00</span>" in closing and ">new</div>" in closing, "USDC closes at what was not there before"
    total = rolled.split("All crypto assets", 1)[1].split("Closing", 1)[1].split("</tr>")[0]
    assert ">+1,000.00</span>" in total and "+25.0\u202f%" in total and "+20.8\u202f%" in total  # 4,000 of cost, 4,800 of fair value before
    of_a_day = {"kind": "balance_sheet", "as_of": day, "start_date": "", "end_date": ""}
    sheet = (await ada.get((await make(ada, **of_a_day, compare_to=before)).headers["location"])).text
    account = sheet.split("account=1100", 1)[1].split("</tr>")[0]
    trial = (await ada.get(f"/trial-balance/?at={day}&compare_to={before}")).text.split("account=1100", 1)[1].split("</tr>")[0]
    for told in (account, trial):
        assert ">+1,000.00</span>" in told and "+25.0\u202f%" in told
    alone = (await ada.get((await make(ada, **of_a_day, compare_to="")).headers["location"])).text
    assert ">Change</th>" not in alone
