"""The verbs of recurring invoices. Each is part of the caller's unit of work; what they write is put together in flows."""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.organizations.rules import fold
from crypto_api.recurring_invoices import rules, store
from crypto_api.recurring_invoices.documents import RecurringInvoice
from crypto_api.recurring_invoices.errors import RecurringBegun, RecurringEnded
from crypto_api.recurring_invoices.events import RecurringAdded, RecurringChanged, RecurringDeleted, RecurringMade, RecurringStuck
from crypto_api.recurring_invoices.types import Recurred, RecurringStatus, Schedule
from mongodb_config.unit_of_work import Session

SUBJECT = "recurring_invoice"
AGAIN_AFTER = timedelta(hours=1)
_TOLD = ("status", "client_name", "currency", "total", "mode", "schedule", "made", "next_date")
Versions = Collection[int] | None


async def add(session: Session, org_id: str, time_zone: str, new: Recurred, schedule: Schedule, by: str, now: datetime) -> RecurringInvoice:
    """InvalidInput for a schedule without a day."""
    first = _next(schedule, 0)
    if first is None:
        raise InvalidInput.of("end_date", "is before the first day", "no_dates")
    row = RecurringInvoice(
        id=new_id("rin"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        schedule=schedule,
        next_date=first,
        due_at=_begins(first, time_zone),
        created_by=by,
        **_fields(new),
    )
    await store.insert(session, row)
    await _record(session, row, "recurring_invoice.added", f"{row.client_name} is invoiced again and again", now, None, RecurringAdded)
    return row


async def change(
    session: Session, before: RecurringInvoice, time_zone: str, new: Recurred, schedule: Schedule, paused: bool, now: datetime
) -> RecurringInvoice:
    """`before` was read in this unit of work. RecurringBegun where its days would move after invoices were made by it; RecurringEnded."""
    if before.status is RecurringStatus.ENDED:
        raise RecurringEnded
    fixed = {"end_date": None, "occurrences": None}
    if before.made and schedule.model_copy(update=fixed) != before.schedule.model_copy(update=fixed):
        raise RecurringBegun
    coming = _next(schedule, before.made)
    if coming is None and not before.made:
        raise InvalidInput.of("end_date", "is before the first day", "no_dates")
    status = RecurringStatus.ENDED if coming is None else RecurringStatus.PAUSED if paused else RecurringStatus.ACTIVE
    changes = _fields(new) | {"schedule": schedule, "next_date": coming, "status": status, "problem": ""}
    changes |= {"due_at": _due(status, coming, before.sending_id, time_zone, now), "updated_at": now}
    after = await _put(session, before, changes)
    await _record(session, after, "recurring_invoice.changed", f"Changed what recurs for {after.client_name}", now, before, RecurringChanged)
    return after


async def end(session: Session, before: RecurringInvoice, now: datetime) -> bool:
    """True where it is gone altogether: nothing had been made by it."""
    if not before.made:
        if not await store.delete(session, before):
            raise PreconditionFailed
        await _record(
            session, before, "recurring_invoice.deleted", f"Deleted what was to recur for {before.client_name}", now, before, RecurringDeleted
        )
        return True
    if before.status is RecurringStatus.ENDED:
        raise RecurringEnded
    changes = {"status": RecurringStatus.ENDED, "next_date": None, "due_at": now if before.sending_id else None, "updated_at": now}
    after = await _put(session, before, changes)
    await _record(session, after, "recurring_invoice.changed", f"Ended what recurred for {after.client_name}", now, before, RecurringChanged)
    return False


async def note_made(session: Session, before: RecurringInvoice, invoice_id: str, sends: bool, time_zone: str, now: datetime) -> RecurringInvoice:
    """The invoice of `before.next_date` was written in this unit of work."""
    assert before.next_date is not None
    coming = _next(before.schedule, before.made + 1)
    status = before.status if coming is not None else RecurringStatus.ENDED
    sending = invoice_id if sends else None
    changes = {
        "made": before.made + 1,
        "next_date": coming,
        "status": status,
        "sending_id": sending,
        "last_invoice_id": invoice_id,
        "problem": "",
        "due_at": _due(status, coming, sending, time_zone, now),
        "updated_at": now,
    }
    after = await _put(session, before, changes)
    told = {"invoice_id": invoice_id, "period": before.next_date.isoformat()}
    summary = f"The invoice of {before.next_date} for {before.client_name}"
    await _record(session, after, "recurring_invoice.made", summary, now, before, lambda **facts: RecurringMade(**facts, **told))
    return after


async def note_sent(session: Session, before: RecurringInvoice, time_zone: str, now: datetime) -> RecurringInvoice:
    due_at = _due(before.status, before.next_date, None, time_zone, now)
    return await _put(session, before, {"sending_id": None, "problem": "", "due_at": due_at, "updated_at": now})


async def note_problem(session: Session, before: RecurringInvoice, problem: str, now: datetime) -> RecurringInvoice:
    """It is tried again in an hour."""
    after = await _put(session, before, {"problem": problem, "due_at": now + AGAIN_AFTER, "updated_at": now})
    if problem != before.problem:
        summary = f"What recurs for {after.client_name} is stuck: {problem}"
        await _record(session, after, "recurring_invoice.stuck", summary, now, before, RecurringStuck)
    return after


async def standing(session: Session, org_id: str, recurring_id: str, versions: Versions = None) -> RecurringInvoice:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    row = await store.get(org_id, recurring_id, session)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


def template_of(row: RecurringInvoice) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.template)
    return found


def _fields(new: Recurred) -> dict[str, Any]:
    plain = {name: getattr(new, name) for name in ("client_id", "client_name", "currency", "total", "mode")}
    return plain | {"client_name_folded": fold(new.client_name), "template": json.dumps(new.template, sort_keys=True)}


def _next(schedule: Schedule, number: int) -> date | None:
    return rules.date_of(schedule, number)


def _begins(day: date, time_zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone))


def _due(status: RecurringStatus, coming: date | None, sending_id: str | None, time_zone: str, now: datetime) -> datetime | None:
    if sending_id is not None:
        return now
    return _begins(coming, time_zone) if status is RecurringStatus.ACTIVE and coming is not None else None


async def _put(session: Session, before: RecurringInvoice, changes: Mapping[str, Any]) -> RecurringInvoice:
    after = await store.change(session, before, dict(changes))
    if after is None:
        raise PreconditionFailed
    return after


async def _record(
    session: Session,
    row: RecurringInvoice,
    action: str,
    summary: str,
    now: datetime,
    before: RecurringInvoice | None,
    kind: Callable[..., DomainEvent],
) -> None:
    await events.append(session, row.org_id, kind(recurring_id=row.id, status=row.status.value), now)
    was = _told(before) if before else None
    await audit.record(session, row.org_id, action, summary, now, subject=(SUBJECT, row.id), before=was, after=_told(row))


def _told(row: RecurringInvoice) -> dict[str, Any]:
    plain = row.model_dump(mode="python")
    return {name: plain[name] for name in _TOLD}
