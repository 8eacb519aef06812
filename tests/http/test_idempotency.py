"""`Idempotency-Key`: one effect and one answer, whatever is repeated or comes at the same moment."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from crypto_api.idempotency import service as idempotency
from crypto_api.idempotency.documents import IdempotentRequest
from crypto_api.identity.documents import User
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet
from mongodb_config.process_name import process_name
from tests.http.conftest import Join, random_address, registration, wallet_body


async def test_a_repeat_gets_the_first_answer_byte_for_byte(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    headers, body = {"Idempotency-Key": "first"}, wallet_body()
    first = await ada.http.post("/api/wallets/", json=body, headers=headers)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    await ada.http.put(f"/api/wallets/{first.json()['id']}/", json={"name": "Changed since"})
    again = await ada.http.post("/api/wallets/", json=body, headers=headers)
    assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, first.headers["etag"])
    assert again.headers["idempotency-replayed"] == "true"


async def test_the_key_with_another_request_is_a_conflict(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    headers = {"Idempotency-Key": "first"}
    wallet = (await ada.http.post("/api/wallets/", json=wallet_body(), headers=headers)).json()
    other = await ada.http.post("/api/wallets/", json=wallet_body(address=random_address()), headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert await Wallet.find_all().count() == 1
    assert wallet["name"] == "Operations"


async def test_many_at_the_same_moment_have_one_effect_and_one_answer(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    body, headers = wallet_body(), {"Idempotency-Key": "race"}
    answers = await asyncio.gather(*(ada.http.post("/api/wallets/", json=body, headers=headers) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 9
    assert await Wallet.find_all().count() == 1


async def test_an_error_frees_the_key(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    headers = {"Idempotency-Key": "again"}
    assert (await ada.http.post("/api/wallets/", json=wallet_body(network="nowhere"), headers=headers)).status_code == 422
    assert (await ada.http.post("/api/wallets/", json=wallet_body(), headers=headers)).status_code == 201


async def test_organisations_and_people_do_not_share_keys(join: Join, client: httpx.AsyncClient) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    headers = {"Idempotency-Key": "same"}
    mine = await ada.http.post("/api/wallets/", json=wallet_body(), headers=headers)
    hers = await eve.http.post("/api/wallets/", json=wallet_body(), headers=headers)
    assert mine.status_code == hers.status_code == 201
    assert mine.json()["id"] != hers.json()["id"]
    assert "idempotency-replayed" not in hers.headers


async def test_a_registration_is_repeated_without_harm(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "signup"}
    answers = await asyncio.gather(*(client.post("/api/auth/register/", json=registration("ada"), headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await User.find_all().count() == 1
    stored = await IdempotentRequest.find_all().to_list()
    assert "a-river-of-9-stones" not in str(stored)


async def test_a_key_that_its_process_left_behind_is_worked_on_again(join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once where it can be told that nobody is at work on it: its process is dead, or is this one and could not give it back."""
    ada, rows = await join("ada", founds="Byron Treasury"), IdempotentRequest.get_pymongo_collection()
    host, space, pid, started = process_name().split("|")
    just_now, long_ago = runtime.clock.now(), runtime.clock.now() - timedelta(seconds=61)
    elsewhere = f"elsewhere|{space}x|{pid}|{started}|clm_1"
    left = {
        "by one that died": (f"{host}|{space}|{pid}|{int(started) - 1}|clm_1", just_now, True),
        "by this one": (f"{process_name()}|clm_of_a_request_that_broke", just_now, True),
        "long ago": (elsewhere, long_ago, True),
        "on another machine, maybe at work": (elsewhere, just_now, False),
    }
    monkeypatch.setattr(idempotency, "WAIT_S", 0.1)
    for told, (claim, claimed_at, over) in left.items():
        headers = {"Idempotency-Key": told.replace(" ", "-")}
        first = await ada.http.post("/api/wallets/", json=wallet_body(), headers=headers)
        assert (await ada.http.delete(f"/api/wallets/{first.json()['id']}/")).status_code == 204
        key = {"key": headers["Idempotency-Key"]}
        await rows.update_one(key, {"$set": {"status": None, "body": None, "claim": claim, "claimed_at": claimed_at}})
        again = await ada.http.post("/api/wallets/", json=wallet_body(), headers=headers)
        assert again.status_code == (201 if over else 409), told
        assert "idempotency-replayed" not in again.headers
        if over:
            assert again.json()["id"] != first.json()["id"]
            assert (await ada.http.delete(f"/api/wallets/{again.json()['id']}/")).status_code == 204
    assert await Wallet.find({"active": True}).count() == 0, "what may still be at work elsewhere is left to it"


async def test_a_key_is_visible_ascii(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for key in ("", "a b", "x" * 201):
        answer = await ada.http.post("/api/wallets/", json=wallet_body(), headers={"Idempotency-Key": key})
        assert answer.status_code == 422, key
    assert await Wallet.find_all().count() == 0
