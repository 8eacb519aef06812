"""Issuing: an invoice gets its number, is frozen, and stands in the books, all in one unit of work.

    issue         debit 1200 receivable (total), credit 4100 revenue (net of discount), credit 2300 taxes
    credit note   the other way round, at the rate of its invoice, so that the receivable comes back to zero
    cancellation  the mirror of the entry of issue, on the day of the cancellation

Amounts in another currency are booked at the rate of the day of issue (IAS 21.21). A quote posts nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from crypto_api.clients import store as clients
from crypto_api.clients.documents import Client
from crypto_api.flows.price_at import Prices, price_at
from crypto_api.invoices import rules, service, store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.errors import NoRate, StatusCannotFollow
from crypto_api.invoices.types import InvoiceKind, InvoiceStatus, Party
from crypto_api.kit.amounts import FUNCTIONAL_PLACES, multiply, to_functional
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from mongodb_config.unit_of_work import Session, UnitOfWork

BY_HAND = "entered by hand"
Then = Callable[[Session, Invoice], Awaitable[object]]


@dataclass(frozen=True)
class Counter:
    """Where invoices are issued and paid."""

    uow: UnitOfWork
    clock: Clock
    org_id: str
    user_id: str
    prices: Prices


@dataclass(frozen=True)
class Rate:
    """Functional currency for one unit."""

    value: Decimal
    source: str


@dataclass(frozen=True)
class _Known:
    """What was read before the unit of work."""

    organization: Organization
    today: date
    seller: Party
    rate: Rate


async def issue_invoice(
    counter: Counter, invoice_id: str, versions: service.Versions, rate: Decimal | None = None, then: Then | None = None
) -> Invoice:
    """NotFound, PreconditionFailed, InvoiceIssued, NoRate; of a credit note MoreThanDue. `then`: what else belongs to the same unit of work."""
    known = await _known(counter, invoice_id, rate)

    async def work(session: Session) -> Invoice:
        now = counter.clock.now()
        before = await service.standing(session, counter.org_id, invoice_id, versions)
        client = await clients.get(counter.org_id, before.client_id, session)
        assert client is not None, "a client with an invoice is never deleted"
        due = _due(before, known.today)
        fixed = service.Issue(on=known.today, due=due, seller=known.seller, buyer=_buyer(client))
        issued = await service.issue(session, before, fixed, now)
        if issued.kind is not InvoiceKind.QUOTE:
            issued = await _enter(session, counter, issued, known)
        if then is not None:
            await then(session, issued)
        return issued

    return await counter.uow.run(work)


async def cancel_invoice(counter: Counter, invoice_id: str, versions: service.Versions) -> Invoice:
    """NotFound, PreconditionFailed, StatusCannotFollow."""
    organization = await _organization(counter.org_id)
    today = day_of(counter.clock.now(), organization.time_zone)

    async def work(session: Session) -> Invoice:
        now = counter.clock.now()
        before = await service.standing(session, counter.org_id, invoice_id, versions)
        if before.kind is InvoiceKind.CREDIT_NOTE and before.status is not InvoiceStatus.DRAFT:
            raise StatusCannotFollow(before.status, InvoiceStatus.CANCELLED, "a credit note that was issued stands.")
        service.check_cancellable(before)
        on = today
        if before.entry_id is not None:
            reason = f"{before.number} was cancelled"
            on = (await ledger.reverse(session, counter.org_id, before.entry_id, now, reason, on=today, by=counter.user_id)).date
        return await service.cancel(session, before, on, now)

    return await counter.uow.run(work)


async def rate_of(counter: Counter, currency: str, functional: str, given: Decimal | None, day: date | None = None) -> Rate:
    """The rate that a person names, or that of the sources: now, or at the end of `day`. NoRate."""
    if currency == functional:
        if given is not None and given != 1:
            raise InvalidInput.of("rate", "is 1 in the organisation's own currency", "invalid_rate")
        return Rate(Decimal(1), "")
    if given is not None:
        return Rate(given, BY_HAND)
    organization, now = await _organization(counter.org_id), counter.clock.now()
    at = end_of(day, organization) if day is not None else None
    found = (await price_at(counter.org_id, currency, functional, at if at is not None and at < now else None, counter.prices, now)).quote
    if found is None:
        raise NoRate(currency, functional)
    return Rate(found.rate, found.origin or found.source.value)


def end_of(day: date, organization: Organization) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=ZoneInfo(organization.time_zone))


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _enter(session: Session, counter: Counter, issued: Invoice, known: _Known) -> Invoice:
    """Into the books; a credit note settles its invoice."""
    about = await _about(session, issued)
    at = Rate(about.rate or Decimal(1), about.rate_source) if about is not None else known.rate
    if issued.total > 0:
        issued = await _book(session, counter, issued, about, at)
    if about is not None:
        await service.credit(session, about, issued, known.today, counter.clock.now())
    return issued


async def _known(counter: Counter, invoice_id: str, rate: Decimal | None) -> _Known:
    row = await store.get(counter.org_id, invoice_id)
    if row is None:
        raise NotFound
    organization = await _organization(counter.org_id)
    at = Rate(Decimal(1), "")
    if row.kind is InvoiceKind.INVOICE and row.status is InvoiceStatus.DRAFT:
        at = await rate_of(counter, row.currency, organization.functional_currency, rate)
    return _Known(organization, day_of(counter.clock.now(), organization.time_zone), await seller_of(organization), at)


async def seller_of(organization: Organization) -> Party:
    """The company that the settings of invoices name, or the organisation by its name alone."""
    own = await store.settings(organization.id)
    company = await organizations.company(organization.id, own.company_id) if own is not None and own.company_id is not None else None
    if company is None:
        return Party(name=organization.name)
    lines = [line.strip() for line in company.address.splitlines() if line.strip()]
    return Party(name=company.legal_name, tax_id=company.tax_id, country=company.country, line1=lines[0] if lines else "", line2=", ".join(lines[1:]))


def _buyer(client: Client) -> Party:
    return Party(name=client.name, email=client.email, tax_id=client.tax_id, **client.address.model_dump())


def _due(row: Invoice, today: date) -> date | None:
    if row.kind is InvoiceKind.CREDIT_NOTE:
        return None
    return row.due_date or today + timedelta(days=row.terms_days)


async def _about(session: Session, note: Invoice) -> Invoice | None:
    """The invoice that a credit note is about."""
    if note.kind is not InvoiceKind.CREDIT_NOTE:
        return None
    assert note.invoice_id is not None
    return await service.standing(session, note.org_id, note.invoice_id)


async def _book(session: Session, counter: Counter, row: Invoice, about: Invoice | None, rate: Rate) -> Invoice:
    """Books it at that rate. What a credit note takes off the receivable is its part of what the invoice put on it, and the rest where it settles the
    rest: so the account comes to zero with the invoice."""
    if about is None:
        whole = to_functional(multiply(row.total, rate.value))
    elif row.total >= about.due:
        whole = about.booked - about.settled
    else:
        whole = rules.part_of(about.booked, row.total, about.total, FUNCTIONAL_PLACES)
    entry = await ledger.post(session, counter.org_id, _draft(row, whole), counter.clock.now(), by=counter.user_id)
    booked = {"rate": rate.value, "rate_source": rate.source, "booked": whole, "booked_on": entry.date, "entry_id": entry.id}
    return await service.note_booked(session, row, booked, counter.clock.now())


def _draft(row: Invoice, whole: Decimal) -> EntryDraft:
    """`whole`: what the receivable is charged with, in the functional currency; taxes are their part of it, revenue the rest."""
    taxes = rules.part_of(whole, row.totals.tax, row.total, FUNCTIONAL_PLACES)
    parts = [(AccountCode.REVENUE, whole - taxes), (AccountCode.TAXES, taxes)]
    credit_note = row.kind is InvoiceKind.CREDIT_NOTE
    lines = [_line(AccountCode.RECEIVABLES, whole, debit=not credit_note)]
    lines += [_line(code, amount, debit=credit_note) for code, amount in parts if amount]
    assert row.issue_date is not None and row.number is not None
    return EntryDraft(
        date=row.issue_date,
        description=f"{'Credit note' if credit_note else 'Invoice'} {row.number}: {row.client_name}",
        reference=row.number,
        source=Source(kind=SourceKind.INVOICE, id=row.id, purpose="issue"),
        lines=lines,
    )


def _line(code: AccountCode, amount: Decimal, *, debit: bool) -> Line:
    return Line(account_code=code, debit=amount if debit else Decimal(0), credit=Decimal(0) if debit else amount)


async def _organization(org_id: str) -> Organization:
    organization = await organizations.get(org_id)
    assert organization is not None
    return organization
