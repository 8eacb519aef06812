"""Payments are signed over the socket, from what stands in the database; whoever asks says no more than which."""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from bson.decimal128 import Decimal128
from eth_account import Account
from hexbytes import HexBytes

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.identity import service as identity
from crypto_api.identity.types import NewUser
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.signing import KeyParcels, SignedBytes, SigningAsk, SigningRefused
from crypto_api.organizations.documents import Membership
from crypto_api.organizations.types import Role
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt
from crypto_api.payments.types import Attempt, Fees, PaymentState
from crypto_api.policies.documents import OrganizationPolicy
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet
from mongodb_config.backup import RESTORING
from mongodb_config.measuring import CommandTimes
from mongodb_config.migrations import COLLECTION
from signer.operations import Operations
from tests.factories import signing as sound
from tests.factories.signer import Signing, StillClock

ROLES = Path(__file__).parents[2] / "mongodb_config" / "scripts" / "roles.js"


async def store_payment(runtime: Runtime, of: Payment | None = None, planned: PaymentAttempt | None = None) -> Payment:
    """A sound payment and all around it, with a real key of its wallet."""
    of = of or sound.payment()
    parcel = make_parcel(bytearray(orjson.dumps("0x" + bytes(sound.SENDER.key).hex())), await runtime.signer.public_key())
    sealed = await runtime.signer.seal(sound.ORG, "wal_1", KeyParcels(private_key=parcel))
    assert sealed.address == sound.SENDER.address
    for row in (sound.organization(), sound.wallet(sealed_key=sealed.envelope), of, planned or sound.attempt(of), sound.slot(of), sound.payee()):
        await row.insert()
    await OrganizationPolicy(id=sound.ORG, org_id=sound.ORG, created_at=sound.NOW, policy=sound.POLICY, updated_at=sound.NOW).insert()
    for name in ("usr_ada", "usr_bob"):
        await store_approver(name)
    return of


async def store_approver(user_id: str) -> None:
    new = NewUser(username=user_id, email=f"{user_id}@example.com", first_name=user_id, last_name="Byron")
    user = await identity.prepare(new, "a-river-of-9-stones", 4, sound.NOW, verified=True)
    await user.model_copy(update={"id": user_id}).insert()
    await Membership(id=f"mem_{user_id}", created_at=sound.NOW, org_id=sound.ORG, user_id=user_id, role=Role.APPROVER).insert()


@pytest.fixture(autouse=True)
def noon(signing: Signing) -> Iterator[None]:
    signing.clock.current = StillClock(sound.NOW)
    yield
    signing.clock.current = SystemClock()


@pytest.fixture
async def stored(runtime: Runtime) -> Payment:
    return await store_payment(runtime)


