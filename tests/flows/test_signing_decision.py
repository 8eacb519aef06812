"""What is signed and what is not: a sound payment, and the same with exactly one thing wrong."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from beanie import init_beanie
from eth_account import Account

from crypto_api.address_book.types import PayeeState
from crypto_api.documents import DOCUMENTS
from crypto_api.flows.signing_decision import SigningCase, refusal
from crypto_api.organizations.types import Permission, Role
from crypto_api.payments.batch import BATCH_CONTRACT, Share, batch_call
from crypto_api.payments.rules import allowance_call, cancel_call, transfer_call
from crypto_api.payments.typed_data import digest
from crypto_api.payments.types import Attempt, BatchPayee, Call, Decision, Fees, PaymentKind, PaymentState, Way
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.wallets.documents import WalletType
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from tests.factories import signing
from tests.factories.signing import FEES, NOW, ORG, PAYEE, SENDER, TOKEN, approval, attempt, case, payee, payment, person, sign_approval, signed, slot

OTHER = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
HIGHER = Fees(gas=21_000, max_fee_per_gas=45_000_000_000, max_priority_fee_per_gas=1_125_000_000)  # 12.5 % more, to the wei


@pytest.fixture(scope="module", autouse=True)
async def documents(addresses: Addresses) -> AsyncIterator[None]:
    """Documents are made here and never stored, but they want to know of a database."""
    client = connect(addresses.mongodb_uri)
    await init_beanie(database=client["never_written"], document_models=DOCUMENTS, skip_indexes=True)
    yield
    await client.close()


def policy(**changes: Any) -> PaymentPolicy:
    return PaymentPolicy(**{"approvals_required": 2, **changes})


def token_payment(**changes: Any) -> Any:
    values = {"asset": "USDC", "token_contract": TOKEN, "decimals": 6, "raw_amount": "2500000000", "amount": Decimal(2_500)}
    return payment(**values | changes)


def replacement(purpose: Attempt = Attempt.SPEED_UP, *, fees: Fees = HIGHER, first: Any = None, of: dict[str, Any] | None = None) -> SigningCase:
    """The second attempt in the slot of a payment that was sent."""
    asked = {"cancel_requested_by": "usr_ada"} if purpose is Attempt.CANCEL else {}
    paid = payment(**{"state": PaymentState.BROADCAST, **asked, **(of or {})})
    earlier = first(paid) if first else signed(attempt(paid))
    call = cancel_call(SENDER.address) if purpose is Attempt.CANCEL else paid.call
    planned = attempt(paid, number=1, purpose=purpose, call=call, fees=fees)
    return case(paid, attempt=planned, attempts=[earlier, planned])


def _with(of: SigningCase, **changes: Any) -> SigningCase:
    return SigningCase(**{name: getattr(of, name) for name in SigningCase.__slots__} | changes)


def _signed_approvals(**changes: Any) -> SigningCase:
    paid = payment()
    paid.approvals = [approval(who, paid, **sign_approval(paid) | changes) for who in ("usr_ada", "usr_bob")]
    return case(paid, policy=policy(signed_above=Decimal(1_000)))


def _asked_again() -> SigningCase:
    paid = payment()
    row = signed(attempt(paid))
    return case(paid, attempt=row, attempts=[row])


SOUND: dict[str, Callable[[], SigningCase]] = {
    "the coin": case,
    "a token": lambda: case(token_payment()),
    "a contract's call": lambda: case(
        payment(kind=PaymentKind.CALL, payee_address=TOKEN, raw_amount="0", call=Call(to=TOKEN, value_raw="0", data="0xdeadbeef")),
        payees=[payee(address=TOKEN)],
    ),
    "no approval below the free limit": lambda: case(payment(approvals=[]), policy=policy(approval_free_max=Decimal(5_000))),
    "any payee": lambda: case(payees=[], policy=policy(payees=Payees.ANY)),
    "a manager within their limit": lambda: case(
        people={"usr_ada": person(Role.MANAGER), "usr_bob": person()}, policy=policy(manager_max=Decimal(5_000))
    ),
    "exactly at both limits": lambda: case(policy=policy(transaction_max=Decimal(5_000), day_max=Decimal(7_000)), signed_today=Decimal(2_000)),
    "signed approvals": _signed_approvals,
    "its delay is over": lambda: case(policy=policy(delay_above=Decimal(10), delay_hours=1)),
    "asked again for the same bytes": _asked_again,
    "a lane nobody made yet": lambda: case(lane=None),
    "a speed-up": replacement,
    "a cancellation": lambda: replacement(Attempt.CANCEL),
    "a speed-up after an approver left": lambda: _with(replacement(), people={}),
}


THIRD = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def batch_payment(token: str | None = None, **changes: Any) -> Any:
    """Two ether, or as many units of a token, for two payees."""
    payees = [
        BatchPayee(address=PAYEE, raw_amount=str(15 * 10**17), reference="PS-1"),
        BatchPayee(address=THIRD, raw_amount=str(5 * 10**17), reference="PS-2"),
    ]
    values = {"kind": PaymentKind.BATCH, "payee_address": BATCH_CONTRACT, "payees": payees, "token_contract": token}
    values["call"] = batch_call([Share(row.address, int(row.raw_amount)) for row in payees], token)
    return payment(**values | changes)


def allowance_payment(**changes: Any) -> Any:
    values = {"kind": PaymentKind.ALLOWANCE, "payee_address": BATCH_CONTRACT, "value": None, "call": allowance_call(TOKEN, 2 * 10**18)}
    return payment(**values | changes)


def batch_case(of: Any = None, **changes: Any) -> SigningCase:
    return case(of or batch_payment(), **{"payees": [payee(), payee(id="pye_2", address=THIRD)]} | changes)


def _paying(*shares: tuple[str, int], token: str | None = None) -> Call:
    return batch_call([Share(*share) for share in shares], token)


SOUND |= {
    "a batch": batch_case,
    "a batch of a token": lambda: batch_case(batch_payment(TOKEN)),
    "an allowance, which counts nothing": lambda: case(
        allowance_payment(approvals=[]), payees=[], policy=policy(transaction_max=Decimal(1), day_max=Decimal(1))
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_is_signed(name: str) -> None:
    assert refusal(SOUND[name](), NOW) is None


def _altered(**changes: Any) -> SigningCase:
    """The payment was changed after it was approved: its hash and approvals are those of before."""
    before = payment()
    return case(before.model_copy(update=changes))


def _approvals(*rows: dict[str, Any]) -> SigningCase:
    paid = payment()
    paid.approvals = [approval(row.pop("user_id"), paid, **row) for row in rows]
    return case(paid)


def _forged_earlier(**changes: Any) -> Callable[[Any], Any]:
    return lambda paid: signed(attempt(paid, **changes)).model_copy(update={name: getattr(attempt(paid), name) for name in changes})


def _twin(signature: str) -> str:
    """The other s, which anybody can work out."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    raw = bytes.fromhex(signature[2:])
    return "0x" + (raw[:32] + (order - int.from_bytes(raw[32:64])).to_bytes(32) + bytes([55 - raw[64]])).hex()


