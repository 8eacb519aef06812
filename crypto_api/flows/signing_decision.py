"""Whether a planned attempt may be signed. Pure: the signer reads everything anew and asks here; so does the simulation.

Nothing is taken from whoever asks but the ids. What was shown to the approvers is computed again from the payment, and compared with what they
approved; what is signed is compared with that, byte for byte.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import rlp
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from hexbytes import HexBytes
from rlp.exceptions import RLPException

from crypto_api.address_book.documents import Payee
from crypto_api.address_book.rules import hold_of
from crypto_api.address_book.types import PayeeFacts, PayeeHold
from crypto_api.kit.ethereum import ZERO_ADDRESS, checksummed
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Permission
from crypto_api.payments import delegation, rules
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, PAYEES_MAX, Share, batch_call, delegated_call, total
from crypto_api.payments.documents import NonceSlot, Payment, PaymentAttempt, SenderLane
from crypto_api.payments.typed_data import digest, typed_data
from crypto_api.payments.types import BUMP_PERCENT, HOLDS_SLOT, Approval, Attempt, Authorization, Call, Decision, PaymentKind, PaymentState, Way
from crypto_api.policies.rules import Verdict, approvals_missing, judge
from crypto_api.policies.types import PaymentPolicy
from crypto_api.wallets.documents import Wallet, WalletType

GAS_MAX = 30_000_000  # of a block of Ethereum: nothing that is mined takes more
_GWEI = 10**9
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1: the lower s only (EIP-2)


@dataclass(frozen=True, slots=True)
class Person:
    """What somebody who decided about the payment is in the organisation now; None of it is taken from the approval."""

    role: str
    permissions: frozenset[Permission]
    suspended: bool  # in the organisation, or the account itself
    addresses: frozenset[str]  # of their own Ethereum accounts, EIP-55; contracts are not among them


@dataclass(frozen=True, slots=True)
class SigningCase:
    """All that was read. None: there is no such document."""

    organization: Organization | None
    wallet: Wallet | None
    payment: Payment
    attempt: PaymentAttempt
    attempts: Sequence[PaymentAttempt]  # all of the payment
    slot: NonceSlot | None
    lane: SenderLane | None
    policy: PaymentPolicy
    people: Mapping[str, Person]  # members of the organisation among those who decided, by user id
    payees: Sequence[Payee]  # present entries of the address book for whoever is paid
    signed_today: Decimal | None  # of the organisation's other payments, in its currency; None when one of them has no value


def refusal(case: SigningCase, now: datetime) -> str | None:
    """Why it is not signed, in a sentence; None when it is."""
    return (
        _of_sender(case)
        or _of_slot(case)
        or _of_fees(case)
        or _of_delegation(case)
        or (_of_cancellation(case) if case.attempt.purpose is Attempt.CANCEL else _of_payload(case.payment, case.attempt))
        or (_of_payment(case, now) if case.attempt.purpose is Attempt.PAY else _of_replacement(case))
    )


def _of_sender(case: SigningCase) -> str | None:
    payment, wallet = case.payment, case.wallet
    if case.organization is None or case.organization.suspended_at is not None:
        return "The organisation is suspended."
    if payment.way is not Way.SIGNER:
        return "The payment is signed by a person's own wallet."
    if wallet is None or not wallet.active:
        return "The wallet was removed."
    if wallet.wallet_type is not WalletType.PRIVATE_KEY or wallet.sealed_key is None:
        return "There is no stored key of this wallet."
    if (wallet.id, wallet.address, wallet.network) != (payment.wallet_id, payment.from_address, payment.network):
        return "The payment does not come from this wallet."
    if case.lane is not None and case.lane.frozen_reason is not None:
        return f"The sender is frozen: {case.lane.frozen_reason}"
    return None


def _of_slot(case: SigningCase) -> str | None:
    payment, attempt, slot = case.payment, case.attempt, case.slot
    if attempt.payment_id != payment.id or (attempt.chain_id, attempt.from_address) != (payment.chain_id, payment.from_address):
        return "The attempt does not belong to the payment."
    if slot is None or not slot.live:
        return "The payment holds no live nonce."
    if (slot.payment_id, slot.owner_org_id) != (payment.id, payment.org_id):
        return "The nonce belongs to another payment."
    if (slot.chain_id, slot.address, slot.nonce) != (attempt.chain_id, attempt.from_address, attempt.nonce):
        return "The attempt is for another nonce than the payment's."
    if attempt.number != max(row.number for row in (*case.attempts, attempt)):
        return "A later attempt of this payment is planned already."
    return None


def _of_fees(case: SigningCase) -> str | None:
    fees = case.attempt.fees
    if not 0 < fees.gas <= GAS_MAX:
        return "The gas limit is none that a block takes."
    if not 0 <= fees.max_priority_fee_per_gas <= fees.max_fee_per_gas:
        return "The tip is above the whole fee."
    if fees.legacy and fees.max_priority_fee_per_gas != fees.max_fee_per_gas:
        return "A transaction of type 0 has one gas price."
    if fees.max_fee_per_gas > case.policy.fee_per_gas_max_gwei * _GWEI:
        return "The fee is above the most that the payment policy bids."
    return None


def _of_delegation(case: SigningCase) -> str | None:
    """An account runs nobody's code but ours (EIP-7702), where both the organisation and the wallet were opted in; the authorization is made anew
    from the payment, and must be the attempt's to the letter. Whatever takes a delegation back, or cancels, needs no leave."""
    payment, attempt = case.payment, case.attempt
    if attempt.authorization != delegation.authorization_of(payment, attempt.purpose, attempt.nonce):
        return "The attempt's authorization is not the payment's."
    if payment.delegation is None:
        return None
    if attempt.fees.legacy:
        return "An account that has delegated its code is paid from by EIP-1559 only."
    if payment.kind not in _DELEGATES or payment.delegation.delegate != _DELEGATES[payment.kind]:
        return "The account would run code that is not ours."
    if payment.kind is PaymentKind.DELEGATION or attempt.purpose is Attempt.CANCEL:
        return None
    if not case.policy.delegated_batches:
        return "The payment policy does not let accounts run code (EIP-7702)."
    if case.wallet is None or not case.wallet.pays_delegated:
        return "The wallet is not let run code (EIP-7702)."
    return None


