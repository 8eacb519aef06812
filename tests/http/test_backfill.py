"""Asking for the history of a wallet over HTTP."""

import pytest

from crypto_api.backfills.documents import Backfill
from tests.http.conftest import Join, random_address, wallet_body


async def test_history_is_asked_for_once_and_told_as_a_task(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()
    url = f"/api/wallets/{wallet['id']}/backfill/"
    asked, again = [await ada.http.post(url, json={"from_block": 7}, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert (asked.status_code, asked.json()["kind"], asked.json()["status"]) == (202, "backfill", "queued")
    assert again.content == asked.content
    assert (await ada.http.post(url, json={})).json()["code"] == "backfill_running"
    assert (await ada.http.get(f"/api/system/tasks/{asked.json()['id']}/")).json()["summary"] == "Operations: history from block 7"
    (row,) = await Backfill.find_all().to_list()
    assert (row.from_block, row.requested_by, row.org_id) == (7, ada.user["id"], ada.org_id)
    assert "wallet.backfilled" in [record["action"] for record in (await ada.http.get("/api/audit-log/")).json()["items"]]


@pytest.mark.parametrize("body", [{"from_block": -1}, {"from_block": "7"}, {"from_block": 1.5}, {"from_block": 2**60}, {"since": 7}])
async def test_what_is_no_block_is_refused(join: Join, body: dict[str, object]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()
    assert (await ada.http.post(f"/api/wallets/{wallet['id']}/backfill/", json=body)).status_code == 422


async def test_a_new_wallet_may_ask_for_its_history_at_once(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for history, expected in (("first", None), (12, 12), (0, 0)):
        made = await ada.http.post("/api/wallets/", json=wallet_body(address=random_address(), history_from=history))
        assert made.status_code == 201, made.text
        row = await Backfill.find_one({"wallet_id": made.json()["id"]})
        assert row is not None and row.from_block == expected
    await ada.http.post("/api/wallets/", json=wallet_body(address=random_address()))
    assert await Backfill.find_all().count() == 3
    for history in ("last", -1, True, 1.5):
        refused = await ada.http.post("/api/wallets/", json=wallet_body(address=random_address(), history_from=history))
        assert refused.status_code == 422, history
    unwatched = wallet_body(address=random_address(), history_from="first", monitoring_enabled=False)
    assert (await ada.http.post("/api/wallets/", json=unwatched)).json()["errors"][0]["field"] == "history_from"


async def test_a_wallet_that_is_not_watched_or_not_ours_has_no_history_to_read(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body(monitoring_enabled=False))).json()
    url = f"/api/wallets/{wallet['id']}/backfill/"
    assert (await ada.http.post(url, json={})).json()["code"] == "not_watched"
    assert (await eve.http.post(url, json={})).status_code == 404