def _after_cancellation() -> SigningCase:
    paid = payment(state=PaymentState.BROADCAST)
    first = signed(attempt(paid))
    cancelled = signed(attempt(paid, number=1, purpose=Attempt.CANCEL, call=cancel_call(SENDER.address), fees=HIGHER))
    fees = Fees(gas=21_000, max_fee_per_gas=60_000_000_000, max_priority_fee_per_gas=2_000_000_000)
    planned = attempt(paid, number=2, purpose=Attempt.SPEED_UP, fees=fees)
    return case(paid, attempt=planned, attempts=[first, cancelled, planned])


def _priced(price: int) -> Fees:
    """Of type 0."""
    return Fees(gas=21_000, max_fee_per_gas=price, max_priority_fee_per_gas=price, legacy=True)


def _legacy_replacement(price: int, earlier: Fees | None = None) -> SigningCase:
    return replacement(first=lambda paid: signed(attempt(paid, fees=earlier or _priced(40_000_000_000))), fees=_priced(price))


def test_a_transaction_of_type_0_is_signed_and_replaced_by_an_eighth_more() -> None:
    paid = payment()
    planned = attempt(paid, fees=_priced(40_000_000_000))
    assert refusal(case(paid, attempt=planned, attempts=[planned]), NOW) is None
    assert refusal(_legacy_replacement(45_000_000_000), NOW) is None
    assert "12.5 % more" in (refusal(_legacy_replacement(44_999_999_999), NOW) or "")


