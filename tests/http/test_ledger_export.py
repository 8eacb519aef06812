"""The books in the formats of other programs, over HTTP."""

import csv
import io
from decimal import Decimal
from typing import Any

import openpyxl
from beancount import loader
from beancount.core import realization

from crypto_api.audit.documents import AuditRecord
from tests.http.conftest import Join, Person
from tests.http.test_books import RENT, drafted, posted


async def taken(person: Person, form: str, **query: str) -> bytes:
    answer = await person.http.get("/api/ledger/export/", params={"format": form, **query})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{flow_names[form]}"'
    return answer.content


flow_names = {"beancount": "books.beancount", "hledger": "books.journal", "csv": "books.csv", "xlsx": "books.xlsx"}


async def world(person: Person) -> dict[str, Any]:
    """A posted entry, one that was reversed on another day, one with a formula for a name, and a draft that is nobody's business."""
    await posted(person, description="=HYPERLINK(1)")
    wrong = await posted(person, date="2026-11-21")
    mirror = await person.http.post(f"/api/journal-entries/{wrong['id']}/reverse/", json={"reason": "Twice", "date": "2026-11-23"})
    assert mirror.status_code == 201
    await drafted(person, description="Only a draft")
    return wrong


async def test_beancount_reads_the_balances_that_the_trial_balance_tells(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await world(ada)
    directives, errors, options = loader.load_string((await taken(ada, "beancount")).decode())
    assert (errors, options["title"], options["operating_currency"]) == ([], "Byron Treasury", ["USD"])
    held = {
        account.account.split(":")[-1][:4]: account.balance.get_currency_units("USD").number
        for account in realization.iter_children(realization.realize(directives))
        if not account.balance.is_empty()
    }
    told = (await ada.http.get("/api/ledger/trial-balance/")).json()
    assert held == {row["account_code"]: Decimal(row["balance"]) for row in told["accounts"]}
    assert held == {"5300": Decimal("1200.5"), "2100": Decimal("-1200.5")}


async def test_every_line_is_a_row_across_pages_and_drafts_stay_at_home(join: Join, monkeypatch: Any) -> None:
    monkeypatch.setattr("crypto_api.ledger.day_store._DAYS_AT_FIRST", 1)
    ada = await join("ada", founds="Byron Treasury")
    wrong = await world(ada)
    rows = list(csv.DictReader(io.StringIO((await taken(ada, "csv")).decode())))
    assert [(row["date"], row["account_code"], row["debit_amount"], row["credit_amount"]) for row in rows] == [
        *(("2026-11-20", "5300", "1200.5", ""), ("2026-11-20", "2100", "", "1200.5")),
        *(("2026-11-21", "5300", "1200.5", ""), ("2026-11-21", "2100", "", "1200.5")),
        *(("2026-11-23", "5300", "", "1200.5"), ("2026-11-23", "2100", "1200.5", "")),
    ]
    assert rows[0]["description"] == "'=HYPERLINK(1)" and rows[0]["account_name"] == "Suppliers and services"
    assert [row["status"] for row in rows] == ["posted"] * 2 + ["reversed"] * 2 + ["posted"] * 2
    assert {rows[4]["reverses"], rows[2]["entry_id"]} == {wrong["id"]} and rows[2]["reversed_by"] == rows[4]["entry_id"]
    until = list(csv.DictReader(io.StringIO((await taken(ada, "csv", at="2026-11-20")).decode())))
    assert [row["date"] for row in until] == ["2026-11-20"] * 2
    records = await AuditRecord.find({"org_id": ada.org_id, "action": "ledger.exported"}).sort("+_id").to_list()
    assert [record.after for record in records] == [{"format": "csv"}, {"format": "csv", "at": "2026-11-20"}]


async def test_a_workbook_holds_texts_and_numbers_and_a_full_one_says_so(join: Join, monkeypatch: Any) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await world(ada)
    sheet = openpyxl.load_workbook(io.BytesIO(await taken(ada, "xlsx")))["Books"]
    assert sheet.max_row == 7 and {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert [sheet.cell(2, column).value for column in (4, 10)] == ["=HYPERLINK(1)", 1200.5]
    monkeypatch.setattr("crypto_api.http.ledger_export.ROWS_MAX", 5)
    refused = await ada.http.get("/api/ledger/export/?format=xlsx")
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_rows")
    assert (await ada.http.get("/api/ledger/export/?format=pdf")).status_code == 422


async def test_other_organisations_books_and_empty_ones(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    await world(ada)
    assert RENT["description"] not in (await taken(eve, "hledger")).decode()
    directives, errors, _ = loader.load_string((await taken(eve, "beancount")).decode())
    assert errors == [] and {type(each).__name__ for each in directives} == {"Open"}
    assert (await taken(eve, "csv")).decode().count("\n") == 1
