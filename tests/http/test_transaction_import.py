"""Rows from elsewhere: all or none, once, exact in the books, and every fault told by row and column."""

import hashlib
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.kit.amounts import text
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from tests.http.conftest import NETWORK, Join, Person, random_address, wallet_body

HEADER = "timestamp,type,asset,amount,price,fee,fee_asset,wallet,to_wallet,description,external_id"
COLUMNS = f"{HEADER},cash_account"
GOOD = f"""{HEADER}
2026-03-01T10:00:00Z,BUY,ETH,2,2000,5,,Operations,,First,k-1
2026-03-02T10:00:00+01:00,TRANSFER,ETH,0.5,,0.001,ETH,Operations,Reserve,,k-2
2026-03-03T10:00:00Z,SELL,ETH,1,2500.50,,,Operations,,,k-3
2026-03-04T10:00:00Z,INCOME,ETH,0.25,2100,,,Reserve,,Staking,k-4
2026-03-05T10:00:00Z,EXPENSE,ETH,0.1,2200,,,Reserve,,Hosting,k-5
2026-03-06T10:00:00Z,TRANSFER,ETH,0.05,,,,,Reserve,From the exchange,k-6
"""


@pytest.fixture
def networks() -> list[dict[str, object]]:
    return [NETWORK | {"tokens": [{"symbol": "USDC", "address": "0x5FbDB2315678afecb367f032d93F642f64180aa3", "decimals": 6}]}]


@pytest.fixture
async def ada(join: Join) -> Person:
    ada = await join("ada", founds="Byron Treasury")
    for name in ("Operations", "Reserve"):
        made = await ada.http.post("/api/wallets/", json=wallet_body(name=name, address=random_address()))
        assert made.status_code == 201
    return ada


