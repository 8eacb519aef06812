"""Invoices that are written again and again.

Each period is one unit of work: the invoice is drafted and the count of periods moves with it, so a period has exactly one invoice, by whichever of
several workers, and after an outage each missed one in its turn. One that is to be sent at once is issued and mailed in a second one; what still
stands between them is kept (`sending_id`), so that a process that dies there leaves nothing unsent.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crypto_api.flows.issue_invoice import Counter
from crypto_api.flows.price_at import Prices
from crypto_api.flows.queue_invoice_mail import Cover, send_invoice
from crypto_api.flows.request_payment import Receiving, asking_for, first_rate
from crypto_api.flows.write_invoice import Wish, Writing, draft_invoice, named_client, preview
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.errors import InvoiceIssued
from crypto_api.invoices.types import CryptoTerms, InvoiceKind, Item
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import CoreError, NotFound, PreconditionFailed
from crypto_api.kit.jobs import Jobs
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.recurring_invoices import rules, service, store
from crypto_api.recurring_invoices.documents import RecurringInvoice
from crypto_api.recurring_invoices.types import Recurred, RecurringMode, RecurringStatus, Schedule
from mongodb_config.unit_of_work import Session, UnitOfWork

_PLAIN = ("client_id", "currency", "prices_include_tax", "reference", "note")
_AMOUNTS = ("discount", "discount_percent")


@dataclass(frozen=True)
class Rota:
    """Where a worker writes them."""

    uow: UnitOfWork
    clock: Clock
    jobs: Jobs
    prices: Prices
    crypto: Mapping[str, int]
    receiving: Receiving


# ---- by people -------------------------------------------------------------------------------------------------------------------


async def add_recurring(desk: Writing, wish: Wish, schedule: Schedule, mode: RecurringMode) -> RecurringInvoice:
    """What a wish says is written on each day of the schedule; it is reckoned once to see that it can be. InvalidInput, NotFound, ClientArchived."""
    new, organization = await _recurred(desk, wish, mode), await _organization(desk.org_id)
    add = (desk.org_id, organization.time_zone, new, schedule, desk.user_id, desk.clock.now())
    return await desk.uow.run(lambda session: service.add(session, *add))


async def change_recurring(
    desk: Writing, recurring_id: str, changes: Mapping[str, Any], schedule: Mapping[str, Any], mode: RecurringMode | None, paused: bool | None,
    versions: service.Versions,
) -> RecurringInvoice:  # fmt: skip
    """What is left out stays. NotFound, PreconditionFailed, InvalidInput, RecurringBegun, RecurringEnded."""
    row = await store.get(desk.org_id, recurring_id)
    if row is None:
        raise NotFound
    new = await _recurred(desk, replace(wish_of(row), **changes), mode or row.mode)
    organization = await _organization(desk.org_id)

    async def work(session: Session) -> RecurringInvoice:
        before = await service.standing(session, desk.org_id, recurring_id, versions)
        if before.version != row.version:
            raise PreconditionFailed
        whole = before.schedule.model_copy(update=dict(schedule))
        stays = before.status is RecurringStatus.PAUSED if paused is None else paused
        return await service.change(session, before, organization.time_zone, new, whole, stays, desk.clock.now())

    return await desk.uow.run(work)


async def end_recurring(desk: Writing, recurring_id: str, versions: service.Versions) -> bool:
    """True where it is gone altogether. NotFound, PreconditionFailed, RecurringEnded."""

    async def work(session: Session) -> bool:
        return await service.end(session, await service.standing(session, desk.org_id, recurring_id, versions), desk.clock.now())

    return await desk.uow.run(work)


def wish_of(row: RecurringInvoice, day: date | None = None) -> Wish:
    """What it writes; with `day`, on that one."""
    told = service.template_of(row)
    items = [Item.model_validate(item) for item in told["items"]]
    if day is not None:
        items = [item.model_copy(update={"description": rules.words_of(item.description, day)}) for item in items]
    plain: dict[str, Any] = {name: told[name] for name in _PLAIN} | {name: Decimal(told[name]) for name in _AMOUNTS}
    crypto = CryptoTerms.model_validate(told["crypto"]) if told.get("crypto") else None
    return Wish(items=tuple(items), crypto=crypto, **plain)


async def _recurred(desk: Writing, wish: Wish, mode: RecurringMode) -> Recurred:
    found, client = await preview(desk, wish), await named_client(desk.org_id, wish)
    template = {name: getattr(wish, name) for name in _PLAIN} | {name: str(getattr(wish, name)) for name in _AMOUNTS}
    template |= {"items": [item.model_dump(mode="json") for item in wish.items], "client_id": client.id}
    template["crypto"] = wish.crypto.model_dump(mode="json") if wish.crypto is not None else None
    return Recurred(client.id, client.name, found.currency, found.totals.total, mode, template)


# ---- by the clock ----------------------------------------------------------------------------------------------------------------


async def make_due(rota: Rota, org_id: str, recurring_id: str) -> int:
    """The next step of one that is due: how many invoices were made by it (0 or 1). Safe to run twice, and by several at once."""
    row, organization = await store.get(org_id, recurring_id), await organizations.get(org_id)
    if row is None or organization is None or row.due_at is None or row.due_at > rota.clock.now():
        return 0
    try:
        if row.sending_id is not None:
            await _send(rota, organization, row, row.sending_id)
            return 0
        return 1 if await _make(rota, organization, row) is not None else 0
    except PreconditionFailed:  # another was first, or a person changed it
        return 0
    except CoreError as error:
        problem, now = error.detail, rota.clock.now()
        await rota.uow.run(lambda session: _note_problem(session, row, problem, now))
        return 0


async def _make(rota: Rota, organization: Organization, row: RecurringInvoice) -> Invoice | None:
    today = day_of(rota.clock.now(), organization.time_zone)
    desk = Writing(rota.uow, rota.clock, row.org_id, row.created_by, rota.crypto)

    async def work(session: Session) -> Invoice | None:
        before = await service.standing(session, row.org_id, row.id, [row.version])
        if before.next_date is None or before.next_date > today or before.status is not RecurringStatus.ACTIVE:
            return None
        invoice = await draft_invoice(session, desk, replace(wish_of(before, before.next_date), kind=InvoiceKind.INVOICE))
        await service.note_made(session, before, invoice.id, before.mode is RecurringMode.SEND, organization.time_zone, rota.clock.now())
        return invoice

    return await rota.uow.run(work)


async def _send(rota: Rota, organization: Organization, row: RecurringInvoice, invoice_id: str) -> None:
    counter = Counter(rota.uow, rota.clock, row.org_id, row.created_by, rota.prices)
    with suppress(InvoiceIssued, NotFound):  # a person was first, or a process died after it: there is nothing left to send
        also = await asking_for(rota.receiving, row.org_id, row.created_by, invoice_id)  # its payer's page goes out with it
        await send_invoice(counter, rota.jobs, invoice_id, None, None, Cover(), also)
    await first_rate(rota.receiving, row.org_id, invoice_id)
    now = rota.clock.now()

    async def work(session: Session) -> None:
        await service.note_sent(session, await service.standing(session, row.org_id, row.id), organization.time_zone, now)

    await rota.uow.run(work)


async def _note_problem(session: Session, row: RecurringInvoice, problem: str, now: datetime) -> None:
    before = await service.standing(session, row.org_id, row.id)
    if before.due_at is not None and before.due_at <= now:
        await service.note_problem(session, before, problem, now)


async def _organization(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    assert organization is not None
    return organization