_DELEGATES = {PaymentKind.BATCH: BATCH_DELEGATE, PaymentKind.DELEGATION: ZERO_ADDRESS}


def _of_cancellation(case: SigningCase) -> str | None:
    if case.payment.cancel_requested_by is None:
        return "Nobody asked for the payment to be cancelled."
    if case.attempt.call != rules.cancel_call(case.payment.from_address):
        return "A cancellation moves nothing and goes to its own sender."
    return None


def _of_payload(payment: Payment, attempt: PaymentAttempt) -> str | None:
    if payment.payload_hash is None or payment.payload_hash != digest(payment):
        return "The payment is not what was put up for approval."
    if attempt.call != payment.call:
        return "The attempt executes something else than the payment."
    return None if _fits(payment) else "The call does not pay this payee this amount of this asset."


def _fits(payment: Payment) -> bool:
    """Whether the call is what the payment says, made anew from its payees and amounts. The batch contract's address follows from its code."""
    call, raw, token = payment.call, int(payment.raw_amount), payment.token_contract
    match payment.kind:
        case PaymentKind.CALL:
            elsewhere = payment.from_address != call.to == payment.payee_address  # an account that has delegated (EIP-7702) would run its code
            return elsewhere and token is None and call.value_raw == payment.raw_amount
        case PaymentKind.ALLOWANCE:
            return payment.payee_address == BATCH_CONTRACT and token is None and call == rules.allowance_call(call.to, raw)
        case PaymentKind.BATCH:
            return _fits_batch(payment)
        case PaymentKind.DELEGATION:
            nothing = not payment.payees and token is None and raw == 0 and payment.authorizes
            return nothing and payment.payee_address == payment.from_address and call == rules.cancel_call(payment.from_address)
    return not payment.payees and call == rules.transfer_call(payment.payee_address, raw, token)


