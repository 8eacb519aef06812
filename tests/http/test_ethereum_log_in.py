"""Sign-in with Ethereum over HTTP: keys, contract wallets, and everybody who is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from crypto_api.audit.documents import AuditRecord
from crypto_api.bootstrap import open_runtime
from crypto_api.identity.documents import EthereumAccount, Session, User
from crypto_api.runtime import Runtime
from tests.conftest import LocalChain
from tests.factories.clock import MovableClock
from tests.factories.contract_wallets import HOSTILE, Node, honest
from tests.factories.signatures import BAD, bad_signature, new_key, signature_of
from tests.http.conftest import Join, Person

ORIGIN = "http://localhost:8000"
KEY, OTHER = new_key(1), new_key(2)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(networks, frontend_url=ORIGIN), clock=clock) as opened:
        yield opened


def told(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.json().get("code") if response.content else None


REFUSED = (401, "invalid_signature")


def hexed(signature: bytes) -> str:
    return "0x" + signature.hex()


async def text_for(http: httpx.AsyncClient, address: str, *, link: bool = False, **more: Any) -> str:
    answer = await http.post(f"/api/auth/wallet/{'link/' if link else ''}challenge/", json={"address": address, **more})
    assert answer.status_code == 200, answer.text
    message: str = answer.json()["message"]
    assert answer.json()["nonce"] in message
    return message


async def link(person: Person, key: Any = KEY, address: str | None = None, **more: Any) -> httpx.Response:
    message = await text_for(person.http, address or key.address, link=True, **more)
    return await person.http.post("/api/auth/wallet/link/", json={"message": message, "signature": hexed(signature_of(message, key))})


async def show(http: httpx.AsyncClient, message: str, signature: bytes | str, **more: Any) -> httpx.Response:
    shown = signature if isinstance(signature, str) else hexed(signature)
    return await http.post("/api/auth/wallet/login/", json={"message": message, "signature": shown, **more})


async def log_in(http: httpx.AsyncClient, key: Any = KEY, address: str | None = None, *, chain_id: int | None = None, **more: Any) -> httpx.Response:
    message = await text_for(http, address or key.address, **({"chain_id": chain_id} if chain_id else {}))
    return await show(http, message, signature_of(message, key), **more)


async def test_a_linked_key_signs_its_owner_in(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert told(await log_in(client)) == REFUSED  # not linked yet
    linked = await link(ada)
    assert linked.status_code == 201, linked.text
    assert (linked.json()["address"], linked.json()["chain_id"], linked.json()["is_contract"]) == (KEY.address, 31337, False)

    message = await text_for(client, KEY.address.lower())
    assert message.startswith(f"http://localhost:8000 wants you to sign in with your Ethereum account:\n{KEY.address}\n\nSign in to Coffer.\n\n")
    assert "\nURI: http://localhost:8000/\nVersion: 1\nChain ID: 31337\nNonce: " in message
    opened = await show(client, message, signature_of(message, KEY))
    assert opened.status_code == 200, opened.text
    assert opened.json()["user"]["organization_id"] == ada.org_id
    assert (await log_in(client, chain_id=1)).status_code == 200  # a key is the same on every network

    session = await Session.find_one({"factors": "ethereum"})
    assert session is not None
    assert session.factors == ["ethereum"]
    (listed,) = (await ada.http.get("/api/auth/wallet/")).json()["items"]
    assert listed["last_used_at"] is not None
    assert (await ada.http.delete(f"/api/auth/wallet/{listed['id']}/")).status_code == 204
    assert told(await ada.http.delete(f"/api/auth/wallet/{listed['id']}/")) == (404, "not_found")
    assert told(await log_in(client)) == REFUSED
    actions = [row.action for row in await AuditRecord.find({"subject_kind": "ethereum_account"}).sort("_id").to_list()]
    assert actions == ["ethereum_account.linked", "ethereum_account.unlinked"]


async def test_the_link_names_whom_it_is_for(join: Join) -> None:
    message = await text_for((await join("ada")).http, KEY.address, link=True)
    assert "\n\nLet this account sign in to Coffer as ada.\n\n" in message


# ---- texts that are not ours -----------------------------------------------------------------------------------------------


def put(old: str, new: str) -> Callable[[str], str]:
    def change(message: str) -> str:
        assert old in message
        return message.replace(old, new, 1)

    return change


def line(name: str, change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(message: str) -> str:
        rows = message.split("\n")
        at = next(number for number, row in enumerate(rows) if row.startswith(name))
        rows[at] = change(rows[at])
        return "\n".join(rows)

    return changed


def shifted(name: str, **by: float) -> Callable[[str], str]:
    def later(row: str) -> str:
        moment = datetime.fromisoformat(row.removeprefix(f"{name}: ")) + timedelta(**by)
        return f"{name}: {moment.strftime('%Y-%m-%dT%H:%M:%SZ')}"

    return line(name, later)


TEXTS: dict[str, Callable[[str], str]] = {
    "another domain": put("localhost:8000 wants", "example.com wants"),
    "a domain that ends like ours": put("http://localhost", "http://evil.localhost"),
    "the domain without its port": put("localhost:8000 wants", "localhost wants"),
    "the domain without its scheme": put("http://localhost", "localhost"),
    "the scheme of another": put("http://localhost:8000 wants", "https://localhost:8000 wants"),
    "another address": put(KEY.address, OTHER.address),
    "the address in lower case": put(KEY.address, KEY.address.lower()),
    "the address without 0x": put(KEY.address, KEY.address[2:]),
    "another statement": put("Sign in to Coffer.", "Send everything."),
    "no statement": put("Sign in to Coffer.\n\n", ""),
    "the statement of a link": put("Sign in to Coffer.", "Let this account sign in to Coffer as ada."),
    "another URI": put("URI: http://localhost:8000/", "URI: https://example.com/"),
    "a longer URI": put("URI: http://localhost:8000/", "URI: http://localhost:8000/admin"),
    "version 2": put("Version: 1", "Version: 2"),
    "no version": put("Version: 1\n", ""),
    "another network": put("Chain ID: 31337", "Chain ID: 1"),
    "the network in hexadecimal": put("Chain ID: 31337", "Chain ID: 0x7a69"),
    "the network with a sign": put("Chain ID: 31337", "Chain ID: +31337"),
    "a nonce that never was": line("Nonce", lambda _: "Nonce: " + "0" * 32),
    "a nonce in capitals": line("Nonce", lambda row: "Nonce: " + row[7:].upper()),
    "a shorter nonce": line("Nonce", lambda row: row[:-1]),
    "no nonce": line("Nonce", lambda _: "Nonce:"),
    "two nonces": line("Nonce", lambda row: f"{row}\nNonce: {'f' * 32}"),
    "the same nonce twice": line("Nonce", lambda row: f"{row}\n{row}"),
    "issued earlier": shifted("Issued At", hours=-1),
    "issued in the future": shifted("Issued At", hours=1),
    "valid for a year": shifted("Expiration Time", days=365),
    "valid for a second more": shifted("Expiration Time", seconds=1),
    "never running out": line("Expiration Time", lambda _: ""),
    "the time in another zone": line("Issued At", lambda row: row.replace("Z", "+00:00")),
    "not before": lambda message: message + "\nNot Before: 2020-01-01T00:00:00Z",
    "with a request id": lambda message: message + "\nRequest ID: 1",
    "with resources": lambda message: message + "\nResources:\n- https://example.com/",
    "a line feed more": lambda message: message + "\n",
    "a space more": lambda message: message + " ",
    "a space before": lambda message: " " + message,
    "a byte order mark": lambda message: "\ufeff" + message,
    "lines that end in CRLF": lambda message: message.replace("\n", "\r\n"),
    "lines that end in CR": lambda message: message.replace("\n", "\r"),
    "a line separator": put("\n", "\u2028"),
    "a no-break space": put(" wants", "\u00a0wants"),
    "a tab": put(" wants", "\twants"),
    "two spaces": put(" wants", "  wants"),
    "a Cyrillic letter": put("Coffer", "Соffer"),
    "a Greek question mark": put("Coffer.", "Coffer\u037e"),
    "full-width digits": put("Chain ID: 31337", "Chain ID: ３１３３７"),
    "a zero-width space": put("Coffer", "Cof\u200bfer"),
    "another direction": put("Coffer", "\u202eCoffer"),
    "NUL": lambda message: message + "\x00",
    "NUL within": put("Coffer", "Cof\x00fer"),
    "capitals": str.upper,
    "twice": lambda message: message + "\n" + message,
    "cut": lambda message: message[:-1],
    "the nonce alone": lambda message: "\n" + next(row for row in message.split("\n") if row.startswith("Nonce")) + "\n",
    "something else altogether": lambda _: "hello",
}


async def test_no_text_but_ours_gets_in_although_it_is_signed(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert (await link(ada)).status_code == 201
    client.headers["X-Request-Id"] = "same"
    bodies = set()
    for name, change in TEXTS.items():
        message = await text_for(client, KEY.address)
        altered = change(message)
        assert altered != message, name
        answer = await show(client, altered, signature_of(altered, KEY))
        assert told(answer) == REFUSED, name
        bodies.add(answer.content)
        fresh = await text_for(client, KEY.address)
        by_the_right_text = await show(client, change(fresh), signature_of(fresh, KEY))
        assert told(by_the_right_text) == REFUSED, name
    assert len(bodies) == 1
    assert await Session.find({"factors": "ethereum"}).count() == 0
    assert (await log_in(client)).status_code == 200


async def test_no_signature_but_the_one_gets_in(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert (await link(ada)).status_code == 201
    client.headers["X-Request-Id"] = "same"
    bodies = set()
    for name in BAD:
        message = await text_for(client, KEY.address)
        answer = await show(client, message, bad_signature(name, message, KEY))
        assert told(answer) == REFUSED, name
        bodies.add(answer.content)
        assert told(await show(client, message, signature_of(message, KEY))) == REFUSED, f"{name}: the text was used up"
    for shown in ("0x", "0xabc", "0x" + "zz" * 65, "1b" * 65, " 0x00", "0X" + "00" * 65, "0x" + "00" * 4_096, "é" * 132):
        answer = await show(client, await text_for(client, KEY.address), shown)
        assert told(answer) == REFUSED, shown[:20]
        bodies.add(answer.content)
    nobody = await log_in(client, OTHER)  # a right signature of an address that nobody linked
    assert told(nobody) == REFUSED
    assert {*bodies, nobody.content} == {nobody.content}
    for body in ({"message": "x"}, {"message": "", "signature": "0x00"}, {"message": "x", "signature": "0x" + "00" * 5_000},
                 {"message": "x" * 3_000, "signature": "0x00"}, {"message": {"$ne": 1}, "signature": "0x00"}, {"message": "x", "signature": 7},
                 {"message": "x", "signature": "0x00", "address": KEY.address}):  # fmt: skip
        assert (await client.post("/api/auth/wallet/login/", json=body)).status_code == 422, body
    refused = await AuditRecord.find({"action": "ethereum_account.refused", "outcome": "refused"}).count()
    assert refused > len(BAD)
    assert await Session.find({"factors": "ethereum"}).count() == 0


async def test_v_may_be_written_either_way(client: httpx.AsyncClient, join: Join) -> None:
    assert (await link(await join("ada"))).status_code == 201
    message = await text_for(client, KEY.address)
    signature = signature_of(message, KEY)
    assert (await show(client, message, signature[:64] + bytes([signature[64] - 27]))).status_code == 200


async def test_a_text_is_taken_once(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    assert (await link(await join("ada"))).status_code == 201
    message = await text_for(client, KEY.address)
    signature = signature_of(message, KEY)
    answers = await asyncio.gather(*(show(client, message, signature) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5
    assert told(await show(client, message, signature)) == REFUSED

    late = await text_for(client, KEY.address)
    clock.forward(minutes=5, seconds=1)
    assert told(await show(client, late, signature_of(late, KEY))) == REFUSED


async def test_texts_are_for_what_they_were_made_for(client: httpx.AsyncClient, join: Join) -> None:
    ada, bob = await join("ada"), await join("bob")
    assert (await link(ada)).status_code == 201

    def body(message: str, key: Any) -> dict[str, str]:
        return {"message": message, "signature": hexed(signature_of(message, key))}

    to_link = await text_for(ada.http, KEY.address, link=True)
    assert told(await client.post("/api/auth/wallet/login/", json=body(to_link, KEY))) == REFUSED
    to_log_in = await text_for(client, OTHER.address)
    assert (await ada.http.post("/api/auth/wallet/link/", json=body(to_log_in, OTHER))).status_code == 422
    of_ada = await text_for(ada.http, OTHER.address, link=True)
    assert (await bob.http.post("/api/auth/wallet/link/", json=body(of_ada, OTHER))).status_code == 422
    assert (await ada.http.post("/api/auth/wallet/link/", json=body(of_ada, OTHER))).status_code == 422  # used up by that
    of_bob = await text_for(bob.http, OTHER.address, link=True, chain_id=1)
    wrong = await bob.http.post("/api/auth/wallet/link/", json=body(of_bob, KEY))
    assert [(row["field"], row["code"]) for row in wrong.json()["errors"]] == [("signature", "invalid_signature")]
    for name in BAD:
        message = await text_for(bob.http, OTHER.address, link=True, chain_id=1)
        signature = bad_signature(name, message, OTHER)
        answer = await bob.http.post("/api/auth/wallet/link/", json={"message": message, "signature": hexed(signature)})
        assert answer.status_code == 422, name
    for shown in ("0x", "0x" + "zz" * 65, "1b" * 65):
        message = await text_for(bob.http, OTHER.address, link=True)
        answer = await bob.http.post("/api/auth/wallet/link/", json={"message": message, "signature": shown})
        assert [(row["field"], row["code"]) for row in answer.json()["errors"]] == [("signature", "invalid_signature")], shown[:6]
    assert await EthereumAccount.find_all().count() == 1


async def test_people_without_a_verified_address_do_not_get_in(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    assert (await link(ada)).status_code == 201
    await User.get_pymongo_collection().update_one({"_id": ada.user["id"]}, {"$set": {"email_verified_at": None}})
    assert told(await log_in(client)) == (403, "email_not_verified")
    assert await Session.find({"factors": "ethereum"}).count() == 0


async def test_an_account_signs_one_person_in(client: httpx.AsyncClient, join: Join) -> None:
    ada, bob = await join("ada"), await join("bob")
    assert (await link(ada)).status_code == 201
    assert told(await link(ada)) == (409, "ethereum_account_taken")
    assert told(await link(bob)) == (409, "ethereum_account_taken")
    assert told(await link(bob, chain_id=10)) == (409, "ethereum_account_taken")  # the key is the same there
    adas = (await ada.http.get("/api/auth/wallet/")).json()["items"][0]["id"]
    assert (await bob.http.get("/api/auth/wallet/")).json()["items"] == []
    foreign = await bob.http.delete(f"/api/auth/wallet/{adas}/", headers={"X-Request-Id": "same"})
    absent = await bob.http.delete("/api/auth/wallet/eip155:1:0x00/", headers={"X-Request-Id": "same"})
    assert told(foreign) == (404, "not_found")
    assert foreign.content == absent.content
    answers = await asyncio.gather(link(ada, OTHER), link(bob, OTHER, chain_id=10))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (await log_in(client)).json()["user"]["username"] == "ada"


async def test_linking_and_unlinking_need_a_step_up(join: Join, clock: MovableClock) -> None:
    ada = await join("ada")
    linked = (await link(ada)).json()["id"]
    clock.forward(minutes=6)
    for method, path, body in (
        ("POST", "/api/auth/wallet/link/challenge/", {"address": KEY.address}),
        ("POST", "/api/auth/wallet/link/", {"message": "x", "signature": "0x00"}),
        ("DELETE", f"/api/auth/wallet/{linked}/", None),
    ):
        assert told(await ada.http.request(method, path, json=body)) == (403, "session_not_approved"), path


async def test_the_last_way_in_stays(join: Join) -> None:
    ada = await join("ada")
    linked = (await link(ada)).json()["id"]
    await User.get_pymongo_collection().update_one({"_id": ada.user["id"]}, {"$set": {"password_hash": None}})
    assert told(await ada.http.delete(f"/api/auth/wallet/{linked}/")) == (409, "last_way_in")
    assert await EthereumAccount.find_all().count() == 1


async def test_the_second_factor_is_asked_for_and_does_not_cost_a_second_signature(
    client: httpx.AsyncClient, join: Join, clock: MovableClock
) -> None:
    from tests.http.test_second_factors import set_up

    ada = await join("ada", founds="Byron Treasury")
    assert (await link(ada)).status_code == 201
    app, codes = await set_up(ada, clock)
    message = await text_for(client, KEY.address)
    signature = signature_of(message, KEY)
    assert told(await show(client, message, bytes(65))) == REFUSED  # whether there is a second factor is told to its owner only
    message = await text_for(client, KEY.address)
    signature = signature_of(message, KEY)
    assert told(await show(client, message, signature)) == (401, "otp_required")
    opened = await show(client, message, signature, otp=app.fresh())
    assert opened.status_code == 200, opened.text
    bearer = {"Authorization": f"Bearer {opened.json()['access']}"}
    assert (await client.get("/api/auth/mfa/", headers=bearer)).json()["session_strong"] is True
    assert told(await show(client, message, signature, otp=codes[0])) == REFUSED
    assert (await log_in(client, otp=codes[0])).status_code == 200
    wrong = await text_for(client, KEY.address)
    assert told(await show(client, wrong, signature_of(wrong, KEY), otp=app.wrong())) == (401, "invalid_otp")
    assert told(await show(client, wrong, signature_of(wrong, KEY), otp=app.fresh())) == REFUSED  # a wrong one uses it up


async def test_wrong_codes_are_slowed_down(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    from tests.http.test_second_factors import set_up

    ada = await join("ada")
    assert (await link(ada)).status_code == 201
    app, _ = await set_up(ada, clock)
    answers = [await log_in(client, otp=app.wrong()) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {401, 429}
    blocked = answers[-1]
    assert int(blocked.headers["Retry-After"]) >= 1


async def test_a_text_is_for_an_address_on_a_network(client: httpx.AsyncClient) -> None:
    right = KEY.address
    for address in ("", "0x", "0x00", "ada.eth", right[:-1], right[:-1] + "G", right.swapcase(), "０x" + "0" * 40, 7, {"$ne": None}):
        answer = await client.post("/api/auth/wallet/challenge/", json={"address": address})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "address"), address
    for chain_id in (0, -1, "1", 1.5, True, 2**53, {"$gt": 0}):
        answer = await client.post("/api/auth/wallet/challenge/", json={"address": right, "chain_id": chain_id})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "chain_id"), chain_id


# ---- contract wallets ------------------------------------------------------------------------------------------------------


class TestContractWallets:
    @pytest.fixture
    def networks(self, chain: LocalChain) -> list[dict[str, object]]:
        local = {"slug": "local", "name": "Local", "chain_id": chain.chain_id, "rpc_urls": [chain.rpc_url], "confirmations": 2}
        gone = {"slug": "gone", "name": "Gone", "chain_id": 4242, "rpc_urls": ["http://127.0.0.1:9"], "confirmations": 2}
        return [local, gone]

    async def test_they_sign_in_as_long_as_the_contract_says_so(self, client: httpx.AsyncClient, join: Join, chain: LocalChain) -> None:
        ada, node = await join("ada", founds="Byron Treasury"), Node(chain.rpc_url)
        address = await node.deploy(honest(KEY.address))
        assert (await link(ada, OTHER, address)).status_code == 422  # not its owner's signature
        linked = await link(ada, KEY, address)
        assert linked.status_code == 201, linked.text
        assert linked.json()["is_contract"] is True

        assert (await log_in(client, KEY, address)).status_code == 200
        assert told(await log_in(client, OTHER, address)) == REFUSED
        assert told(await log_in(client, KEY, address, chain_id=1)) == REFUSED  # a contract is one on its own network only
        assert told(await log_in(client, KEY, address, chain_id=4242)) == REFUSED
        for name in BAD:
            message = await text_for(client, address)
            signature = bad_signature(name, message, KEY)
            if name not in (
                "the other s",
                "66 bytes",
                "twice",
            ):  # what this contract takes is its own affair: it looks at no more than ecrecover does
                assert told(await show(client, message, signature)) == REFUSED, name
        for name in ("another domain", "another URI", "another network", "valid for a year", "a Cyrillic letter", "lines that end in CRLF"):
            altered = TEXTS[name](await text_for(client, address))
            assert told(await show(client, altered, signature_of(altered, KEY))) == REFUSED, name

        opened = await Session.find({"factors": "ethereum"}).count()
        for name, code in HOSTILE.items():
            await node.replace(address, code)
            assert told(await log_in(client, KEY, address)) == REFUSED, name
        assert await Session.find({"factors": "ethereum"}).count() == opened
        await node.replace(address, honest(OTHER.address))  # the wallet changed hands
        assert told(await log_in(client, KEY, address)) == REFUSED
        assert (await log_in(client, OTHER, address)).status_code == 200

    async def test_hostile_ones_are_not_linked(self, join: Join, chain: LocalChain) -> None:
        ada, node = await join("ada"), Node(chain.rpc_url)
        address = await node.deploy(honest(KEY.address))
        for name, code in HOSTILE.items():
            await node.replace(address, code)
            assert (await link(ada, KEY, address)).status_code == 422, name
        await node.replace(address, honest(KEY.address))
        assert (await link(ada, KEY, address, chain_id=77)).status_code == 422  # a network that we know nothing of
        assert told(await link(ada, KEY, address, chain_id=4242)) == (503, "chain_unavailable")
        assert await EthereumAccount.find_all().count() == 0

    async def test_a_node_that_is_down_is_no_verdict(self, client: httpx.AsyncClient, join: Join, chain: LocalChain) -> None:
        ada, node = await join("ada"), Node(chain.rpc_url)
        address = await node.deploy(honest(KEY.address))
        assert (await link(ada, KEY, address)).status_code == 201
        moved = {"_id": f"eip155:4242:{address}", "chain_id": 4242}
        row = await EthereumAccount.get_pymongo_collection().find_one_and_delete({})
        await EthereumAccount.get_pymongo_collection().insert_one({**row, **moved})
        down = await log_in(client, KEY, address, chain_id=4242)
        assert told(down) == (503, "chain_unavailable")
        assert down.headers["Retry-After"]
        assert await Session.find({"factors": "ethereum"}).count() == 0

    async def test_anybody_may_not_have_our_node_run_what_they_like(self, client: httpx.AsyncClient, join: Join, chain: LocalChain) -> None:
        """An address that nobody linked is never asked, whatever code it has."""
        await join("ada")
        node = Node(chain.rpc_url)
        address = await node.deploy(honest(KEY.address))
        assert told(await log_in(client, KEY, address)) == REFUSED
        assert told(await log_in(client, KEY, address, chain_id=4242)) == REFUSED  # a node that is down would have shown
