"""Invoices whose due date has passed in their organisation's own time zone become OVERDUE. Safe to run twice, and by several at once."""

from datetime import timedelta

from crypto_api.invoices import service, store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.scope import EVERYBODY, OrgScope
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from mongodb_config.unit_of_work import Session, UnitOfWork

BATCH = 200
_EARLIEST = timedelta(hours=14)  # no time zone is further ahead of UTC


async def mark_overdue(uow: UnitOfWork, clock: Clock, scope: OrgScope = EVERYBODY) -> int:
    """How many became so. Those due longest come first, so that what is not yet due where it is due holds nobody up."""
    before, marked, known = (clock.now() + _EARLIEST).date(), 0, dict[str, Organization | None]()
    for org_id, invoice_id, due in await store.fell_due(before, BATCH, scope):
        if org_id not in known:
            known[org_id] = await organizations.get(org_id)
        organization = known[org_id]
        if organization is None or due >= day_of(clock.now(), organization.time_zone):
            continue
        row = await _mark(uow, clock, organization, invoice_id)
        marked += row.status is InvoiceStatus.OVERDUE
    return marked


async def _mark(uow: UnitOfWork, clock: Clock, organization: Organization, invoice_id: str) -> Invoice:
    today = day_of(clock.now(), organization.time_zone)

    async def work(session: Session) -> Invoice:
        row = await service.standing(session, organization.id, invoice_id)
        return await service.fall_due(session, row, today, clock.now())

    return await uow.run(work)