def _fits_batch(payment: Payment) -> bool:
    shares, token, contract = [Share(row.address, int(row.raw_amount)) for row in payment.payees], payment.token_contract, BATCH_CONTRACT
    if payment.delegation is not None:
        contract = BATCH_DELEGATE
    if payment.payee_address != contract or not 0 < len(shares) <= PAYEES_MAX or any(share.raw_amount <= 0 for share in shares):
        return False
    call = batch_call(shares, token) if payment.delegation is None else delegated_call(payment.from_address, shares, token)
    return total(shares) == int(payment.raw_amount) and payment.call == call


# ---- the first attempt -----------------------------------------------------------------------------------------------------------


def _of_payment(case: SigningCase, now: datetime) -> str | None:
    payment = case.payment
    if payment.state is not PaymentState.APPROVED:
        return f"The payment is {payment.state}, not {PaymentState.APPROVED}."
    if payment.cancel_requested_by is not None:
        return "The payment is to be cancelled."
    if any(row.raw is not None and row.nonce == case.attempt.nonce and row.id != case.attempt.id for row in case.attempts):
        return "Something was signed for this nonce already."
    value = {PaymentKind.CALL: None, PaymentKind.ALLOWANCE: Decimal(0), PaymentKind.DELEGATION: Decimal(0)}.get(payment.kind, payment.value)
    held = next((hold for address in payment.paid_addresses if (hold := _hold_of(case, address, now)) is not None), None)
    verdict = judge(case.policy, value=value, today=case.signed_today, payee_hold=held)
    return verdict.refusal or _of_payee(verdict) or _of_people(case, verdict) or _of_time(payment, verdict, now)


def _hold_of(case: SigningCase, address: str, now: datetime) -> PayeeHold | None:
    entries = [PayeeFacts(row.state, row.network, row.payable_from) for row in case.payees if row.address == address]
    return hold_of(entries, case.payment.network, now)


def _of_payee(verdict: Verdict) -> str | None:
    if not verdict.holds:
        return None
    return "The payee's address is not verified in the address book, or has not cooled off."


def _of_people(case: SigningCase, verdict: Verdict) -> str | None:
    payment = case.payment
    if any(row.decision is Decision.REJECTED and row.payload_hash == payment.payload_hash for row in payment.approvals):
        return "Somebody rejected the payment."
    counted = [row for row in payment.approvals if _counts(row, payment, case.people)]
    given = [(row.user_id, case.people[row.user_id].role, row.signature is not None) for row in counted]
    missing = approvals_missing(verdict, given)
    if missing:
        return f"{missing} of {verdict.approvals_needed} approvals are missing, by people who may approve it and did not prepare it."
    return None


def _counts(approval: Approval, payment: Payment, people: Mapping[str, Person]) -> bool:
    """By somebody else than who prepared it, who may approve now, over exactly this payload; and where it is signed, by their own account."""
    person = people.get(approval.user_id)
    if approval.decision is not Decision.APPROVED or approval.payload_hash != payment.payload_hash:
        return False
    if person is None or person.suspended or approval.user_id == payment.prepared_by or Permission.PAYMENTS_APPROVE not in person.permissions:
        return False
    return approval.signature is None or signed_by(approval, payment) in person.addresses


def signed_by(approval: Approval, payment: Payment) -> str | None:
    """The address that signed the payment's typed data (EIP-712), when it is the one that the approval names; None for anything else."""
    try:
        raw = bytes.fromhex((approval.signature or "").removeprefix("0x"))
        if len(raw) != 65 or int.from_bytes(raw[32:64]) > _HALF_ORDER:
            return None
        message = encode_typed_data(full_message=typed_data(payment))
        signer = str(Account.recover_message(message, signature=raw))
    except (BadSignature, ValidationError, ValueError):
        return None
    return signer if signer == approval.signer_address else None