async def bring(ada: Person, content: str | bytes, name: str = "rows.csv", *, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
    data = content.encode() if isinstance(content, str) else content
    return await ada.http.post("/api/transactions/import/", files={"file": (name, data)}, params=query, headers=headers)


def workbook(rows: list[list[Any]]) -> bytes:
    book, made = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(made)
    return made.getvalue()


async def errors_of(ada: Person, content: str | bytes, name: str = "rows.csv") -> list[tuple[str, str]]:
    answer = await bring(ada, content, name)
    assert answer.status_code == 422, answer.text
    assert await Transaction.find({"org_id": ada.org_id}).count() == 0
    return [(row["field"], row["message"]) for row in answer.json()["errors"]]


async def lines_of(ada: Person, external_id: str) -> list[tuple[str, str, str, str]]:
    (entry,) = await JournalEntry.find({"org_id": ada.org_id, "reference": external_id}).to_list()
    assert entry.date.isoformat()
    return [(line.account_code, text(line.debit), text(line.credit), str(line.quantity or "")) for line in entry.lines]


async def test_rows_stand_in_transactions_and_books_once(ada: Person) -> None:
    looked = await bring(ada, GOOD, dry_run="true")
    assert (looked.status_code, looked.json()) == (200, {"rows": 6, "new": 6, "unchanged": 0, "errors": []})
    assert await Transaction.find({"org_id": ada.org_id}).count() == 0
    done = await bring(ada, GOOD)
    assert (done.status_code, done.json()) == (201, {"rows": 6, "new": 6, "unchanged": 0, "errors": []})
    again = await bring(ada, GOOD.replace("\n", "\r\n"))
    assert again.json() == {"rows": 6, "new": 0, "unchanged": 6, "errors": []}
    items = (await ada.http.get("/api/transactions/")).json()["items"]
    assert [item["timestamp"][:16] for item in items][:2] == ["2026-03-06T10:00", "2026-03-05T10:00"]
    assert items[4]["timestamp"] == "2026-03-02T09:00:00.000Z" and items[4]["direction"] == "internal"
    assert await lines_of(ada, "k-1") == [("1100", "4005", "0", "2"), ("1010", "0", "4005", "")], "a fee is part of what it cost"
    assert await lines_of(ada, "k-3") == [("1100", "0", "2002.5", "-1"), ("4200", "0", "498", ""), ("1010", "2500.5", "0", "")]
    assert ("4100", "0", "525") in [line[:3] for line in await lines_of(ada, "k-4")]
    verified = (await ada.http.get("/api/ledger/verify/")).json()
    assert verified["ok"] is True, verified
    (record,) = await AuditRecord.find({"org_id": ada.org_id, "action": "transactions.imported", "after.new": 6}).to_list()
    assert record.summary == "6 transactions were imported from rows.csv."


async def test_what_was_brought_holds_in_the_wallets(ada: Person) -> None:
    await bring(ada, GOOD)
    from crypto_api.ledger import store as ledger

    held = {asset: quantity for (_, asset), (quantity, _) in (await ledger.holdings(ada.org_id)).items()}
    assert set(held) == {"ETH"}
    total = sum((quantity for quantity, _ in (await ledger.holdings(ada.org_id)).values()), Decimal(0))
    assert total == Decimal("1.199")  # 2 - 1 - 0.001 + 0.25 - 0.1 + 0.05


async def test_a_row_brought_again_with_other_values_is_a_fault(ada: Person) -> None:
    assert (await bring(ada, GOOD)).status_code == 201
    answer = await bring(ada, GOOD.replace(",0.25,", ",0.26,"))
    assert [(row["field"], row["message"]) for row in answer.json()["errors"]] == [("5.external_id", "was brought before with other values")]
    assert await Transaction.find({"org_id": ada.org_id}).count() == 6


async def test_what_was_brought_before_there_was_a_column_is_the_same_row(ada: Person) -> None:
    line = "2026-03-01T10:00:00Z,INCOME,ETH,1,2000,,,Operations,,,"
    assert (await bring(ada, f"{HEADER}\n{line}\n")).json()["new"] == 1
    assert (await bring(ada, f"{COLUMNS}\n{line},\n")).json() == {"rows": 1, "new": 0, "unchanged": 1, "errors": []}
    (row,) = await Transaction.find({"org_id": ada.org_id}).to_list()
    assert row.content_hash == hashlib.sha256("\x1f".join(line.split(",")).encode()).hexdigest(), "rows that stand there were named by this"


async def test_rows_without_an_id_are_named_by_what_they_say(ada: Person) -> None:
    line = "2026-03-01T10:00:00Z,INCOME,ETH,1,2000,,,Operations,,,\n"
    assert (await bring(ada, f"{HEADER}\n{line}{line}")).json()["new"] == 2
    assert (await bring(ada, f"{HEADER}\n{line}{line}{line}")).json() == {"rows": 3, "new": 1, "unchanged": 2, "errors": []}


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("01.03.2026,BUY,ETH,1,2000,,,Operations,,,", ["2.timestamp"]),
        ("2026-03-01T10:00:00,BUY,ETH,1,2000,,,Operations,,,", ["2.timestamp"]),
        ("2026-02-30T10:00:00Z,BUY,ETH,1,2000,,,Operations,,,", ["2.timestamp"]),
        ("2999-01-01T10:00:00Z,BUY,ETH,1,2000,,,Operations,,,", ["2.timestamp"]),
        ('2026-03-01T10:00:00Z,BUY,ETH,"1,5",2000,,,Operations,,,', ["2.amount"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,1e3,2000,,,Operations,,,", ["2.amount"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,-1,2000,,,Operations,,,", ["2.amount"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,0,2000,,,Operations,,,", ["2.amount"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,١,2000,,,Operations,,,", ["2.amount"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,0.0000000000000000001,2000,,,Operations,,,", ["2.amount"]),
        ("2026-03-01T10:00:00Z,GIFT,ETH,1,2000,,,Operations,,,", ["2.type"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,1,,,,Operations,,,", ["2.price"]),
        ("2026-03-01T10:00:00Z,BUY,DOGE,1,1,,,Operations,,,", ["2.asset"]),
        ("2026-03-01T10:00:00Z,BUY,ETH,1,1,,,Nowhere,,,", ["2.wallet"]),
        ("2026-03-01T10:00:00Z,TRANSFER,ETH,1,,,,,,,", ["2.wallet"]),
        ("2026-03-01T10:00:00Z,TRANSFER,ETH,1,,,,Reserve,Reserve,,", ["2.to_wallet"]),
        ("2026-03-01T10:00:00Z,INCOME,ETH,1,,,ETH,Reserve,,,", ["2.fee"]),
        ("2026-03-01T10:00:00Z,INCOME,ETH,1,,,,Reserve,,a\u202eb,", ["2.description"]),
        ("2026-03-01T10:00:00Z,INCOME,ETH,1,,,,Reserve,,,x,surplus", ["2."]),
        ("yesterday,GIVE,ETH,lots,2000,,,Operations,,,", ["2.amount", "2.timestamp", "2.type"]),
    ],
)
async def test_faults_are_told_by_row_and_column(ada: Person, line: str, places: list[str]) -> None:
    assert [place for place, _ in await errors_of(ada, f"{HEADER}\n{line}\n")] == places


TRADES = f"""{COLUMNS}
2026-04-01T10:00:00Z,BUY,USDC,1000,1,,,Operations,,,c-0,
2026-04-01T11:00:00Z,BUY,ETH,2,2000,,,Operations,,,c-1,cash AT bank
2026-04-02T10:00:00Z,BUY,ETH,1,2000,2,USDC,Operations,,,c-2,1910
2026-04-03T10:00:00Z,BUY,ETH,1,2000,0.1,ETH,Operations,,,c-3,Card
2026-04-04T10:00:00Z,SELL,ETH,0.9,2500,0.1,ETH,Operations,,,c-4,1900
2026-04-05T10:00:00Z,SELL,ETH,1,2500,20.000000015,,Operations,,,c-5,
2026-04-06T10:00:00Z,INCOME,ETH,1,2000,3,,Operations,,,c-6,
2026-04-07T10:00:00Z,TRANSFER,ETH,1,,4,,Operations,Reserve,,c-7,1910
"""


async def test_trades_are_against_money_and_their_fee_is_inside(ada: Person) -> None:
    """A third asset as a fee leaves at its cost, and what it was worth is part of the price."""
    for code, name, kind, parent in (("1910", "Exchange EUR", "asset", "1000"), ("2160", "Card", "liability", "2000")):
        made = await ada.http.post("/api/accounts/", json={"code": code, "name": name, "account_type": kind, "parent_code": parent})
        assert made.status_code == 201, made.text
    priced = {"asset": "USDC", "quote": "USD", "at": "2026-01-01T00:00:00Z", "rate": "1.5", "reason": "Test"}
    assert (await ada.http.post("/api/exchange-rates/", json=priced)).status_code == 201
    done = await bring(ada, TRADES)
    assert done.status_code == 201, done.text
    assert await lines_of(ada, "c-1") == [("1100", "4000", "0", "2"), ("1010", "0", "4000", "")]
    assert await lines_of(ada, "c-2") == [
        ("1100", "0", "2", "-2"),
        ("4200", "0", "1", ""),
        ("1100", "2003", "0", "1"),
        ("1910", "0", "2000", ""),
    ]
    assert await lines_of(ada, "c-3") == [("1100", "2000", "0", "0.9"), ("2160", "0", "2000", "")]
    assert await lines_of(ada, "c-4") == [("1100", "0", "2052.05128205", "-1.0"), ("4200", "0", "197.94871795", ""), ("1900", "2250", "0", "")]
    assert ("1010", "2479.99999998", "0", "") in await lines_of(ada, "c-5")
    assert (await lines_of(ada, "c-6"))[-2:] == [("5100", "3", "0", ""), ("1010", "0", "3", "")]
    assert (await lines_of(ada, "c-7"))[-2:] == [("5100", "4", "0", ""), ("1910", "0", "4", "")]
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("BUY,ETH,1,2000,,,Operations,,,,9999", ("2.cash_account", "is no account for money in the chart: name an active asset or liability")),
        ("BUY,ETH,1,2000,,,Operations,,,,1100", ("2.cash_account", "is no account for money")),
        ("BUY,ETH,1,2000,,,Operations,,,,2100", ("2.cash_account", "is no account for money")),
        ("BUY,ETH,1,2000,,,Operations,,,,1000", ("2.cash_account", "is no account for money")),
        ("BUY,ETH,1,2000,,,Operations,,,,5300", ("2.cash_account", "is no account for money")),
        ("INCOME,ETH,1,2000,,,Operations,,,,1010", ("2.cash_account", "goes with BUY, SELL, or a fee in money")),
        ("BUY,ETH,1,0,,,Operations,,,,", ("2.price", "comes to nothing")),
        ("BUY,ETH,0.0001,0.0000001,,,Operations,,,,", ("2.price", "comes to nothing")),
        ("BUY,ETH,1,2000,1,ETH,Operations,,,,", ("2.fee", "is all of what was bought, or more")),
        ("SELL,ETH,1,2000,2000,,Operations,,,,", ("2.fee", "is all of what it was sold for, or more")),
    ],
)
async def test_trades_that_are_none(ada: Person, line: str, said: tuple[str, str]) -> None:
    ((field, message),) = await errors_of(ada, f"{COLUMNS}\n2026-03-01T10:00:00Z,{line}\n")
    assert field == said[0] and message.startswith(said[1]), message


async def test_without_an_account_for_money_a_trade_names_one(ada: Person, runtime: Runtime) -> None:
    own = {"org_id": ada.org_id, "code": "1010"}
    await runtime.database["accounts"].update_one(own, {"$set": {"account_type": "equity"}})
    line = "2026-03-01T10:00:00Z,BUY,ETH,1,2000,,,Operations,,,"
    assert await errors_of(ada, f"{HEADER}\n{line}\n") == [("2.cash_account", "is needed: account 1010 of the chart is none for money")]
    assert (await bring(ada, f"{COLUMNS}\n{line},1900\n")).status_code == 201


async def test_one_wrong_row_keeps_all_of_them_out(ada: Person) -> None:
    assert [place for place, _ in await errors_of(ada, GOOD + "2026-03-07T10:00:00Z,BUY,ETH,x,1,,,Operations,,,k-1\n")] == ["8.amount"]
    looked = await bring(ada, GOOD + "2026-03-07T10:00:00Z,BUY,ETH,1,1,,,Operations,,,k-1\n", dry_run="true")
    assert looked.json()["errors"] == [{"row": 8, "column": "external_id", "message": "stands in row 2 already"}]


async def test_workbooks_are_read_as_they_stand(ada: Person) -> None:
    header = HEADER.split(",")
    rows = [
        header,
        [datetime(2026, 3, 1, 10, tzinfo=UTC).replace(tzinfo=None), "BUY", "ETH", 0.1, 2000, None, None, "operations", None, "=not", "x-1"],
    ]
    assert (await errors_of(ada, workbook(rows), "rows.xlsx"))[0][1].startswith("holds a formula in row 2")
    rows[1][9] = "plain"
    done = await bring(ada, workbook(rows), "rows.xlsx")
    assert (done.status_code, done.json()["new"]) == (201, 1), done.text
    (row,) = await Transaction.find({"org_id": ada.org_id}).to_list()
    assert (row.timestamp, row.movements[0].amount, row.movements[0].value) == (datetime(2026, 3, 1, 10, tzinfo=UTC), Decimal("0.1"), Decimal(200))


async def test_files_that_are_none_are_refused_with_the_reason(ada: Person) -> None:
    bomb, packed = io.BytesIO(), zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(bomb, "w", packed) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 30_000_000)
    entities = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook([["a"]]))) as good, zipfile.ZipFile(entities, "w", packed) as archive:
        for part in good.namelist():
            content = good.read(part)
            if part.endswith("sheet1.xml"):
                content = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + content.partition(b"?>")[2].replace(b"<v>", b"<v>&a;")
            archive.writestr(part, content)
    for content, name, said in (
        (GOOD, "rows.pdf", "must be a .csv or .xlsx file"),
        (GOOD.encode() + b"\xff\xfe", "rows.csv", "must be text in UTF-8"),
        (b"PK\x03\x04 no", "rows.xlsx", "is no workbook"),
        (bomb.getvalue(), "rows.xlsx", "becomes far too large"),
        (entities.getvalue(), "rows.xlsx", "cannot be read as a workbook"),
        (HEADER + "\n" + "a," * 60, "rows.csv", "has more than 40 columns"),
        (HEADER + "\n" + "x,\n" * 1_001, "rows.csv", "has more than 1,000 rows"),
        ('a,b\n"open', "rows.csv", "is no CSV after row 1"),
    ):
        ((field, message),) = await errors_of(ada, content, name)
        assert field == "file" and message.startswith(said), message
    assert await errors_of(ada, "timestamp,kind\n") == [
        ("1.amount", "is missing"),
        ("1.asset", "is missing"),
        ("1.kind", f"is not a column; they are {', '.join(COLUMNS.split(','))}"),
        ("1.type", "is missing"),
    ]