async def test_a_payment_is_signed_as_it_stands_and_always_by_the_same_bytes(runtime: Runtime, stored: Payment) -> None:
    first, *others = await asyncio.gather(*(runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0") for _ in range(5)))
    assert all(other == first for other in others)
    assert str(Account.recover_transaction(HexBytes(first.raw))) == sound.SENDER.address
    assert first == _signed_elsewhere(stored)


def _signed_elsewhere(of: Payment) -> SignedBytes:
    """By eth_account with the key, without the signer."""
    row = sound.signed(sound.attempt(of))
    assert row.raw is not None and row.hash is not None
    return SignedBytes(row.raw, row.hash)


async def test_it_reads_what_its_role_may_read_and_nothing_more(runtime: Runtime, stored: Payment, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit of a day, a role of the organisation's own and a step-up: whatever can be asked is asked."""
    limited = sound.POLICY.model_copy(update={"day_max": Decimal(10**12)})
    await OrganizationPolicy.find_one({"_id": sound.ORG}).update({"$set": {"policy": limited.model_dump(mode="python")}})
    seen = set[tuple[str, str]]()
    monkeypatch.setattr(CommandTimes, "started", lambda _, event: seen.add((event.command_name, event.command[event.command_name])))
    await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")
    assert {command for command, _ in seen} == {"find"}
    granted = re.search(r"const readBySigner = \[(.*?)\]", ROLES.read_text(), re.DOTALL)
    assert granted is not None
    of_the_role = set(re.findall(r"'(\w+)'", granted[1]))
    assert {collection for _, collection in seen} | {RESTORING, COLLECTION, "custom_roles"} == of_the_role


async def test_what_changed_since_it_was_approved_is_not_signed(runtime: Runtime, stored: Payment) -> None:
    await Payment.find_one({"_id": stored.id}).update({"$set": {"payee_address": sound.TOKEN}})
    with pytest.raises(SigningRefused, match="not what was put up for approval"):
        await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")


async def test_rights_count_as_they_are_now(runtime: Runtime, stored: Payment) -> None:
    await Membership.find_one({"_id": "mem_usr_bob"}).update({"$set": {"role": Role.AUDITOR}})
    with pytest.raises(SigningRefused, match="1 of 2 approvals are missing"):
        await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")


@pytest.mark.parametrize(
    ("org_id", "payment_id", "attempt_id"),
    [("org_other", "pay_1", "pay_1:0"), (sound.ORG, "pay_2", "pay_1:0"), (sound.ORG, "pay_1", "pay_1:1"), (sound.ORG, "pay_1", "")],
)
async def test_another_organisations_payment_is_none(runtime: Runtime, stored: Payment, org_id: str, payment_id: str, attempt_id: str) -> None:
    with pytest.raises(SigningRefused, match="There is no such"):
        await runtime.signer.sign_payment(org_id, payment_id, attempt_id)


async def test_an_envelope_moved_to_another_wallet_signs_nothing(runtime: Runtime, stored: Payment) -> None:
    """Whoever writes in the database gives an address of theirs the key of another: neither id nor address fit the envelope."""
    await Wallet.find_one({"_id": "wal_1"}).update({"$set": {"_id": "wal_1", "sealed_key.key_id": "k0"}})
    with pytest.raises(SigningRefused, match="does not open"):
        await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")


async def test_a_speed_up_replaces_what_was_sent(runtime: Runtime, stored: Payment) -> None:
    first = await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")
    await Payment.find_one({"_id": stored.id}).update({"$set": {"state": PaymentState.BROADCAST}})
    await PaymentAttempt.find_one({"_id": f"{stored.id}:0"}).update({"$set": {"raw": first.raw, "hash": first.hash, "signed_at": sound.NOW}})
    fees = Fees(gas=21_000, max_fee_per_gas=45_000_000_000, max_priority_fee_per_gas=1_125_000_000)
    await sound.attempt(stored, number=1, purpose=Attempt.SPEED_UP, fees=fees).insert()
    second = await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:1")
    assert second.raw != first.raw
    with pytest.raises(SigningRefused, match="later attempt"):
        await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")


async def test_the_days_limit_counts_what_was_signed_today_and_nothing_else(runtime: Runtime, stored: Payment) -> None:
    policy = PaymentPolicy(payees=Payees.ANY, approvals_required=2, day_max=Decimal(8_000))
    await OrganizationPolicy.find_one({"_id": sound.ORG}).update({"$set": {"policy.day_max": policy.day_max}})
    other = sound.payment(id="pay_2", origin=stored.origin.model_copy(update={"id": "key_2"}), nonce=6)
    await other.insert()
    done = sound.signed(sound.attempt(other, nonce=6))
    await done.insert()
    await NonceSlot(**sound.slot(other).model_dump() | {"id": "eip155:6", "nonce": 6, "live": False}).insert()
    with pytest.raises(SigningRefused, match="limit of a day: 8000, of which 5000 is used"):
        await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")
    await Payment.find_one({"_id": "pay_2"}).update({"$set": {"state": PaymentState.CANCELLED}})
    await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")


async def test_what_was_first_signed_yesterday_is_not_of_today_when_it_is_sent_faster(runtime: Runtime, stored: Payment) -> None:
    await OrganizationPolicy.find_one({"_id": sound.ORG}).update({"$set": {"policy.day_max": Decimal128("8000")}})
    other = sound.payment(id="pay_2", origin=stored.origin.model_copy(update={"id": "key_2"}), nonce=6, state=PaymentState.BROADCAST)
    first = sound.signed(sound.attempt(other, nonce=6)).model_copy(update={"signed_at": sound.NOW - timedelta(days=1)})
    for row in (other, first, sound.signed(sound.attempt(other, number=1, nonce=6, purpose=Attempt.SPEED_UP))):
        await row.insert()
    signed = await runtime.signer.sign_payment(sound.ORG, stored.id, f"{stored.id}:0")
    assert str(Account.recover_transaction(HexBytes(signed.raw))) == sound.SENDER.address


async def test_a_signature_by_another_key_is_no_answer(runtime: Runtime, stored: Payment) -> None:
    """Whatever the vault answers: what the desk hands out is by the payment's sender."""

    class OtherKey:
        async def use(self, what: str, **values: Any) -> dict[str, Any]:
            made = [sound.APPROVER.sign_transaction(each) for each in values["transactions"]]
            signed = [{"raw": "0x" + bytes(each.raw_transaction).hex(), "hash": "0x" + bytes(each.hash).hex()} for each in made]
            return {"result": {"signed": signed}}

    async def bound() -> None:
        """The fixture has."""

    operations = Operations(OtherKey(), StillClock(sound.NOW), bound)  # type: ignore[arg-type]
    asked = {"org_id": sound.ORG, "payment_id": stored.id, "attempt_id": f"{stored.id}:0"}
    assert await operations.answer({"op": "sign_payments", "asked": [asked]}) == {"error": "unavailable"}


async def test_many_are_signed_by_one_question_each_by_itself_and_the_days_limit_in_their_order(runtime: Runtime, stored: Payment) -> None:
    """5,000 each, and 10,000 a day: two of them."""
    await OrganizationPolicy.find_one({"_id": sound.ORG}).update({"$set": {"policy.day_max": Decimal128("10000")}})
    others = [sound.payment(id=f"pay_{place}", origin=stored.origin.model_copy(update={"id": f"key_{place}"}), nonce=6 + place) for place in (2, 3)]
    for other in others:
        await other.insert()
        await sound.attempt(other, nonce=other.nonce).insert()
        slot = sound.slot(other).model_dump()
        await NonceSlot(**slot | {"id": f"eip155:{other.chain_id}:{other.from_address}:{other.nonce}", "nonce": other.nonce}).insert()
    asked = [SigningAsk(sound.ORG, payment_id, f"{payment_id}:0") for payment_id in ("pay_1", "pay_none", "pay_2", "pay_3")]
    first, none, second, third = await runtime.signer.sign_payments(asked)
    assert first == _signed_elsewhere(stored)
    assert isinstance(second, SignedBytes)
    assert str(Account.recover_transaction(HexBytes(second.raw))) == sound.SENDER.address
    assert isinstance(none, SigningRefused)
    assert "There is no such" in none.detail
    assert isinstance(third, SigningRefused)
    assert "limit of a day: 10000, of which 10000 is used" in third.detail
    assert await runtime.signer.sign_payments(asked[:1]) == [first]


async def test_a_value_beyond_the_numbers_of_json_is_signed_exactly(runtime: Runtime) -> None:
    huge = sound.payment(raw_amount=str(2**200 + 1))
    await store_payment(runtime, huge)
    signed = await runtime.signer.sign_payment(sound.ORG, huge.id, f"{huge.id}:0")
    assert signed == _signed_elsewhere(huge)