def _of_time(payment: Payment, verdict: Verdict, now: datetime) -> str | None:
    if payment.not_before is not None and now < payment.not_before:
        return "The payment waits: its delay is not over."
    if verdict.delay and (payment.approved_at is None or now < payment.approved_at + verdict.delay):
        return "The payment waits: the delay of the payment policy is not over."
    return None


# ---- a replacement ---------------------------------------------------------------------------------------------------------------


def _of_replacement(case: SigningCase) -> str | None:
    """It takes the place of something that was signed here: so nothing is paid that was not judged before."""
    payment, attempt = case.payment, case.attempt
    if payment.state not in HOLDS_SLOT:
        return f"A payment that is {payment.state} has nothing to replace."
    earlier = [row for row in case.attempts if row.number < attempt.number and row.nonce == attempt.nonce and row.raw is not None]
    if not earlier:
        return "Nothing was signed for this nonce that it could replace."
    if not any(_is_signed_payment(row, payment) for row in earlier):
        return "What it is to replace is not this payment, signed by this wallet."
    if attempt.purpose is Attempt.SPEED_UP and any(row.purpose is Attempt.CANCEL for row in earlier):
        return "The payment was cancelled: it is not sent again."
    if not all(row.fees.legacy is attempt.fees.legacy for row in earlier):
        return "A replacement is of the same type as what it replaces."
    if not all(_outbids(attempt, row) for row in earlier):
        return f"A replacement bids at least {BUMP_PERCENT} % more, on both fees."
    return None


def _is_signed_payment(attempt: PaymentAttempt, payment: Payment) -> bool:
    """Whether its bytes are the payment's call in this nonce, with its authorization and no other, signed by its sender: as only the signer can have
    made them."""
    assert attempt.raw is not None
    try:
        raw = HexBytes(attempt.raw)
        chain_id, nonce, call, authorized = _read(raw)
        if str(Account.recover_transaction(raw)) != payment.from_address:
            return False
    except (BadSignature, ValidationError, RLPException, KeyError, TypeError, ValueError):
        return False
    wanted = delegation.authorization_of(payment, Attempt.PAY, attempt.nonce)
    if authorized != ([wanted] if wanted is not None else []):
        return False
    return call == payment.call and (chain_id, nonce) == (payment.chain_id, attempt.nonce)


def _read(raw: HexBytes) -> tuple[int, int, Call, list[Authorization]]:
    """Chain, nonce, call and authorizations of signed bytes: a typed transaction (EIP-2718), or a list that begins with a byte from 0xc0 on, whose
    `v` holds the chain (EIP-155)."""
    if raw[0] >= 0xC0:
        nonce, _, _, to, value, data, v, _, _ = rlp.decode(bytes(raw))
        return (int.from_bytes(v) - 35) // 2, int.from_bytes(nonce), _call(to, int.from_bytes(value), data), []
    sent = TypedTransaction.from_bytes(raw).as_dict()
    carried = [
        Authorization(chain_id=row["chainId"], address=checksummed("0x" + bytes(row["address"]).hex()), nonce=row["nonce"])
        for row in sent.get("authorizationList", ())
    ]
    return sent["chainId"], sent["nonce"], _call(bytes(sent["to"]), sent["value"], bytes(sent["data"])), carried


def _call(to: bytes, value: int, data: bytes) -> Call:
    return Call(to=checksummed("0x" + to.hex()), value_raw=str(value), data="0x" + data.hex())


def _outbids(attempt: PaymentAttempt, earlier: PaymentAttempt) -> bool:
    now, then = attempt.fees, earlier.fees
    enough = 1_000 + int(BUMP_PERCENT * 10)
    return (
        now.max_fee_per_gas * 1_000 >= then.max_fee_per_gas * enough
        and now.max_priority_fee_per_gas * 1_000 >= then.max_priority_fee_per_gas * enough
    )