async def test_a_repeat_under_a_key_is_the_first_answer(ada: Person, join: Join) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = [await bring(ada, GOOD, headers=headers) for _ in range(2)]
    assert first.content == second.content and second.headers["Idempotency-Replayed"] == "true"
    other = await bring(ada, GOOD.replace("k-6", "k-7"), headers=headers)
    assert other.status_code == 409
    auditor = await join("aud", org_id=ada.org_id, role=Role.AUDITOR)
    assert (await bring(auditor, GOOD)).status_code == 403
    eve = await join("eve", founds="Elsewhere")
    assert {row["field"] for row in (await bring(eve, GOOD)).json()["errors"]} >= {"2.wallet"}


async def test_an_imported_row_is_annotated_as_any_other(ada: Person) -> None:
    await bring(ada, GOOD)
    item = next(item for item in (await ada.http.get("/api/transactions/")).json()["items"] if item["category"] == "income")
    said = await ada.http.put(f"/api/transactions/{item['id']}/", json={"category": "reward"})
    assert said.status_code == 200, said.text
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True
    assert (await bring(ada, GOOD)).json()["unchanged"] == 6


async def test_an_imported_row_can_be_taken_back_and_brought_again(ada: Person) -> None:
    await bring(ada, GOOD)
    item = next(item for item in (await ada.http.get("/api/transactions/")).json()["items"] if item["category"] == "income")
    assert (item["hash"], item["block_number"], item["origin"]) == ("", None, "import")
    assert (await ada.http.delete(f"/api/transactions/{item['id']}/", headers={"If-Match": '"99"'})).status_code == 412
    assert (await ada.http.delete(f"/api/transactions/{item['id']}/")).status_code == 204
    assert (await ada.http.delete(f"/api/transactions/{item['id']}/")).status_code == 404
    entries = await JournalEntry.find({"org_id": ada.org_id, "transaction_id": item["id"]}).to_list()
    assert sorted(entry.status.value for entry in entries) == ["posted", "reversed"]
    again = await bring(ada, GOOD)
    assert (again.json()["new"], again.json()["unchanged"]) == (1, 5)
    verified = (await ada.http.get("/api/ledger/verify/")).json()
    assert verified["ok"] is True, verified


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b"{}", (415, "unsupported_media_type")),
        ("application/x-www-form-urlencoded", b"file=x", (415, "unsupported_media_type")),
        ("", b"x", (415, "unsupported_media_type")),
        ("multipart/form-data", b"x", (400, "invalid_form")),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 2_000, (400, "invalid_form")),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nb\r\n--x--\r\n', (422, "invalid_input")),
    ],
)
async def test_what_is_no_form_with_a_file_is_refused(ada: Person, kind: str, body: bytes, expected: tuple[int, str]) -> None:
    answer = await ada.http.post("/api/transactions/import/", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == expected


async def test_a_form_holds_its_file_and_nothing_else(ada: Person) -> None:
    file = ("file", ("rows.csv", GOOD.encode()))
    for more, data, field in (
        ([file], {}, ("file", "repeated")),
        ([("other", ("x.csv", b"x"))], {}, ("other", "unknown_field")),
        ([], {"org_id": "org_other"}, ("org_id", "unknown_field")),
    ):
        answer = await ada.http.post("/api/transactions/import/", files=[file, *more], data=data)
        assert (answer.status_code, [(row["field"], row["code"]) for row in answer.json()["errors"]]) == (422, [field])
    assert await Transaction.find({"org_id": ada.org_id}).count() == 0
