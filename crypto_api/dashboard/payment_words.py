"""Payments in plain words: states, why one does not go on, and what happened to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_api.flows.read_payments import PaymentView
from crypto_api.kit.amounts import to_units
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.types import ENDED, Attempt, Decision, Hold, PaymentState

STATES: Mapping[PaymentState, str] = {
    PaymentState.DRAFT: "Draft",
    PaymentState.PENDING_APPROVAL: "Needs approval",
    PaymentState.APPROVED: "Approved",
    PaymentState.SIGNED: "Signed",
    PaymentState.BROADCAST: "Sent",
    PaymentState.MINED: "In a block",
    PaymentState.CONFIRMED: "Paid",
    PaymentState.REJECTED: "Rejected",
    PaymentState.CANCELLED: "Cancelled",
    PaymentState.FAILED: "Failed",
    PaymentState.REPLACED: "Replaced",
}

HOLDS: Mapping[Hold, tuple[str, str]] = {
    Hold.APPROVALS_MISSING: ("Waits for approval", "Somebody else than the one who prepared it has to agree."),
    Hold.SIGNATURE_MISSING: ("Waits for a signature", "The payment policy asks approvers to sign with their own Ethereum account."),
    Hold.PAYEE_UNVERIFIED: ("Address not verified", "Somebody has to verify the payee's address in the address book first."),
    Hold.COOLING_OFF: ("Address rests", "The payee's address is new. It goes out by itself when the cooling-off is over."),
    Hold.DELAYED: ("Delayed", "Payments of this size wait a while after their approval, so that a mistake can still be stopped."),
    Hold.OVER_LIMIT: ("Over a limit", "It is above a limit of the payment policy. It goes on when the policy or the day allows it."),
    Hold.SENDER_FROZEN: ("Wallet stopped", "The chain has a transaction of this wallet that Coffer did not send. Somebody has to look first."),
    Hold.SENDER_BUSY: ("In line", "An earlier payment of the same wallet goes first."),
    Hold.NO_FUNDS: ("Not enough funds", "The wallet holds too little for the amount and its fee. It goes out by itself when it holds more."),
    Hold.WOULD_REVERT: ("Would fail", "A trial run at the head of the chain fails. Nothing was sent."),
    Hold.FEES_TOO_HIGH: ("Fees too high", "The network asks more than the payment policy lets a transaction bid. It goes out when fees fall."),
    Hold.CHAIN_UNAVAILABLE: ("Network unreachable", "No node answers at the moment. It goes on by itself."),
    Hold.SIGNER_UNAVAILABLE: ("Signer unreachable", "The process that holds the keys does not answer. It goes on by itself when it is back."),
    Hold.WAITS_FOR_WALLET: ("Waits for your wallet", "Send it from your own wallet on this page."),
    Hold.RECEIPT_DISPUTED: ("In doubt", "A node and Coffer's own reading of the block do not agree."),
    Hold.NEEDS_HUMAN: ("Needs you", "It took longer than it should. Look at it, then make it faster or cancel it."),
}
"""A name for a list, a sentence for the page of the payment."""

_SAID_IN_FULL = frozenset(
    {Hold.APPROVALS_MISSING, Hold.SIGNATURE_MISSING, Hold.PAYEE_UNVERIFIED, Hold.COOLING_OFF, Hold.DELAYED, Hold.WAITS_FOR_WALLET}
)
"""Holds to which the payment's own reason adds nothing."""

URGENT = frozenset({Hold.NEEDS_HUMAN, Hold.SENDER_FROZEN, Hold.WOULD_REVERT, Hold.OVER_LIMIT})

_MILESTONES = ("Prepared", "Approved", "Signed", "Sent", "In a block", "Paid")
_PASSED: Mapping[PaymentState, int] = {
    PaymentState.DRAFT: 0,
    PaymentState.PENDING_APPROVAL: 1,
    PaymentState.APPROVED: 2,
    PaymentState.SIGNED: 3,
    PaymentState.BROADCAST: 4,
    PaymentState.MINED: 5,
    PaymentState.CONFIRMED: 6,
}
"""How many of the milestones are behind it."""

