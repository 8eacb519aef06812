"""The verbs of sendings. Each is part of the caller's unit of work; the mail server is asked between two of them, never in one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.deliveries import rules, store
from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.errors import DeliveryQueued
from crypto_api.deliveries.events import DeliveryDelayed, DeliveryDropped, DeliveryFailed, DeliverySent, DeliveryWasQueued
from crypto_api.deliveries.types import Attempt, AttemptOutcome, DeliveryPurpose, DeliveryStatus, Letter
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.ids import new_id
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

SUBJECT = "invoice"
_ANSWER_MAX = 500


@dataclass(frozen=True)
class About:
    """Which invoice, by its id and as people call it."""

    org_id: str
    invoice_id: str
    named: str


async def queue(
    session: Session, about: About, purpose: DeliveryPurpose, letter: Letter, by: str | None, now: datetime, days: int | None = None
) -> InvoiceDelivery | None:
    """What is to leave after the commit. None for a reminder that was queued before. DeliveryQueued where one of the same is still on its way."""
    known = await store.of_invoice(about.org_id, about.invoice_id, session)
    key = _key(purpose, known, days)
    if any(row.key == key for row in known):
        if purpose is DeliveryPurpose.REMINDER:
            return None
        raise DeliveryQueued
    if purpose is DeliveryPurpose.RESEND and any(
        row.status is DeliveryStatus.QUEUED and row.purpose is not DeliveryPurpose.REMINDER for row in known
    ):
        raise DeliveryQueued
    own_id = new_id("dlv")
    row = InvoiceDelivery(
        id=own_id,
        created_at=now,
        updated_at=now,
        org_id=about.org_id,
        invoice_id=about.invoice_id,
        key=key,
        purpose=purpose,
        days=days,
        letter=letter,
        message_id=f"<{own_id}@coffer.local>",
        due_at=now,
        created_by=by,
    )
    await store.insert(session, row)
    await _tell(session, row, DeliveryWasQueued, now)
    what = {DeliveryPurpose.INVOICE: "", DeliveryPurpose.RESEND: " again", DeliveryPurpose.REMINDER: " with a reminder"}[purpose]
    told = {"to": letter.to, "purpose": purpose.value, "days": days}
    summary = f"{about.named} goes to {letter.to}{what}"
    await audit.record(session, about.org_id, "invoice_delivery.queued", summary, now, subject=(SUBJECT, about.invoice_id), after=told)
    return row


async def begin(session: Session, before: InvoiceDelivery, now: datetime) -> InvoiceDelivery | None:
    """Takes the next attempt. None where it is not due, or another process was first. An attempt that nobody ended is noted as interrupted."""
    if before.status is not DeliveryStatus.QUEUED or before.due_at is None or before.due_at > now:
        return None
    lost = []
    if before.started_at is not None:
        lost = [encoded(Attempt(at=before.started_at, outcome=AttemptOutcome.INTERRUPTED))]
    if before.tries >= rules.TRIES_MAX:  # whatever it is that ends the process each time
        await _give_up(session, before, lost, now)
        return None
    changes = {"started_at": now, "due_at": now + rules.ATTEMPT_LEASE, "updated_at": now}
    return await store.change(session, before, changes, more={"$inc": {"tries": 1}, "$push": {"attempts": {"$each": lost}}})


async def end(session: Session, before: InvoiceDelivery, outcome: AttemptOutcome, answer: str, now: datetime) -> InvoiceDelivery | None:
    """`before` as `begin` gave it. None where the attempt was taken for lost meanwhile, and another is under way."""
    assert before.started_at is not None
    pause = rules.retry_after(before.tries) if outcome is AttemptOutcome.DELAYED else None
    status, kind = _verdict(outcome, pause is not None)
    changes = {
        "status": status,
        "due_at": now + pause if pause is not None else None,
        "started_at": None,
        "sent_at": now if status is DeliveryStatus.SENT else None,
        "updated_at": now,
    }
    attempt = Attempt(at=before.started_at, outcome=outcome, answer=" ".join(answer.split())[:_ANSWER_MAX])
    after = await store.change(session, before, changes, more={"$push": {"attempts": encoded(attempt)}})
    if after is not None:
        await _tell(session, after, kind, now)
        await _record(session, after, now)
    return after


async def drop(session: Session, before: InvoiceDelivery, now: datetime) -> InvoiceDelivery | None:
    """It is no longer wanted."""
    after = await store.change(session, before, {"status": DeliveryStatus.DROPPED, "due_at": None, "started_at": None, "updated_at": now})
    if after is not None:
        await _tell(session, after, DeliveryDropped, now)
        await _record(session, after, now)
    return after


async def _give_up(session: Session, before: InvoiceDelivery, lost: list[dict[str, Any]], now: datetime) -> None:
    changes = {"status": DeliveryStatus.GIVEN_UP, "due_at": None, "started_at": None, "updated_at": now}
    after = await store.change(session, before, changes, more={"$push": {"attempts": {"$each": lost}}})
    if after is not None:
        await _tell(session, after, DeliveryFailed, now)
        await _record(session, after, now)


def _key(purpose: DeliveryPurpose, known: list[InvoiceDelivery], days: int | None) -> str:
    if purpose is DeliveryPurpose.REMINDER:
        return f"{purpose}:{days}"
    if purpose is DeliveryPurpose.RESEND:
        return f"{purpose}:{1 + sum(row.purpose is DeliveryPurpose.RESEND for row in known)}"
    return str(purpose)


def _verdict(outcome: AttemptOutcome, again: bool) -> tuple[DeliveryStatus, Callable[..., DomainEvent]]:
    if outcome is AttemptOutcome.SENT:
        return DeliveryStatus.SENT, DeliverySent
    if outcome is AttemptOutcome.REFUSED:
        return DeliveryStatus.REFUSED, DeliveryFailed
    return (DeliveryStatus.QUEUED, DeliveryDelayed) if again else (DeliveryStatus.GIVEN_UP, DeliveryFailed)


async def _tell(session: Session, row: InvoiceDelivery, kind: Callable[..., DomainEvent], now: datetime) -> None:
    await events.append(session, row.org_id, kind(delivery_id=row.id, invoice_id=row.invoice_id, purpose=row.purpose.value), now)


_WORDS = {
    DeliveryStatus.SENT: "The mail server took the letter to {to}",
    DeliveryStatus.REFUSED: "The mail server refused the letter to {to}",
    DeliveryStatus.GIVEN_UP: "The letter to {to} could not be sent for days",
    DeliveryStatus.DROPPED: "The letter to {to} was no longer needed",
}


async def _record(session: Session, row: InvoiceDelivery, now: datetime) -> None:
    if row.status not in _WORDS:  # it is tried again
        return
    told: dict[str, Any] = {"to": row.letter.to, "purpose": row.purpose.value, "tries": row.tries, "answer": _last(row)}
    summary = _WORDS[row.status].format(to=row.letter.to)
    await audit.record(session, row.org_id, f"invoice_delivery.{row.status.value}", summary, now, subject=(SUBJECT, row.invoice_id), after=told)


def _last(row: InvoiceDelivery) -> str:
    return row.attempts[-1].answer if row.attempts else ""
