"""The verbs of recurring payments. Each is part of the caller's unit of work."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.recurring import rules, store
from crypto_api.recurring.documents import Occurrence, RecurringPayment
from crypto_api.recurring.errors import HasEnded
from crypto_api.recurring.events import RecurringPaymentAdded, RecurringPaymentChanged, RecurringPaymentDue, RecurringPaymentEnded
from crypto_api.recurring.types import Due, NewRecurring, RecurringPaymentStatus
from mongodb_config.unit_of_work import Session

Versions = Collection[int] | None
MADE_AT_ONCE = 100
_TOLD = ("name", "wallet_id", "payee_id", "asset", "amount", "frequency", "interval", "start_date", "end_date", "count_max", "status")


async def add(session: Session, org_id: str, new: NewRecurring, time_zone: str, by: str, now: datetime) -> RecurringPayment:
    """InvalidInput where nothing would ever be due."""
    schedule = new.schedule
    first = rules.next_after(schedule, 0)
    if first is None:
        raise InvalidInput.of("end_date", "is before anything would be due", "nothing_due")
    row = RecurringPayment(
        id=new_id("rec"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        ordered_by=by,
        name=new.name,
        wallet_id=new.wallet_id,
        payee_id=new.payee_id,
        asset=new.asset,
        amount=new.amount,
        description=new.description,
        frequency=schedule.frequency,
        interval=schedule.interval,
        start_date=schedule.start_date,
        month_end=schedule.month_end,
        business_day=schedule.business_day,
        holidays=sorted(schedule.holidays),
        end_date=schedule.end_date,
        count_max=schedule.count,
        next_on=first.pays_on,
        look_at=begins(first.pays_on, time_zone),
    )
    await store.insert(session, row)
    await _record(session, None, row, "recurring_payment.added", f"Wrote the recurring payment {row.name}", now, RecurringPaymentAdded)
    return row


async def change(
    session: Session, org_id: str, recurring_id: str, fields: Mapping[str, Any], versions: Versions, time_zone: str, by: str, now: datetime
) -> RecurringPayment:
    """Name, wallet, payee, asset, amount, description, `end_date`, `count`, `paused`: what is due from then on. The days that it has had stay.
    NotFound, PreconditionFailed, HasEnded."""
    before = await standing(session, org_id, recurring_id, versions)
    if before.status is RecurringPaymentStatus.ENDED:
        raise HasEnded
    wanted = dict(fields)
    if (paused := wanted.pop("paused", None)) is not None:
        wanted["status"] = RecurringPaymentStatus.PAUSED if paused else RecurringPaymentStatus.ACTIVE
    after = before.model_copy(update={**wanted, "ordered_by": by, "updated_at": now})
    upcoming = rules.next_after(after.schedule, after.made)
    active = after.status is RecurringPaymentStatus.ACTIVE
    look_at = now if active else None
    after = after.model_copy(update={"next_on": upcoming.pays_on if upcoming else None, "look_at": look_at})
    stored = await _put(session, before, after)
    await _record(session, before, stored, "recurring_payment.changed", f"Changed the recurring payment {stored.name}", now, RecurringPaymentChanged)
    return stored


async def end(session: Session, org_id: str, recurring_id: str, versions: Versions, now: datetime) -> None:
    """Nothing more of it is due; payments that were prepared go their way. NotFound, PreconditionFailed, HasEnded."""
    before = await standing(session, org_id, recurring_id, versions)
    if before.status is RecurringPaymentStatus.ENDED:
        raise HasEnded
    changes = {"status": RecurringPaymentStatus.ENDED, "next_on": None, "look_at": None, "updated_at": now}
    stored = await _put(session, before, before.model_copy(update=changes))
    await _record(session, before, stored, "recurring_payment.ended", f"Ended the recurring payment {stored.name}", now, RecurringPaymentEnded)


async def write_down(session: Session, before: RecurringPayment, dues: Sequence[Due], time_zone: str, now: datetime) -> RecurringPayment:
    """What has become due, each once: the number that was reached moves in the same unit of work, by compare-and-set."""
    upcoming = rules.next_after(before.schedule, dues[-1].number)
    look_at = begins(upcoming.pays_on, time_zone) if upcoming is not None else None
    changes = {"made": dues[-1].number, "next_on": upcoming.pays_on if upcoming else None, "look_at": look_at, "updated_at": now}
    after = await _put(session, before, before.model_copy(update=changes))
    rows = [
        Occurrence(
            id=f"{before.id}:{due.number}",
            created_at=now,
            updated_at=now,
            org_id=before.org_id,
            recurring_id=before.id,
            number=due.number,
            nominal_on=due.nominal,
            pays_on=due.pays_on,
        )
        for due in dues
    ]
    await store.insert_occurrences(session, rows)
    told = [(row.org_id, RecurringPaymentDue(recurring_id=before.id, status=after.status, number=row.number)) for row in rows]
    await events.append_all(session, told, now)
    return after


async def end_by_itself(session: Session, before: RecurringPayment, now: datetime) -> None:
    """Its last one was prepared."""
    after = await _put(session, before, before.model_copy(update={"status": RecurringPaymentStatus.ENDED, "look_at": None, "updated_at": now}))
    await events.append(session, after.org_id, RecurringPaymentEnded(recurring_id=after.id, status=after.status), now)


async def standing(session: Session, org_id: str, recurring_id: str, versions: Versions) -> RecurringPayment:
    """NotFound, PreconditionFailed."""
    row = await store.get(org_id, recurring_id, session)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


def begins(day: date, time_zone: str) -> datetime:
    """The first moment of that day there."""
    return datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC)


async def _put(session: Session, before: RecurringPayment, after: RecurringPayment) -> RecurringPayment:
    stored = await store.change(session, before, after)
    if stored is None:
        raise PreconditionFailed
    return stored


async def _record(
    session: Session,
    before: RecurringPayment | None,
    after: RecurringPayment,
    action: str,
    summary: str,
    now: datetime,
    kind: Callable[..., DomainEvent],
) -> None:
    await events.append(session, after.org_id, kind(recurring_id=after.id, status=after.status), now)
    was, became = (None if row is None else {name: getattr(row, name) for name in _TOLD} for row in (before, after))
    await audit.record(session, after.org_id, action, summary, now, subject=("recurring_payment", after.id), before=was, after=became)
