"""The proof that a wallet is the organisation's: by its key, by a contract wallet, and everything that is none."""

from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.identity.documents import OneTimeToken
from crypto_api.runtime import Runtime
from tests.conftest import LocalChain
from tests.factories.contract_wallets import Node, honest
from tests.factories.signatures import BAD, bad_signature, new_key, signature_of
from tests.http.conftest import Join, Person, wallet_body

KEY, OTHER = new_key(11), new_key(12)


async def add(person: Person, address: str, **changes: Any) -> dict[str, Any]:
    answer = await person.http.post("/api/wallets/", json=wallet_body(address=address, **changes))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def text_for(person: Person, wallet: dict[str, Any]) -> str:
    answer = await person.http.post(f"/api/wallets/{wallet['id']}/ownership/challenge/")
    assert answer.status_code == 200, answer.text
    message: str = answer.json()["message"]
    return message


async def prove(person: Person, wallet: dict[str, Any], message: str, signature: bytes) -> httpx.Response:
    body = {"message": message, "signature": "0x" + signature.hex()}
    return await person.http.post(f"/api/wallets/{wallet['id']}/ownership/", json=body)


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 422 and [row["code"] for row in answer.json()["errors"]] == ["invalid_signature"]


@pytest.mark.parametrize("wallet_type", ["watch", "metamask", "hardware"])
async def test_its_key_proves_it_once(join: Join, wallet_type: str) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = await add(ada, KEY.address, wallet_type=wallet_type)
    assert wallet["owner_verified_at"] is None
    message = await text_for(ada, wallet)
    assert KEY.address in message and wallet["id"] in message and ada.org_id in message
    proven = await prove(ada, wallet, message, signature_of(message, KEY))
    assert proven.status_code == 200, proven.text
    assert proven.json()["owner_verified_at"] is not None
    assert (await ada.http.get(f"/api/wallets/{wallet['id']}/")).json() == proven.json()
    assert refused(await prove(ada, wallet, message, signature_of(message, KEY))), "it was used up"
    records = await AuditRecord.find({"org_id": ada.org_id, "action": "wallet.ownership_proven"}).to_list()
    assert len(records) == 1


@pytest.mark.parametrize("name", BAD)
async def test_what_is_not_its_signature_proves_nothing(join: Join, name: str) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = await add(ada, KEY.address)
    message = await text_for(ada, wallet)
    answer = await prove(ada, wallet, message, bad_signature(name, message, KEY))
    assert refused(answer) or answer.status_code == 503  # a contract could still say yes, and there is no node to ask it
    assert (await ada.http.get(f"/api/wallets/{wallet['id']}/")).json()["owner_verified_at"] is None


async def test_a_proof_is_for_one_wallet_of_one_session(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Other")
    wallet, another = await add(ada, KEY.address), await add(ada, OTHER.address, name="Another")
    theirs = await add(eve, KEY.address)
    message = await text_for(ada, wallet)
    assert refused(await prove(ada, another, message, signature_of(message, KEY)))
    message = await text_for(eve, theirs)
    assert refused(await prove(ada, wallet, message, signature_of(message, KEY)))
    message = await text_for(ada, wallet)
    altered = message.replace(ada.org_id, eve.org_id)
    assert refused(await prove(ada, wallet, altered, signature_of(altered, KEY)))
    for text in ("", "Nonce: x", message + " "):
        assert (await prove(ada, wallet, text or " ", signature_of(text, KEY))).status_code == 422
    for path in ("ownership/", "ownership/challenge/"):
        body = {"message": message, "signature": "0x" + signature_of(message, KEY).hex()}
        foreign = await ada.http.post(f"/api/wallets/{theirs['id']}/{path}", json=body if path == "ownership/" else None)
        absent = await ada.http.post(f"/api/wallets/wal_none/{path}", json=body if path == "ownership/" else None)
        assert foreign.status_code == absent.status_code == 404
        assert foreign.json() | {"request_id": ""} == absent.json() | {"request_id": ""}
    assert (await ada.http.get(f"/api/wallets/{wallet['id']}/")).json()["owner_verified_at"] is None


async def test_an_old_text_proves_nothing(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wallet = await add(ada, KEY.address)
    message = await text_for(ada, wallet)
    await OneTimeToken.find({"purpose": "wallet_ownership"}).update({"$currentDate": {"expires_at": True}})
    assert refused(await prove(ada, wallet, message, signature_of(message, KEY)))


async def test_a_stored_key_is_its_own_proof(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    body = {"name": "Hot", "wallet_type": "private_key", "network": "testnet", "private_key": "0x" + bytes(KEY.key).hex()}
    made = await ada.http.post("/api/wallets/", json=body)
    assert made.status_code == 201 and made.json()["owner_verified_at"] == made.json()["created_at"]


class TestContractWallets:
    @pytest.fixture
    def networks(self, chain: LocalChain) -> list[dict[str, object]]:
        return [{"slug": "testnet", "name": "Test", "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url], "confirmations": 2}]

    async def test_it_says_itself_whose_it_is(self, join: Join, runtime: Runtime, chain: LocalChain) -> None:
        ada = await join("ada", founds="Byron Treasury")
        wallet = await add(ada, await Node(chain.rpc_url).deploy(honest(KEY.address)))
        message = await text_for(ada, wallet)
        assert refused(await prove(ada, wallet, message, signature_of(message, OTHER)))
        message = await text_for(ada, wallet)
        assert (await prove(ada, wallet, message, signature_of(message, KEY))).json()["owner_verified_at"] is not None
