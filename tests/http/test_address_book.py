"""The address book over HTTP: one person writes an address down, another verifies it, and it cools off."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from crypto_api.address_book import service as book
from crypto_api.address_book import store as book_store
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeHold
from crypto_api.bootstrap import open_runtime
from crypto_api.kit.ethereum import checksummed
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Origin
from crypto_api.runtime import Runtime
from tests.factories.clock import MovableClock
from tests.factories.signing import payment as stored_payment
from tests.http.conftest import ADDRESS, Join, Person, random_address, wallet_body
from tests.http.organization_calls import code_of, records, told
from tests.http.test_payment_policy import approved

PATH = "/api/address-book/"


async def payable(org_id: str, address: str, network: str, now: datetime) -> book.Standing:
    """As a payment asks."""
    return book.standing(await book_store.at(org_id, address), network, now)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> Any:
    token = {"symbol": "USDC", "address": "0x5FbDB2315678afecb367f032d93F642f64180aa3", "decimals": 6}
    rows = [{**networks[0], "tokens": [token]}, {**networks[0], "slug": "other", "name": "Other network", "chain_id": 31338}]
    async with open_runtime(make_config(rows), clock=clock) as opened:
        yield opened


async def add(person: Person, **fields: Any) -> httpx.Response:
    return await person.http.post(PATH, json={"name": "Analytical Engines", "address": ADDRESS} | fields)


async def write(person: Person, **fields: Any) -> dict[str, Any]:
    answer = await add(person, **fields)
    assert answer.status_code == 201, answer.text
    payee: dict[str, Any] = answer.json()
    return payee


def at(payee: dict[str, Any], deed: str = "") -> str:
    return f"{PATH}{payee['id']}/" + (f"{deed}/" if deed else "")


async def verify(person: Person, payee: dict[str, Any], **fields: Any) -> httpx.Response:
    return await person.http.post(at(payee, "verify"), json={"address": payee["address"]} | fields)


async def pair(join: Join) -> tuple[Person, Person]:
    """Who writes, who verifies."""
    ada = await approved(await join("ada", founds="Byron Treasury"))
    return ada, await approved(await join("bob", org_id=ada.org_id, role=Role.APPROVER))


async def test_it_is_written_verified_by_another_and_payable_once_it_has_cooled_off(join: Join, clock: MovableClock) -> None:
    ada, bob = await pair(join)
    created = await add(ada, note="Told by Charles on the phone.", network="testnet")
    payee = created.json()
    assert (created.status_code, created.headers["etag"], payee["state"], payee["payable_from"]) == (201, '"1"', "unverified", None)
    assert payee["warnings"] == ["Nobody could see whether there is a contract at it on Test network."]

    async def hold(network: str = "testnet") -> PayeeHold | None:
        return (await payable(ada.org_id, ADDRESS, network, clock.now())).hold

    assert await hold() is PayeeHold.UNVERIFIED
    assert code_of(await verify(ada, payee)) == (403, "own_entry")
    assert code_of(await verify(bob, payee, address=checksummed(random_address()))) == (409, "other_address")
    assert code_of(await verify(bob, payee, address="0x12")) == (422, "invalid_input")
    done = await verify(bob, payee, address=ADDRESS.lower())
    assert (done.status_code, done.json()["state"], done.json()["verified_by"]) == (200, "verified", bob.user["id"])
    assert done.json()["payable_from"] > done.json()["verified_at"]
    assert code_of(await verify(bob, payee)) == (409, "already_decided")
    assert await hold() is PayeeHold.COOLING_OFF
    clock.forward(hours=23, minutes=59)
    assert await hold() is PayeeHold.COOLING_OFF
    clock.forward(minutes=1)
    assert (await hold(), await hold("other")) == (None, PayeeHold.UNVERIFIED)
    assert (await payable("org_other", ADDRESS, "testnet", clock.now())) == book.Standing(None, PayeeHold.UNVERIFIED)
    rows = await records(ada.org_id, "payee.")
    assert [(row.action, row.actor_id) for row in rows] == [("payee.added", ada.user["id"]), ("payee.verified", bob.user["id"])]
    assert [kind for kind in await told(ada.org_id) if kind.startswith("payee.")] == ["payee.added", "payee.verified"]


async def test_another_address_or_network_is_verified_anew_and_a_name_is_not(join: Join, clock: MovableClock) -> None:
    ada, bob = await pair(join)
    payee = await write(ada)
    assert (await verify(bob, payee)).status_code == 200
    renamed = await ada.http.put(at(payee), json={"name": "Engines", "note": "", "address": ADDRESS.lower()}, headers={"If-Match": '"2"'})
    assert (renamed.json()["state"], renamed.json()["name"], renamed.json()["verified_name"]) == ("verified", "Engines", "Analytical Engines")
    assert (await ada.http.put(at(payee), json={"name": "X"}, headers={"If-Match": '"2"'})).status_code == 412
    assert (await ada.http.put(at(payee), json={"name": "Engines"})).headers["etag"] == '"3"', "nothing changed"
    for fields in ({"network": "testnet"}, {"address": checksummed(random_address())}, {"network": None}):
        moved = await ada.http.put(at(payee), json=fields)
        assert (moved.json()["state"], moved.json()["verified_by"], moved.json()["payable_from"]) == ("unverified", None, None), moved.text
        assert (await payable(ada.org_id, moved.json()["address"], "testnet", clock.now())).hold is PayeeHold.UNVERIFIED
        assert (await verify(bob, moved.json())).status_code == 200
    # Who changes an address becomes its writer, and may not verify it, whoever made the entry.
    cat = await approved(await join("cat", org_id=ada.org_id, role=Role.ADMIN))
    changed = (await cat.http.put(at(payee), json={"address": checksummed(random_address())})).json()
    assert code_of(await verify(cat, changed)) == (403, "own_entry")
    assert (await verify(ada, changed)).status_code == 200


async def test_it_is_rejected_or_removed_and_may_be_written_again(join: Join, clock: MovableClock) -> None:
    ada, bob = await pair(join)
    payee = await write(ada)
    assert code_of(await add(ada)) == (409, "payee_exists")
    assert (await add(ada, network="testnet")).status_code == 201, "another entry, for that network alone"
    assert (await verify(bob, payee)).status_code == 200
    assert (await bob.http.post(at(payee, "reject"))).json()["state"] == "rejected"
    assert (await payable(ada.org_id, ADDRESS, "other", clock.now() + timedelta(days=2))).hold is PayeeHold.UNVERIFIED
    assert code_of(await bob.http.post(at(payee, "reject"))) == (409, "already_decided")
    assert code_of(await verify(bob, payee)) == (409, "already_decided")
    again = await write(ada)
    assert (await ada.http.put(at(payee), json={"name": "Not theirs"})).json()["state"] == "rejected"
    assert code_of(await ada.http.put(at(payee), json={"network": "testnet"})) == (409, "payee_exists")
    assert (await ada.http.delete(at(again), headers={"If-Match": '"7"'})).status_code == 412
    assert (await ada.http.delete(at(again))).status_code == 204
    assert code_of(await ada.http.delete(at(again))) == (409, "payee_removed")
    assert code_of(await verify(bob, again)) == (409, "payee_removed")
    assert (await ada.http.get(at(again))).json()["state"] == "removed"
    assert again["id"] not in [row["id"] for row in (await ada.http.get(PATH)).json()["items"]]


async def test_an_address_that_looks_like_a_known_one_is_refused_until_somebody_says_it_is_right(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert (await ada.http.post("/api/wallets/", json=wallet_body())).status_code == 201
    poisoned = checksummed(ADDRESS[:6] + "0" * 32 + ADDRESS[-4:])
    refused = await add(ada, address=poisoned)
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["field"], error["code"]) == (422, "address", "look_alike")
    assert f"your wallet Operations, {ADDRESS}" in error["message"]
    payee = await write(ada, address=poisoned, confirm_look_alike=True)
    assert "begins and ends like your wallet Operations" in payee["warnings"][0], "whoever verifies it is told"
    other = await write(ada, address=checksummed(random_address()))
    moved = await ada.http.put(at(other), json={"address": checksummed(ADDRESS[:6] + "1" * 32 + ADDRESS[-4:])})
    assert (moved.status_code, moved.json()["errors"][0]["code"]) == (422, "look_alike")


async def test_what_cannot_be_paid_is_refused(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"address": "0x" + "0" * 40}, "address"),
        ({"address": "0x5FbDB2315678afecb367f032d93F642f64180aa3"}, "address"),
        ({"address": ADDRESS.replace("dA", "da", 1)}, "address"),
        ({"address": "vitalik.eth"}, "address"),
        ({"address": 5}, "address"),
        ({"network": "mars"}, "network"),
        ({"name": ""}, "name"),
        ({"name": "A\u202eB"}, "name"),
        ({"confirm_look_alike": "true"}, "confirm_look_alike"),
        ({"state": "verified"}, "state"),
        ({"payable_from": None}, "payable_from"),
    ]
    for fields, field in wrong:
        answer = await add(ada, **fields)
        assert (answer.status_code, [row["field"] for row in answer.json()["errors"]]) == (422, [field]), answer.text
    assert await Payee.find({"org_id": ada.org_id}).count() == 0
    payee = await write(ada)
    assert (await ada.http.put(at(payee), json={"name": None})).status_code == 422
    assert (await ada.http.put(at(payee), json={"address": "0x" + "0" * 40})).status_code == 422


async def test_of_two_at_the_same_moment_one_comes_too_late(join: Join) -> None:
    ada, bob = await pair(join)
    payee, elsewhere = await write(ada), checksummed(random_address())
    moved, verified = await asyncio.gather(ada.http.put(at(payee), json={"address": elsewhere}), verify(bob, payee))
    row = await Payee.get(payee["id"])
    assert row is not None
    if moved.status_code == 200:
        assert (row.address, row.state) == (elsewhere, "unverified"), "an address that nobody compared is never verified"
    else:
        assert (moved.status_code, verified.status_code, row.address, row.state) == (412, 200, ADDRESS, "verified")
    same = checksummed(random_address())
    both = await asyncio.gather(*(add(ada, address=same) for _ in range(3)))
    assert sorted(answer.status_code for answer in both) == [201, 409, 409]


async def test_payments_that_wait_are_looked_at_when_what_they_wait_for_is_decided(join: Join, clock: MovableClock) -> None:
    ada, bob = await pair(join)
    payee, later = await write(ada), clock.now() + timedelta(hours=1)
    own = stored_payment(id="pay_own", org_id=ada.org_id, payee_address=ADDRESS, due_at=later)
    others = [
        stored_payment(id="pay_other", org_id=ada.org_id, origin=Origin(kind="manual", id="2"), due_at=later),
        stored_payment(id="pay_foreign", org_id="org_foreign", payee_address=ADDRESS, due_at=later),
        stored_payment(id="pay_over", org_id=ada.org_id, payee_address=ADDRESS, origin=Origin(kind="manual", id="3"), due_at=None, state="CONFIRMED"),
    ]
    for row in (own, *others):
        await row.insert()

    async def due() -> list[str]:
        now = clock.now()
        return sorted([row.id for row in await Payment.find_all().to_list() if row.due_at is not None and row.due_at <= now])

    assert await due() == []
    assert (await verify(bob, payee)).status_code == 200
    assert await due() == ["pay_own"]
    assert (await ada.http.put("/api/payment-policy/", json={"payees": "any"})).status_code == 200
    assert await due() == ["pay_other", "pay_own"]


async def test_the_list_is_searched_filtered_and_paged(join: Join) -> None:
    ada, bob = await pair(join)
    names = ["Zuse", "babbage", "Analytical Engines", "Lovelace"]
    rows = {name: await write(ada, name=name, address=checksummed(random_address()), network="testnet" if name == "Zuse" else None) for name in names}
    await verify(bob, rows["babbage"])
    await ada.http.delete(at(rows["Lovelace"]))

    async def listed(**query: Any) -> list[str]:
        answer = await bob.http.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()["items"]]

    assert await listed() == ["Analytical Engines", "babbage", "Zuse"]
    assert await listed(sort="-created_at") == ["Analytical Engines", "babbage", "Zuse"]
    assert await listed(state="unverified") == ["Analytical Engines", "Zuse"]
    assert await listed(state="removed") == ["Lovelace"]
    assert await listed(network="other") == ["Analytical Engines", "babbage"]
    assert await listed(q="BABBAG") == ["babbage"]  # no address has a g, and addresses are searched as well
    assert await listed(q=rows["Zuse"]["address"][5:20].lower()) == ["Zuse"]
    first = (await bob.http.get(PATH, params={"limit": 2, "count": "true"})).json()
    assert ([row["name"] for row in first["items"]], first["total"]) == (["Analytical Engines", "babbage"], 3)
    assert await listed(limit=2, cursor=first["next_cursor"]) == ["Zuse"]
    assert (await bob.http.get(PATH, params={"state": "payable"})).status_code == 422


async def test_a_contract_at_the_address_is_said(join: Join, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await join("ada", founds="Byron Treasury")

    async def code(self: object, method: str, params: list[Any]) -> str:
        assert (method, params) == ("eth_getCode", [ADDRESS, "latest"])
        return "0x6001"

    monkeypatch.setattr(type(runtime.rpc["testnet"]), "call_any", code)
    assert "a contract at it on Test network." in (await write(ada, network="testnet"))["warnings"][0]
