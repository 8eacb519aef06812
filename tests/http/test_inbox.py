"""The inbox over HTTP: found by its filters, remedied and waived once, closed by what is true."""

from decimal import Decimal

import pytest

from crypto_api.checkpoints import store as checkpoints
from crypto_api.checkpoints.documents import Checkpoint
from crypto_api.checkpoints.types import Point
from crypto_api.flows.inbox_sweep import sweep_inbox
from crypto_api.inbox.types import ItemState
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Hold, PaymentState
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Booking, Direction
from tests.factories.stored_payment import stored_payment
from tests.http.conftest import Join, Person, wallet_body
from tests.http.world import FIRST, stored_movement, stored_transaction


async def suspended(runtime: Runtime, person: Person, count: int) -> None:
    """Transactions that are booked, and of which nobody knows what they were; the last of them went both ways."""
    for number in range(1, count + 1):
        movements = [stored_movement("wal_1")]
        if number == count:
            movements.append(stored_movement("wal_1", key="log:1", direction=Direction.OUT, asset="USDC", symbol="USDC"))
        row = stored_transaction(person.org_id, "wal_1", number=number, movements=movements, booking=Booking.DONE, explanation=f"Case {number}.")
        await row.insert()
    await sweep_inbox(runtime.uow, runtime.clock, person.org_id, runtime.networks)


