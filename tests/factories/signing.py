"""A payment that may be signed, as the documents that the signer reads; and the same with one thing wrong."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import PayeeState
from crypto_api.flows.signing_decision import Person, SigningCase
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import PERMISSIONS, Role
from crypto_api.payments.delegation import authorization_of
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.rules import transfer_call
from crypto_api.payments.typed_data import digest, typed_data
from crypto_api.payments.types import Approval, Attempt, Authorization, Decision, Fees, Origin, PaymentKind, PaymentState, Way
from crypto_api.policies.types import PaymentPolicy
from crypto_api.wallets.documents import Wallet, WalletType

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SENDER: LocalAccount = Account.from_key("0x" + "51" * 32)
APPROVER: LocalAccount = Account.from_key("0x" + "a1" * 32)
PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
TOKEN = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
ORG, CHAIN_ID = "org_sound", 31337
POLICY = PaymentPolicy(approvals_required=2)
FEES = Fees(gas=21_000, max_fee_per_gas=40_000_000_000, max_priority_fee_per_gas=1_000_000_000)


def approval(user_id: str, payment: Payment, **changes: Any) -> Approval:
    values: dict[str, Any] = {
        "user_id": user_id, "decision": Decision.APPROVED, "payload_hash": payment.payload_hash, "at": NOW, "session_id": "ses_1",
    }  # fmt: skip
    return Approval(**values | changes)


def sign_approval(payment: Payment, account: LocalAccount = APPROVER) -> dict[str, str]:
    signed = account.sign_message(encode_typed_data(full_message=typed_data(payment)))
    return {"signer_address": account.address, "signature": "0x" + bytes(signed.signature).hex()}


def payment(**changes: Any) -> Payment:
    """Two ether for an entry of the address book, approved by two people over exactly this."""
    values: dict[str, Any] = {
        "id": "pay_1",
        "created_at": NOW - timedelta(hours=2),
        "org_id": ORG,
        "origin": Origin(kind="manual", id="key_1"),
        "kind": PaymentKind.TRANSFER,
        "way": Way.SIGNER,
        "network": "local",
        "chain_id": CHAIN_ID,
        "wallet_id": "wal_1",
        "from_address": SENDER.address,
        "payee_address": PAYEE,
        "asset": "ETH",
        "decimals": 18,
        "raw_amount": str(2 * 10**18),
        "amount": Decimal(2),
        "value": Decimal(5_000),
        "value_currency": "USD",
        "prepared_by": "usr_preparer",
        "state": PaymentState.APPROVED,
        "approved_at": NOW - timedelta(hours=1),
        "due_at": NOW,
        "nonce": 7,
        "updated_at": NOW,
    }
    values |= changes
    values.setdefault("call", transfer_call(values["payee_address"], int(values["raw_amount"]), values.get("token_contract")))
    made = Payment(**values)
    made.payload_hash = changes.get("payload_hash", digest(made))
    if "approvals" not in changes:
        made.approvals = [approval("usr_ada", made), approval("usr_bob", made)]
    return made


def attempt(of: Payment, **changes: Any) -> PaymentAttempt:
    number = changes.get("number", 0)
    values: dict[str, Any] = {
        "id": f"{of.id}:{number}",
        "created_at": NOW,
        "org_id": of.org_id,
        "payment_id": of.id,
        "number": number,
        "purpose": Attempt.PAY,
        "chain_id": of.chain_id,
        "from_address": of.from_address,
        "nonce": 7,
        "call": of.call,
        "fees": FEES,
    }
    values["authorization"] = authorization_of(of, changes.get("purpose", Attempt.PAY), values["nonce"])
    return PaymentAttempt(**values | changes)


def signed(row: PaymentAttempt, account: LocalAccount = SENDER, authorizations: Sequence[Authorization] | None = None) -> PaymentAttempt:
    """As it is stored once it is signed; with its own authorization, or with these."""
    price = {"gasPrice": row.fees.max_fee_per_gas}
    if not row.fees.legacy:
        price = {"type": 2, "maxFeePerGas": row.fees.max_fee_per_gas, "maxPriorityFeePerGas": row.fees.max_priority_fee_per_gas}
    transaction = {
        "chainId": row.chain_id, "nonce": row.nonce, "to": row.call.to, "value": int(row.call.value_raw), "data": row.call.data,
        "gas": row.fees.gas, **price,
    }  # fmt: skip
    carried = authorizations if authorizations is not None else [row.authorization] if row.authorization is not None else []
    if carried:
        given = [{"chainId": each.chain_id, "address": each.address, "nonce": each.nonce} for each in carried]
        transaction |= {"type": 4, "authorizationList": [account.sign_authorization(each) for each in given]}
    made = account.sign_transaction(transaction)
    raw, hash_ = "0x" + bytes(made.raw_transaction).hex(), "0x" + bytes(made.hash).hex()
    return row.model_copy(update={"raw": raw, "hash": hash_, "signed_at": NOW})


def slot(of: Payment, **changes: Any) -> NonceSlot:
    values: dict[str, Any] = {
        "id": f"eip155:{of.chain_id}:{of.from_address}:7", "created_at": NOW, "chain_id": of.chain_id, "address": of.from_address, "nonce": 7,
        "owner_org_id": of.org_id, "payment_id": of.id,
    }  # fmt: skip
    return NonceSlot(**values | changes)


def lane(of: Payment, **changes: Any) -> SenderLane:
    values: dict[str, Any] = {"id": f"eip155:{of.chain_id}:{of.from_address}", "created_at": NOW, "chain_id": of.chain_id, "address": of.from_address}
    return SenderLane(**values | changes)


def wallet(**changes: Any) -> Wallet:
    values: dict[str, Any] = {
        "id": "wal_1", "created_at": NOW, "updated_at": NOW, "org_id": ORG, "name": "Treasury", "address": SENDER.address,
        "wallet_type": WalletType.PRIVATE_KEY, "network": "local", "created_by": "usr_ada", "sealed_key": {"version": 2},
    }  # fmt: skip
    return Wallet(**values | changes)


def payee(**changes: Any) -> Payee:
    values: dict[str, Any] = {
        "id": "pye_1", "created_at": NOW, "updated_at": NOW, "org_id": ORG, "name": "Acme", "name_folded": "acme", "address": PAYEE,
        "state": PayeeState.VERIFIED, "created_by": "usr_ada", "address_changed_by": "usr_ada", "address_changed_at": NOW,
        "verified_by": "usr_bob", "verified_at": NOW, "payable_from": NOW - timedelta(days=3_650),
    }  # fmt: skip
    return Payee(**values | changes)


def person(role: str = Role.APPROVER, **changes: Any) -> Person:
    return replace(Person(role, PERMISSIONS[role], suspended=False, addresses=frozenset({APPROVER.address})), **changes)


def organization(**changes: Any) -> Organization:
    return Organization(**{"id": ORG, "created_at": NOW, "name": "Sound", "functional_currency": "USD", "time_zone": "UTC", **changes})


def case(of: Payment | None = None, **changes: Any) -> SigningCase:
    """Nothing is wrong with it, but for `changes`."""
    of = of or payment()
    planned = changes.get("attempt") or attempt(of)
    values: dict[str, Any] = {
        "organization": organization(),
        "wallet": wallet(),
        "payment": of,
        "attempt": planned,
        "attempts": [planned],
        "slot": slot(of),
        "lane": lane(of),
        "policy": POLICY,
        "people": {"usr_ada": person(), "usr_bob": person(Role.ADMIN), "usr_preparer": person(Role.ADMIN)},
        "payees": [payee()],
        "signed_today": Decimal(0),
    }
    return SigningCase(**values | changes)
