"""Transactions as tables: everything, exact, and nothing in it computes."""

import csv
import io
from decimal import Decimal
from typing import Any

import openpyxl

from crypto_api.audit.documents import AuditRecord
from crypto_api.flows import export_transactions as flow
from tests.http.conftest import Join, Person, wallet_body
from tests.http.world import stored_movement, stored_transaction


async def _rows(ada: Person, **query: str) -> list[dict[str, str]]:
    answer = await ada.http.get("/api/transactions/export/", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"] == 'attachment; filename="transactions.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


async def _world(ada: Person, count: int = 3, **changes: Any) -> str:
    wallet_id: str = (await ada.http.post("/api/wallets/", json=wallet_body(name="=cmd|' /C calc'!A0"))).json()["id"]
    for number in range(1, count + 1):
        await stored_transaction(ada.org_id, wallet_id, number=number, **changes).insert()
    return wallet_id


async def test_every_movement_is_a_row_and_pages_do_not_show(join: Join, monkeypatch: Any) -> None:
    monkeypatch.setattr(flow, "EXPORT_BATCH", 2)
    ada = await join("ada", founds="Byron Treasury")
    wallet_id = await _world(ada, count=5)
    both = [stored_movement(wallet_id), stored_movement(wallet_id, key="gas", amount=Decimal("0.000021"), raw_amount="21000000000000", value=None)]
    await stored_transaction(ada.org_id, wallet_id, number=6, movements=both, note="+1\nsecond line", counterparty="@evil").insert()
    rows = await _rows(ada)
    assert [row["block_number"] for row in rows] == ["6", "6", "5", "4", "3", "2", "1"]
    assert (rows[1]["movement"], rows[1]["amount"], rows[1]["value"]) == ("gas", "0.000021", "")
    assert (rows[0]["amount"], rows[0]["raw_amount"], rows[0]["value"], rows[0]["direction"]) == ("0.25", "250000000000000000", "500.125", "in")
    assert rows[0]["timestamp"] == "2026-11-20T12:06:00.000Z"
    assert (rows[0]["wallet"], rows[0]["counterparty"], rows[0]["note"]) == ("'=cmd|' /C calc'!A0", "'@evil", "'+1\nsecond line")
    assert [row["block_number"] for row in await _rows(ada, wallet_id=wallet_id, q=f"0x{4:064x}")] == ["4"]
    assert await _rows(ada, asset="USDC") == []
    records = await AuditRecord.find({"org_id": ada.org_id, "action": "transactions.exported"}).sort("+_id").to_list()
    assert [record.after for record in records][-1] == {"format": "csv", "asset": "USDC"}


async def test_a_workbook_says_the_same(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet_id = await _world(ada)
    largest = stored_movement(wallet_id, amount=Decimal("1234567890123456.123456789012345678"), raw_amount="1234567890123456123456789012345678")
    await stored_transaction(ada.org_id, wallet_id, number=9, movements=[largest]).insert()
    answer = await ada.http.get("/api/transactions/export/", params={"format": "xlsx"})
    assert answer.headers["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["Transactions"]
    header, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["block_number"] for row in table] == ["9", "3", "2", "1"]
    assert (table[0]["amount"], table[1]["amount"]) == ("1234567890123456.123456789012345678", 0.25)
    assert table[1]["wallet"] == "=cmd|' /C calc'!A0" and {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


async def test_another_organisations_rows_stay_there_and_a_full_workbook_says_so(join: Join, monkeypatch: Any) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    await _world(ada)
    assert await _rows(eve) == []
    monkeypatch.setattr("crypto_api.http.transactions.ROWS_MAX", 2)
    refused = await ada.http.get("/api/transactions/export/", params={"format": "xlsx"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_rows")
    assert (await ada.http.get("/api/transactions/export/", params={"format": "pdf"})).status_code == 422
