"""Transactions entered and corrected by hand: booked as imported rows are, never rewritten, and never what came from a chain."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.events.documents import Event
from crypto_api.kit.amounts import text
from crypto_api.ledger import period_store
from crypto_api.ledger import store as ledger
from crypto_api.ledger.documents import JournalEntry
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from tests.http.conftest import Join, Person, random_address, wallet_body
from tests.http.world import stored_transaction

BUY = {"timestamp": "2026-03-01T10:00:00Z", "type": "BUY", "asset": "ETH", "amount": "2", "price": "2000", "fee": "5", "wallet": "Operations"}
PATH = "/api/transactions/"


@pytest.fixture
async def ada(join: Join) -> Person:
    ada = await join("ada", founds="Byron Treasury")
    for name in ("Operations", "Reserve"):
        assert (await ada.http.post("/api/wallets/", json=wallet_body(name=name, address=random_address()))).status_code == 201
    return ada


async def enter(ada: Person, *, key: str | None = None, **said: Any) -> httpx.Response:
    return await ada.http.post(PATH, json=BUY | said, headers={"Idempotency-Key": key} if key else None)


async def entered(ada: Person, **said: Any) -> dict[str, Any]:
    answer = await enter(ada, **said)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(ada: Person, row_id: str, version: int | None = None, **said: Any) -> httpx.Response:
    return await ada.http.put(f"{PATH}{row_id}/", json=said, headers={"If-Match": f'"{version}"'} if version else None)


async def entries(row_id: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    found = await JournalEntry.find({"transaction_id": row_id}).sort("+_id").to_list()
    return [(one.status.value, [(line.account_code, text(line.debit), text(line.credit)) for line in one.lines]) for one in found]


async def held(ada: Person) -> dict[str, tuple[str, str]]:
    names = {row["id"]: row["name"] for row in (await ada.http.get("/api/wallets/")).json()["items"]}
    return {
        names[wallet]: (text(amount), text(cost)) for (wallet, _), (amount, cost) in (await ledger.holdings(ada.org_id)).items() if amount or cost
    }


async def test_what_is_entered_stands_in_transactions_and_books(ada: Person) -> None:
    answer = await enter(ada, counterparty="Kraken", description="First", note="Seen by mail", external_id="k-1")
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"'), answer.text
    row = answer.json()
    said = {
        name: row[name] for name in ("origin", "hash", "block_number", "status", "category", "category_source", "counterparty", "note", "usd_value")
    }
    assert said == {
        "origin": "manual",
        "hash": "",
        "block_number": None,
        "status": "CONFIRMED",
        "category": "swap",
        "category_source": "person",
        "counterparty": "Kraken",
        "note": "Seen by mail",
        "usd_value": "4000",
    }
    wallet = (await ada.http.get("/api/wallets/?q=Operations")).json()["items"][0]["id"]
    assert row["brought"] == {
        **{name: BUY[name] for name in ("type", "asset", "amount", "price", "fee")},
        "timestamp": "2026-03-01T10:00:00.000Z",
        "value": None,
        "fee_asset": "",
        "wallet_id": wallet,
        "to_wallet_id": None,
        "cash_account": "",
        "description": "First",
        "external_id": "k-1",
    }
    assert await entries(row["id"]) == [("posted", [("1100", "4005", "0"), ("1010", "0", "4005")])]
    assert (await ada.http.get(f"{PATH}{row['id']}/")).json() == row
    assert [found["id"] for found in (await ada.http.get(f"{PATH}?q=k-1")).json()["items"]] == [row["id"]]
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True
    (record,) = await AuditRecord.find({"org_id": ada.org_id, "action": "transaction.entered"}).to_list()
    assert record.after is not None and (record.after["type"], record.subject_id) == ("BUY", row["id"])
    assert [event.data["transaction_id"] for event in await Event.find({"org_id": ada.org_id, "kind": "transaction.booked"}).to_list()] == [row["id"]]


async def test_a_repeat_is_harmless_and_anything_else_under_its_id_is_refused(ada: Person) -> None:
    first = await enter(ada, external_id="k-1")
    again, raced = await enter(ada, external_id="k-1"), await asyncio.gather(*(enter(ada, external_id="k-2") for _ in range(4)))
    assert (again.status_code, again.json()) == (200, first.json())
    assert sorted(answer.status_code for answer in raced) == [200, 200, 200, 201]
    other = await enter(ada, external_id="k-1", amount="3")
    assert (other.status_code, other.json()["code"]) == (409, "external_id_taken")
    table = "timestamp,type,asset,amount,price,fee,wallet,external_id\n2026-03-01T10:00:00Z,BUY,ETH,{},2000,5,Operations,k-1\n"
    for amount, expected in (("2", (201, 0)), ("3", (422, None))):
        brought = await ada.http.post(f"{PATH}import/", files={"file": ("rows.csv", table.format(amount).encode())})
        assert (brought.status_code, brought.json().get("new")) == expected, brought.text
    keyed = [await enter(ada, key="once") for _ in range(2)]
    assert keyed[0].content == keyed[1].content and keyed[1].headers["Idempotency-Replayed"] == "true"
    assert [(await enter(ada)).status_code for _ in range(2)] == [201, 201], "without an id each is one of its own"
    assert await Transaction.find({"org_id": ada.org_id}).count() == 5


async def test_a_correction_reverses_and_posts_anew(ada: Person) -> None:
    row = await entered(ada, external_id="k-1", counterparty="Kraken", note="n")
    changed = await change(ada, row["id"], 1, amount="3", value="7000", fee=None)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"'), changed.text
    shown = changed.json()
    assert (shown["amount"], shown["usd_value"], shown["brought"]["price"], shown["brought"]["fee"]) == ("3", "7000", None, "0")
    assert shown["rate"] == "2333.333333333333333333333333333333"
    assert (shown["counterparty"], shown["note"], shown["id"], len(shown["entry_ids"])) == ("Kraken", "n", row["id"], 2)
    assert await entries(row["id"]) == [
        ("reversed", [("1100", "4005", "0"), ("1010", "0", "4005")]),
        ("posted", [("1100", "0", "4005"), ("1010", "4005", "0")]),
        ("posted", [("1100", "7000", "0"), ("1010", "0", "7000")]),
    ]
    assert await held(ada) == {"Operations": ("3", "7000")}
    stale = await change(ada, row["id"], 1, amount="4")
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    moved = await change(ada, row["id"], type="TRANSFER", wallet=None, to_wallet="Reserve", price="2100", timestamp="2026-03-02T10:00:00+01:00")
    assert moved.status_code == 200, moved.text
    assert (moved.json()["category"], moved.json()["timestamp"], moved.json()["counterparty"]) == (
        "transfer_in",
        "2026-03-02T09:00:00.000Z",
        "Kraken",
    )
    assert await held(ada) == {"Reserve": ("3", "6300")}
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True
    records = await AuditRecord.find({"org_id": ada.org_id, "action": "transaction.corrected"}).sort("+_id").to_list()
    assert records[0].before is not None and records[0].after is not None
    assert (str(records[0].before["amount"]), str(records[0].after["amount"])) == ("2", "3")
    assert [event.data["category"] for event in await Event.find({"org_id": ada.org_id, "kind": "transaction.changed"}).sort("+_id").to_list()] == [
        "swap",
        "transfer_in",
    ]
    taken = await ada.http.delete(f"{PATH}{row['id']}/")
    assert (taken.status_code, await held(ada)) == (204, {})
    again = await enter(ada, external_id="k-1")
    assert (again.status_code, again.json()["id"]) == (201, row["id"])
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_what_a_person_called_it_survives_a_correction(ada: Person) -> None:
    row = await entered(ada, type="INCOME", fee="0", category="reward", subcategory="Staking")
    assert await entries(row["id"]) == [("posted", [("1100", "4000", "0"), ("4300", "0", "4000")])]
    changed = (await change(ada, row["id"], amount="1", description="Week 9")).json()
    assert (changed["category"], changed["subcategory"], changed["explanation"]) == ("reward", "Staking", "Week 9")
    assert (await entries(row["id"]))[-1] == ("posted", [("1100", "2000", "0"), ("4300", "0", "2000")])
    said = (await change(ada, row["id"], category="opening_balance")).json()
    assert (said["category"], (await entries(row["id"]))[-1]) == ("opening_balance", ("posted", [("1100", "2000", "0"), ("3100", "0", "2000")]))
    changed = (await change(ada, row["id"], type="EXPENSE")).json()
    assert (changed["category"], changed["subcategory"]) == ("expense", "expense")
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": 2}, "amount"),
        ({"amount": "1e3"}, "amount"),
        ({"amount": "0.0000000000000000001"}, "amount"),
        ({"price": None}, "price"),
        ({"value": "4000"}, "value"),
        ({"price": None, "value": "0.000000001"}, "value"),
        ({"type": "GIFT"}, "type"),
        ({"type": "buy"}, "type"),
        ({"asset": "DOGE"}, "asset"),
        ({"wallet": "Nowhere"}, "wallet"),
        ({"wallet": None}, "wallet"),
        ({"wallet_id": "wal_1"}, "body"),
        ({"to_wallet_id": "wal_1"}, "to_wallet_id"),
        ({"timestamp": "2026-03-01"}, "timestamp"),
        ({"timestamp": "2999-01-01T00:00:00Z"}, "timestamp"),
        ({"fee_asset": "ETH", "fee": None}, "fee"),
        ({"cash_account": "1100"}, "cash_account"),
        ({"category": "payroll"}, "category"),
        ({"category": "wrap"}, "category"),
        ({"description": "a\u202eb"}, "description"),
        ({"block_number": 7}, "block_number"),
    ],
)
async def test_what_is_refused_names_the_field(ada: Person, said: dict[str, Any], place: str) -> None:
    answer = await enter(ada, **said)
    assert (answer.status_code, [row["field"] for row in answer.json()["errors"]]) == (422, [place]), answer.text
    row = await entered(ada)
    if "block_number" not in said and said not in ({"price": None}, {"value": "4000"}, {"wallet_id": "wal_1"}):
        answer = await change(ada, row["id"], **said)
        assert (answer.status_code, [row["field"] for row in answer.json()["errors"]]) == (422, [place]), answer.text
    assert len(await entries(row["id"])) == 1


async def test_what_came_from_the_chain_is_annotated_and_never_corrected(ada: Person) -> None:
    row = stored_transaction(ada.org_id, "wal_1")
    await row.insert()
    for said in ({"amount": "5"}, {"type": "BUY"}, {"note": "x", "timestamp": "2026-03-01T10:00:00Z"}, {"gas_fee": "1"}, {"usd_value": "1"}):
        refused = await change(ada, row.id, **said)
        assert (refused.status_code, refused.json()["code"]) == (409, "chain_fact"), refused.text
    assert (await change(ada, row.id, note="x")).json()["note"] == "x"
    stored = await Transaction.get(row.id)
    assert stored is not None and (stored.version, stored.movements) == (2, row.movements)


async def test_its_id_stays_and_what_kept_nothing_is_not_corrected(ada: Person) -> None:
    row = await entered(ada, external_id="k-1")
    for said in ("k-2", None):
        refused = await change(ada, row["id"], external_id=said)
        assert [error["field"] for error in refused.json()["errors"]] == ["external_id"]
    assert (await change(ada, row["id"], external_id="k-1", amount="1")).status_code == 200
    await Transaction.find_one({"_id": row["id"]}).update({"$set": {"brought": None}})
    refused = await change(ada, row["id"], amount="3")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_editable")
    assert (await change(ada, row["id"], note="still")).status_code == 200


async def test_corrections_at_the_same_moment_are_one_after_the_other_or_refused(ada: Person) -> None:
    row = await entered(ada)
    raced = await asyncio.gather(*(change(ada, row["id"], amount=str(amount)) for amount in range(3, 7)))
    assert {answer.status_code for answer in raced} <= {200, 412} and 200 in {answer.status_code for answer in raced}
    standing = [lines for status, lines in await entries(row["id"]) if status == "posted"]
    shown = (await ada.http.get(f"{PATH}{row['id']}/")).json()
    assert standing[-1][0] == ("1100", str(int(shown["amount"]) * 2000 + 5), "0")
    assert await held(ada) == {"Operations": (shown["amount"], standing[-1][0][1])}
    assert (await ada.http.get("/api/ledger/verify/")).json()["ok"] is True


async def test_a_closed_period_keeps_what_stands_in_it(ada: Person, runtime: Runtime) -> None:
    march, april = await entered(ada), await entered(ada, timestamp="2026-04-01T10:00:00Z")
    end = date(2026, 3, 31)
    await runtime.uow.run(lambda session: period_store.set_closed_through(session, ada.org_id, end, runtime.clock.now()))
    answers = [
        await enter(ada),
        await change(ada, march["id"], amount="3"),
        await change(ada, march["id"], timestamp="2026-04-02T10:00:00Z"),
        await change(ada, april["id"], timestamp="2026-03-31T10:00:00Z"),
        await ada.http.delete(f"{PATH}{march['id']}/"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "period_closed")] * 5
    assert [len(await entries(row["id"])) for row in (march, april)] == [1, 1]
    assert (await change(ada, march["id"], note="Seen")).status_code == 200
    assert (await change(ada, april["id"], amount="3")).status_code == 200
    assert (await ada.http.delete(f"{PATH}{april['id']}/")).status_code == 204


async def test_who_may_not_write_neither_enters_nor_corrects(ada: Person, join: Join) -> None:
    row = await entered(ada)
    auditor, eve = await join("aud", org_id=ada.org_id, role=Role.AUDITOR), await join("eve", founds="Elsewhere")
    assert [(await enter(auditor)).status_code, (await change(auditor, row["id"], amount="3")).status_code] == [403, 403]
    assert (await enter(eve)).json()["errors"][0]["field"] == "wallet"
    assert (await change(eve, row["id"], amount="3")).json() | {"request_id": ""} == (await change(eve, "none", amount="3")).json() | {
        "request_id": ""
    }
    assert len(await entries(row["id"])) == 1


# ---- judged again ----------------------------------------------------------------------------------------------------------------


async def test_what_nobody_decided_is_judged_again(ada: Person) -> None:
    entered_row = await entered(ada)
    decided = stored_transaction(ada.org_id, "wal_1", number=7, category="income", category_source="rule")
    await decided.insert()
    answer = await ada.http.post(f"{PATH}classify/", json={"transaction_ids": [decided.id, entered_row["id"], decided.id]})
    assert answer.json()["items"] == [
        {"transaction_id": decided.id, "outcome": "unchanged", "category": "income"},
        {"transaction_id": entered_row["id"], "outcome": "unchanged", "category": "swap"},
    ]
    foreign = stored_transaction("org_other", "wal_2", number=8)
    await foreign.insert()
    for unknown in (foreign.id, "none"):
        refused = await ada.http.post(f"{PATH}classify/", json={"transaction_ids": [decided.id, unknown]})
        assert [(row["field"], row["code"]) for row in refused.json()["errors"]] == [("transaction_ids.1", "unknown_transaction")]
    assert (await ada.http.post(f"{PATH}classify/", json={"transaction_ids": []})).status_code == 422
