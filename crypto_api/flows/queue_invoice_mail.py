"""Letters about invoices are worded and queued in the unit of work that makes them due, so that none is lost and none is queued twice. What leaves,
and what the mail server says to it, is `send_invoice_mail.py`."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from crypto_api.clients import store as clients
from crypto_api.clients.documents import Client
from crypto_api.deliveries import service
from crypto_api.deliveries.documents import InvoiceDelivery
from crypto_api.deliveries.errors import NoAddress, NotOverdue, RemindedToday
from crypto_api.deliveries.jobs import SendInvoiceMail
from crypto_api.deliveries.service import About
from crypto_api.deliveries.types import DeliveryPurpose, Letter
from crypto_api.flows.issue_invoice import Counter, Then, issue_invoice
from crypto_api.invoices import letters, store
from crypto_api.invoices import service as invoices
from crypto_api.invoices.documents import Invoice, InvoiceSettings
from crypto_api.invoices.errors import InvoiceNotIssued, WrongKind
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.languages import Language
from crypto_api.organizations import store as organizations
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Cover:
    """What a person says about the letter. `to` None: the client's address; `message` empty: the text of the settings."""

    to: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Post:
    """Where letters are queued."""

    uow: UnitOfWork
    clock: Clock
    jobs: Jobs
    org_id: str
    user_id: str


async def queue_invoice(session: Session, row: Invoice, cover: Cover, purpose: DeliveryPurpose, by: str, now: datetime) -> InvoiceDelivery:
    """`row` was issued, perhaps in this unit of work. NoAddress, DeliveryQueued."""
    own = await store.settings(row.org_id, session)
    client = await clients.get(row.org_id, row.client_id, session)
    to, language = cover.to or _address(row, client), _language(client)
    if not to:
        raise NoAddress
    subject, text = letters.invoice_letter(row, own, await _today(row.org_id, now), language, cover.message)
    queued = await service.queue(session, _about(row), purpose, _letter(to, subject, text, language, own), by, now)
    assert queued is not None, "only reminders are queued in vain"
    return queued


async def queue_reminder(
    session: Session, row: Invoice, own: InvoiceSettings | None, days: int, today: date, now: datetime, by: str | None = None
) -> InvoiceDelivery | None:
    """`by` None: as the settings say. None where this one was queued before, or nobody can be written to."""
    client = await clients.get(row.org_id, row.client_id, session)
    to, language = _address(row, client), _language(client)
    if not to:
        return None
    subject, text = letters.reminder_letter(row, own, days, today, language)
    return await service.queue(session, _about(row), DeliveryPurpose.REMINDER, _letter(to, subject, text, language, own), by, now, days)


async def send_invoice(
    counter: Counter, jobs: Jobs, invoice_id: str, versions: invoices.Versions, rate: Decimal | None, cover: Cover, also: Then | None = None
) -> Invoice:
    """Issues it and queues the letter with it, both or neither; `also` belongs to it too. What `issue_invoice` raises; NoAddress."""
    queued: list[InvoiceDelivery] = []

    async def then(session: Session, issued: Invoice) -> None:
        if also is not None:
            await also(session, issued)
        queued[:] = [await queue_invoice(session, issued, cover, DeliveryPurpose.INVOICE, counter.user_id, counter.clock.now())]

    row = await issue_invoice(counter, invoice_id, versions, rate, then)
    await nudge(jobs, queued[0])
    return row


async def resend(post: Post, invoice_id: str, cover: Cover) -> InvoiceDelivery:
    """Once more, by hand. NotFound, InvoiceNotIssued, WrongKind (it was cancelled), NoAddress, DeliveryQueued."""

    async def work(session: Session) -> InvoiceDelivery:
        row = await invoices.standing(session, post.org_id, invoice_id)
        if row.status is InvoiceStatus.DRAFT:
            raise InvoiceNotIssued
        if row.status is InvoiceStatus.CANCELLED:
            raise WrongKind("It was cancelled: it is not sent any more.")
        return await queue_invoice(session, row, cover, DeliveryPurpose.RESEND, post.user_id, post.clock.now())

    queued = await post.uow.run(work)
    await nudge(post.jobs, queued)
    return queued


async def remind(post: Post, invoice_id: str) -> InvoiceDelivery:
    """Of what is overdue, by hand; at most once a day, also beside the reminders of the settings. NotFound, NotOverdue, NoAddress, RemindedToday."""

    async def work(session: Session) -> InvoiceDelivery:
        row, now = await invoices.standing(session, post.org_id, invoice_id), post.clock.now()
        today = await _today(post.org_id, now)
        if row.kind is not InvoiceKind.INVOICE or row.status not in store.OWED or row.due_date is None or row.due_date >= today:
            raise NotOverdue
        if not _address(row, await clients.get(post.org_id, row.client_id, session)):
            raise NoAddress
        own, days = await store.settings(post.org_id, session), (today - row.due_date).days
        queued = await queue_reminder(session, row, own, days, today, now, post.user_id)
        if queued is None:
            raise RemindedToday
        return queued

    queued = await post.uow.run(work)
    await nudge(post.jobs, queued)
    return queued


async def nudge(jobs: Jobs, row: InvoiceDelivery) -> None:
    await jobs.put(SendInvoiceMail(org_id=row.org_id, delivery_id=row.id))


def _address(row: Invoice, client: Client | None) -> str:
    """The client's address as it is now: one that was mistyped is mended there."""
    return (client.email if client else "") or (row.buyer.email if row.buyer else "")


def _language(client: Client | None) -> Language:
    return (client.language if client else None) or Language.ENGLISH


async def _today(org_id: str, now: datetime) -> date:
    organization = await organizations.get(org_id)
    assert organization is not None
    return day_of(now, organization.time_zone)


def _about(row: Invoice) -> About:
    return About(row.org_id, row.id, row.number or row.id)


def _letter(to: str, subject: str, text: str, language: Language, own: InvoiceSettings | None) -> Letter:
    return Letter(to=to, subject=subject, text=text, language=language, reply_to=own.reply_to if own else "")