async def test_items_are_listed_filtered_and_counted(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await suspended(runtime, ada, 3)
    first = (await ada.http.get("/api/inbox/", params={"limit": 2, "count": "true"})).json()
    second = (await ada.http.get("/api/inbox/", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert (first["total"], len(first["items"]), len(second["items"]), second["next_cursor"]) == (3, 2, 1, None)
    assert first["counts"] == {"open": 3, "in_progress": 0, "resolved": 0, "waived": 0}
    assert len({item["id"] for item in first["items"] + second["items"]}) == 3
    ambiguous = (await ada.http.get("/api/inbox/", params={"kind": "ambiguous"})).json()["items"]
    assert [item["cause"] for item in ambiguous] == ["Case 3."]
    assert [item["cause"] for item in (await ada.http.get("/api/inbox/", params={"q": "case 2"})).json()["items"]] == ["Case 2."]
    assert (await ada.http.get("/api/inbox/", params={"state": "waived"})).json()["items"] == []
    assert (await ada.http.get("/api/inbox/", params={"kind": "gossip"})).status_code == 422


async def test_a_remedy_is_done_once_and_the_item_closes_by_what_is_true(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await suspended(runtime, ada, 1)
    (item,) = (await ada.http.get("/api/inbox/")).json()["items"]
    assert item["remedies"] == ["classify", "recheck"]
    url = f"/api/inbox/{item['id']}/remedy/"
    for body, field in (({"remedy": "classify"}, "category"), ({"remedy": "pray"}, "remedy"), ({"remedy": "classify", "hope": 1}, "hope")):
        refused = await ada.http.post(url, json=body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert (await ada.http.post(url, json={"remedy": "enter_price"})).json()["code"] == "no_such_remedy"
    still = (await ada.http.post(url, json={"remedy": "recheck"})).json()
    assert (still["state"], still["attempts"][0]["what"], still["attempts"][0]["by"]) == ("in_progress", "recheck", ada.user["id"])
    body, key = {"remedy": "classify", "category": "income", "reason": "An invoice"}, {"Idempotency-Key": "once"}
    done, again = [await ada.http.post(url, json=body, headers=key) for _ in range(2)]
    assert (done.status_code, done.json()["state"], done.json()["closed_by"], done.json()["remedies"]) == (200, "resolved", None, [])
    assert (again.content, again.headers["Idempotency-Replayed"], len(done.json()["attempts"])) == (done.content, "true", 2)
    assert (await ada.http.post(url, json=body)).json()["code"] == "item_closed"
    row = await Transaction.get(item["subject_id"])
    assert row is not None and (row.category, row.category_source) == ("income", "person")
    actions = [record["action"] for record in (await ada.http.get("/api/audit-log/")).json()["items"]]
    assert actions.count("inbox.remedied") == 2 and actions.count("transaction.classified") == 1


async def test_what_is_waived_needs_a_reason_and_stands_in_the_log(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await suspended(runtime, ada, 1)
    (item,) = (await ada.http.get("/api/inbox/")).json()["items"]
    url = f"/api/inbox/{item['id']}/waive/"
    assert (await ada.http.post(url, json={"reason": " "})).status_code == 422
    waived = (await ada.http.post(url, json={"reason": "Too small to look for"})).json()
    assert (waived["state"], waived["closed_by"], waived["closed_reason"]) == ("waived", ada.user["id"], "Too small to look for")
    assert (await ada.http.post(url, json={"reason": "Again"})).json()["code"] == "item_closed"
    await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
    assert (await ada.http.get("/api/inbox/")).json()["counts"] == {"open": 0, "in_progress": 0, "resolved": 0, "waived": 1}


async def test_another_organisations_item_is_absent(join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    await suspended(runtime, ada, 1)
    (item,) = (await ada.http.get("/api/inbox/")).json()["items"]
    assert (await eve.http.get("/api/inbox/")).json()["items"] == []
    calls = [("get", "", None), ("post", "remedy/", {"remedy": "recheck"}), ("post", "waive/", {"reason": "Mine"})]
    for method, path, body in calls:
        foreign = await eve.http.request(method, f"/api/inbox/{item['id']}/{path}", json=body)
        absent = await eve.http.request(method, f"/api/inbox/inb_absent/{path}", json=body)
        assert (foreign.status_code, {**foreign.json(), "request_id": ""}) == (404, {**absent.json(), "request_id": ""})
    assert (await ada.http.get(f"/api/inbox/{item['id']}/")).json()["state"] == ItemState.OPEN


@pytest.mark.parametrize(("role", "status"), [(Role.AUDITOR, 403), (Role.ACCOUNTANT, 200)])
async def test_who_reads_may_not_write(join: Join, runtime: Runtime, role: Role, status: int) -> None:
    ada = await join("ada", founds="Byron Treasury")
    bob = await join("bob", org_id=ada.org_id, role=role)
    await suspended(runtime, ada, 1)
    (item,) = (await bob.http.get("/api/inbox/")).json()["items"]
    assert (await bob.http.post(f"/api/inbox/{item['id']}/waive/", json={"reason": "Known"})).status_code == status


async def test_checkpoints_of_a_wallet_are_shown(join: Join, runtime: Runtime) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()
    point = Point(block_number=7, chain_raw="3", ledger_quantity=Decimal(0), difference=Decimal("3e-18"), at=FIRST)
    row = Checkpoint(
        id=checkpoints.checkpoint_id(ada.org_id, wallet["id"], "ETH"),
        created_at=FIRST,
        org_id=ada.org_id,
        wallet_id=wallet["id"],
        network="testnet",
        asset="ETH",
        contract=None,
        decimals=18,
        block_hash="0x07",
        agreed_at_block=None,
        **point.model_dump(),
    )
    await runtime.uow.run(lambda session: checkpoints.put(session, row, point))
    (shown,) = (await ada.http.get(f"/api/wallets/{wallet['id']}/checkpoints/")).json()["items"]
    assert (shown["difference"], shown["agrees"], shown["chain_raw"], shown["history"][0]["difference"]) == (
        "0.000000000000000003",
        False,
        "3",
        "0.000000000000000003",
    )
    assert (await eve.http.get(f"/api/wallets/{wallet['id']}/checkpoints/")).status_code == 404


async def test_a_payment_that_stopped_waits_for_somebody_until_it_has_ended(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    stopped = {"state": PaymentState.BROADCAST, "holds": [Hold.NEEDS_HUMAN], "reason": "A nonce was used elsewhere.", "due_at": None}
    row = stored_payment("pay_stopped", ada.org_id, FIRST, prepared_by=ada.user["id"], **stopped)
    await row.insert()
    await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
    (item,) = (await ada.http.get("/api/inbox/", params={"kind": "payment_needs_human"})).json()["items"]
    assert (item["subject_id"], item["cause"]) == (row.id, "A nonce was used elsewhere.")
    await Payment.find_one({"_id": row.id}).update({"$set": {"ended_at": FIRST}})  # type: ignore[misc]
    await sweep_inbox(runtime.uow, runtime.clock, ada.org_id, runtime.networks)
    assert (await ada.http.get(f"/api/inbox/{item['id']}/")).json()["state"] == "resolved"
