"""Payments over HTTP, by the real signer, on a real chain: exactly once, by whom they may be, and what becomes of them when something goes wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.chains.store import BLOCKS_KEPT, forget_blocks_below
from crypto_api.flows.followed_chain import FollowedChain
from crypto_api.flows.link_payments import link_payments
from crypto_api.identity.documents import EthereumAccount
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.sending import Handed, NodeReceipt
from crypto_api.kit.signing import SignedBytes, SignerUnavailable, SigningAsk, SigningRefused
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode
from crypto_api.migrations import MIGRATIONS
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.ports import World
from crypto_api.policies.types import PaymentPolicy
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet, WalletType
from mongodb_config.migrations import COLLECTION, deploy
from tests.factories.audits import ready_audit
from tests.factories.paying import ETHER, FREE, ONE_APPROVAL, SLUG, PayingHouse, fresh_key, stranger
from tests.http.conftest import Join, Person, confirmed
from tests.http.paying import ada, house, networks, node
from workers import payments as payments_worker
from workers.lane import supervise

__all__ = ["ada", "house", "networks", "node"]  # fixtures


async def post(person: Person, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    if body is None:
        return await person.http.post(path, headers=fresh_key() | headers)
    return await person.http.post(path, json=body, headers=fresh_key() | headers)


async def send(person: Person, wallet_id: str, to: str, amount: str, **more: Any) -> dict[str, Any]:
    answer = await post(person, "/api/blockchain/send-eth/", {"wallet_id": wallet_id, "to": to, "amount": amount, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


async def until_confirmed(house: PayingHouse, person: Person, payment_id: str) -> dict[str, Any]:
    await house.mine()
    await house.sweep(payment_id)
    await house.mine(2)
    await house.sweep(payment_id)
    return await shown(person, payment_id)


async def shown(person: Person, payment_id: str) -> dict[str, Any]:
    answer = await person.http.get(f"/api/payments/{payment_id}/")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_ether_is_paid_once_and_confirmed_at_depth(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=2 * ETHER)
    to = stranger()
    payment = await send(ada, wallet.id, to, "0.25")
    assert (payment["state"], payment["raw_amount"], payment["value_currency"]) == ("APPROVED", str(ETHER // 4), "USD")
    await house.sweep()
    sent = await shown(ada, payment["id"])
    assert (sent["state"], sent["nonce"], len(sent["attempts"])) == ("BROADCAST", 0, 1)
    await house.mine()
    await house.sweep()
    assert (await shown(ada, payment["id"]))["state"] == "MINED"
    await house.mine(2)
    await house.sweep()
    done = await shown(ada, payment["id"])
    assert (done["state"], done["holds"], done["hash"]) == ("CONFIRMED", [], sent["attempts"][0]["hash"])
    assert await house.ether(to) == ETHER // 4
    assert await house.ether(wallet.address) == 2 * ETHER - ETHER // 4 - int(done["gas_fee_raw"])
    assert [(row.nonce, row.live) for row in await house.slots(wallet.address)] == [(0, False)]


async def test_an_audit_with_an_open_high_finding_warns_of_payee_and_token(house: PayingHouse, ada: Person) -> None:
    """A payment in a token is a call of the token's own contract: what its audit left open is told as that of the payee's is."""
    wallet, _ = await house.wallet(wei=2 * ETHER, usdc=50_000_000)
    to, now, org_id = stranger(), house.runtime.clock.now(), ada.org_id
    await ready_audit(org_id, SLUG, to, "Vault", now, high=2)
    await ready_audit(org_id, SLUG, house.contracts.usdc, "USD Coin", now, high=1)
    await ready_audit("org_other", SLUG, to, "Theirs", now, high=9)
    vault = f"The audit of the contract Vault of {now:%Y-%m-%d} has 2 open findings of high severity: read it before you pay."
    coin = f"The audit of the contract USD Coin of {now:%Y-%m-%d} has an open finding of high severity: read it before you pay."
    first = "It is the first payment of this organisation to this address."
    assert (await send(ada, wallet.id, to, "0.1"))["warnings"] == [vault, first]
    assert (await send(ada, wallet.id, to, "1", asset="USDC"))["warnings"] == [vault, coin, first]
    assert (await send(ada, wallet.id, stranger(), "1", asset="USDC"))["warnings"] == [coin, first]
    await ready_audit(org_id, SLUG, house.contracts.usdc, "USD Coin", now, high=0)
    assert (await send(ada, wallet.id, stranger(), "1", asset="USDC"))["warnings"] == [first], "the last audit counts"


async def test_a_token_is_paid_to_the_last_unit(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(usdc=1_000_000_000)
    to = stranger()
    payment = await send(ada, wallet.id, to, "999.999999", asset="USDC")
    assert payment["token_contract"] == house.contracts.usdc
    assert payment["value"] == "999.899999"
    await house.sweep()
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], done["warnings"]) == ("CONFIRMED", ["It is the first payment of this organisation to this address."])
    assert (await house.usdc(to), await house.usdc(wallet.address)) == (999_999_999, 1)
    left = 10 * ETHER - int(done["gas_fee_raw"])
    assert await house.ether(wallet.address) == left
    told_of = (await ada.http.get(f"/api/wallets/{wallet.id}/balance/")).json()
    assert (told_of["address"], told_of["block_number"]) == (wallet.address, await house.runtime.rpc[SLUG].block_number())
    held = {row["asset"]: (row["raw_amount"], row["amount"], row["contract"], row["decimals"]) for row in told_of["balances"]}
    assert held["USDC"] == ("1", "0.000001", house.contracts.usdc, 6)
    assert held["ETH"] == (str(left), format(Decimal(left).scaleb(-18).normalize(), "f"), None, 18)


async def test_the_list_is_filtered_sorted_searched_and_paged(house: PayingHouse, ada: Person, join: Join) -> None:
    (one, _), (two, _), eve = await house.wallet(usdc=9_000_000), await house.wallet(), await join("eve", founds="Elsewhere")
    payments = [
        await send(ada, one.id, stranger(), "1", description="Rent"),
        await send(ada, two.id, stranger(), "3", description="Looms"),
        await send(ada, one.id, stranger(), "2.5", asset="USDC", description="Rent of (May)"),
    ]
    ids = [row["id"] for row in payments]

    async def listed(**query: Any) -> list[int]:
        answer = await ada.http.get("/api/payments/", params=query)
        assert answer.status_code == 200, answer.text
        return [ids.index(row["id"]) for row in answer.json()["items"]]

    assert await listed() == [2, 1, 0]
    assert (await listed(sort="created_at"), await listed(sort="-amount")) == ([0, 1, 2], [1, 2, 0])
    assert (await listed(wallet_id=one.id), await listed(asset="USDC"), await listed(state="APPROVED")) == ([2, 0], [2], [2, 1, 0])
    assert (await listed(q="rent"), await listed(q="of (may"), await listed(q=payments[1]["payee_address"][4:20])) == ([2, 0], [2], [1])
    assert (await listed(prepared_by=ada.user["id"], network=SLUG), await listed(state="CONFIRMED"), await listed(prepared_by="usr_x")) == (
        [2, 1, 0],
        [],
        [],
    )
    day = payments[0]["created_at"][:10]
    assert (await listed(date_from=day, date_to=payments[2]["created_at"][:10]), await listed(date_to="2020-01-01")) == ([2, 1, 0], [])
    first = (await ada.http.get("/api/payments/", params={"limit": "2", "count": "true"})).json()
    assert ([row["id"] for row in first["items"]], first["total"]) == (ids[:0:-1], 3)
    later = await send(ada, two.id, stranger(), "0.1")
    assert await listed(limit="2", cursor=first["next_cursor"]) == [0], "a page stays where it was"
    assert (await eve.http.get("/api/payments/", params={"count": "true"})).json() == {"items": [], "next_cursor": None, "total": 0}
    for wrong in ({"state": "PAID"}, {"sort": "hash"}, {"limit": "201"}, {"date_from": "yesterday"}, {"cursor": "x"}):
        assert (await ada.http.get("/api/payments/", params=wrong)).status_code == 422, wrong
    assert (await eve.http.get(f"/api/payments/{later['id']}/")).status_code == 404


async def test_somebody_else_approves(house: PayingHouse, ada: Person, join: Join) -> None:
    await house.policy(ONE_APPROVAL.model_copy(update={"manager_max": Decimal(10)}))
    carol = await join("carol", org_id=ada.org_id, role=Role.ACCOUNTANT)
    bob = await confirmed(await join("bob", org_id=ada.org_id, role=Role.APPROVER))
    mia = await confirmed(await join("mia", org_id=ada.org_id, role=Role.MANAGER))
    wallet, _ = await house.wallet()
    body = {"wallet_id": wallet.id, "to": stranger(), "amount": "1", "description": "Invoice 7"}
    made = await post(carol, "/api/payments/", body)
    assert made.status_code == 201, made.text
    payment, path = made.json(), f"/api/payments/{made.json()['id']}"
    assert (payment["state"], payment["holds"], payment["approvals_missing"]) == ("PENDING_APPROVAL", ["approvals_missing"], 1)
    assert payment["typed_data"]["message"]["amount"] == str(ETHER)
    await house.sweep()
    assert (await shown(bob, payment["id"]))["state"] == "PENDING_APPROVAL"

    assert await told(await post(carol, f"{path}/approve/", {})) == (403, "permission_denied")
    assert await told(await post(mia, f"{path}/approve/", {})) == (403, "beyond_your_limit")
    assert await told(await post(bob, f"{path}/approve/", {"payload_hash": "0x" + "ab" * 32})) == (409, "payload_changed")
    agreed = await post(bob, f"{path}/approve/", {"payload_hash": payment["payload_hash"], "reason": "Seen"})
    assert (agreed.status_code, agreed.json()["state"]) == (200, "APPROVED"), agreed.text
    assert [(row["name"], row["decision"]) for row in agreed.json()["approvals"]] == [("Bob Byron", "approved")]
    await house.sweep()
    assert (await until_confirmed(house, bob, payment["id"]))["state"] == "CONFIRMED"
    records = (await ada.http.get("/api/audit-log/", params={"limit": "200"})).json()["items"]
    ours = [(row["action"], row["actor_name"]) for row in records if row["subject_id"] == payment["id"]]
    assert sorted(ours) == [("payment.approved", "bob"), ("payment.prepared", "carol")]


async def test_nobody_approves_what_they_prepared(house: PayingHouse, ada: Person, join: Join) -> None:
    await house.policy(ONE_APPROVAL)
    wallet, _ = await house.wallet()
    payment = await send(ada, wallet.id, stranger(), "1")
    assert await told(await post(ada, f"/api/payments/{payment['id']}/approve/", {})) == (403, "own_payment")
    bob = await join("bob", org_id=ada.org_id, role=Role.APPROVER)
    assert await told(await post(bob, f"/api/payments/{payment['id']}/approve/", {})) == (403, "session_not_approved")
    await confirmed(bob)
    refused = await post(bob, f"/api/payments/{payment['id']}/reject/", {"reason": "Not ours"})
    assert (refused.json()["state"], refused.json()["reason"]) == ("REJECTED", "It was rejected: Not ours")
    await house.sweep()
    assert await house.nonce(wallet.address) == 0


async def test_who_left_no_longer_counts(house: PayingHouse, ada: Person, join: Join) -> None:
    await house.policy(ONE_APPROVAL)
    bob = await confirmed(await join("bob", org_id=ada.org_id, role=Role.APPROVER))
    wallet, _ = await house.wallet()
    payment = await send(ada, wallet.id, stranger(), "1")
    assert (await post(bob, f"/api/payments/{payment['id']}/approve/", {})).json()["state"] == "APPROVED"
    gone = await ada.http.delete(f"/api/organizations/{ada.org_id}/members/{bob.user['id']}/")
    assert gone.status_code in (200, 204), gone.text
    await house.sweep()
    assert (await shown(ada, payment["id"]))["state"] == "PENDING_APPROVAL"
    assert await house.slots(wallet.address) == []


async def test_what_would_fail_is_not_stored(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=ETHER // 10, usdc=5)
    body = {"wallet_id": wallet.id, "to": stranger(), "amount": "1"}
    assert await told(await post(ada, "/api/payments/", body)) == (409, "insufficient_funds")
    assert await told(await post(ada, "/api/payments/", body | {"amount": "0.1"})) == (409, "insufficient_funds")  # nothing left for gas
    assert await told(await post(ada, "/api/payments/", body | {"asset": "USDC"})) == (409, "insufficient_funds")
    refusing = await post(ada, "/api/payments/", body | {"to": house.contracts.reverter, "amount": "0.01"})
    assert await told(refusing) == (409, "would_revert")
    for wrong, field in (
        ({"amount": "0"}, "amount"), ({"amount": "0.0000000000000000001"}, "amount"), ({"asset": "DOGE"}, "asset"),
        ({"to": house.contracts.usdc}, "to"), ({"to": wallet.address}, "to"), ({"to": "0x" + "0" * 40}, "to"), ({"to": "0x12"}, "to"),
        ({"wallet_id": "wal_none"}, "wallet_id"), ({"network": "elsewhere"}, "network"), ({"payee_id": "pye_1"}, "to"),
    ):  # fmt: skip
        answer = await post(ada, "/api/payments/", body | wrong)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert (await ada.http.get("/api/payments/", params={"count": "true"})).json()["total"] == 0


async def test_the_reason_of_a_contract_is_told(house: PayingHouse, ada: Person) -> None:
    """Error(string) of a contract that refuses the coin."""
    wallet, _ = await house.wallet()
    refusing = stranger()
    await house.actor.rpc("anvil_setCode", refusing, error_code("only on Sundays"))
    answer = await post(ada, "/api/payments/", {"wallet_id": wallet.id, "to": refusing, "amount": "1"})
    assert answer.json()["detail"] == "It would fail: only on Sundays."


def error_code(text: str) -> str:
    """EVM code that reverts with Error(string)."""
    data = bytes.fromhex("08c379a0") + encode(["string"], [text])
    size = len(data)
    code = bytes([0x60, size, 0x60, 12, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xFD])  # CODECOPY(0, 12, size); REVERT(0, size)
    return "0x" + (code + data).hex()


async def test_one_key_is_one_payment_however_often_it_is_sent(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    to, key = stranger(), fresh_key()
    body = {"wallet_id": wallet.id, "to": to, "amount": "1"}
    answers = await asyncio.gather(*(ada.http.post("/api/blockchain/send-eth/", json=body, headers=key) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {202, 409}, [answer.text for answer in answers]
    again = await ada.http.post("/api/blockchain/send-eth/", json=body, headers=key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert {answer.json()["id"] for answer in answers if answer.status_code == 202} == {again.json()["id"]}
    await asyncio.gather(*(house.sweep() for _ in range(4)))
    await until_confirmed(house, ada, again.json()["id"])
    assert (await house.ether(to), await house.nonce(wallet.address)) == (ETHER, 1)


async def test_many_payments_of_one_wallet_take_their_nonces_in_a_row(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    to = stranger()
    payments = [await send(ada, wallet.id, to, "0.01") for _ in range(5)]
    await asyncio.gather(*(house.sweep() for _ in range(3)))
    await house.sweep()
    nonces = [(await shown(ada, payment["id"]))["nonce"] for payment in payments]
    assert sorted(nonces) == [0, 1, 2, 3, 4]
    await until_confirmed(house, ada, payments[0]["id"])
    await house.sweep()
    assert {(await shown(ada, payment["id"]))["state"] for payment in payments} == {"CONFIRMED"}
    assert await house.ether(to) == 5 * ETHER // 100


async def test_money_that_is_on_its_way_is_not_spent_twice(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=3 * ETHER // 2)
    first, second = [await send(ada, wallet.id, stranger(), "1") for _ in range(2)]
    await house.sweep()
    assert (await shown(ada, first["id"]))["state"] == "BROADCAST"
    waits = await shown(ada, second["id"])
    assert (waits["state"], waits["holds"], waits["nonce"]) == ("APPROVED", ["no_funds"], None)
    await house.actor.set_balance(wallet.address, 3 * ETHER)
    await house.sweep()
    assert (await shown(ada, second["id"]))["state"] == "BROADCAST"


async def test_a_faster_one_takes_its_place(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=2 * ETHER)
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    asked = await post(ada, f"/api/payments/{payment['id']}/speed-up/")
    assert asked.status_code == 200, asked.text
    await house.sweep()
    first, second = (await shown(ada, payment["id"]))["attempts"]
    assert (second["purpose"], second["sends"]) == ("speed_up", 1)
    for name in ("max_fee_per_gas", "max_priority_fee_per_gas"):
        assert int(second[name]) * 8 >= int(first[name]) * 9
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], done["hash"]) == ("CONFIRMED", second["hash"])
    assert (await house.ether(to), await house.nonce(wallet.address)) == (ETHER, 1)


async def test_cancelled_is_what_was_replaced_by_nothing(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=2 * ETHER)
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    assert (await post(ada, f"/api/payments/{payment['id']}/cancel/")).json()["state"] == "BROADCAST"
    await house.sweep()
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], [row["purpose"] for row in done["attempts"]]) == ("CANCELLED", ["pay", "cancel"])
    assert (await house.ether(to), await house.ether(wallet.address)) == (0, 2 * ETHER - int(done["gas_fee_raw"]))
    assert await told(await post(ada, f"/api/payments/{payment['id']}/cancel/")) == (409, "wrong_state")


async def test_a_cancellation_that_came_too_late_changes_nothing(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    await house.actor.mine()  # not yet followed
    assert (await post(ada, f"/api/payments/{payment['id']}/cancel/")).status_code == 200
    await house.sweep()
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], done["cancel_requested_by"], len(done["attempts"])) == ("CONFIRMED", ada.user["id"], 1)
    assert await house.ether(to) == ETHER


async def test_before_it_is_signed_it_is_cancelled_at_once_and_leaves_no_gap(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    first, second = [await send(ada, wallet.id, stranger(), "1") for _ in range(2)]
    house.world_with = lambda world: replace(world, signer=Away())
    await house.sweep(first["id"])
    held = await shown(ada, first["id"])
    assert (held["state"], held["holds"], held["nonce"]) == ("APPROVED", ["signer_unavailable"], 0)
    await house.sweep(second["id"])
    assert (await shown(ada, second["id"]))["holds"] == ["sender_busy"]
    assert (await post(ada, f"/api/payments/{first['id']}/cancel/")).status_code == 200
    house.world_with = lambda world: world
    await house.sweep()
    assert (await shown(ada, first["id"]))["state"] == "CANCELLED"
    await house.sweep()
    assert (await shown(ada, second["id"]))["nonce"] == 0
    assert (await until_confirmed(house, ada, second["id"]))["state"] == "CONFIRMED"


async def test_what_an_older_release_gave_a_nonce_is_signed_after_the_deploy(house: PayingHouse, ada: Person) -> None:
    """Its lane did not say which nonces are unsigned."""
    wallet, _ = await house.wallet()
    first, waits = [await send(ada, wallet.id, stranger(), "1") for _ in range(2)]
    await house.sweep(first["id"])
    second, third = [await send(ada, wallet.id, stranger(), "1") for _ in range(2)]
    house.world_with = lambda world: replace(world, signer=Away())
    await house.sweep(second["id"], third["id"])
    assert [(await shown(ada, row["id"]))["nonce"] for row in (second, third)] == [1, 2]
    house.world_with = lambda world: world
    database = house.runtime.database
    lanes = database[SenderLane.Settings.name]
    await lanes.update_one({"address": wallet.address}, {"$unset": {"unsigned_from": ""}})
    await house.sweep(second["id"], third["id"])
    assert (await shown(ada, second["id"]))["holds"] == ["sender_busy"], "nobody knows whose turn it is"

    await database[COLLECTION].update_one({"_id": "schema"}, {"$set": {"position": 2}}, upsert=True)
    for expected in ([f"{each.number} {each.name}" for each in MIGRATIONS[2:]], []):
        assert (await deploy(database.client, database.name, [SenderLane], migrations=MIGRATIONS, verify=True)).migrations == expected
    lane = await lanes.find_one({"address": wallet.address})
    assert lane is not None and lane["unsigned_from"] == 1
    for _ in range(2):
        await house.sweep()
    assert [((await shown(ada, row["id"]))["state"], (await shown(ada, row["id"]))["nonce"]) for row in (first, second, third, waits)] == [
        ("BROADCAST", 0),
        ("BROADCAST", 1),
        ("BROADCAST", 2),
        ("BROADCAST", 3),
    ]


class Away:
    """A signer that nobody reaches."""

    async def sign_payments(self, asked: Sequence[SigningAsk]) -> list[SignedBytes | SigningRefused]:
        raise SignerUnavailable


async def test_fees_that_the_network_outgrew_are_raised_by_itself(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=100 * ETHER)
    payment = await send(ada, wallet.id, stranger(), "1")
    await house.sweep()
    bid = int((await shown(ada, payment["id"]))["attempts"][0]["max_fee_per_gas"])
    try:
        await house.actor.rpc("anvil_setNextBlockBaseFeePerGas", hex(bid * 4))
        await house.mine()
        house.clock.later = timedelta(seconds=6)
        await house.sweep()
        assert [row["purpose"] for row in (await shown(ada, payment["id"]))["attempts"]] == ["pay", "speed_up"]
        assert (await until_confirmed(house, ada, payment["id"]))["state"] == "CONFIRMED"
    finally:
        await house.actor.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
        await house.actor.mine()


async def test_above_what_the_policy_bids_a_person_is_asked(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=100 * ETHER)
    payment = await send(ada, wallet.id, stranger(), "1")
    await house.policy(FREE.model_copy(update={"fee_per_gas_max_gwei": 1}))
    try:
        await house.actor.rpc("anvil_setNextBlockBaseFeePerGas", hex(20 * 10**9))
        await house.mine()
        await house.sweep()
        assert (await shown(ada, payment["id"]))["holds"] == ["fees_too_high"]
        await house.policy(FREE)
        await house.sweep()
        assert (await shown(ada, payment["id"]))["state"] == "BROADCAST"
    finally:
        await house.actor.rpc("anvil_setNextBlockBaseFeePerGas", hex(10**9))
        await house.actor.mine()


async def test_a_block_that_is_undone_takes_the_payment_back_and_the_same_bytes_are_sent_again(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    await house.mine(4)
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    await house.mine()
    await house.sweep()
    mined = await shown(ada, payment["id"])
    assert mined["state"] == "MINED"
    await Payment.find({"_id": payment["id"], "org_id": ada.org_id}).update({"$set": {"due_at": house.runtime.clock.now() + timedelta(hours=1)}})
    await house.actor.rpc("anvil_reorg", 1, [])
    await house.actor.rpc("anvil_mine", "0x2")
    await house.follow()
    due_at = (await house.payment(payment["id"])).due_at
    assert due_at is not None and due_at <= house.runtime.clock.now(), "nobody waits for its turn to find out"
    await house.sweep()
    back = await shown(ada, payment["id"])
    assert (back["state"], back["block_number"], len(back["attempts"])) == ("BROADCAST", None, 1)
    house.clock.later = timedelta(seconds=3)
    await house.sweep()
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], done["hash"], done["attempts"][0]["sends"]) == ("CONFIRMED", mined["hash"], 2)
    assert (await house.ether(to), await house.nonce(wallet.address)) == (ETHER, 1)


async def test_a_nonce_used_elsewhere_stops_the_wallet_until_a_person_has_looked(house: PayingHouse, ada: Person) -> None:
    wallet, key = await house.wallet()
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    await house.actor.rpc("anvil_dropTransaction", (await shown(ada, payment["id"]))["hash"])
    await house.actor.send(key, stranger(), value=ETHER // 2)  # the same nonce, by another hand
    await house.mine(3)
    await house.sweep()
    house.clock.later = timedelta(seconds=11)
    await house.sweep()
    frozen = await shown(ada, payment["id"])
    assert (frozen["state"], frozen["holds"]) == ("BROADCAST", ["sender_frozen", "needs_human"])
    other = await send(ada, wallet.id, stranger(), "1")
    await house.sweep()
    assert (await shown(ada, other["id"]))["holds"] == ["sender_frozen"]

    resumed = await post(ada, f"/api/payments/{payment['id']}/resume/")
    assert (resumed.status_code, resumed.json()["state"]) == (200, "REPLACED"), resumed.text
    assert await told(await post(ada, f"/api/payments/{payment['id']}/resume/")) == (409, "not_frozen")
    await house.sweep()
    assert (await until_confirmed(house, ada, other["id"]))["state"] == "CONFIRMED"
    assert await house.ether(to) == 0


async def test_after_a_restore_what_the_chain_has_is_matched_first(house: PayingHouse, ada: Person) -> None:
    """The database has forgotten that the second payment was sent: paying it again is what must not happen."""
    wallet, _ = await house.wallet()
    first, second = [await send(ada, wallet.id, stranger(), "1") for _ in range(2)]
    await house.sweep(first["id"])
    await house.mine(3)
    await house.sweep(first["id"])
    before = await house.payment(second["id"])
    await house.sweep(second["id"])
    await house.mine(3)
    await forget(before)
    third = await send(ada, wallet.id, stranger(), "2")
    await house.sweep(third["id"])
    assert (await shown(ada, third["id"]))["holds"] == ["sender_frozen"]
    resumed = await post(ada, f"/api/payments/{third['id']}/resume/")
    assert resumed.status_code == 200, resumed.text
    await house.sweep()
    assert (await shown(ada, second["id"]))["state"] == "CONFIRMED"
    assert (await until_confirmed(house, ada, third["id"]))["state"] == "CONFIRMED"
    assert (await house.nonce(wallet.address), await house.ether(second["payee_address"])) == (3, ETHER)


async def forget(payment: Payment) -> None:
    """As a backup from before it was sent."""
    await Payment.find({"_id": payment.id, "org_id": payment.org_id}).delete()
    await PaymentAttempt.find({"payment_id": payment.id, "org_id": payment.org_id}).delete()
    await NonceSlot.find({"payment_id": payment.id}).delete()
    await payment.insert()


async def test_a_reverted_transaction_is_a_failed_payment(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(usdc=100)
    to = stranger()
    payment = await send(ada, wallet.id, to, "0.0001", asset="USDC")
    await house.sweep()
    code = await house.actor.rpc("eth_getCode", house.contracts.usdc, "latest")
    try:
        await house.actor.rpc("anvil_setCode", house.contracts.usdc, error_code("closed"))
        await house.actor.mine()
    finally:
        await house.actor.rpc("anvil_setCode", house.contracts.usdc, code)
    await house.follow()
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], await house.usdc(to)) == ("FAILED", 0)
    assert [(row.nonce, row.live) for row in await house.slots(wallet.address)] == [(0, False)]


async def test_a_wallet_of_ones_own_is_matched_by_what_it_sent(house: PayingHouse, ada: Person) -> None:
    wallet, key = await house.wallet(wallet_type=WalletType.METAMASK)
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    waits = await shown(ada, payment["id"])
    assert (waits["holds"], waits["wallet_request"]["value"]) == (["waits_for_wallet"], hex(ETHER))
    sent = await house.actor.send(key, to, value=ETHER)
    told_hash = await post(ada, f"/api/payments/{payment['id']}/submitted/", {"hash": sent.hash})
    assert told_hash.status_code == 200, told_hash.text
    await house.sweep()
    assert (await until_confirmed(house, ada, payment["id"]))["state"] == "CONFIRMED"

    other = await send(ada, wallet.id, to, "1")
    await house.sweep()
    wrong = await house.actor.send(key, stranger(), value=ETHER)
    taken = await post(ada, f"/api/payments/{other['id']}/submitted/", {"hash": sent.hash})
    assert await told(taken) == (409, "hash_taken")
    assert (await post(ada, f"/api/payments/{other['id']}/submitted/", {"hash": wrong.hash})).status_code == 200
    await house.sweep()
    assert (await until_confirmed(house, ada, other["id"]))["state"] == "REPLACED"
    assert await house.ether(to) == ETHER


async def test_a_wallet_that_sends_again_faster_is_found_by_its_nonce(house: PayingHouse, ada: Person) -> None:
    wallet, key = await house.wallet(wallet_type=WalletType.HARDWARE)
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    lost = await house.actor.send(key, to, value=ETHER)
    assert (await post(ada, f"/api/payments/{payment['id']}/submitted/", {"hash": lost.hash})).status_code == 200
    await house.sweep()
    await house.actor.rpc("anvil_dropTransaction", lost.hash)
    house.actor.forget_nonces()
    await house.actor.send(key, to, value=ETHER, gas=30_000)  # another hash in the same nonce
    await house.mine()
    await house.sweep()
    assert (await until_confirmed(house, ada, payment["id"]))["state"] == "CONFIRMED"
    assert await house.ether(to) == ETHER


async def test_a_payee_waits_for_the_address_book(house: PayingHouse, ada: Person) -> None:
    await house.policy(PaymentPolicy(approvals_required=0))
    wallet, _ = await house.wallet()
    payment = await send(ada, wallet.id, stranger(), "1")
    assert (payment["state"], payment["holds"]) == ("APPROVED", ["payee_unverified"])
    await house.sweep()
    assert await house.slots(wallet.address) == []
    await house.policy(FREE)
    await house.sweep()
    assert (await shown(ada, payment["id"]))["state"] == "BROADCAST"


async def test_limits_refuse_and_a_draft_is_nobodys_business_yet(house: PayingHouse, ada: Person) -> None:
    await house.policy(FREE.model_copy(update={"transaction_max": Decimal(1_000)}))
    wallet, _ = await house.wallet()
    body = {"wallet_id": wallet.id, "to": stranger(), "amount": "0.1", "draft": True}
    assert await told(await post(ada, "/api/payments/", body | {"amount": "1"})) == (409, "over_limit")
    drafted = await post(ada, "/api/payments/", body)
    assert drafted.status_code == 201, drafted.text
    draft = drafted.json()
    assert (draft["state"], draft["payload_hash"]) == ("DRAFT", None)
    await house.sweep()
    up = await post(ada, f"/api/payments/{draft['id']}/submit/")
    assert up.status_code == 200, up.text
    assert up.json()["state"] == "APPROVED"
    listed = (await ada.http.get("/api/payments/", params={"state": "APPROVED", "q": draft["payee_address"][:12], "sort": "-amount"})).json()
    assert [row["id"] for row in listed["items"]] == [draft["id"]]


async def test_a_node_that_is_away_is_no_verdict(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    house.world_with = lambda world: replace(world, chain=LostAnswer(world.chain))
    await house.sweep()
    unknown = await shown(ada, payment["id"])
    assert (unknown["state"], unknown["holds"]) == ("SIGNED", ["chain_unavailable"])
    house.world_with = lambda world: world
    await house.sweep()
    assert "already" in (await shown(ada, payment["id"]))["reason"]
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], len(done["attempts"]), await house.ether(to)) == ("CONFIRMED", 1, ETHER)


class LostAnswer:
    """The node takes what is sent, and its answer is lost."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    async def send_raw(self, raws: Sequence[str]) -> list[Handed]:
        await self._chain.send_raw(raws)
        return [Handed(False, "the answer was lost")] * len(raws)


