"""The page that brings a table in: looked at first, told by row and column, all rows or none."""

from crypto_api.organizations.types import Role
from crypto_api.transactions.documents import Transaction
from tests.dashboard.conftest import token
from tests.dashboard.desk import Desk, Sits, said, sits  # noqa: F401
from tests.factories.treasury import Treasury

TABLE = "timestamp,type,asset,amount,price,wallet,external_id\n2026-03-01T10:00:00Z,BUY,ETH,2,2000,Operations,k-1\n"


async def send(desk: Desk, content: str, do: str, name: str = "rows.csv") -> tuple[int, str]:
    """Its status, and what it says; nothing of a file is ever markup."""
    csrf = await token(desk.http, "/security/")
    answer = await desk.http.post("/transactions/import/", data={"csrfmiddlewaretoken": csrf, "do": do}, files={"file": (name, content.encode())})
    assert "<b>" not in answer.text
    return answer.status_code, said(answer)


async def test_a_table_is_looked_at_and_brought_in(sits: Sits, treasury: Treasury) -> None:  # noqa: F811
    await treasury.wallet("Operations")
    desk = await sits("ada.okafor")
    assert "Import" in await desk.text("/transactions/")
    assert "external_id" in await desk.text("/transactions/import/")
    status, page = await send(desk, TABLE, "look")
    assert status == 200 and "Nothing is wrong with it. 1 row would be new." in page and "k-1" in page
    assert await Transaction.find({"org_id": treasury.org_id}).count() == 0
    status, page = await send(desk, TABLE.replace(",2,", ',"2,5",') + "x,<b>,,,,,\n", "bring")
    assert status == 422 and "5 things to correct" in page and "no thousands separator" in page
    assert await Transaction.find({"org_id": treasury.org_id}).count() == 0
    assert (await send(desk, TABLE, "bring"))[0] == 302
    (row,) = await Transaction.find({"org_id": treasury.org_id}).to_list()
    page = await desk.text(f"/transactions/{row.id}/")
    assert "from a table that was imported" in page and "Block hash" not in page
    assert "The transactions were imported." in await desk.text("/transactions/", done="imported")
    assert "must be a .csv or .xlsx file" in (await send(desk, TABLE, "look", "rows.pdf"))[1]


async def test_whoever_only_reads_brings_nothing(sits: Sits, treasury: Treasury) -> None:  # noqa: F811
    await treasury.member("Rae", "Auditor", Role.AUDITOR)
    desk = await sits("rae.auditor")
    assert "/transactions/import/" not in await desk.text("/transactions/")
    assert (await desk.get("/transactions/import/")).status_code == 403
