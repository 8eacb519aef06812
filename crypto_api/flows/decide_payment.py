"""People and a payment: approve, reject, take back, make faster, tell what a wallet has sent. Nothing is signed or sent here: the machine does."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from crypto_api.flows.judge_payment import Subject, judge, standing_of
from crypto_api.flows.members import require_standing
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.identity import factor_store as factors
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from crypto_api.payments import rules, store
from crypto_api.payments import service as payments
from crypto_api.payments.documents import Payment
from crypto_api.payments.errors import (
    AlreadyDecided,
    BeyondYourLimit,
    HashTaken,
    OwnPayment,
    PayloadChanged,
    SignatureRequired,
    WrongState,
)
from crypto_api.payments.events import Happened
from crypto_api.payments.jobs import PaymentDue
from crypto_api.payments.ports import Changes, Overtaken
from crypto_api.payments.typed_data import signer_of
from crypto_api.payments.types import Approval, Decision, Hold, PaymentState, Way
from crypto_api.policies import rules as policy_rules
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Versions = Collection[int] | None
Work = Callable[[Session, Payment, datetime], Awaitable[Payment]]
_UNSENT = (PaymentState.DRAFT, PaymentState.PENDING_APPROVAL, PaymentState.APPROVED)
_ON_ITS_WAY = (PaymentState.SIGNED, PaymentState.BROADCAST)


@dataclass(frozen=True)
class Word:
    """What somebody says of a payment. `payload_hash` is that of what they were shown; None where they take it as it stands, which cannot change."""

    payload_hash: str | None = None
    reason: str = ""
    signature: str | None = None


async def approve_payment(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str, word: Word, versions: Versions = None) -> Payment:
    """NotFound, PreconditionFailed, WrongState, OwnPayment, PayloadChanged, AlreadyDecided, BeyondYourLimit, SignatureRequired, InvalidInput for a
    signature that is not one of their own over this payment."""

    async def work(session: Session, before: Payment, now: datetime) -> Payment:
        if before.state is not PaymentState.PENDING_APPROVAL:
            raise WrongState(f"It does not wait for approval: it is {before.state.lower().replace('_', ' ')}.")
        if before.prepared_by == principal.user_id:
            raise OwnPayment
        approval = await _approval(session, principal, before, word, now)
        given = before.model_copy(update={"approvals": [*before.approvals, approval]})
        changes, happened = await _after_approval(session, given, now)
        after = await payments.change(session, before, changes | {"approvals": [encoded(row) for row in given.approvals]}, happened, now)
        await payments.record(session, after, "approved", f"Approved {payments.called(after)}.", now, before=before, signed=bool(word.signature))
        return after

    return await _decided(desk, principal, org_id, payment_id, versions, work, "payment_approved")


async def reject_payment(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str, word: Word, versions: Versions = None) -> Payment:
    """Before anything of it is signed. NotFound, PreconditionFailed, WrongState, PayloadChanged."""

    async def work(session: Session, before: Payment, now: datetime) -> Payment:
        if before.state not in (PaymentState.PENDING_APPROVAL, PaymentState.APPROVED) or before.nonce is not None:
            raise WrongState(f"It can no longer be rejected: it is {before.state.lower().replace('_', ' ')}.")
        row = await _said(principal, before, Decision.REJECTED, word, now)
        told = "It was rejected" + (f": {word.reason}" if word.reason else ".")
        changes = _ended(PaymentState.REJECTED, told, now) | {"approvals": [encoded(kept) for kept in [*before.approvals, row]]}
        after = await payments.change(session, before, changes, Happened.REJECTED, now)
        await payments.record(session, after, "rejected", f"Rejected {payments.called(after)}.", now, before=before, reason=word.reason)
        return after

    return await _decided(desk, principal, org_id, payment_id, versions, work, "payment_rejected")


async def cancel_payment(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str, versions: Versions = None) -> Payment:
    """At once while nothing is signed. After that another transaction takes its nonce, and whichever is mined is the truth. NotFound,
    PreconditionFailed, WrongState."""

    async def work(session: Session, before: Payment, now: datetime) -> Payment:
        if before.way is Way.BROWSER and (before.state in _ON_ITS_WAY or before.hash is not None):
            raise WrongState("It was sent by the person's own wallet: cancel it there, by another transaction with the same nonce.")
        if before.state in _UNSENT and before.nonce is None:
            changes, happened = _ended(PaymentState.CANCELLED, "It was cancelled before anything was signed.", now), Happened.CANCELLED
        elif before.state in (*_UNSENT, *_ON_ITS_WAY):
            changes, happened = {"due_at": now, "tries": 0}, Happened.CANCEL_REQUESTED
        else:
            raise WrongState(f"It can no longer be cancelled: it is {before.state.lower()}.")
        after = await payments.change(session, before, changes | {"cancel_requested_by": principal.user_id}, happened, now)
        await payments.record(session, after, "cancelled", f"Cancelled {payments.called(after)}.", now, before=before)
        return after

    return await _decided(desk, principal, org_id, payment_id, versions, work, "payment_cancelled")


async def speed_up_payment(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str, versions: Versions = None) -> Payment:
    """Another transaction with the same nonce bids at least an eighth more. NotFound, PreconditionFailed, WrongState."""

    async def work(session: Session, before: Payment, now: datetime) -> Payment:
        if before.way is Way.BROWSER:
            raise WrongState("It was sent by the person's own wallet: make it faster there.")
        if before.state not in _ON_ITS_WAY:
            raise WrongState(f"Only what is on its way can be made faster: it is {before.state.lower().replace('_', ' ')}.")
        if rules.bumps_left(before.attempt_number) == 0:
            raise WrongState("It was replaced as often as is allowed.")
        changes: Changes = {"speed_up_requested_by": principal.user_id, "due_at": now, "tries": 0, "holds": []}
        after = await payments.change(session, before, changes, Happened.SPEED_UP_REQUESTED, now)
        await payments.record(session, after, "sped_up", f"Asked for {payments.called(after)} to go faster.", now, before=before)
        return after

    return await _decided(desk, principal, org_id, payment_id, versions, work, "payment_sped_up")


async def tell_hash(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str, hash_: str) -> Payment:
    """What the person's own wallet has sent for it. The chain shows later whether it is this payment. NotFound, WrongState, HashTaken."""
    told = hash_.lower()

    async def work(session: Session, before: Payment, now: datetime) -> Payment:
        if before.hash == told:
            return before
        if before.way is not Way.BROWSER or before.state is not PaymentState.APPROVED or before.hash is not None:
            raise WrongState("It does not wait for a wallet to send it.")
        changes: Changes = {"hash": told, "due_at": now, "tries": 0, "reason": "A wallet told that it has sent it."}
        after = await payments.change(session, before, changes, Happened.HELD, now)
        await payments.record(session, after, "sent_by_wallet", f"Sent {payments.called(after)} by their own wallet.", now, before=before, hash=told)
        return after

    payment = await store.get(org_id, payment_id)
    if payment is None:
        raise NotFound
    taken = await store.by_hash(org_id, payment.chain_id, told)
    if taken is not None and taken.id != payment_id:
        raise HashTaken
    return await _decided(desk, principal, org_id, payment_id, None, work, "payment_sent_by_wallet")


