"""Payments in plain words: states, why one does not go on, and what happened to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from crypto_api.dashboard.translation import gettext
from crypto_api.flows.read_payments import PaymentView
from crypto_api.kit.amounts import to_units
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.types import ENDED, Attempt, Decision, Hold, PaymentState

STATES: Mapping[PaymentState, str] = {
    PaymentState.DRAFT: pgettext_lazy("payment", "Draft"),
    PaymentState.PENDING_APPROVAL: pgettext_lazy("payment", "Needs approval"),
    PaymentState.APPROVED: pgettext_lazy("payment", "Approved"),
    PaymentState.SIGNED: pgettext_lazy("payment", "Signed"),
    PaymentState.BROADCAST: pgettext_lazy("payment", "Sent"),
    PaymentState.MINED: pgettext_lazy("payment", "In a block"),
    PaymentState.CONFIRMED: pgettext_lazy("payment", "Paid"),
    PaymentState.REJECTED: pgettext_lazy("payment", "Rejected"),
    PaymentState.CANCELLED: pgettext_lazy("payment", "Cancelled"),
    PaymentState.FAILED: pgettext_lazy("payment", "Failed"),
    PaymentState.REPLACED: pgettext_lazy("payment", "Replaced"),
}

HOLDS: Mapping[Hold, tuple[str, str]] = {
    Hold.APPROVALS_MISSING: (_("Waits for approval"), _("Somebody else than the one who prepared it has to agree.")),
    Hold.SIGNATURE_MISSING: (_("Waits for a signature"), _("The payment policy asks approvers to sign with their own Ethereum account.")),
    Hold.PAYEE_UNVERIFIED: (_("Address not verified"), _("Somebody has to verify the payee's address in the address book first.")),
    Hold.COOLING_OFF: (_("Address rests"), _("The payee's address is new. It goes out by itself when the cooling-off is over.")),
    Hold.DELAYED: (_("Delayed"), _("Payments of this size wait a while after their approval, so that a mistake can still be stopped.")),
    Hold.OVER_LIMIT: (_("Over a limit"), _("It is above a limit of the payment policy. It goes on when the policy or the day allows it.")),
    Hold.SENDER_FROZEN: (_("Wallet stopped"), _("The chain has a transaction of this wallet that Coffer did not send. Somebody has to look first.")),
    Hold.SENDER_BUSY: (_("In line"), _("An earlier payment of the same wallet goes first.")),
    Hold.NO_FUNDS: (_("Not enough funds"), _("The wallet holds too little for the amount and its fee. It goes out by itself when it holds more.")),
    Hold.WOULD_REVERT: (_("Would fail"), _("A trial run at the head of the chain fails. Nothing was sent.")),
    Hold.FEES_TOO_HIGH: (_("Fees too high"), _("The network asks more than the payment policy lets a transaction bid. It goes out when fees fall.")),
    Hold.CHAIN_UNAVAILABLE: (_("Network unreachable"), _("No node answers at the moment. It goes on by itself.")),
    Hold.SIGNER_UNAVAILABLE: (_("Signer unreachable"), _("The process that holds the keys does not answer. It goes on by itself when it is back.")),
    Hold.WAITS_FOR_WALLET: (_("Waits for your wallet"), _("Send it from your own wallet on this page.")),
    Hold.RECEIPT_DISPUTED: (_("In doubt"), _("A node and Coffer's own reading of the block do not agree.")),
    Hold.NEEDS_HUMAN: (_("Needs you"), _("It took longer than it should. Look at it, then make it faster or cancel it.")),
}
"""A name for a list, a sentence for the page of the payment."""

_SAID_IN_FULL = frozenset(
    {Hold.APPROVALS_MISSING, Hold.SIGNATURE_MISSING, Hold.PAYEE_UNVERIFIED, Hold.COOLING_OFF, Hold.DELAYED, Hold.WAITS_FOR_WALLET}
)
"""Holds to which the payment's own reason adds nothing."""

URGENT = frozenset({Hold.NEEDS_HUMAN, Hold.SENDER_FROZEN, Hold.WOULD_REVERT, Hold.OVER_LIMIT})

_MILESTONES = (
    pgettext_lazy("payment", "Prepared"),
    pgettext_lazy("payment", "Approved"),
    pgettext_lazy("payment", "Signed"),
    pgettext_lazy("payment", "Sent"),
    pgettext_lazy("payment", "In a block"),
    pgettext_lazy("payment", "Paid"),
)
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

PURPOSES: Mapping[Attempt, str] = {Attempt.PAY: _("Payment"), Attempt.SPEED_UP: _("Sped up"), Attempt.CANCEL: _("Cancellation")}
_INLINE: Mapping[Attempt, str] = {Attempt.SPEED_UP: _("sped up"), Attempt.CANCEL: _("cancellation")}
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
        return str(STATES[payment.state])
    return str(HOLDS[(urgent or payment.holds)[0]][0])


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
    found = [Event(payment.created_at, gettext("Prepared by %(name)s") % {"name": _name(view, payment.prepared_by)}, payment.description, "seen")]
    for row in payment.approvals:
        said = _decided(approved=row.decision is Decision.APPROVED, signed=bool(row.signature)) % {"name": _name(view, row.user_id)}
        found.append(Event(row.at, said, row.reason, "booked" if row.decision is Decision.APPROVED else "orphaned"))
    if payment.approved_at is not None and not payment.approvals:
        found.append(Event(payment.approved_at, gettext("Approved: nobody else has to agree"), "", "booked"))
    for attempt in view.attempts:
        found.extend(_of_attempt(attempt))
    if payment.ended_at is not None:
        found.append(
            Event(payment.ended_at, str(STATES[payment.state]), payment.reason, "booked" if payment.state is PaymentState.CONFIRMED else "orphaned")
        )
    return sorted(found, key=lambda row: row.at)


def _name(view: PaymentView, user_id: str) -> str:
    return view.name(user_id) or gettext("somebody")


def _decided(*, approved: bool, signed: bool) -> str:
    if signed:
        return (
            gettext("Approved by %(name)s, signed with their Ethereum account")
            if approved
            else gettext("Rejected by %(name)s, signed with their Ethereum account")
        )
    return gettext("Approved by %(name)s") if approved else gettext("Rejected by %(name)s")


def _of_attempt(attempt: PaymentAttempt) -> list[Event]:
    named = "" if attempt.purpose is Attempt.PAY else f" ({_INLINE[attempt.purpose]})"
    found = []
    if attempt.signed_at is not None:
        found.append(Event(attempt.signed_at, gettext("Signed") + named, attempt.hash or "", "seen"))
    if attempt.first_sent_at is not None:
        found.append(Event(attempt.first_sent_at, gettext("Sent to the network") + named, "", "chain"))
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
    return AttemptRow(
        attempt, str(PURPOSES[attempt.purpose]), to_units(fees.max_fee_per_gas, _GWEI), to_units(fees.max_priority_fee_per_gas, _GWEI), link
    )
