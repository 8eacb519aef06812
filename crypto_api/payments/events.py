"""Facts of the slice: one for each transition, all with the same payload, which says how the payment stands after it."""

from enum import StrEnum
from typing import ClassVar

from crypto_api.events.types import DomainEvent


class Happened(StrEnum):
    """What a payment went through, by the kind of the event that tells of it."""

    PREPARED = "payment.prepared"
    SUBMITTED = "payment.submitted"
    DECIDED = "payment.decided"
    APPROVED = "payment.approved"
    APPROVAL_LAPSED = "payment.approval_lapsed"
    HELD = "payment.held"
    CANCEL_REQUESTED = "payment.cancel_requested"
    SPEED_UP_REQUESTED = "payment.speed_up_requested"
    NONCE_TAKEN = "payment.nonce_taken"
    REPLACEMENT_PLANNED = "payment.replacement_planned"
    SIGNED = "payment.signed"
    BROADCAST = "payment.broadcast"
    MINED = "payment.mined"
    REORGANISED = "payment.reorganised"
    SENDER_FROZEN = "payment.sender_frozen"
    SENDER_RESUMED = "payment.sender_resumed"
    CONFIRMED = "payment.confirmed"
    REJECTED = "payment.rejected"
    CANCELLED = "payment.cancelled"
    FAILED = "payment.failed"
    REPLACED = "payment.replaced"


class _PaymentEvent(DomainEvent):
    permission: ClassVar[str] = "payments.read"

    payment_id: str
    state: str
    holds: list[str]
    reason: str
    network: str
    wallet_id: str
    payee_address: str
    payee_name: str
    asset: str
    amount: str  # decimal string
    hash: str | None


class PaymentPrepared(_PaymentEvent):
    """Somebody wants to pay; it is a draft, or waits for approval."""

    kind: ClassVar[str] = Happened.PREPARED


class PaymentSubmitted(_PaymentEvent):
    """A draft was put up for approval."""

    kind: ClassVar[str] = Happened.SUBMITTED


class PaymentDecided(_PaymentEvent):
    """Somebody approved it; more approvals may be needed."""

    kind: ClassVar[str] = Happened.DECIDED


class PaymentApproved(_PaymentEvent):
    """All approvals that the policy asks for are there."""

    kind: ClassVar[str] = Happened.APPROVED


class PaymentApprovalLapsed(_PaymentEvent):
    """Before it was signed, an approval stopped counting: somebody left, or the policy became stricter."""

    kind: ClassVar[str] = Happened.APPROVAL_LAPSED


class PaymentHeld(_PaymentEvent):
    """Why it waits has changed."""

    kind: ClassVar[str] = Happened.HELD


class PaymentCancelRequested(_PaymentEvent):
    """Whichever is mined, the payment or its cancellation, is the truth."""

    kind: ClassVar[str] = Happened.CANCEL_REQUESTED


class PaymentSpeedUpRequested(_PaymentEvent):
    kind: ClassVar[str] = Happened.SPEED_UP_REQUESTED


class PaymentNonceTaken(_PaymentEvent):
    """It has its place among the transactions of its sender, and is about to be signed."""

    kind: ClassVar[str] = Happened.NONCE_TAKEN


class PaymentReplacementPlanned(_PaymentEvent):
    """A transaction with higher fees takes the place of the one that is not mined."""

    kind: ClassVar[str] = Happened.REPLACEMENT_PLANNED


class PaymentSigned(_PaymentEvent):
    """The signed bytes are stored; none were sent yet."""

    kind: ClassVar[str] = Happened.SIGNED


class PaymentBroadcast(_PaymentEvent):
    kind: ClassVar[str] = Happened.BROADCAST


class PaymentMined(_PaymentEvent):
    kind: ClassVar[str] = Happened.MINED


class PaymentReorganised(_PaymentEvent):
    """Its block is no longer part of the chain; the same bytes are sent again."""

    kind: ClassVar[str] = Happened.REORGANISED


class PaymentSenderFrozen(_PaymentEvent):
    """The wallet sends nothing more until a person has looked: a nonce was used by a transaction that is not of this system."""

    kind: ClassVar[str] = Happened.SENDER_FROZEN


class PaymentSenderResumed(_PaymentEvent):
    kind: ClassVar[str] = Happened.SENDER_RESUMED


class PaymentConfirmed(_PaymentEvent):
    kind: ClassVar[str] = Happened.CONFIRMED


class PaymentRejected(_PaymentEvent):
    kind: ClassVar[str] = Happened.REJECTED


class PaymentCancelled(_PaymentEvent):
    kind: ClassVar[str] = Happened.CANCELLED


class PaymentFailed(_PaymentEvent):
    """It was mined and reverted: only its gas is spent."""

    kind: ClassVar[str] = Happened.FAILED


class PaymentReplaced(_PaymentEvent):
    """Something else was sent in its place by whoever holds the key."""

    kind: ClassVar[str] = Happened.REPLACED


EVENTS: dict[str, type[_PaymentEvent]] = {
    event.kind: event
    for event in (
        PaymentPrepared,
        PaymentSubmitted,
        PaymentDecided,
        PaymentApproved,
        PaymentApprovalLapsed,
        PaymentHeld,
        PaymentCancelRequested,
        PaymentSpeedUpRequested,
        PaymentNonceTaken,
        PaymentReplacementPlanned,
        PaymentSigned,
        PaymentBroadcast,
        PaymentMined,
        PaymentReorganised,
        PaymentSenderFrozen,
        PaymentSenderResumed,
        PaymentConfirmed,
        PaymentRejected,
        PaymentCancelled,
        PaymentFailed,
        PaymentReplaced,
    )
}
