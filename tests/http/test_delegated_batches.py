"""Wallets that run our batch contract as their own code (EIP-7702), on a real node with the real signer: let by two, signed from the payees, paid to
all of them exactly once, booked for each, cancelled, and taken back."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.prepare_batch import BatchContractMissing, DelegatedElsewhere
from crypto_api.kit.errors import Conflict
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.sending import FeeMarket
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, delegated_code, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION
from crypto_api.payments.documents import PaymentAttempt
from crypto_api.payments.types import Attempt, Hold, PaymentState
from crypto_api.runtime import Runtime
from crypto_api.transactions.documents import Transaction
from crypto_api.wallets.documents import Wallet
from tests.factories.paying import ETHER, FREE, Node, PayingHouse
from tests.http.conftest import Person
from tests.http.paying import ada, networks, node
from tests.http.test_batches import batch, lines_of, owed, post, salaries, until_confirmed

__all__ = ["ada", "networks", "node"]  # fixtures
DELEGATED = FREE.model_copy(update={"delegated_batches": True})
OURS = "0x" + delegated_code(BATCH_DELEGATE).hex()


@pytest.fixture
async def house(runtime: Runtime, node: Node, ada: Person) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, ada.org_id)
    await made.policy(DELEGATED)
    payer, *_ = await actor.rpc("eth_accounts")
    for address, creation in ((BATCH_CONTRACT, PACKED_BATCH_CREATION), (BATCH_DELEGATE, PACKED_BATCH_DELEGATE_CREATION)):
        if await actor.rpc("eth_getCode", address, "latest") == "0x":
            call = deployment(creation)
            await actor.rpc("eth_sendTransaction", {"from": payer, "to": call.to, "data": call.data, "gas": hex(2_000_000)})
    await actor.mine()
    return made


async def delegating(house: PayingHouse, **money: int) -> Wallet:
    wallet, _ = await house.wallet(**money)
    await Wallet.find({"_id": wallet.id}).update({"$set": {"pays_delegated": True}})
    return wallet


async def code(house: PayingHouse, address: str) -> str:
    return str(await house.actor.rpc("eth_getCode", address, "latest"))


def authorized(row: PaymentAttempt) -> list[tuple[int, str, int]]:
    """As the signed bytes hold it."""
    sent = TypedTransaction.from_bytes(HexBytes(row.raw or "")).as_dict()
    return [(each["chainId"], "0x" + bytes(each["address"]).hex(), each["nonce"]) for each in sent.get("authorizationList", ())]


async def test_the_coin_and_a_token_are_paid_out_of_the_wallets_own_balance(house: PayingHouse, ada: Person) -> None:
    wallet = await delegating(house, wei=5 * ETHER, usdc=10_000_000_000)
    shares = owed(20, ETHER // 100)
    made = await batch(house, ada, wallet.id, shares)
    assert (made.payee_address, made.call.to, made.call.value_raw) == (BATCH_DELEGATE, wallet.address, "0")
    assert made.authorizes
    done = await until_confirmed(house, made)
    assert [await house.ether(share.to or "") for share in shares] == [share.raw_amount for share in shares]
    assert await house.ether(wallet.address) == 5 * ETHER - int(done.raw_amount) - int(done.gas_fee_raw or 0)
    (sent,) = await house.attempts(made.id)
    assert sent.transaction_type == 4
    assert authorized(sent) == [(made.chain_id, BATCH_DELEGATE.lower(), 1)]
    assert (await code(house, wallet.address), await house.nonce(wallet.address)) == (OURS, 2)
    await house.book()
    found = await salaries(house)
    assert sorted((line.description, line.quantity) for line in found) == sorted(lines_of(shares, 18))

    paid = owed(15, 100_000_000)
    made = await batch(house, ada, wallet.id, paid, asset="USDC", run="run-2")
    assert not made.authorizes
    done = await until_confirmed(house, made)
    (sent,) = await house.attempts(made.id)
    assert (sent.transaction_type, sent.nonce) == (2, 2)
    assert [await house.usdc(share.to or "") for share in paid] == [share.raw_amount for share in paid]
    assert await house.usdc(wallet.address) == 10_000_000_000 - sum(share.raw_amount for share in paid)
    await house.book()
    assert sorted((line.description, line.quantity) for line in (await salaries(house))[20:]) == sorted(lines_of(paid, 6))


async def test_two_have_to_let_it_and_it_is_taken_back_by_the_machine(house: PayingHouse, ada: Person) -> None:
    await house.policy(FREE)
    wallet, _ = await house.wallet(wei=5 * ETHER)
    path = f"/api/wallets/{wallet.id}/delegation/"
    shown = (await ada.http.get(path)).json()
    assert (shown["runs"], shown["delegate"], shown["contract"], shown["contract_stands"]) == ("nothing", None, BATCH_DELEGATE, True)
    assert (shown["allowed"], shown["policy_allows"], shown["pays"]) == (False, False, False)
    let = await ada.http.put(path, json={"allowed": True})
    assert (let.status_code, let.json()["allowed"], let.json()["pays"]) == (200, True, False)
    made = await batch(house, ada, wallet.id, owed(2, 5), run="by-contract")
    assert (made.payee_address, made.delegation) == (BATCH_CONTRACT, None)  # the organisation does not let it
    await until_confirmed(house, made)
    changed = await ada.http.put("/api/payment-policy/", json={"delegated_batches": True})
    assert (changed.status_code, changed.json()["delegated_batches"]) == (200, True), changed.text
    assert (await ada.http.get(path)).json()["pays"] is True
    await ada.http.put(path, json={"allowed": False})
    assert (await batch(house, ada, wallet.id, owed(2, 5), run="again")).delegation is None  # the wallet is not let
    await ada.http.put(path, json={"allowed": True})
    assert (await ada.http.put(path, json={"allowed": True})).status_code == 200
    told = [row.action for row in await AuditRecord.find({"org_id": house.org_id, "subject_id": wallet.id}).sort("+seq").to_list()]
    assert told == ["wallet.delegation_allowed", "wallet.delegation_forbidden", "wallet.delegation_allowed"]
    refused = await post(ada, f"{path}revoke/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_delegated")

    await house.sweep()
    await house.mine(3)
    await house.sweep()
    made = await batch(house, ada, wallet.id, owed(2, 5), run="delegated")
    assert made.authorizes
    await until_confirmed(house, made)
    shown = (await ada.http.get(path)).json()
    assert (shown["runs"], shown["delegate"]) == ("ours", BATCH_DELEGATE)

    asked = await post(ada, f"{path}revoke/", {})
    assert (asked.status_code, asked.json()["kind"], asked.json()["amount"]) == (202, "delegation", "0"), asked.text
    assert (await ada.http.get(path)).json()["revocation_id"] == asked.json()["id"]
    assert (await post(ada, f"{path}revoke/", {})).json()["code"] == "not_delegated"
    nonce = await house.nonce(wallet.address)
    done = await until_confirmed(house, await house.payment(asked.json()["id"]))
    (sent,) = await house.attempts(done.id)
    assert authorized(sent) == [(done.chain_id, ZERO_ADDRESS, nonce + 1)]
    assert (await code(house, wallet.address), await house.nonce(wallet.address)) == ("0x", nonce + 2)
    shown = (await ada.http.get(path)).json()
    assert (shown["runs"], shown["delegate"], shown["revocation_id"]) == ("nothing", None, None)
    await house.book()
    (row,) = await Transaction.find({"org_id": house.org_id, "hash": sent.hash}).to_list()
    assert (row.category, len(row.movements)) == ("gas", 1)


async def test_a_cancellation_uses_both_nonces_so_that_what_was_seen_never_holds(house: PayingHouse, ada: Person) -> None:
    wallet = await delegating(house, wei=5 * ETHER)
    shares = owed(3, ETHER // 10)
    made = await batch(house, ada, wallet.id, shares)
    later = await batch(house, ada, wallet.id, owed(2, 5), run="later")
    await house.sweep()
    assert [row.uses for row in await house.slots(wallet.address)] == [2]
    held = await house.payment(later.id)
    assert (held.nonce, held.holds) == (None, [Hold.SENDER_BUSY])
    faster = await post(ada, f"/api/payments/{made.id}/speed-up/", {})
    assert faster.status_code == 200, faster.text
    await house.sweep(made.id)
    taken = await post(ada, f"/api/payments/{made.id}/cancel/", {})
    assert taken.status_code == 200, taken.text
    await house.sweep(made.id)
    first, second, last = await house.attempts(made.id)
    assert [row.purpose for row in (first, second, last)] == [Attempt.PAY, Attempt.SPEED_UP, Attempt.CANCEL]
    leaked = TypedTransaction.from_bytes(HexBytes(first.raw or "")).as_dict()["authorizationList"][0]
    assert [authorized(row) for row in (first, second, last)] == [
        [(made.chain_id, BATCH_DELEGATE.lower(), 1)],
        [(made.chain_id, BATCH_DELEGATE.lower(), 1)],
        [(made.chain_id, ZERO_ADDRESS, 1)],
    ]
    await house.mine(3)
    await house.sweep(made.id)
    done = await house.payment(made.id)
    assert (done.state, done.hash) == (PaymentState.CANCELLED, last.hash)
    assert [await house.ether(share.to or "") for share in shares] == [0, 0, 0]
    assert (await code(house, wallet.address), await house.nonce(wallet.address)) == ("0x", 2)
    await carried_by_somebody_else(house, leaked)
    assert (await code(house, wallet.address), await house.nonce(wallet.address)) == ("0x", 2)
    await until_confirmed(house, await house.payment(later.id))
    assert [(row.nonce, row.uses) for row in await house.slots(wallet.address)] == [(0, 2), (2, 2)]
    assert (await code(house, wallet.address), await house.nonce(wallet.address)) == (OURS, 4)


async def carried_by_somebody_else(house: PayingHouse, authorization: dict[str, Any]) -> None:
    """A stranger puts an authorization that they saw into a transaction of their own."""
    stranger_ = Account.create()
    await house.actor.set_balance(stranger_.address, ETHER)
    body = {"chainId": house.actor.chain_id, "nonce": 0, "to": stranger_.address, "value": 0, "data": "0x", "gas": 200_000, "type": 4}
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}
    raw = stranger_.sign_transaction({**body, **fees, "authorizationList": [authorization]}).raw_transaction
    hash_ = await house.actor.rpc("eth_sendRawTransaction", "0x" + bytes(raw).hex())
    await house.mine()
    assert (await house.actor.rpc("eth_getTransactionReceipt", hash_))["status"] == "0x1"


async def test_nobody_is_paid_by_an_account_without_our_code_and_nothing_is_believed(house: PayingHouse, ada: Person) -> None:
    wallet = await delegating(house, wei=5 * ETHER)
    kept = await code(house, BATCH_DELEGATE)
    made = await batch(house, ada, wallet.id, owed(2, ETHER // 10))
    try:
        await house.actor.rpc("anvil_setCode", BATCH_DELEGATE, "0x")
        await house.sweep(made.id)
        held = await house.payment(made.id)
        assert (held.state, held.nonce, held.holds) == (PaymentState.APPROVED, None, [Hold.WOULD_REVERT])
        assert held.reason == f"The contract at {BATCH_DELEGATE} does not have our code: nobody would be paid."
        with pytest.raises(BatchContractMissing):
            await batch(house, ada, wallet.id, owed(2, 5), run="run-2")
        await house.actor.rpc("anvil_setCode", BATCH_DELEGATE, kept)
        await house.sweep(made.id)  # signed and sent: its contract goes away before it is mined
        assert (await house.payment(made.id)).state is PaymentState.BROADCAST
        await house.actor.rpc("anvil_setCode", BATCH_DELEGATE, "0x")
        await house.mine(4)
        await house.sweep(made.id)
        doubted = await house.payment(made.id)
        assert (doubted.state, doubted.holds) == (PaymentState.BROADCAST, [Hold.RECEIPT_DISPUTED])
        assert "did not run our code" in doubted.reason
    finally:
        await house.actor.rpc("anvil_setCode", BATCH_DELEGATE, kept)

    elsewhere = await delegating(house, wei=5 * ETHER)
    waiting = await batch(house, ada, elsewhere.id, owed(2, 5), run="run-3")
    await house.actor.rpc("anvil_setCode", elsewhere.address, "0x" + delegated_code(house.contracts.usdc).hex())
    await house.sweep(waiting.id)
    held = await house.payment(waiting.id)
    assert (held.state, held.nonce, held.holds) == (PaymentState.APPROVED, None, [Hold.WOULD_REVERT])
    assert held.reason.endswith("take that back first.")
    with pytest.raises(DelegatedElsewhere):
        await batch(house, ada, elsewhere.id, owed(2, 5), run="run-4")
    shown = (await ada.http.get(f"/api/wallets/{elsewhere.id}/delegation/")).json()
    assert (shown["runs"], shown["delegate"], shown["pays"]) == ("others", house.contracts.usdc, False)


async def test_nothing_is_signed_for_a_network_that_cannot_be_seen_to_take_it(
    house: PayingHouse, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node from before Prague would refuse the batch, and its cancellation, which is of type 4 as well."""
    wallet = await delegating(house, wei=5 * ETHER)
    made, read = await batch(house, ada, wallet.id, owed(2, 5)), PaymentNode._market

    async def without_requests(self: PaymentNode, header: dict[str, Any], history: Any) -> FeeMarket:
        return await read(self, {name: value for name, value in header.items() if name != "requestsHash"}, history)

    with monkeypatch.context() as before_prague:
        before_prague.setattr(PaymentNode, "_market", without_requests)
        await house.sweep(made.id)
        held = await house.payment(made.id)
        assert (held.state, held.nonce, held.holds) == (PaymentState.APPROVED, None, [Hold.WOULD_REVERT])
        assert held.reason == "This network takes no transaction of type 4 (EIP-7702)."
        with pytest.raises(Conflict) as refused:
            await batch(house, ada, wallet.id, owed(2, 5), run="run-2")
        assert refused.value.code == "no_set_code_transactions"
    assert (await until_confirmed(house, made)).state is PaymentState.CONFIRMED
