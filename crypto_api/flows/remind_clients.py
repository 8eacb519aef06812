"""Reminders of invoices, before and after their due date, on the days that the organisation's settings name. Each is queued once, whoever looks and
however often; what was paid or cancelled gets none, also where it was queued already. Safe to run by several at once."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.rules import LATE_BY_AT_MOST, REMIND_FROM_HOUR, reminder_due
from crypto_api.flows.queue_invoice_mail import nudge, queue_reminder
from crypto_api.invoices import service, store
from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.kit.clock import Clock
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.organizations import store as organizations
from mongodb_config.unit_of_work import Session, UnitOfWork


async def remind_clients(uow: UnitOfWork, clock: Clock, jobs: Jobs, scope: OrgScope = EVERYBODY) -> int:
    """How many were queued. From eight in the morning on, where the organisation is."""
    queued = 0
    for org_id in scope.within(await store.organizations_that_remind()):
        own, organization = await store.settings(org_id), await organizations.get(org_id)
        if own is None or organization is None or organization.suspended_at is not None:
            continue
        there = clock.now().astimezone(ZoneInfo(organization.time_zone))
        if there.hour >= REMIND_FROM_HOUR:
            queued += await _remind(uow, clock, jobs, own, there.date())
    return queued


async def _remind(uow: UnitOfWork, clock: Clock, jobs: Jobs, own: InvoiceSettings, today: date) -> int:
    queued, days = 0, own.reminder_days
    first = today - timedelta(days=max(days) + LATE_BY_AT_MOST)
    for row in await store.owed_between(own.org_id, first, today - timedelta(days=min(days))):
        if _due(row, own, today) is None:
            continue
        reminder = await _queue(uow, own, row.id, today, clock.now())
        if reminder is not None:
            await nudge(jobs, reminder)
            queued += 1
    return queued


async def _queue(uow: UnitOfWork, own: InvoiceSettings, invoice_id: str, today: date, now: datetime) -> InvoiceDelivery | None:
    async def work(session: Session) -> InvoiceDelivery | None:
        row = await service.standing(session, own.org_id, invoice_id)
        days = _due(row, own, today)
        return await queue_reminder(session, row, own, days, today, now) if days is not None else None

    return await uow.run(work)


def _due(row: Invoice, own: InvoiceSettings, today: date) -> int | None:
    if row.status not in store.OWED or row.due_date is None or row.issue_date is None:
        return None
    return reminder_due(own.reminder_days, row.due_date, row.issue_date, today)