async def _approval(session: Session, principal: Principal, payment: Payment, word: Word, now: datetime) -> Approval:
    if any(row.user_id == principal.user_id and row.decision is Decision.APPROVED for row in payment.approvals):
        raise AlreadyDecided
    subject = Subject.of(payment)
    verdict = (await judge(subject, now, session)).verdict
    row = await _said(principal, payment, Decision.APPROVED, word, now)
    if not policy_rules.counts(verdict, principal.role or "", signature=True):
        raise BeyondYourLimit
    if verdict.signed and row.signature is None:
        raise SignatureRequired
    return row


async def _said(principal: Principal, payment: Payment, decision: Decision, word: Word, now: datetime) -> Approval:
    assert payment.payload_hash is not None, "it has left DRAFT"
    if word.payload_hash is not None and word.payload_hash.lower() != payment.payload_hash:
        raise PayloadChanged
    signer = await _own_signer(principal, payment, word.signature) if word.signature is not None else None
    return Approval(
        user_id=principal.user_id,
        decision=decision,
        payload_hash=payment.payload_hash,
        at=now,
        session_id=principal.session_id,
        reason=word.reason,
        signer_address=signer,
        signature=word.signature,
    )


async def _own_signer(principal: Principal, payment: Payment, signature: str) -> str:
    signer = signer_of(payment, signature)
    own = {row.address for row in await factors.ethereum_accounts_of(principal.user_id) if not row.is_contract}
    if signer is None or signer not in own:
        raise InvalidInput.of("signature", "is not by an Ethereum account of yours over this payment's typed data", "invalid_signature")
    return signer


async def _after_approval(session: Session, payment: Payment, now: datetime) -> tuple[Changes, Happened]:
    """`payment` with the new approval in it."""
    standing = await standing_of(payment, now, session)
    if standing.approvals_missing:
        reason = f"{standing.approvals_missing} approval(s) by somebody else are still needed. {standing.reason}".strip()
        return {"holds": [Hold.APPROVALS_MISSING, *standing.holds], "reason": reason, "due_at": now}, Happened.DECIDED
    not_before = now + standing.delay if standing.delay else None
    changes: Changes = {
        "state": PaymentState.APPROVED,
        "approved_at": now,
        "not_before": not_before,
        "holds": list(standing.holds),
        "reason": standing.reason,
        "policy_version": standing.policy_version,
        "due_at": now,
        "deadline_at": rules.deadline(PaymentState.APPROVED, now, not_before),
        "tries": 0,
    }
    return changes, Happened.APPROVED


def _ended(state: PaymentState, reason: str, now: datetime) -> Changes:
    return {"state": state, "reason": reason, "holds": [], "due_at": None, "deadline_at": None, "ended_at": now}


async def _decided(desk: PaymentDesk, principal: Principal, org_id: str, payment_id: str, versions: Versions, work: Work, what: str) -> Payment:
    """Runs `work` on the payment as it stands; again where the machine changed it in between."""

    async def unit(session: Session, now: datetime) -> Payment:
        await require_standing(session, principal, org_id)
        before = await store.get(org_id, payment_id, session)
        if before is None:
            raise NotFound
        if versions is not None and before.version not in versions:
            raise PreconditionFailed
        return await work(session, before, now)

    while True:
        now = desk.clock.now()
        try:
            payment = await desk.uow.run(lambda session, now=now: unit(session, now))  # type: ignore[misc]
            break
        except Overtaken:
            continue
    security.info(what, user_id=principal.user_id, org_id=org_id, payment_id=payment_id)
    await desk.jobs.put(PaymentDue(org_id=org_id, payment_id=payment_id))
    return payment