def _paying_cancellation() -> SigningCase:
    sound = replacement(Attempt.CANCEL)
    row = sound.attempt.model_copy(update={"call": sound.payment.call})
    return _with(sound, attempt=row, attempts=[sound.attempts[0], row])


WRONG: dict[str, tuple[Callable[[], SigningCase], str]] = {
    # whose it is
    "organisation gone": (lambda: case(organization=None), "organisation is suspended"),
    "organisation suspended": (lambda: case(organization=signing.organization(suspended_at=NOW)), "organisation is suspended"),
    "a browser's wallet": (lambda: case(payment(way=Way.BROWSER)), "own wallet"),
    "wallet gone": (lambda: case(wallet=None), "wallet was removed"),
    "wallet deleted": (lambda: case(wallet=signing.wallet(active=False)), "wallet was removed"),
    "watched wallet": (lambda: case(wallet=signing.wallet(wallet_type=WalletType.WATCH)), "no stored key"),
    "no key": (lambda: case(wallet=signing.wallet(sealed_key=None)), "no stored key"),
    "another wallet": (lambda: case(wallet=signing.wallet(id="wal_2")), "not come from this wallet"),
    "another sender": (lambda: case(wallet=signing.wallet(address=OTHER)), "not come from this wallet"),
    "another network": (lambda: case(wallet=signing.wallet(network="ethereum")), "not come from this wallet"),
    "sender frozen": (lambda: case(lane=signing.lane(payment(), frozen_reason="nonce 6 is not ours")), "frozen: nonce 6"),
    # its place on the chain
    "attempt of another payment": (lambda: case(attempt=attempt(payment(), payment_id="pay_2")), "attempt does not belong"),
    "attempt on another chain": (lambda: case(attempt=attempt(payment(), chain_id=1)), "attempt does not belong"),
    "attempt of another sender": (lambda: case(attempt=attempt(payment(), from_address=OTHER)), "attempt does not belong"),
    "no slot": (lambda: case(slot=None), "no live nonce"),
    "settled slot": (lambda: case(slot=slot(payment(), live=False)), "no live nonce"),
    "slot of another payment": (lambda: case(slot=slot(payment(), payment_id="pay_2")), "nonce belongs to another"),
    "slot of another organisation": (lambda: case(slot=slot(payment(), owner_org_id="org_2")), "nonce belongs to another"),
    "another nonce": (lambda: case(slot=slot(payment(), nonce=8)), "another nonce"),
    "slot on another chain": (lambda: case(slot=slot(payment(), chain_id=1)), "another nonce"),
    "slot of another sender": (lambda: case(slot=slot(payment(), address=OTHER)), "another nonce"),
    "an old attempt": (lambda: case(attempts=[attempt(payment()), attempt(payment(), number=1)]), "later attempt"),
    # what it bids
    "no gas": (lambda: case(attempt=attempt(payment(), fees=FEES.model_copy(update={"gas": 0}))), "gas limit"),
    "a whole block's gas": (lambda: case(attempt=attempt(payment(), fees=FEES.model_copy(update={"gas": 30_000_001}))), "gas limit"),
    "tip above the fee": (lambda: case(attempt=attempt(payment(), fees=FEES.model_copy(update={"max_priority_fee_per_gas": 10**11}))), "tip"),
    "tip below zero": (lambda: case(attempt=attempt(payment(), fees=FEES.model_copy(update={"max_priority_fee_per_gas": -1}))), "tip"),
    "fee above the policy": (lambda: case(policy=policy(fee_per_gas_max_gwei=39)), "fee is above"),
    # what is paid
    "never put up for approval": (lambda: _altered(payload_hash=None), "not what was put up"),
    "another hash": (lambda: _altered(payload_hash="0x" + "00" * 32), "not what was put up"),
    "payee changed": (lambda: _altered(payee_address=OTHER), "not what was put up"),
    "amount changed": (lambda: _altered(raw_amount="1"), "not what was put up"),
    "token changed": (lambda: _altered(token_contract=TOKEN), "not what was put up"),
    "chain changed": (lambda: _altered(call=Call(to=PAYEE, value_raw="1", data="0x")), "not what was put up"),
    "purpose changed": (lambda: _altered(origin=payment().origin.model_copy(update={"id": "x"})), "not what was put up"),
    "attempt pays another": (lambda: case(attempt=attempt(payment(), call=transfer_call(OTHER, 2 * 10**18, None))), "something else"),
    "attempt pays more": (lambda: case(attempt=attempt(payment(), call=transfer_call(PAYEE, 3 * 10**18, None))), "something else"),
    "call pays another": (lambda: case(payment(call=transfer_call(OTHER, 2 * 10**18, None))), "does not pay this payee"),
    "call pays more": (lambda: case(payment(call=transfer_call(PAYEE, 2 * 10**18 + 1, None))), "does not pay this payee"),
    "call of a token for the coin": (lambda: case(payment(call=transfer_call(PAYEE, 2 * 10**18, TOKEN))), "does not pay this payee"),
    "token's call to another": (lambda: case(token_payment(call=transfer_call(OTHER, 2_500_000_000, TOKEN))), "does not pay this payee"),
    "token's call for more": (lambda: case(token_payment(call=transfer_call(PAYEE, 2_500_000_001, TOKEN))), "does not pay this payee"),
    "another token": (lambda: case(token_payment(call=transfer_call(PAYEE, 2_500_000_000, OTHER))), "does not pay this payee"),
    "approve instead of transfer": (
        lambda: case(
            token_payment(call=Call(to=TOKEN, value_raw="0", data=transfer_call(PAYEE, 2_500_000_000, TOKEN).data.replace("a9059cbb", "095ea7b3")))
        ),
        "does not pay this payee",
    ),
    "more data behind a transfer": (
        lambda: case(token_payment(call=Call(to=TOKEN, value_raw="0", data=transfer_call(PAYEE, 2_500_000_000, TOKEN).data + "00"))),
        "does not pay this payee",
    ),
    "coins with a token's transfer": (
        lambda: case(token_payment(call=transfer_call(PAYEE, 2_500_000_000, TOKEN).model_copy(update={"value_raw": "1"}))),
        "does not pay this payee",
    ),
    "a call of another contract": (
        lambda: case(payment(kind=PaymentKind.CALL, raw_amount="0", call=Call(to=TOKEN, value_raw="0", data="0x01"))),
        "does not pay this payee",
    ),
    # a batch
    "batch pays one less": (lambda: batch_case(batch_payment(call=_paying((PAYEE, 2 * 10**18)))), "does not pay this payee"),
    "batch pays another": (
        lambda: batch_case(batch_payment(call=_paying((PAYEE, 15 * 10**17), (OTHER, 5 * 10**17)))),
        "does not pay this payee",
    ),
    "batch moves a unit between payees": (
        lambda: batch_case(batch_payment(call=_paying((PAYEE, 15 * 10**17 + 1), (THIRD, 5 * 10**17 - 1)))),
        "does not pay this payee",
    ),
    "batch of a token for the coin": (lambda: batch_case(batch_payment(call=batch_payment(TOKEN).call)), "does not pay this payee"),
    "batch of another token": (lambda: batch_case(batch_payment(TOKEN, call=batch_payment(OTHER).call)), "does not pay this payee"),
    "batch by another contract": (
        lambda: batch_case(batch_payment(payee_address=OTHER, call=batch_payment().call.model_copy(update={"to": OTHER}))),
        "does not pay this payee",
    ),
    "batch sends more along": (
        lambda: batch_case(batch_payment(call=batch_payment().call.model_copy(update={"value_raw": str(3 * 10**18)}))),
        "does not pay this payee",
    ),
    "batch says another sum": (lambda: batch_case(batch_payment(raw_amount=str(10**18))), "does not pay this payee"),
    "batch of nobody": (lambda: batch_case(batch_payment(payees=[], raw_amount="0")), "does not pay this payee"),
    "batch changed after it was approved": (
        lambda: batch_case(batch_payment(payload_hash=digest(batch_payment(payees=batch_payment().payees[::-1])))),
        "not what was put up for approval",
    ),
    "one payee of a batch not in the book": (lambda: batch_case(payees=[payee()]), "not verified"),
    "one payee of a batch cools off": (
        lambda: batch_case(payees=[payee(), payee(id="pye_2", address=THIRD, payable_from=NOW + timedelta(seconds=1))]),
        "not verified",
    ),
    "batch above the limit of one payment by its sum": (lambda: batch_case(policy=policy(transaction_max=Decimal(4_999))), "above the most"),
    "transfer that carries payees": (lambda: case(payment(payees=batch_payment().payees)), "does not pay this payee"),
    "allowance for another contract": (
        lambda: case(
            allowance_payment(
                call=Call(to=TOKEN, value_raw="0", data=allowance_call(TOKEN, 2 * 10**18).data.replace(BATCH_CONTRACT[2:].lower(), OTHER[2:].lower()))
            )
        ),
        "does not pay this payee",
    ),
    "allowance of more": (lambda: case(allowance_payment(call=allowance_call(TOKEN, 2 * 10**18 + 1))), "does not pay this payee"),
    "allowance with coins": (
        lambda: case(allowance_payment(call=allowance_call(TOKEN, 2 * 10**18).model_copy(update={"value_raw": "1"}))),
        "does not pay this payee",
    ),
    "allowance that is a transfer": (
        lambda: case(allowance_payment(call=transfer_call(BATCH_CONTRACT, 2 * 10**18, TOKEN))),
        "does not pay this payee",
    ),
    # how far it is
    **{
        f"payment is {state}": (lambda state=state: case(payment(state=state)), f"is {state}, not APPROVED")  # type: ignore[misc]
        for state in PaymentState
        if state is not PaymentState.APPROVED
    },
    "to be cancelled": (lambda: case(payment(cancel_requested_by="usr_ada")), "is to be cancelled"),
    "signed before": (
        lambda: case(attempt=attempt(payment(), number=1), attempts=[signed(attempt(payment())), attempt(payment(), number=1)]),
        "signed for this nonce",
    ),
    # whom the policy lets be paid, and how much
    "payee not in the book": (lambda: case(payees=[]), "not verified"),
    "payee unverified": (lambda: case(payees=[payee(state=PayeeState.UNVERIFIED)]), "not verified"),
    "payee cools off": (lambda: case(payees=[payee(payable_from=NOW + timedelta(seconds=1))]), "not verified"),
    "payee of another network": (lambda: case(payees=[payee(network="ethereum")]), "not verified"),
    "above the limit": (lambda: case(policy=policy(transaction_max=Decimal("4999.99"))), "above the most that one payment"),
    "no price under a limit": (lambda: case(payment(value=None), policy=policy(transaction_max=Decimal(10**9))), "has no price"),
    "above the day": (lambda: case(policy=policy(day_max=Decimal(6_999)), signed_today=Decimal(2_000)), "limit of a day"),
    "a day with no price": (lambda: case(policy=policy(day_max=Decimal(6_999)), signed_today=None), "counts as used up"),
    # who approved
    "nobody approved": (_approvals, "2 of 2 approvals are missing"),
    "one approved": (lambda: _approvals({"user_id": "usr_ada"}), "1 of 2 approvals are missing"),
    "one approved twice": (lambda: _approvals({"user_id": "usr_ada"}, {"user_id": "usr_ada"}), "1 of 2"),
    "the preparer approved": (lambda: _approvals({"user_id": "usr_ada"}, {"user_id": "usr_preparer"}), "1 of 2"),
    "a stranger approved": (lambda: _approvals({"user_id": "usr_ada"}, {"user_id": "usr_eve"}), "1 of 2"),
    "something else was approved": (lambda: _approvals({"user_id": "usr_ada"}, {"user_id": "usr_bob", "payload_hash": "0x" + "11" * 32}), "1 of 2"),
    "one rejected": (
        lambda: _approvals({"user_id": "usr_ada"}, {"user_id": "usr_bob"}, {"user_id": "usr_cleo", "decision": Decision.REJECTED}),
        "rejected",
    ),
    "approver suspended": (lambda: case(people={"usr_ada": person(), "usr_bob": person(suspended=True)}), "1 of 2"),
    "approver may no longer": (lambda: case(people={"usr_ada": person(), "usr_bob": person(Role.ACCOUNTANT)}), "1 of 2"),
    "approver's own role lost it": (
        lambda: case(people={"usr_ada": person(), "usr_bob": person(permissions=frozenset({Permission.PAYMENTS_READ}))}),
        "1 of 2",
    ),
    "manager above their limit": (
        lambda: case(people={"usr_ada": person(Role.MANAGER), "usr_bob": person()}, policy=policy(manager_max=Decimal("4999.99"))),
        "1 of 2",
    ),
    "approvals not signed": (lambda: case(policy=policy(signed_above=Decimal(1_000))), "2 of 2"),
    "a contract's call without a signature": (
        lambda: case(
            payment(kind=PaymentKind.CALL, payee_address=TOKEN, raw_amount="0", call=Call(to=TOKEN, value_raw="0", data="0x01")),
            payees=[payee(address=TOKEN)],
            policy=policy(signed_above=Decimal(10**9)),
        ),
        "2 of 2",
    ),
    "signed by another's account": (lambda: _signed_approvals(**sign_approval(payment(), Account.from_key("0x" + "b2" * 32))), "2 of 2"),
    "signed over another payment": (lambda: _signed_approvals(**sign_approval(payment(raw_amount="1"))), "2 of 2"),
    "no signature at all": (lambda: _signed_approvals(signature="0x"), "2 of 2"),
    "rubbish for a signature": (lambda: _signed_approvals(signature="0x" + "zz" * 65), "2 of 2"),
    "the twin of a signature": (lambda: _signed_approvals(signature=_twin(sign_approval(payment())["signature"])), "2 of 2"),
    "another address named": (lambda: _signed_approvals(signer_address=OTHER), "2 of 2"),
    "an account unlinked since": (
        lambda: _with(_signed_approvals(), people={"usr_ada": person(addresses=frozenset()), "usr_bob": person()}),
        "1 of 2",
    ),
    # when
    "not yet": (lambda: case(payment(not_before=NOW + timedelta(seconds=1))), "waits: its delay"),
    "the policy's delay": (lambda: case(policy=policy(delay_above=Decimal(10), delay_hours=2)), "waits: the delay of the payment policy"),
    "a delay from nowhere": (lambda: case(payment(approved_at=None), policy=policy(delay_above=Decimal(10), delay_hours=1)), "waits: the delay"),
    # replacements
    **{
        f"speed-up of {state}": (lambda state=state: replacement(of={"state": state}), "nothing to replace")  # type: ignore[misc]
        for state in PaymentState
        if state not in (PaymentState.SIGNED, PaymentState.BROADCAST, PaymentState.MINED)
    },
    "speed-up of another call": (lambda: replacement(of={"call": transfer_call(OTHER, 2 * 10**18, None)}), "does not pay this payee"),
    "nothing to replace": (lambda: replacement(first=attempt), "Nothing was signed"),
    "replaces another nonce": (lambda: replacement(first=lambda paid: signed(attempt(paid, nonce=6))), "Nothing was signed"),
    "replaces what another key signed": (lambda: replacement(first=lambda paid: signed(attempt(paid), signing.APPROVER)), "not this payment"),
    "replaces another payment's bytes": (lambda: replacement(first=_forged_earlier(call=transfer_call(OTHER, 1, None))), "not this payment"),
    "replaces bytes of another chain": (lambda: replacement(first=_forged_earlier(chain_id=1)), "not this payment"),
    "replaces bytes of another nonce": (lambda: replacement(first=_forged_earlier(nonce=6)), "not this payment"),
    "replaces rubbish": (lambda: replacement(first=lambda paid: attempt(paid, raw="0x02f8", hash="0x")), "not this payment"),
    "fee too little more": (lambda: replacement(fees=HIGHER.model_copy(update={"max_fee_per_gas": 44_999_999_999})), "12.5 % more"),
    "tip too little more": (lambda: replacement(fees=HIGHER.model_copy(update={"max_priority_fee_per_gas": 1_124_999_999})), "12.5 % more"),
    "two prices of type 0": (lambda: replacement(fees=HIGHER.model_copy(update={"legacy": True})), "one gas price"),
    "of another type than what it replaces": (lambda: _legacy_replacement(50_000_000_000, FEES), "same type"),
    "speed-up above the policy": (lambda: _with(replacement(), policy=policy(fee_per_gas_max_gwei=44)), "fee is above"),
    "sped up after a cancellation": (_after_cancellation, "was cancelled"),
    "cancelled by nobody": (lambda: replacement(Attempt.CANCEL, of={"cancel_requested_by": None}), "Nobody asked"),
    "a cancellation that pays": (_paying_cancellation, "moves nothing"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_thing_wrong_is_refused(name: str) -> None:
    make, why = WRONG[name]
    assert why in (refusal(make(), NOW) or "it was signed")


def test_every_case_belongs_to_one_organisation() -> None:
    sound = case()
    assert {sound.payment.org_id, sound.attempt.org_id, sound.organization.id if sound.organization else ""} == {ORG}
