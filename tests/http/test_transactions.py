"""Transactions: shown exactly, found by every filter, annotated by a person and never altered."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from crypto_api.events.documents import Event
from crypto_api.organizations.types import Role
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Basis, Direction, Finality, MovementKind, Origin
from tests.http.conftest import Join, Person
from tests.http.world import OTHER, OWN, stored_movement, stored_transaction

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"


async def test_a_transaction_is_shown_exactly(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    huge = 2**256 - 1
    row = stored_transaction(
        ada.org_id,
        "wal_1",
        movements=[
            stored_movement(
                "wal_1",
                key="gas",
                kind=MovementKind.GAS,
                direction=Direction.OUT,
                raw_amount="21000",
                amount=Decimal("2.1E-14"),
                value=Decimal("0.00000004"),
            ),
            stored_movement(
                "wal_1",
                key="log:1",
                kind=MovementKind.ERC20,
                asset="USDC",
                symbol="USDC",
                contract=USDC,
                decimals=6,
                raw_amount="1500000",
                amount=Decimal("1.500000"),
                value=Decimal("1.5"),
            ),
            stored_movement(
                "wal_1",
                key="log:2",
                kind=MovementKind.ERC20,
                asset="x",
                contract=USDC,
                decimals=0,
                raw_amount=str(huge),
                amount=None,
                value=None,
                spam_reason="an unlisted token",
            ),
        ],
        gas_fee_raw="21000",
        confidence=0.75,
        category_source="rule",
    )
    await row.insert()
    answer = await ada.http.get(f"/api/transactions/{row.id}/")
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == '"1"'
    shown = answer.json()
    assert (shown["asset"], shown["amount"], shown["raw_amount"], shown["usd_value"]) == ("USDC", "1.5", "1500000", "1.5")
    assert (shown["gas_fee"], shown["fee"]) == ("0.000000000000021", "0.00000004")
    assert shown["timestamp"] == "2026-11-20T12:01:00.000Z"
    assert (shown["status"], shown["direction"], shown["transaction_type"]) == ("PENDING", "in", "receive")
    assert (shown["confidence"], shown["category_source"]) == ("0.75", "rule")
    spam = shown["movements"][2]
    assert (spam["raw_amount"], spam["amount"], spam["spam"]) == (str(huge), None, True)
    assert not any(isinstance(value, float) for movement in shown["movements"] for value in movement.values())


async def test_a_collectible_and_a_change_that_nobody_explains_say_what_they_are(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    picture = {"kind": MovementKind.ERC721, "asset": f"eip155:1/erc721:{USDC}", "symbol": "PIC", "contract": USDC, "decimals": 0, "token_id": "7"}
    bought = [stored_movement("wal_1", key="log:1", raw_amount="1", amount=Decimal(1), value=None, rate=None, **picture)]
    change = [stored_movement("wal_1", key="balance:0xb2", kind=MovementKind.INTERNAL, basis=Basis.BALANCE)]
    await Transaction.insert_many(
        [
            stored_transaction(ada.org_id, "wal_1", number=1, movements=bought, movements_left_out=3),
            stored_transaction(ada.org_id, "wal_1", number=2, movements=change, origin=Origin.BALANCE),
        ]
    )
    (collectible,) = (await ada.http.get("/api/transactions/", params={"kind": "erc721"})).json()["items"]
    (movement,) = collectible["movements"]
    assert (movement["token_id"], movement["amount"], movement["value"], collectible["movements_left_out"]) == ("7", "1", None, 3)
    (adjustment,) = (await ada.http.get("/api/transactions/", params={"kind": "internal"})).json()["items"]
    assert (adjustment["origin"], adjustment["transaction_type"], adjustment["movements"][0]["basis"]) == ("balance", "adjustment", "balance")


async def history(ada: Person) -> list[Transaction]:
    rows = [
        stored_transaction(ada.org_id, "wal_1", number=1, category="income"),
        stored_transaction(ada.org_id, "wal_2", number=2, succeeded=False, category="failed"),
        stored_transaction(
            ada.org_id, "wal_1", number=3, finality=Finality.CONFIRMED, movements=[stored_movement("wal_1", direction=Direction.OUT, asset="USDC")]
        ),
        stored_transaction(ada.org_id, "wal_1", number=4, finality=Finality.ORPHANED, network="other"),
        stored_transaction(ada.org_id, "wal_1", number=2_000, succeeded=False, finality=Finality.ORPHANED),
    ]
    await Transaction.insert_many(rows)
    return rows


@pytest.mark.parametrize(
    ("params", "numbers"),
    [
        ({}, [2000, 4, 3, 2, 1]),
        ({"sort": "timestamp"}, [1, 2, 3, 4, 2000]),
        ({"sort": "-block_number", "limit": "2"}, [2000, 4]),
        ({"wallet_id": "wal_2"}, [2]),
        ({"network": "other"}, [4]),
        ({"asset": "USDC"}, [3]),
        ({"direction": "out"}, [3]),
        ({"direction": "in", "asset": "USDC"}, []),  # of one movement
        ({"asset": "ETH", "amount_min": "0.25", "amount_max": "0.25", "limit": "1"}, [2000]),
        ({"asset": "USDC", "amount_max": "0.24"}, []),
        ({"amount_min": "0.250000000000000001"}, []),
        ({"category": "income"}, [1]),
        ({"status": "PENDING"}, [1]),
        ({"status": "CONFIRMED"}, [3]),
        ({"status": "FAILED"}, [2]),
        ({"status": "ORPHANED"}, [2000, 4]),
        ({"date_to": "2026-11-20"}, [4, 3, 2, 1]),
        ({"date_from": "2026-11-21"}, [2000]),
        ({"date_from": "2026-11-20", "date_to": "2026-11-20", "status": "FAILED"}, [2]),
        ({"date_from": "2027-01-01"}, []),
        ({"q": f"0x{2000:064x}"}, [2000]),
        ({"q": OTHER.lower()[:12]}, [2000, 4, 3, 2, 1]),
        ({"q": OWN, "wallet_id": "wal_2"}, [2]),
        ({"q": ".*"}, []),
    ],
)
async def test_each_filter_finds_what_it_says(join: Join, params: dict[str, str], numbers: list[int]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await history(ada)
    for path in ("/api/transactions/", "/api/transactions/history/"):
        answer = await ada.http.get(path, params={**params, "count": "true"})
        assert answer.status_code == 200, answer.text
        assert [row["block_number"] for row in answer.json()["items"]] == numbers
        if "limit" not in params:
            assert answer.json()["total"] == len(numbers)


@pytest.mark.parametrize(
    "params",
    [
        {"status": "pending"},
        {"amount_min": "-1"},
        {"amount_max": "1.2345678901234567890123456789012345"},
        {"category": "none"},
        {"direction": "up"},
        {"date_from": "2026-13-01"},
        {"date_from": "20.11.2026"},
        {"date_from": "\uff12026-11-20"},
        {"date_to": "2026-11-20T00:00:00Z"},
        {"date_to": "1e9"},
        {"sort": "note"},
        {"wallet_id": ""},
        {"q": "x" * 201},
    ],
)
async def test_a_wrong_filter_is_named(join: Join, params: dict[str, str]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    answer = await ada.http.get("/api/transactions/", params=params)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == list(params)


async def test_pages_hold_each_row_once_while_rows_are_added_and_times_are_equal(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    moment = stored_transaction(ada.org_id, "wal_1").timestamp
    before = [stored_transaction(ada.org_id, "wal_1", number=number, timestamp=moment) for number in range(1, 12)]
    await Transaction.insert_many(before)
    seen: list[str] = []
    cursor: str | None = None
    for late in range(100, 110):
        page = (await ada.http.get("/api/transactions/", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [row["id"] for row in page["items"]]
        await stored_transaction(ada.org_id, "wal_1", number=late).insert()  # newer than what was read
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == {row.id for row in before}


async def test_a_person_says_what_it_is(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = stored_transaction(ada.org_id, "wal_1", category="income", category_source="model", confidence=0.4, model="granite", evidence=["log:1"])
    await row.insert()
    path = f"/api/transactions/{row.id}/"
    noted = await ada.http.put(path, json={"note": "See contract 17"}, headers={"If-Match": '"1"'})
    assert noted.status_code == 200, noted.text
    assert (noted.json()["note"], noted.json()["category_source"], noted.headers["etag"]) == ("See contract 17", "model", '"2"')
    said = await ada.http.put(path, json={"category": "payroll", "counterparty": "Grace Hopper"})
    shown = said.json()
    assert (shown["category"], shown["category_source"], shown["confidence"], shown["explanation"]) == ("payroll", "person", "1", "Set by a person.")
    assert shown["note"] == "See contract 17"
    stored = await Transaction.get(row.id)
    assert stored is not None
    assert (stored.model, stored.evidence) == (None, [])
    unchanged = {"movements", "amount", "hash", "block_number", "timestamp", "wallet_ids"} & set(Transaction.model_fields)
    assert all(getattr(stored, name) == getattr(row, name) for name in unchanged)
    events = await Event.find({"org_id": ada.org_id, "kind": "transaction.annotated"}).to_list()
    assert [event.data["category"] for event in events] == ["income", "payroll"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": "5"}, 409, "chain_fact"),
        ({"hash": "0x1", "note": "x"}, 409, "chain_fact"),
        ({"movements": []}, 409, "chain_fact"),
        ({"status": "CONFIRMED"}, 409, "chain_fact"),
        ({"nots": "x"}, 422, "invalid_input"),
        ({"category": "salary"}, 422, "invalid_input"),
        ({"category": {"$ne": 1}}, 422, "invalid_input"),
        ({"note": "x" * 2_001}, 422, "invalid_input"),
        ({"note": "a\x00"}, 422, "invalid_input"),
        ({"subcategory": ""}, 422, "invalid_input"),
    ],
)
async def test_what_the_chain_said_stays(join: Join, body: dict[str, Any], status: int, code: str) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = stored_transaction(ada.org_id, "wal_1")
    await row.insert()
    answer = await ada.http.put(f"/api/transactions/{row.id}/", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    refused = await ada.http.delete(f"/api/transactions/{row.id}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "chain_fact")
    stored = await Transaction.get(row.id)
    assert stored is not None
    assert stored.version == 1


async def test_annotations_at_the_same_moment_are_all_made_or_refused_by_version(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = stored_transaction(ada.org_id, "wal_1")
    await row.insert()
    path = f"/api/transactions/{row.id}/"
    fields = [{"note": "a"}, {"subcategory": "b"}, {"counterparty": "c"}, {"explanation": "d"}]
    answers = await asyncio.gather(*(ada.http.put(path, json=body) for body in fields))
    assert {answer.status_code for answer in answers} == {200}
    shown = (await ada.http.get(path)).json()
    assert [shown[name] for name in ("note", "subcategory", "counterparty", "explanation")] == ["a", "b", "c", "d"]
    raced = await asyncio.gather(*(ada.http.put(path, json=body, headers={"If-Match": '"5"'}) for body in fields))
    assert sorted(answer.status_code for answer in raced) == [200, 412, 412, 412]


async def test_who_may_not_write_may_not_annotate(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row = stored_transaction(ada.org_id, "wal_1")
    await row.insert()
    for role, reads in ((Role.AUDITOR, 200), (Role.MANAGER, 200), (Role.USER, 403), (Role.CLIENT, 403)):
        person = await join(role.lower(), org_id=ada.org_id, role=role)
        assert (await person.http.put(f"/api/transactions/{row.id}/", json={"note": "x"})).status_code == 403
        assert (await person.http.get(f"/api/transactions/{row.id}/")).status_code == reads


async def test_a_category_that_does_not_exist_is_not_found(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await history(ada)
    assert [row["block_number"] for row in (await ada.http.get("/api/transactions/category/income/")).json()["items"]] == [1]
    assert (await ada.http.get("/api/transactions/category/salary/")).status_code == 404
