"""Wallets: added, found, changed, deleted, and everything that is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from eth_account import Account

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.adapters.key_sealing import KeySealer
from crypto_api.events.documents import Event
from crypto_api.kit.signing import IntakeKey
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet
from crypto_project.asgi import inner
from tests.conftest import TEST_MASTER_KEY
from tests.http.conftest import ADDRESS, Join, random_address, wallet_body

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
KEY_ADDRESS = Account.from_key(KEY).address
PASSWORD = 'a \u00e9trange "password" \\ of 32'
KEYSTORE: dict[str, Any] = Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=1000)


async def test_a_watched_wallet_is_added_read_renamed_and_deleted(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    created = await ada.http.post("/api/wallets/", json=wallet_body(address=ADDRESS.lower(), name="  Operations "))
    assert created.status_code == 201, created.text
    wallet = created.json()
    assert wallet["address"] == ADDRESS
    assert wallet["name"] == "Operations"
    assert wallet["monitoring_enabled"] is True
    path = f"/api/wallets/{wallet['id']}/"
    read = await ada.http.get(path)
    assert read.json() == wallet
    assert read.headers["etag"] == created.headers["etag"] == '"1"'

    renamed = await ada.http.put(path, json={"name": "Cold"}, headers={"If-Match": '"1"'})
    assert (renamed.status_code, renamed.json()["name"], renamed.headers["etag"]) == (200, "Cold", '"2"')
    assert renamed.json()["monitoring_enabled"] is True

    paused = await ada.http.post(f"{path}monitor/", json={"monitoring_enabled": False})
    assert (paused.status_code, paused.json()["monitoring_enabled"]) == (200, False)

    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path)).status_code == 404
    assert (await ada.http.put(path, json={"name": "x"})).status_code == 404
    assert (await ada.http.delete(path)).status_code == 404
    assert (await ada.http.get("/api/wallets/")).json() == {"items": [], "next_cursor": None}
    kept = await Wallet.get(wallet["id"])
    assert kept is not None
    assert kept.active is False
    kinds = [event.kind for event in await Event.find({"org_id": ada.org_id}).sort("+_id").to_list()]
    assert kinds == ["organization.founded", "wallet.created", "wallet.updated", "wallet.updated", "wallet.deleted"]
    assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 201  # its address is free again


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"address": "0x123"}, {"address"}),
        ({"address": ADDRESS.replace("d8dA", "d8da")}, {"address"}),
        ({"address": ADDRESS + "00"}, {"address"}),
        ({"address": "0x" + "0" * 40}, {"address"}),
        ({"address": "0x" + "\uff10" * 40}, {"address"}),
        ({"address": ADDRESS + "\n"}, {"address"}),
        ({"address": None}, {"address"}),
        ({"address": {"$gt": ""}}, {"address"}),
        ({"network": "nowhere"}, {"network"}),
        ({"network": "nowhere", "address": "0x1"}, {"network", "address"}),
        ({"wallet_type": "paper"}, {"wallet_type"}),
        ({"wallet_type": 1}, {"wallet_type"}),
        ({"name": ""}, {"name"}),
        ({"name": "   "}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"name": "a\x00b"}, {"name"}),
        ({"name": 5}, {"name"}),
        ({"monitoring_enabled": "true"}, {"monitoring_enabled"}),
        ({"monitoring_enabled": 1}, {"monitoring_enabled"}),
        ({"adress": ADDRESS}, {"adress"}),
        ({"private_key": KEY}, {"private_key"}),
        ({"wallet_type": "private_key"}, {"private_key"}),
        ({"wallet_type": "private_key", "private_key": KEY}, {"address"}),
        ({"wallet_type": "private_key", "private_key": "0x" + "0" * 64, "address": None}, {"private_key"}),
        ({"wallet_type": "private_key", "private_key": "0x" + "f" * 64, "address": None}, {"private_key"}),
        ({"wallet_type": "private_key", "private_key": KEY[:-1], "address": None}, {"private_key"}),
        ({"wallet_type": "private_key", "private_key": 17, "address": None}, {"private_key"}),
        ({"wallet_type": "private_key", "private_key": [KEY], "address": None}, {"private_key"}),
        ({"wallet_type": "private_key", "private_key": "", "address": None}, {"private_key"}),
        ({"wallet_type": "private_key", "keystore": KEYSTORE, "address": None}, {"keystore_password"}),
        ({"wallet_type": "private_key", "keystore_password": "x", "address": None}, {"keystore"}),
        ({"wallet_type": "private_key", "private_key": KEY, "keystore": KEYSTORE, "keystore_password": "x"}, {"keystore", "keystore_password"}),
        ({"wallet_type": "private_key", "keystore": KEYSTORE, "keystore_password": "wrong", "address": None}, {"keystore_password"}),
        ({"wallet_type": "private_key", "keystore": {"version": 3}, "keystore_password": "x", "address": None}, {"keystore"}),
        ({"wallet_type": "private_key", "keystore": {"$ne": None}, "keystore_password": "x", "address": None}, {"keystore"}),
        ({"wallet_type": "private_key", "keystore": "no JSON", "keystore_password": "x", "address": None}, {"keystore"}),
        ({"keystore": KEYSTORE, "keystore_password": "x"}, {"keystore", "keystore_password"}),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(join: Join, changes: dict[str, object], fields: set[str]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    answer = await ada.http.post("/api/wallets/", json=wallet_body(**changes))
    assert answer.status_code == 422, answer.text
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert all(error["message"] and error["code"] for error in answer.json()["errors"])
    assert await Wallet.find_all().count() == 0


async def test_a_stored_key_is_sealed_for_its_wallet_and_comes_out_nowhere(join: Join, runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    ada = await join("ada", founds="Byron Treasury")
    body = wallet_body(wallet_type="private_key", private_key=KEY, address=KEY_ADDRESS)
    created = await ada.http.post("/api/wallets/", json=body, headers={"Idempotency-Key": "k1"})
    assert created.status_code == 201, created.text
    broken = await ada.http.post("/api/wallets/", json=body | {"private_key": KEY + "zz", "network": 5})
    assert broken.status_code == 422
    row = await Wallet.get(created.json()["id"])
    assert row is not None
    assert row.sealed_key is not None
    opened = KeySealer(TEST_MASTER_KEY, "k1").open(row.sealed_key, org_id=row.org_id, wallet_id=row.id, address=row.address)
    assert opened.hex() == KEY[2:]

    told = created.text + broken.text + (await ada.http.get("/api/wallets/")).text + caplog.text
    for collection in await runtime.database.list_collection_names():
        told += str(await runtime.database[collection].find({}).to_list())
    assert KEY[2:] not in told.lower()
    assert str(bytes.fromhex(KEY[2:])) not in told
    assert "sealed" not in created.text


@pytest.mark.parametrize("as_text", [False, True], ids=["object", "text"])
async def test_a_keystore_is_taken_with_its_password(join: Join, as_text: bool) -> None:
    ada = await join("ada", founds="Byron Treasury")
    keystore = json.dumps(KEYSTORE) if as_text else KEYSTORE
    body = {"name": "Hot", "wallet_type": "private_key", "network": "testnet", "keystore": keystore, "keystore_password": PASSWORD}
    created = await ada.http.post("/api/wallets/", json=body)
    assert created.status_code == 201, created.text
    assert created.json()["address"] == KEY_ADDRESS
    row = await Wallet.get(created.json()["id"])
    assert row is not None and row.sealed_key is not None
    assert KeySealer(TEST_MASTER_KEY, "k1").open(row.sealed_key, org_id=row.org_id, wallet_id=row.id, address=row.address).hex() == KEY[2:]


async def test_a_request_with_a_key_is_repeated_harmlessly_and_another_key_is_another_request(join: Join) -> None:
    """Each sealing is another text; what is compared is what came in."""
    ada = await join("ada", founds="Byron Treasury")
    body = wallet_body(wallet_type="private_key", private_key=KEY, address=None)
    first, again = [await ada.http.post("/api/wallets/", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert (first.status_code, again.status_code, again.headers["idempotency-replayed"]) == (201, 201, "true")
    assert first.content == again.content
    other = await ada.http.post("/api/wallets/", json=body | {"private_key": "0x" + "12" * 32}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409


async def test_a_key_sealed_by_the_client_is_taken_as_it_is(join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    key = (await ada.http.get("/api/wallets/intake-key/")).json()
    parcel = make_parcel(bytearray(json.dumps(KEY).encode()), IntakeKey(key["kid"], key["x"], key["y"]))
    created = await ada.http.post("/api/wallets/", json=wallet_body(wallet_type="private_key", private_key=parcel, address=KEY_ADDRESS))
    assert created.status_code == 201, created.text
    altered = parcel[:-2] + ("AA" if parcel[-2:] != "AA" else "BB")
    refused = await ada.http.post("/api/wallets/", json=wallet_body(wallet_type="private_key", private_key=altered, address=None))
    assert [(row["field"], row["code"]) for row in refused.json()["errors"]] == [("private_key", "not_sealed")]


async def test_without_the_door_a_clear_key_is_refused(join: Join, runtime: Runtime) -> None:
    """As where somebody runs the application behind another server."""
    ada = await join("ada", founds="Byron Treasury")

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "state": {"runtime": runtime, "hub": None}}, receive, send)

    transport = httpx.ASGITransport(app=with_state)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=ada.http.headers) as straight:
        answer = await straight.post("/api/wallets/", json=wallet_body(wallet_type="private_key", private_key=KEY, address=None))
    assert (answer.status_code, [row["code"] for row in answer.json()["errors"]]) == (422, ["not_sealed"])
    assert KEY[2:] not in answer.text


async def test_without_the_signer_keys_wait_and_everything_else_goes_on(join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await join("ada", founds="Byron Treasury")
    monkeypatch.setattr(runtime.signer, "_socket", Path("/nonexistent/signer.sock"))
    body = wallet_body(wallet_type="private_key", private_key=KEY, address=None)
    for known in (runtime.signer.intake_key, None):  # it went away just now, or was never there
        monkeypatch.setattr(runtime.signer, "intake_key", known)
        answer = await ada.http.post("/api/wallets/", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "signer_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await ada.http.post("/api/wallets/", json=body | {"network": "nowhere"})).status_code == 422
    assert (await ada.http.get("/api/wallets/intake-key/")).status_code == 503
    assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 201
    health = (await ada.http.get("/api/system/health/")).json()
    assert health["status"] == "degraded" and "signer" in health["degraded"]


async def test_a_body_in_chunks_or_too_large_is_handled_as_any_other(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")

    async def pieces(raw: bytes) -> AsyncIterator[bytes]:
        size = max(7, len(raw) // 20)
        for start in range(0, len(raw), size):
            yield raw[start : start + size]

    raw = json.dumps(wallet_body(wallet_type="private_key", private_key=KEY, address=None)).encode()
    headers = {"Content-Type": "application/json"}
    assert (await ada.http.post("/api/wallets/", content=pieces(raw), headers=headers)).status_code == 201
    for large in (raw[:-1] + b" " * 1_000_001 + b"}", b" " * 1_500_000):
        told = await ada.http.post("/api/wallets/", content=pieces(large) if len(large) < 1_400_000 else large, headers=headers)
        assert (told.status_code, told.json()["code"]) == (413, "content_too_large")
    assert (await ada.http.get("/api/wallets/")).status_code == 200


async def test_an_address_stands_once_in_an_organisation_also_when_many_try_at_once(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    answers = await asyncio.gather(*(ada.http.post("/api/wallets/", json=wallet_body(name=f"n{number}")) for number in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"wallet_exists"}
    assert (await eve.http.post("/api/wallets/", json=wallet_body())).status_code == 201  # another organisation watches it too
    assert await Wallet.find({"org_id": ada.org_id}).count() == 1


async def test_a_person_has_at_most_ten_also_when_many_are_added_at_once(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    bob = await join("bob", org_id=ada.org_id, role=Role.ACCOUNTANT)
    for _ in range(8):
        assert (await ada.http.post("/api/wallets/", json=wallet_body(address=random_address()))).status_code == 201
    answers = await asyncio.gather(*(ada.http.post("/api/wallets/", json=wallet_body(address=random_address())) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [409] * 4
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"wallet_limit_reached"}
    assert await Wallet.find({"created_by": ada.user["id"], "active": True}).count() == 10
    assert (await bob.http.post("/api/wallets/", json=wallet_body(address=random_address()))).status_code == 201

    one = answers[0] if answers[0].status_code == 201 else next(answer for answer in answers if answer.status_code == 201)
    assert (await ada.http.delete(f"/api/wallets/{one.json()['id']}/")).status_code == 204
    assert (await ada.http.post("/api/wallets/", json=wallet_body(address=random_address()))).status_code == 201


async def test_a_change_of_what_was_not_seen_is_refused(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    path = f"/api/wallets/{(await ada.http.post('/api/wallets/', json=wallet_body())).json()['id']}/"
    for tag in ('"7"', 'W/"1"', "1", "rubbish", '"1x"', '"' + "9" * 40 + '"'):
        answer = await ada.http.put(path, json={"name": "x"}, headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), tag
    assert (await ada.http.delete(path, headers={"If-Match": '"7"'})).status_code == 412
    assert (await ada.http.get(path)).json()["name"] == "Operations"
    assert (await ada.http.put(path, json={"name": "x"}, headers={"If-Match": '"9", "1"'})).status_code == 200
    assert (await ada.http.put(path, json={"name": "y"}, headers={"If-Match": "*"})).status_code == 200
    assert (await ada.http.put("/api/wallets/none/", json={"name": "y"}, headers={"If-Match": '"1"'})).status_code == 404


async def test_of_two_changes_of_one_version_one_is_made(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    path = f"/api/wallets/{(await ada.http.post('/api/wallets/', json=wallet_body())).json()['id']}/"
    names = [f"n{number}" for number in range(5)]
    answers = await asyncio.gather(*(ada.http.put(path, json={"name": name}, headers={"If-Match": '"1"'}) for name in names))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 4
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    assert (await ada.http.get(path)).json() == winner.json()


async def test_roles_without_the_permission_are_refused(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()
    path = f"/api/wallets/{wallet['id']}/"
    auditor, employee, nobody = (
        await join("otto", org_id=ada.org_id, role=Role.AUDITOR),
        await join("uma", org_id=ada.org_id, role=Role.USER),
        await join("nell"),
    )
    assert (await auditor.http.get(path)).status_code == 200
    for person, calls in (
        (auditor, [("POST", "/api/wallets/", wallet_body(address=random_address())), ("PUT", path, {"name": "x"}), ("DELETE", path, None)]),
        (employee, [("GET", "/api/wallets/", None), ("GET", path, None), ("GET", f"{path}balance/", None)]),
        (nobody, [("GET", "/api/wallets/", None), ("POST", "/api/wallets/", wallet_body(address=random_address()))]),
    ):
        for method, where, body in calls:
            answer = await person.http.request(method, where, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), (method, where)
    assert (await ada.http.get(path)).json() == wallet


async def test_pages_stay_stable_while_wallets_are_added(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    before = [(await ada.http.post("/api/wallets/", json=wallet_body(address=random_address(), name=f"w{n}"))).json()["id"] for n in range(6)]
    seen: list[str] = []
    cursor: str | None = None
    for added in range(4):
        page = (await ada.http.get("/api/wallets/", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
        await ada.http.post("/api/wallets/", json=wallet_body(address=random_address(), name=f"late{added}"))
        if cursor is None:
            break
    assert seen == list(reversed(before))

    by_name = (await ada.http.get("/api/wallets/", params={"sort": "name", "limit": 3, "count": "true"})).json()
    assert by_name["total"] == 9
    rest = (await ada.http.get("/api/wallets/", params={"sort": "name", "cursor": by_name["next_cursor"]})).json()
    names = [row["name"] for row in by_name["items"] + rest["items"]]
    assert names == sorted(names)
    assert len(names) == 9


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "1_0"},
        {"limit": "\uff15"},
        {"limit": "-1"},
        {"limit": "1e1"},
        {"cursor": "rubbish"},
        {"cursor": "bnVsbA"},
        {"cursor": "W10"},
        {"sort": "sealed_key"},
        {"sort": "--name"},
        {"count": "yes"},
        {"wallet_type": "paper"},
        {"q": "a\u202e"},
    ],
)
async def test_a_wrong_question_is_refused(join: Join, params: dict[str, str]) -> None:
    ada = await join("ada", founds="Byron Treasury")
    answer = await ada.http.get("/api/wallets/", params=params)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == next(iter(params))


async def test_a_search_takes_its_text_as_it_is(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await ada.http.post("/api/wallets/", json=wallet_body(name="Cold (a+)+$ store"))
    await ada.http.post("/api/wallets/", json=wallet_body(name="Hot", address=random_address()))
    for text, found in (("(a+)+$", 1), (".*", 0), ("COLD", 1), (ADDRESS[:8], 1), ("$where", 0)):
        assert len((await ada.http.get("/api/wallets/", params={"q": text})).json()["items"]) == found, text
    assert len((await ada.http.get("/api/wallets/", params={"network": "testnet", "monitoring_enabled": "false"})).json()["items"]) == 0


async def test_watching_is_stopped_and_taken_up_again_by_either_operation(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    clerk = await join("clerk", org_id=ada.org_id, role=Role.AUDITOR)
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()
    path, own = "/api/blockchain/wallet-monitoring/", f"/api/wallets/{wallet['id']}/monitor/"
    body, key = {"wallet_id": wallet["id"], "enabled": False}, {"Idempotency-Key": "stop-watching-1"}
    stopped = await ada.http.post(path, json=body, headers=key)
    assert (stopped.status_code, stopped.json()["monitoring_enabled"], stopped.json()["opening"]) == (200, False, "due")
    assert stopped.json() == (await ada.http.get(f"/api/wallets/{wallet['id']}/")).json()
    again = await ada.http.post(path, json=body, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (stopped.json(), "true")
    watched = await ada.http.post(own, json={"monitoring_enabled": True})
    assert (watched.json()["monitoring_enabled"], watched.headers["etag"]) == (True, '"3"')
    absent = (404, "not_found")
    for person, sent, expected in (
        (eve, body, absent),
        (ada, body | {"wallet_id": "wal_of_nobody"}, absent),
        (clerk, body, (403, "permission_denied")),
        (ada, body | {"enabled": "false"}, (422, "invalid_input")),
        (ada, {"wallet_id": wallet["id"]}, (422, "invalid_input")),
        (ada, body | {"enable": True}, (422, "invalid_input")),
    ):
        answer = await person.http.post(path, json=sent)
        assert (answer.status_code, answer.json()["code"]) == expected, (sent, answer.text)
    assert (await eve.http.post(own, json={"monitoring_enabled": False})).status_code == 404
    assert (await ada.http.get(f"/api/wallets/{wallet['id']}/")).json()["monitoring_enabled"] is True


async def test_a_balance_without_a_node_says_so_and_when_to_come_back(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body())).json()
    answer = await ada.http.get(f"/api/wallets/{wallet['id']}/balance/")
    assert (answer.status_code, answer.json()["code"]) == (503, "chain_unavailable")
    assert int(answer.headers["retry-after"]) > 0