PURPOSES: Mapping[Attempt, str] = {Attempt.PAY: "Payment", Attempt.SPEED_UP: "Sped up", Attempt.CANCEL: "Cancellation"}
_GWEI = 9


def tone(payment: Payment) -> str:
    """good | bad | off | wait | go: the colour of its state."""
    if payment.state is PaymentState.CONFIRMED:
        return "good"
    if payment.state is PaymentState.FAILED or any(hold in URGENT for hold in payment.holds):
        return "bad"
    if payment.state in ENDED or payment.state is PaymentState.DRAFT:
        return "off"
    return "wait" if payment.holds or payment.state is PaymentState.PENDING_APPROVAL else "go"


def standing_word(payment: Payment) -> str:
    """One expression for a list: why it waits, else how far it is."""
    urgent = [hold for hold in payment.holds if hold in URGENT]
    if payment.state in (*ENDED, PaymentState.DRAFT) or not payment.holds or (payment.state is PaymentState.PENDING_APPROVAL and not urgent):
        return STATES[payment.state]
    return HOLDS[(urgent or payment.holds)[0]][0]


def reason_beyond(payment: Payment) -> str:
    """What the payment says of itself, where its holds do not say it all."""
    return "" if payment.holds and set(payment.holds) <= _SAID_IN_FULL else payment.reason


@dataclass(frozen=True, slots=True)
class Milestone:
    text: str
    standing: str  # done | here | ahead


def milestones(payment: Payment) -> list[Milestone]:
    """The way from prepared to paid; nothing for a payment that ended elsewhere."""
    passed = _PASSED.get(payment.state)
    if passed is None:
        return []
    return [Milestone(text, "done" if number < passed else "here" if number == passed else "ahead") for number, text in enumerate(_MILESTONES)]


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    text: str
    detail: str
    tone: str  # as in the history of a transaction


def events_of(view: PaymentView) -> list[Event]:
    """What is known to have happened, oldest first."""
    payment = view.payment
    found = [Event(payment.created_at, f"Prepared by {view.name(payment.prepared_by) or 'somebody'}", payment.description, "seen")]
    for row in payment.approvals:
        done = "Approved" if row.decision is Decision.APPROVED else "Rejected"
        how = ", signed with their Ethereum account" if row.signature else ""
        found.append(
            Event(row.at, f"{done} by {view.name(row.user_id) or 'somebody'}{how}", row.reason, "booked" if done == "Approved" else "orphaned")
        )
    if payment.approved_at is not None and not payment.approvals:
        found.append(Event(payment.approved_at, "Approved: nobody else has to agree", "", "booked"))
    for attempt in view.attempts:
        found.extend(_of_attempt(attempt))
    if payment.ended_at is not None:
        found.append(
            Event(payment.ended_at, STATES[payment.state], payment.reason, "booked" if payment.state is PaymentState.CONFIRMED else "orphaned")
        )
    return sorted(found, key=lambda row: row.at)


def _of_attempt(attempt: PaymentAttempt) -> list[Event]:
    named = "" if attempt.purpose is Attempt.PAY else f" ({PURPOSES[attempt.purpose].lower()})"
    found = []
    if attempt.signed_at is not None:
        found.append(Event(attempt.signed_at, f"Signed{named}", attempt.hash or "", "seen"))
    if attempt.first_sent_at is not None:
        found.append(Event(attempt.first_sent_at, f"Sent to the network{named}", "", "chain"))
    return found


@dataclass(frozen=True, slots=True)
class AttemptRow:
    attempt: PaymentAttempt
    purpose: str
    fee_gwei: Decimal
    tip_gwei: Decimal
    link: str


def attempt_row(attempt: PaymentAttempt, link: str) -> AttemptRow:
    fees = attempt.fees
    return AttemptRow(attempt, PURPOSES[attempt.purpose], to_units(fees.max_fee_per_gas, _GWEI), to_units(fees.max_priority_fee_per_gas, _GWEI), link)
