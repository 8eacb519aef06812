"""A batch as one payment, on a real node with the real signer: approved over every payee, signed from the payees, paid to all of them exactly once,
and booked for each."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto_api.adapters.payment_chain import PaymentNode
from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.authenticate import authenticate_access
from crypto_api.flows.batch_contract import OUR_CODE_HASH, deploying, look_at_batch_contract
from crypto_api.flows.followed_chain import FollowedChain
from crypto_api.flows.prepare_batch import BatchContractMissing, NewAllowance, NewBatch, NewShare, prepare_allowance, prepare_batch
from crypto_api.flows.prepare_many import Order, prepare_many
from crypto_api.flows.prepare_payment import NewPayment, prepare_payment
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.price_at import Prices
from crypto_api.http.auth import tokens_of
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.sending import NodeReceipt
from crypto_api.ledger.documents import JournalEntry
from crypto_api.ledger.types import AccountCode, Line
from crypto_api.organizations.types import Principal, Role
from crypto_api.payments.batch import BATCH_CONTRACT, DEPLOYER, deployment
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import InsufficientFunds, WouldRevert
from crypto_api.payments.types import Expected, Hold, Origin, PaymentState
from crypto_api.policies.errors import OverLimit
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.runtime import Runtime
from mongodb_config.unit_of_work import Session
from tests.conftest import TEST_SECRET_KEY
from tests.factories.paying import ETHER, FREE, ONE_APPROVAL, SLUG, Node, PayingHouse, fresh_key, stranger
from tests.http.conftest import Join, Person, confirmed
from tests.http.paying import ada, networks, node

__all__ = ["ada", "networks", "node"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def house(runtime: Runtime, node: Node, ada: Person) -> PayingHouse:
    actor, _, contracts = node
    actor.forget_nonces()
    made = PayingHouse(runtime, actor, contracts, ada.org_id)
    await made.policy(FREE)
    call, (payer, *_) = deployment(PACKED_BATCH_CREATION), await actor.rpc("eth_accounts")
    if await actor.rpc("eth_getCode", BATCH_CONTRACT, "latest") == "0x":
        await actor.rpc("eth_sendTransaction", {"from": payer, "to": call.to, "data": call.data, "gas": hex(2_000_000)})
        await actor.mine()
    return made


async def principal(house: PayingHouse, person: Person) -> Principal:
    return await authenticate_access(tokens_of(house.runtime), person.tokens["access"], house.runtime.clock.now())


def desk(house: PayingHouse) -> PaymentDesk:
    runtime = house.runtime
    nodes = {slug: PaymentNode(rpc, None) for slug, rpc in runtime.rpc.items()}
    return PaymentDesk(runtime.uow, runtime.clock, runtime.networks, nodes, Prices(runtime.networks, runtime.prices), runtime.queue)


class LastTransferWithheld(PaymentNode):
    async def receipts(self, hashes: Sequence[str]) -> dict[str, NodeReceipt]:
        return {hash_: replace(row, transfers=row.transfers[:-1]) for hash_, row in (await super().receipts(hashes)).items()}


async def test_the_contract_is_known_by_its_code_and_deployed_by_whoever_pays_the_gas(node: Node, runtime: Runtime) -> None:
    actor, _, _ = node
    config = runtime.config
    env = os.environ | {
        "MONGODB_URI": config.mongodb_uri,
        "MONGODB_DATABASE": config.mongodb_database,
        "REDIS_URL": config.redis_url,
        "NETWORKS": str(config.networks),
        "LOG_DIR": str(config.log_dir),
        "SECRET_KEY": TEST_SECRET_KEY,
        "EMAIL_MOCK_MODE": "true",
    }

    async def command() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "manage.py", "batch_contract", "--network", SLUG]
        return await asyncio.to_thread(subprocess.run, words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)

    reader, (payer, *_) = PaymentNode(runtime.rpc[SLUG], None), await actor.rpc("eth_accounts")
    kept = {address: await actor.rpc("eth_getCode", address, "latest") for address in (BATCH_CONTRACT, DEPLOYER)}
    try:
        await actor.rpc("anvil_setCode", BATCH_CONTRACT, "0x")
        assert (await look_at_batch_contract(reader)).standing == "missing"
        await actor.rpc("anvil_setCode", DEPLOYER, "0x")
        assert (await look_at_batch_contract(reader)).standing == "no_proxy"
        await actor.rpc("anvil_setCode", BATCH_CONTRACT, "0x6001")
        assert (await look_at_batch_contract(reader)).standing == "other_code"
        for address in (BATCH_CONTRACT, DEPLOYER):
            await actor.rpc("anvil_setNonce", address, "0x0")  # as if nothing had ever stood there
        await actor.rpc("anvil_setCode", BATCH_CONTRACT, "0x")
        await actor.rpc("anvil_setCode", DEPLOYER, kept[DEPLOYER])
        printed = await command()
        assert printed.returncode == 1 and "send the transaction above" in printed.stderr, printed.stderr
        asked = json.loads(printed.stdout)
        assert asked == deploying(actor.chain_id)
        await actor.rpc("eth_sendTransaction", {"from": payer, **asked, "gas": hex(2_000_000)})
        await actor.mine()
        found = await look_at_batch_contract(reader)
        assert (found.standing, found.code_hash) == ("stands", OUR_CODE_HASH)
        again = await command()
        assert again.returncode == 0 and OUR_CODE_HASH in again.stdout, again.stderr
    finally:
        for address, code in kept.items():
            await actor.rpc("anvil_setCode", address, code)
            if code == "0x":  # with a nonce nothing could be deployed there any more
                await actor.rpc("anvil_setNonce", address, "0x0")


def owed(count: int, raw: int) -> list[NewShare]:
    return [NewShare(raw + place, f"PS-{place}", to=stranger()) for place in range(count)]


async def batch(
    house: PayingHouse, person: Person, wallet_id: str, shares: Sequence[NewShare], *, asset: str | None = None, run: str = "run-1"
) -> Payment:
    new = NewBatch(wallet_id, shares, asset, "November")
    return await prepare_batch(desk(house), await principal(house, person), house.org_id, new, Origin(kind="payroll", id=run))


async def allow(house: PayingHouse, person: Person, wallet_id: str, raw: int) -> Payment:
    origin = Origin(kind="payroll", id="run-1", component="allowance")
    made = await prepare_allowance(desk(house), await principal(house, person), house.org_id, NewAllowance(wallet_id, "USDC", raw), origin)
    return await until_confirmed(house, made)


async def until_confirmed(house: PayingHouse, payment: Payment) -> Payment:
    await house.sweep()
    await house.mine()
    await house.sweep(payment.id)
    await house.mine(2)
    await house.sweep(payment.id)
    done = await house.payment(payment.id)
    assert (done.state, done.holds) == (PaymentState.CONFIRMED, []), done.reason
    return done


async def post(person: Person, path: str, body: dict[str, Any]) -> httpx.Response:
    return await person.http.post(path, json=body, headers=fresh_key())


async def salaries(house: PayingHouse) -> list[Line]:
    """Lines of salaries that stand in the books, of all entries that stand."""
    entries = await JournalEntry.find({"org_id": house.org_id, "reversed_by": None, "reverses": None}).to_list()
    return [line for entry in entries for line in entry.lines if line.account_code == AccountCode.SALARIES]


def lines_of(shares: Sequence[NewShare], decimals: int) -> list[tuple[str, Decimal]]:
    return [(f"{share.to} ({share.reference})", Decimal(share.raw_amount).scaleb(-decimals)) for share in shares]


async def test_the_coin_goes_to_all_of_them_once_and_each_is_booked(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=5 * ETHER)
    shares = owed(40, ETHER // 100)
    made = await batch(house, ada, wallet.id, shares)
    assert (made.state, made.raw_amount, made.payee_address, len(made.payees)) == (
        "APPROVED",
        str(sum(s.raw_amount for s in shares)),
        BATCH_CONTRACT,
        40,
    )
    assert (await batch(house, ada, wallet.id, owed(3, 5))).id == made.id, "the same origin is the same payment"
    done = await until_confirmed(house, made)
    assert [await house.ether(share.to or "") for share in shares] == [share.raw_amount for share in shares]
    assert await house.ether(wallet.address) == 5 * ETHER - int(done.raw_amount) - int(done.gas_fee_raw or 0)
    assert (await house.nonce(wallet.address), len(await house.attempts(made.id))) == (1, 1)
    await house.book()
    found = await salaries(house)
    assert [(line.description, line.quantity) for line in found] == lines_of(shares, 18)
    assert sum(line.debit for line in found) == done.value
    await house.book()
    assert len(await salaries(house)) == 40


async def test_a_token_is_pulled_out_of_an_exact_allowance(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(usdc=10_000_000_000)
    shares = owed(30, 100_000_000)
    total = sum(share.raw_amount for share in shares)
    with pytest.raises(WouldRevert, match="the allowance is short"):
        await batch(house, ada, wallet.id, shares, asset="USDC")
    assert await Payment.find({"org_id": house.org_id}).count() == 0
    allowed = await allow(house, ada, wallet.id, total)
    assert (allowed.value, allowed.amount) == (0, Decimal(total).scaleb(-6))
    made = await batch(house, ada, wallet.id, shares, asset="USDC")
    assert not [warning for warning in made.warnings if "pass" in warning or "simulate" in warning], "all of it arrives"
    done = await until_confirmed(house, made)
    assert [await house.usdc(share.to or "") for share in shares] == [share.raw_amount for share in shares]
    assert (await house.usdc(wallet.address), await house.usdc(BATCH_CONTRACT)) == (10_000_000_000 - total, 0)
    (sent,) = await house.attempts(made.id)
    assert sent.hash is not None
    asked = Expected(house.org_id, wallet.id, made.chain_id, wallet.address, sent.nonce, sent.hash, sent.call)
    honest, withheld = (FollowedChain(SLUG, kind(house.runtime.rpc[SLUG])) for kind in (PaymentNode, LastTransferWithheld))
    assert [row.disputed for row in (await honest.receipts([asked])).values()] == [""]
    (receipt,) = (await withheld.receipts([asked])).values()
    assert f"do not tell that these payees of the batch got their amounts: {shares[-1].to}." in receipt.disputed
    await house.book()
    found = await salaries(house)
    assert [(line.description, line.quantity) for line in found] == lines_of(shares, 6)
    assert sum(line.debit for line in found) == done.value
    with pytest.raises(WouldRevert, match="the allowance is short"):
        await batch(house, ada, wallet.id, owed(1, 1), asset="USDC", run="run-2")


async def test_approvers_sign_over_every_payee_and_nothing_else_is_signed(house: PayingHouse, ada: Person, join: Join) -> None:
    await house.policy(ONE_APPROVAL)
    bob = await confirmed(await join("bob", org_id=ada.org_id, role=Role.APPROVER))
    wallet, _ = await house.wallet(wei=5 * ETHER)
    shares = owed(3, ETHER // 10)
    made = await batch(house, ada, wallet.id, shares)
    shown = (await bob.http.get(f"/api/payments/{made.id}/")).json()
    assert [(row["payee"], row["amount"], row["reference"]) for row in shown["typed_data"]["message"]["payees"]] == [
        (share.to, str(share.raw_amount), share.reference) for share in shares
    ]
    agreed = await post(bob, f"/api/payments/{made.id}/approve/", {"payload_hash": made.payload_hash})
    assert agreed.status_code == 200, agreed.text
    thief, kept = stranger(), [row.model_dump() for row in made.payees]
    await Payment.find({"_id": made.id}).update({"$set": {"payees.1.address": thief}})  # somebody in the database
    await house.sweep()
    held = await house.payment(made.id)
    assert (held.state, held.holds, held.reason) == (
        PaymentState.APPROVED,
        [Hold.NEEDS_HUMAN],
        "The signer refuses: The payment is not what was put up for approval.",
    )
    await Payment.find({"_id": made.id}).update({"$set": {"payees": kept, "due_at": house.runtime.clock.now()}})
    await until_confirmed(house, made)
    assert [await house.ether(address) for address in (thief, shares[1].to or "")] == [0, shares[1].raw_amount]


async def test_each_payee_has_to_be_in_the_address_book_and_the_sum_within_the_limit(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=5 * ETHER)
    await house.policy(PaymentPolicy(payees=Payees.ADDRESS_BOOK, approvals_required=0))
    shares = owed(3, ETHER // 10)
    made = await batch(house, ada, wallet.id, shares)
    assert made.holds == [Hold.PAYEE_UNVERIFIED]
    await house.sweep()
    assert ((await house.payment(made.id)).state, await house.nonce(wallet.address)) == (PaymentState.APPROVED, 0)
    await house.policy(FREE.model_copy(update={"transaction_max": Decimal(500)}))
    with pytest.raises(OverLimit):
        await batch(house, ada, wallet.id, shares, run="run-2")  # each of them alone would be below it


async def test_what_cannot_be_paid_is_not_stored_and_named(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=5 * ETHER)
    own, _ = await house.wallet()
    good = owed(2, 5)
    wrong = {
        "shares": [],
        "shares.1.raw_amount": [good[0], NewShare(0, "b", to=stranger())],
        "shares.1.reference": [good[0], NewShare(5, good[0].reference, to=stranger())],
        "shares.0.to": [NewShare(5, "a", to=own.address), good[1]],
    }
    for field, shares in wrong.items():
        with pytest.raises(InvalidInput) as refused:
            await batch(house, ada, wallet.id, shares)
        assert [row.field for row in refused.value.errors] == [field]
    refuser = stranger()
    shares = [*good, NewShare(5, "c", to=refuser)]
    await house.actor.rpc("anvil_setCode", refuser, "0x5f5ffd")
    with pytest.raises((WouldRevert, InvalidInput)) as named:
        await batch(house, ada, wallet.id, shares)
    assert "payee 3 of the list does not take the money" in str(named.value) or "contract" in str(named.value)
    assert await Payment.find({"org_id": house.org_id}).count() == 0


async def test_a_block_that_is_undone_takes_the_batch_back_and_pays_nobody_twice(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(usdc=1_000_000_000)
    await house.mine(4)
    shares = owed(5, 10_000_000)
    await allow(house, ada, wallet.id, sum(share.raw_amount for share in shares))
    await house.mine(4)
    made = await batch(house, ada, wallet.id, shares, asset="USDC")
    await house.sweep()
    await house.mine()
    await house.sweep()
    mined = await house.payment(made.id)
    assert mined.state is PaymentState.MINED
    await house.book()
    await house.actor.rpc("anvil_reorg", 1, [])
    await house.actor.rpc("anvil_mine", "0x2")
    await house.follow()
    await house.book()
    await house.sweep()
    assert ((await house.payment(made.id)).state, await salaries(house)) == (PaymentState.BROADCAST, [])
    house.clock.later = timedelta(seconds=3)
    done = await until_confirmed(house, made)
    assert (done.hash, len(await house.attempts(made.id))) == (mined.hash, 1)
    await house.book()
    assert [await house.usdc(share.to or "") for share in shares] == [share.raw_amount for share in shares]
    assert [(line.description, line.quantity) for line in await salaries(house)] == lines_of(shares, 6)


async def test_without_the_contract_nothing_is_prepared(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=5 * ETHER)
    code = await house.actor.rpc("eth_getCode", BATCH_CONTRACT, "latest")
    await house.actor.rpc("anvil_setCode", BATCH_CONTRACT, "0x")
    with pytest.raises(BatchContractMissing):
        await batch(house, ada, wallet.id, owed(2, 5))
    await house.actor.rpc("anvil_setCode", BATCH_CONTRACT, code)


async def test_many_in_one_pass_are_each_refused_or_prepared_as_if_alone(house: PayingHouse, ada: Person) -> None:
    wallet, _ = await house.wallet(wei=5 * ETHER, usdc=1_000)
    await house.follow()
    alone = NewPayment(wallet.id, Decimal("0.5"), to=stranger())
    first = await prepare_payment(desk(house), await principal(house, ada), house.org_id, alone, Origin(kind="payroll", id="again"))
    assert first.value is not None
    day_max = first.value * 3  # that one, and two like it
    await house.policy(PaymentPolicy(payees=Payees.ANY, approvals_required=0, day_max=day_max))
    asked: dict[str, NewPayment | NewBatch | NewAllowance] = {
        "again": NewPayment(wallet.id, Decimal(9), to=stranger()),
        "fits": alone,
        "nobody": NewPayment(wallet.id, Decimal("0.1"), payee_id="pye_unknown"),
        "too much": NewPayment(wallet.id, Decimal("0.002"), to=stranger(), asset="USDC"),
        "to itself": NewPayment(wallet.id, Decimal("0.1"), to=wallet.address),
        "unwanted": NewPayment(wallet.id, Decimal("0.1"), to=stranger()),
        "short": NewBatch(wallet.id, owed(3, 5), "USDC"),
        "over": NewPayment(wallet.id, Decimal("0.6"), to=stranger()),
        "lost": NewPayment(wallet.id, Decimal("0.1"), to=house.contracts.usdc),
        "small": NewPayment(wallet.id, Decimal("0.01"), to=stranger()),
    }

    async def guard(session: Session, prepared: Sequence[Payment]) -> Mapping[str, CoreError]:
        return {row.id: NotFound() for row in prepared if row.origin.id == "unwanted"}

    orders = [Order(Origin(kind="payroll", id=name), new) for name, new in asked.items()]
    found = await prepare_many(desk(house), await principal(house, ada), house.org_id, orders, confirmed=True, guard=guard)
    told = {name: one.state if isinstance(one, Payment) else type(one) for name, one in zip(asked, found, strict=True)}
    assert told == {
        "again": PaymentState.APPROVED, "fits": PaymentState.APPROVED, "nobody": InvalidInput, "too much": InsufficientFunds,
        "to itself": InvalidInput, "unwanted": NotFound, "short": WouldRevert, "over": OverLimit, "lost": InvalidInput,
        "small": PaymentState.APPROVED,
    }  # fmt: skip
    assert isinstance(found[0], Payment) and found[0].id == first.id
    rows = await Payment.find({"org_id": house.org_id, "origin.kind": "payroll"}).to_list()
    assert {row.origin.id for row in rows} == {"again", "fits", "small"}
    assert await AuditRecord.find({"org_id": house.org_id, "action": "payment.prepared"}).count() == 3
    both = await prepare_many(desk(house), await principal(house, ada), house.org_id, orders[:2], confirmed=True)
    assert [row.id for row in both if isinstance(row, Payment)] == [found[0].id, found[1].id], "the same origin has the same payment"  # type: ignore[union-attr]
