"""The verbs of webhooks, each part of the caller's unit of work; receivers are asked between two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.outside import Answered
from crypto_api.webhooks import rules, store
from crypto_api.webhooks.documents import Webhook, WebhookDelivery
from crypto_api.webhooks.errors import TooManyWebhooks
from crypto_api.webhooks.events import WebhookAdded, WebhookChanged, WebhookDeleted, WebhookSecretRotated, WebhookSuspended
from crypto_api.webhooks.types import WEBHOOKS_MAX, Attempt, SigningSecret, WebhookDeliveryPurpose, WebhookDeliveryStatus, WebhookStatus
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

SUBJECT = "webhook"
_AFRESH: Mapping[str, Any] = {"tries": 0, "delivery_id": None, "failing_since": None, "retry_at": None, "problem": ""}


# ---- people's ---------------------------------------------------------------------------------------------------------------------


async def add(session: Session, row: Webhook, now: datetime) -> None:
    """TooManyWebhooks."""
    if await store.count(row.org_id, session) >= WEBHOOKS_MAX:
        raise TooManyWebhooks
    await store.insert(session, row)
    host = rules.host_of(row.url)
    await events.append(session, row.org_id, WebhookAdded(webhook_id=row.id, host=host), now)
    await audit.record(session, row.org_id, "webhook.added", f"{_named(row)} is told {_what(row)}.", now, subject=(SUBJECT, row.id), after=_told(row))


async def change(
    session: Session, org_id: str, webhook_id: str, fields: Mapping[str, Any], now: datetime, expected: frozenset[int] | None = None
) -> Webhook:
    """Sets `fields` (url, description, kinds, status), the others stay. A webhook that is active again, or at another address, is tried at once, from
    where it stopped. NotFound; PreconditionFailed when it is none of the `expected` versions."""
    before = await _expected(session, org_id, webhook_id, expected)
    changes = {name: value for name, value in fields.items() if getattr(before, name) != value}
    if not changes:
        return before
    if changes.keys() & {"url", "status"}:
        changes |= _AFRESH
    after = await _changed(session, before, changes)
    await events.append(session, org_id, WebhookChanged(webhook_id=webhook_id, host=rules.host_of(after.url)), now)
    summary = f"{_named(after)} is told {_what(after)}." if after.status is WebhookStatus.ACTIVE else f"{_named(after)} is paused."
    was, became = _told(before), _told(after)
    await audit.record(session, org_id, "webhook.changed", summary, now, subject=(SUBJECT, webhook_id), before=was, after=became)
    return after


async def resume(
    session: Session, org_id: str, webhook_id: str, after_seq: int | None, head: int, now: datetime, expected: frozenset[int] | None = None
) -> Webhook:
    """It is sent what comes behind `after_seq` (None: behind what it has), at once. `head`: the last number given. NotFound, InvalidInput;
    PreconditionFailed when it is none of the `expected` versions."""
    before = await _expected(session, org_id, webhook_id, expected)
    if after_seq is not None and not 0 <= after_seq <= head:
        raise InvalidInput.of("after_seq", f"must be from 0 to {head}, the number of the last event", "out_of_range")
    done_seq = before.done_seq if after_seq is None else after_seq
    after = await _changed(session, before, {"status": WebhookStatus.ACTIVE.value, "done_seq": done_seq, **_AFRESH})
    await events.append(session, org_id, WebhookChanged(webhook_id=webhook_id, host=rules.host_of(after.url)), now)
    summary = f"{_named(after)} is sent what comes after event {done_seq}."
    was, became = _told(before), _told(after)
    await audit.record(session, org_id, "webhook.resumed", summary, now, subject=(SUBJECT, webhook_id), before=was, after=became)
    return after


async def rotate(
    session: Session, org_id: str, webhook_id: str, sealed: str, now: datetime, *, at_once: bool, expected: frozenset[int] | None = None
) -> Webhook:
    """A new signing secret; the one of before signs beside it for a day, or `at_once` no more. NotFound; PreconditionFailed when it is none of the
    `expected` versions."""
    before = await _expected(session, org_id, webhook_id, expected)
    ends_at = now + rules.ROTATION
    outgoing = [] if at_once else [before.secrets[0].model_copy(update={"ends_at": ends_at})]
    kept = [SigningSecret(sealed=sealed, made_at=now), *outgoing]
    after = await _changed(session, before, {"secrets": [encoded(secret) for secret in kept]})
    await events.append(session, org_id, WebhookSecretRotated(webhook_id=webhook_id, host=rules.host_of(after.url)), now)
    summary = f"A new secret signs for {_named(after, 'the')}; the old one ends {'now' if at_once else 'in 24 hours'}."
    await audit.record(session, org_id, "webhook.secret_rotated", summary, now, subject=(SUBJECT, webhook_id))
    return after


async def secret_read(session: Session, org_id: str, webhook_id: str, now: datetime) -> Webhook:
    """Whose secret a person is about to be told. NotFound."""
    row = await _expected(session, org_id, webhook_id, None)
    await audit.record(session, org_id, "webhook.secret_read", f"The secret of {_named(row, 'the')} was shown.", now, subject=(SUBJECT, webhook_id))
    return row


async def delete(session: Session, org_id: str, webhook_id: str, now: datetime, expected: frozenset[int] | None = None) -> None:
    """NotFound; PreconditionFailed when it is none of the `expected` versions."""
    row = await _expected(session, org_id, webhook_id, expected)
    if not await store.delete(session, org_id, webhook_id, row.version):
        raise PreconditionFailed
    await events.append(session, org_id, WebhookDeleted(webhook_id=webhook_id, host=rules.host_of(row.url)), now)
    await audit.record(
        session, org_id, "webhook.deleted", f"{_named(row)} is told nothing any more.", now, subject=(SUBJECT, webhook_id), before=_told(row)
    )


async def record_sent(session: Session, row: Webhook, event_kind: str, purpose: WebhookDeliveryPurpose, now: datetime) -> None:
    """A person had something sent: a test, or an event once more."""
    what = "a test" if purpose is WebhookDeliveryPurpose.TEST else f"{event_kind} once more"
    told = {"event_kind": event_kind, "purpose": purpose.value}
    await audit.record(session, row.org_id, "webhook.sent", f"{_named(row)} was sent {what}.", now, subject=(SUBJECT, row.id), after=told)


async def _expected(session: Session, org_id: str, webhook_id: str, expected: frozenset[int] | None) -> Webhook:
    row = await store.get(org_id, webhook_id, session)
    if row is None:
        raise NotFound
    if expected is not None and row.version not in expected:
        raise PreconditionFailed
    return row


async def _changed(session: Session, before: Webhook, changes: dict[str, Any]) -> Webhook:
    after = await store.change(session, before, changes)
    if after is None:
        raise PreconditionFailed
    return after


def _named(row: Webhook, article: str = "The") -> str:
    return f"{article} webhook to {rules.host_of(row.url)}"


def _what(row: Webhook) -> str:
    return ", ".join(row.kinds) if row.kinds else "everything"


def _told(row: Webhook) -> dict[str, Any]:
    return {"url": row.url, "description": row.description, "kinds": row.kinds, "status": row.status.value, "done_seq": row.done_seq}


# ---- the worker's -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """One POST that was made."""

    delivery_id: str
    event_id: str
    event_kind: str
    seq: int | None
    purpose: WebhookDeliveryPurpose
    at: datetime
    answered: Answered
    requested_by: str | None = None


async def note_taken(session: Session, row: Webhook, sent: Sent, now: datetime) -> Webhook | None:
    """It took the event: as it stands then, for the next one. None when a person or another process was in between."""
    changes = once_taken(sent, now)
    if not await store.note(session, row, changes):
        return None
    await keep_delivery(session, row, sent, WebhookDeliveryStatus.DELIVERED, now)
    after: Webhook = row.model_copy(update=changes)
    return after


async def note_failed(session: Session, row: Webhook, sent: Sent, now: datetime, spread: int) -> bool:
    """It did not; the event is tried again, or the webhook suspended. False when a person or another process was in between."""
    changes = once_failed(row, sent, now, spread)
    if not await store.note(session, row, changes):
        return False
    await keep_delivery(session, row, sent, WebhookDeliveryStatus.WAITING, now)
    if changes["retry_at"] is None:
        await _suspended(session, row, changes["problem"], now)
    return True


def once_taken(sent: Sent, now: datetime) -> dict[str, Any]:
    """What is otherwise of a webhook that took an event."""
    return {"done_seq": sent.seq, "taken_at": now, **_AFRESH}


def once_failed(row: Webhook, sent: Sent, now: datetime, spread: int) -> dict[str, Any]:
    """What is otherwise of one that did not; where it is not tried again it is suspended."""
    assert sent.seq is not None
    since = row.failing_since or sent.at
    verdict = rules.after_failure(sent.answered, row.tries + 1, since, now, spread)
    changes: dict[str, Any] = {
        "done_seq": sent.seq - 1,  # what is before it was taken or is not wanted
        "tries": row.tries + 1,
        "delivery_id": sent.delivery_id,
        "failing_since": since,
        "retry_at": verdict.retry_at,
        "problem": rules.problem_of(sent.answered),
    }
    return changes | ({"status": WebhookStatus.SUSPENDED.value} if verdict.retry_at is None else {})


async def note_passed(session: Session, row: Webhook, seq: int) -> bool:
    """Nothing up to `seq` is wanted."""
    return await store.note(session, row, {"done_seq": seq})


async def _suspended(session: Session, row: Webhook, problem: str, now: datetime) -> None:
    await events.append(session, row.org_id, WebhookSuspended(webhook_id=row.id, host=rules.host_of(row.url), problem=problem), now)
    summary = f"{_named(row)} is suspended: {problem}."
    await audit.record(session, row.org_id, "webhook.suspended", summary, now, subject=(SUBJECT, row.id))


async def keep_delivery(session: Session, row: Webhook, sent: Sent, status: WebhookDeliveryStatus, now: datetime) -> None:
    """Into the log of deliveries."""
    answered = sent.answered
    attempt = Attempt(
        at=sent.at,
        took_ms=answered.took_ms,
        status=answered.status,
        problem=rules.problem_of(answered),
        answer=rules.excerpt(answered.body),
    )
    delivery = WebhookDelivery(
        id=sent.delivery_id,
        created_at=sent.at,
        org_id=row.org_id,
        webhook_id=row.id,
        event_id=sent.event_id,
        event_kind=sent.event_kind,
        seq=sent.seq,
        purpose=sent.purpose,
        status=status,
        attempts=[],
        tries=0,
        requested_by=sent.requested_by,
        expires_at=now + rules.KEPT,
    )
    await store.put_delivery(session, delivery, encoded(attempt), rules.ATTEMPTS_KEPT)


def signing_secrets(row: Webhook, now: datetime) -> Sequence[SigningSecret]:
    """Those that sign now, the newest first."""
    return [secret for secret in row.secrets if secret.ends_at is None or now < secret.ends_at]