async def test_a_receipt_is_a_verdict_only_where_our_own_reading_of_the_block_agrees(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    await house.sweep()
    await house.mine(4)
    for told, in_words in (({"succeeded": False}, "we have it as successful"), ({"block_hash": "0x" + "7" * 64}, None)):
        house.world_with = partial(_lying, house, told)
        await house.sweep()
        held = await shown(ada, payment["id"])
        assert held["state"] == "BROADCAST", "neither failed nor paid"
        if in_words:
            assert held["holds"] == ["receipt_disputed"]
            assert in_words in held["reason"]
    row = await Transaction.find_one({"org_id": house.org_id, "hash": held["hash"]})
    assert row is not None
    house.world_with = lambda world: world
    for ours, in_words in (
        ({"nonce": 5}, "with nonce 5"),
        ({"from_address": to}, f"from {to}"),
        ({"block_number": 1}, "in block 1"),
        ({"id": "another"}, "does not have it"),
    ):
        await Transaction.find({"hash": row.hash}).delete()
        await Transaction(**row.model_dump() | ours).insert()
        await house.sweep()
        held = await shown(ada, payment["id"])
        assert (held["state"], held["holds"]) == ("BROADCAST", ["receipt_disputed"])
        assert in_words in held["reason"]
    house.clock.later = timedelta(minutes=11)
    await house.sweep()
    assert (await shown(ada, payment["id"]))["holds"] == ["receipt_disputed", "needs_human"], "asked again, and in the end a person"
    await Transaction.find({"hash": row.hash}).delete()
    await row.insert()
    await house.sweep()
    done = await shown(ada, payment["id"])
    assert (done["state"], done["holds"], await house.ether(to)) == ("CONFIRMED", [], ETHER)
    house.world_with = partial(_lying, house, {"succeeded": False})
    house.clock.later = timedelta(minutes=13)
    await house.sweep()
    doubted = await shown(ada, payment["id"])
    assert (doubted["state"], doubted["holds"]) == ("CONFIRMED", ["receipt_disputed"]), "a lie about what has ended is seen, and changes nothing"
    house.world_with = lambda world: world
    house.clock.later = timedelta(minutes=15)
    await house.sweep()
    settled = await shown(ada, payment["id"])
    assert (settled["state"], settled["holds"], settled["reason"]) == ("CONFIRMED", [], done["reason"])


async def test_what_a_wallet_that_nobody_watches_paid_counts_by_the_block_alone(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    payment = await send(ada, wallet.id, stranger(), "1")
    await house.sweep()
    await Wallet.find_one({"_id": wallet.id}).update({"$set": {"monitoring_enabled": False, "updated_at": house.runtime.clock.now()}})
    await house.mine(4)
    assert await Transaction.find({"org_id": house.org_id}).count() == 0
    await house.sweep()
    assert (await shown(ada, payment["id"]))["state"] == "CONFIRMED"


async def test_whoever_was_away_for_long_still_learns_what_became_of_a_payment(house: PayingHouse, ada: Person) -> None:
    """The header of its block is no longer kept by then; our own row in it is, unless nobody watched who sent it: then the providers say so."""
    (wallet, _), (unwatched, _) = await house.wallet(), await house.wallet()
    to = stranger()
    payment, other = await send(ada, wallet.id, to, "1"), await send(ada, unwatched.id, stranger(), "1")
    await house.sweep()
    await Wallet.find_one({"_id": unwatched.id}).update({"$set": {"monitoring_enabled": False, "updated_at": house.runtime.clock.now()}})
    await house.mine(BLOCKS_KEPT + 60)
    (row,) = await Transaction.find({"org_id": house.org_id}).to_list()
    await forget_blocks_below(SLUG, row.block_number + 50)
    await Transaction.find_one({"_id": row.id}).update({"$set": {"block_hash": "0x" + "1" * 64}})
    await house.sweep(payment["id"])
    house.world_with = partial(_lying, house, {"block_hash": "0x" + "2" * 64})
    await house.sweep(other["id"])
    assert (await shown(ada, payment["id"]))["state"] == "BROADCAST", "the node names another block than the one that was processed"
    assert (await shown(ada, other["id"]))["state"] == "BROADCAST", "it is in no block that stands"
    house.world_with = lambda world: world
    await Transaction.find_one({"_id": row.id}).update({"$set": {"block_hash": row.block_hash}})
    house.clock.later = timedelta(minutes=2)
    await house.sweep()
    done = await shown(ada, payment["id"])
    assert (done["state"], done["holds"], await house.ether(to)) == ("CONFIRMED", [], ETHER)
    assert (await shown(ada, other["id"]))["state"] == "CONFIRMED"


def _lying(house: PayingHouse, told: dict[str, Any], world: World) -> World:
    return replace(world, chain=FollowedChain(SLUG, Liar(PaymentNode(house.runtime.rpc[SLUG]), told)))


class Liar:
    """A node whose receipts say something else."""

    def __init__(self, node: PaymentNode, told: dict[str, Any]) -> None:
        self._node, self._told = node, told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    async def receipts(self, hashes: Sequence[str]) -> dict[str, NodeReceipt]:
        return {hash_: replace(row, **self._told) for hash_, row in (await self._node.receipts(hashes)).items()}


async def test_many_of_one_sender_take_their_nonces_in_a_row_and_one_that_is_refused_leaves_no_gap(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    payees = [stranger() for _ in range(5)]
    payments = [await send(ada, wallet.id, to, "1") for to in payees]
    await Payment.find_one({"_id": payments[2]["id"]}).update({"$set": {"payload_hash": "0x" + "0" * 64}})
    await house.sweep()
    stand = [await shown(ada, payment["id"]) for payment in payments]
    assert [(row["state"], row["nonce"]) for row in stand] == [
        ("BROADCAST", 0),
        ("BROADCAST", 1),
        ("APPROVED", None),
        ("BROADCAST", 2),
        ("BROADCAST", 3),
    ]
    assert "not what was put up for approval" in stand[2]["reason"]
    assert await PaymentAttempt.find({"payment_id": payments[2]["id"]}).count() == 0
    await house.mine(4)
    await house.sweep()
    assert [await house.ether(to) for to in payees] == [ETHER, ETHER, 0, ETHER, ETHER]
    assert [(row.nonce, row.live) for row in await house.slots(wallet.address)] == [(nonce, False) for nonce in range(4)]
    (lane,) = await SenderLane.find({"address": wallet.address}).to_list()
    assert lane.unsigned_from is None


async def test_a_wallet_pays_no_more_at_once_than_it_holds(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=3 * ETHER, usdc=25_000_000)
    coins = [await send(ada, wallet.id, stranger(), amount) for amount in ("1", "2.5", "1.5")]
    tokens = [await send(ada, wallet.id, stranger(), "10", asset="USDC") for _ in range(3)]
    await house.sweep()
    stand = [await shown(ada, payment["id"]) for payment in (*coins, *tokens)]
    assert [row["state"] for row in stand] == ["BROADCAST", "APPROVED", "BROADCAST", "BROADCAST", "BROADCAST", "APPROVED"]
    assert [row["holds"] for row in stand if row["state"] == "APPROVED"] == [["no_funds"], ["no_funds"]]


async def test_12_who_dies_between_broadcast_and_save_sends_the_same_bytes_afterwards(house: PayingHouse, ada: Person) -> None:
    """The twelfth of the edge cases of `tests/flows/test_edge_cases.py`."""
    wallet, _ = await house.wallet()
    to = stranger()
    payment = await send(ada, wallet.id, to, "1")
    house.world_with = lambda world: replace(world, chain=LostProcess(world.chain))
    with pytest.raises(Killed):
        await house.sweep()
    (attempt,) = await house.attempts(payment["id"])
    assert ((await shown(ada, payment["id"]))["state"], attempt.sends) == ("SIGNED", 0), "nothing was saved after the node had it"
    assert await house.actor.rpc("eth_getTransactionByHash", attempt.hash) is not None
    house.world_with = lambda world: replace(world, signer=NeverAsked())
    await house.sweep()
    done = await until_confirmed(house, ada, payment["id"])
    assert (done["state"], done["hash"], len(done["attempts"])) == ("CONFIRMED", attempt.hash, 1)
    assert (await house.ether(to), await house.nonce(wallet.address)) == (ETHER, 1)


class Killed(BaseException):
    """The process is gone: nothing catches it."""


class LostProcess(LostAnswer):
    async def send_raw(self, raws: Sequence[str]) -> list[Handed]:
        await self._chain.send_raw(raws)
        raise Killed


class NeverAsked:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("what is signed is never signed again")


async def test_what_it_would_cost_and_what_became_of_it(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    query = {"wallet_id": wallet.id, "to": stranger(), "amount": "1"}
    cost = (await ada.http.get("/api/blockchain/estimate-gas/", params=query)).json()
    assert (cost["gas_limit"], cost["would_revert"], cost["sufficient_funds"]) == (21_000, False, True)
    assert Decimal(cost["max_fee"]) == Decimal(cost["max_fee_per_gas"]) * 21_000 / ETHER
    payment = await send(ada, wallet.id, query["to"], "1")
    await house.sweep()
    hash_ = (await shown(ada, payment["id"]))["hash"]
    path = f"/api/blockchain/transaction-status/{hash_}/"
    assert (await ada.http.get(path)).json()["status"] == "PENDING"
    done = await until_confirmed(house, ada, payment["id"])
    assert Decimal(done["gas_fee"]) <= Decimal(cost["max_fee"])
    status = (await ada.http.get(path)).json()
    assert (status["status"], status["confirmations"], status["payment_id"]) == ("CONFIRMED", 3, payment["id"])
    facts = (await ada.http.get(f"/api/blockchain/transaction/{hash_}/")).json()
    assert (facts["from_address"], facts["raw_amount"], facts["transaction_id"]) == (wallet.address, str(ETHER), done["transaction_id"])
    assert (await ada.http.get(f"/api/transactions/{done['transaction_id']}/")).status_code == 200
    assert (await ada.http.get(f"/api/blockchain/transaction/0x{'ab' * 32}/")).status_code == 404


async def test_an_approval_can_be_signed(house: PayingHouse, ada: Person, join: Join) -> None:
    await house.policy(ONE_APPROVAL.model_copy(update={"signed_above": Decimal(1)}))
    bob = await confirmed(await join("bob", org_id=ada.org_id, role=Role.APPROVER))
    key = Account.create()
    link = EthereumAccount(
        id=f"eip155:31337:{key.address.lower()}", created_at=house.clock.now(), user_id=bob.user["id"], address=key.address, chain_id=31337
    )
    await link.insert()
    wallet, _ = await house.wallet()
    payment = await send(ada, wallet.id, stranger(), "1")
    path = f"/api/payments/{payment['id']}/approve/"
    assert await told(await post(bob, path, {})) == (409, "signature_required")
    message = encode_typed_data(full_message=payment["typed_data"])
    other = Account.create().sign_message(message)
    assert (await post(bob, path, {"signature": "0x" + bytes(other.signature).hex()})).status_code == 422
    signed = await post(bob, path, {"signature": "0x" + bytes(key.sign_message(message).signature).hex()})
    assert (signed.status_code, signed.json()["approvals"][0]["signer_address"]) == (200, key.address), signed.text
    await house.sweep()
    assert (await until_confirmed(house, ada, payment["id"]))["state"] == "CONFIRMED"


async def test_the_worker_does_all_of_it_by_itself_and_a_decision_wakes_it(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    payment = await send(ada, wallet.id, stranger(), "1")
    (actor,) = payments_worker.ACTORS
    await actor.run(house.runtime, PaymentDue(org_id=ada.org_id, payment_id=payment["id"]))
    assert (await shown(ada, payment["id"]))["state"] == "BROADCAST"
    (lane,) = payments_worker.lanes(house.runtime)
    work = asyncio.create_task(supervise(lane))
    try:
        async with asyncio.timeout(60):
            while (await shown(ada, payment["id"]))["state"] != "CONFIRMED":
                await house.mine()
                await asyncio.sleep(0.1)
    finally:
        await cancel_and_wait(work)


# ---- in the books ------------------------------------------------------------------------------------------------------------------


async def in_the_books(person: Person, payment_id: str) -> dict[str, Any]:
    """The transaction that a payment names."""
    payment = await shown(person, payment_id)
    answer = await person.http.get(f"/api/transactions/{payment['transaction_id']}/")
    assert answer.status_code == 200, answer.text
    assert answer.json()["payment_id"] == payment_id
    return dict(answer.json())


async def posted(transaction: dict[str, Any]) -> list[str]:
    """Accounts that say why, of what stands in the books."""
    why = {AccountCode.SUPPLIERS, AccountCode.NETWORK_FEES, AccountCode.SALARIES, AccountCode.SUSPENSE}
    entries = await JournalEntry.find({"transaction_id": transaction["id"], "reversed_by": None, "reverses": None}).to_list()
    return sorted(line.account_code for entry in entries for line in entry.lines if line.account_code in why)


async def test_what_a_payment_made_is_booked_as_that(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet()
    own, _ = await house.wallet()
    to = stranger()
    added = await post(ada, "/api/address-book/", {"name": "Analytical Engines Ltd", "address": to})
    assert added.status_code == 201, added.text
    paid = await send(ada, wallet.id, to, "1", description="Looms")
    moved = await send(ada, wallet.id, own.address, "0.5")
    taken_back = await send(ada, wallet.id, stranger(), "2")
    await house.sweep()
    assert (await post(ada, f"/api/payments/{taken_back['id']}/cancel/")).status_code == 200
    await house.sweep()
    await house.mine(4)
    await house.book()
    await house.sweep()
    expense = await in_the_books(ada, paid["id"])
    assert (expense["category"], expense["category_source"], expense["subcategory"], expense["counterparty"]) == (
        "expense",
        "fact",
        "Looms",
        "Analytical Engines Ltd",
    )
    assert expense["explanation"] == f"It is the payment {paid['id']}, 1 ETH to Analytical Engines Ltd."
    assert await posted(expense) == [AccountCode.NETWORK_FEES, AccountCode.SUPPLIERS]
    assert (await in_the_books(ada, moved["id"]))["category"] == "own_transfer"
    assert (await shown(ada, taken_back["id"]))["state"] == "CANCELLED"
    cancelled = await in_the_books(ada, taken_back["id"])
    assert (cancelled["category"], cancelled["category_source"]) == ("gas", "fact")
    assert await posted(cancelled) == [AccountCode.NETWORK_FEES]

    await house.actor.rpc("anvil_reorg", 4, [])
    await house.actor.mine_many(5)
    await house.follow()
    await house.book()
    assert await posted(expense) == []
    for later in (0, 15, 30):  # in doubt first, then taken up again, then sent again
        house.clock.later = timedelta(seconds=later)
        await house.sweep()
    await house.mine(4)
    await house.book()
    await house.sweep()
    again = await in_the_books(ada, paid["id"])
    assert again["block_hash"] != expense["block_hash"]
    assert (again["category"], again["category_source"]) == ("expense", "fact")
    assert await posted(again) == [AccountCode.NETWORK_FEES, AccountCode.SUPPLIERS]
    assert await JournalEntry.find({"transaction_id": again["id"], "reverses": {"$ne": None}}).count() == 1


async def test_what_was_booked_before_its_payment_was_known_is_judged_again(house: PayingHouse, ada: Person) -> None:
    """The person's own wallet sent it, and told of it late."""
    wallet, key = await house.wallet(wallet_type=WalletType.METAMASK)
    payments = [await send(ada, wallet.id, stranger(), "1") for _ in range(3)]
    sent = [await house.actor.send(key, payment["payee_address"], value=ETHER) for payment in payments[:2]]
    sent.append(await house.actor.send(key, stranger(), value=ETHER))
    await house.mine(4)
    await house.book()
    rows = [await Transaction.find_one({"org_id": house.org_id, "hash": each.hash}) for each in sent]
    assert [row and row.category for row in rows] == ["unclassified"] * 3
    assert rows[1] is not None
    said = await ada.http.put(f"/api/transactions/{rows[1].id}/", json={"category": "payroll"})
    assert said.status_code == 200, said.text
    for payment, each in zip(payments, sent, strict=True):
        assert (await post(ada, f"/api/payments/{payment['id']}/submitted/", {"hash": each.hash})).status_code == 200
    await house.sweep()
    assert [(await shown(ada, payment["id"]))["state"] for payment in payments] == ["CONFIRMED", "CONFIRMED", "REPLACED"]
    first, by_person, other = [await in_the_books(ada, payment["id"]) for payment in payments]
    assert (first["category"], first["category_source"]) == ("expense", "fact")
    assert await posted(first) == [AccountCode.NETWORK_FEES, AccountCode.SUPPLIERS]
    assert (by_person["category"], by_person["category_source"]) == ("payroll", "person"), "a person's word stands"
    assert (other["category"], other["category_source"]) == ("unclassified", "none")
    assert "instead of the payment" in other["explanation"]
    assert await link_payments(house.runtime.uow, house.runtime.clock, house.runtime.networks[SLUG], [(house.org_id, payments[0]["id"])]) == 0


async def test_a_failed_payment_is_its_gas_alone(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(usdc=100)
    payment = await send(ada, wallet.id, stranger(), "0.0001", asset="USDC")
    await house.sweep()
    code = await house.actor.rpc("eth_getCode", house.contracts.usdc, "latest")
    try:
        await house.actor.rpc("anvil_setCode", house.contracts.usdc, error_code("closed"))
        await house.actor.mine()
    finally:
        await house.actor.rpc("anvil_setCode", house.contracts.usdc, code)
    await house.mine(3)
    await house.book()
    await house.sweep()
    failed = await in_the_books(ada, payment["id"])
    assert (failed["category"], failed["status"], failed["category_source"]) == ("failed", "FAILED", "fact")
    assert f"The payment {payment['id']}, 0.0001 USDC to" in failed["explanation"]
    assert await posted(failed) == [AccountCode.NETWORK_FEES]
