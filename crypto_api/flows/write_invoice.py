"""Writing invoices, credit notes and quotes: what a person leaves out follows from the client and from how the organisation writes its invoices.

A draft may change in everything. Sending it (`issue_invoice.py`) gives it its number and books it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from crypto_api.clients import service as clients
from crypto_api.clients import store as client_store
from crypto_api.clients.documents import Client
from crypto_api.clients.errors import ClientArchived
from crypto_api.clients.types import NewClient
from crypto_api.invoices import rules, service, store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.errors import InvoiceIssued, InvoiceNotIssued, MoreThanDue, WrongKind
from crypto_api.invoices.service import NewInvoice
from crypto_api.invoices.types import CryptoTerms, InvoiceKind, InvoiceStatus, Item, Rounding, Terms, Totals
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.networks import NetworkConfig
from crypto_api.kit.standards import CURRENCIES
from crypto_api.organizations import store as organizations
from crypto_api.organizations.rules import fold
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Wish:
    """As it was written. None: it follows from the client, or from the organisation."""

    items: tuple[Item, ...]
    client_id: str | None = None
    client_name: str | None = None
    client_email: str | None = None
    kind: InvoiceKind = InvoiceKind.INVOICE
    currency: str | None = None
    due_date: date | None = None
    prices_include_tax: bool = False
    discount: Decimal = Decimal(0)
    discount_percent: Decimal = Decimal(0)
    reference: str = ""
    note: str = ""
    crypto: CryptoTerms | None = None
    invoice_id: str | None = None
    quote_id: str | None = None


@dataclass(frozen=True)
class Preview:
    currency: str
    decimals: int
    rounding: Rounding
    totals: Totals


@dataclass(frozen=True)
class Writing:
    """Who writes where."""

    uow: UnitOfWork
    clock: Clock
    org_id: str
    user_id: str
    crypto: Mapping[str, int] = field(default_factory=dict)  # listed assets that are no currency of ISO 4217, with their decimals


async def preview(desk: Writing, wish: Wish) -> Preview:
    """What it would come to, nothing stored. InvalidInput, NotFound."""
    client = await _known_client(desk.org_id, wish, None)
    currency, decimals = await _currency(desk, wish, client)
    rounding = await _rounding(desk.org_id, None)
    _check_items(wish, decimals)
    terms = Terms(decimals, rounding, wish.prices_include_tax, wish.discount, wish.discount_percent)
    return Preview(currency, decimals, rounding, service.reckon(wish.items, terms))


async def write_invoice(desk: Writing, wish: Wish) -> Invoice:
    """InvalidInput, NotFound (the client), ClientArchived."""

    return await desk.uow.run(lambda session: draft_invoice(session, desk, wish))


async def draft_invoice(session: Session, desk: Writing, wish: Wish) -> Invoice:
    """As part of the caller's unit of work."""
    now = desk.clock.now()
    client = await _client(session, desk, wish)
    new = await _new(session, desk, wish, client)
    if not new.note and new.kind is InvoiceKind.INVOICE and (own := await store.settings(desk.org_id, session)) is not None:
        new = replace(new, note=own.default_note)
    await clients.write_for(session, desk.org_id, client.id)
    return await service.draft(session, desk.org_id, new, desk.user_id, now)


async def edit_invoice(desk: Writing, invoice_id: str, changes: Mapping[str, Any], versions: service.Versions) -> Invoice:
    """`changes` of the fields of a Wish; what is left out stays. NotFound, PreconditionFailed, InvoiceIssued, InvalidInput."""

    async def work(session: Session) -> Invoice:
        before = await service.standing(session, desk.org_id, invoice_id, versions)
        if before.status is not InvoiceStatus.DRAFT:
            raise InvoiceIssued
        wish = replace(wish_of(before), **changes)
        if before.kind is InvoiceKind.CREDIT_NOTE and (wish.client_id != before.client_id or wish.currency != before.currency):
            raise InvalidInput.of("client_id", "and currency of a credit note are those of its invoice", "fixed")
        client = await _client(session, desk, wish)
        if client.id != before.client_id:
            await clients.write_for(session, desk.org_id, client.id)
        return await service.edit(session, before, await _new(session, desk, wish, client), desk.clock.now())

    return await desk.uow.run(work)


async def delete_invoice(desk: Writing, invoice_id: str, versions: service.Versions) -> None:
    """A draft only. NotFound, PreconditionFailed, InvoiceIssued."""

    async def work(session: Session) -> None:
        await service.delete(session, await service.standing(session, desk.org_id, invoice_id, versions), desk.clock.now())

    await desk.uow.run(work)


async def write_credit_note(desk: Writing, invoice_id: str, items: tuple[Item, ...] | None, note: str) -> Invoice:
    """A draft that credits the invoice: with `items`, or all of it. NotFound, WrongKind, InvoiceNotIssued, MoreThanDue."""
    about = await store.get(desk.org_id, invoice_id)
    if about is None:
        raise NotFound
    if about.kind is not InvoiceKind.INVOICE:
        raise WrongKind("Only an invoice is credited.")
    if about.status is InvoiceStatus.DRAFT:
        raise InvoiceNotIssued
    wish = replace(wish_of(about), kind=InvoiceKind.CREDIT_NOTE, invoice_id=about.id, quote_id=None, due_date=None, note=note)
    if items is not None:
        wish = replace(wish, items=items, discount=Decimal(0), discount_percent=Decimal(0))
    terms = Terms(about.decimals, about.rounding, wish.prices_include_tax, wish.discount, wish.discount_percent)
    if service.reckon(wish.items, terms).total > about.due:
        raise MoreThanDue(about.due, about.currency)
    return await write_invoice(desk, wish)


async def invoice_of_quote(desk: Writing, quote_id: str) -> Invoice:
    """A draft with what the quote says. The same one when it is asked for again. NotFound, WrongKind, InvoiceNotIssued."""

    async def work(session: Session) -> Invoice:
        now = desk.clock.now()
        quote = await service.standing(session, desk.org_id, quote_id)
        if quote.kind is not InvoiceKind.QUOTE or quote.status is InvoiceStatus.CANCELLED:
            raise WrongKind("Only a quote that stands becomes an invoice.")
        if quote.status is InvoiceStatus.DRAFT:
            raise InvoiceNotIssued
        if quote.invoice_id is not None and (known := await store.get(desk.org_id, quote.invoice_id, session)) is not None:
            return known
        wish = replace(wish_of(quote), kind=InvoiceKind.INVOICE, quote_id=quote.id, invoice_id=None, due_date=None)
        client = await clients.write_for(session, desk.org_id, quote.client_id)
        new = replace(await _new(session, desk, wish, client), rounding=quote.rounding)
        row = await service.draft(session, desk.org_id, new, desk.user_id, now)
        await service.note_booked(session, quote, {"invoice_id": row.id}, now)
        return row

    return await desk.uow.run(work)


def wish_of(row: Invoice) -> Wish:
    names = ("client_id", "kind", "currency", "due_date", "prices_include_tax", "discount", "discount_percent", "reference", "note", "crypto")
    return Wish(items=tuple(row.items), invoice_id=row.invoice_id, quote_id=row.quote_id, **{name: getattr(row, name) for name in names})


def crypto_currencies(networks: Iterable[NetworkConfig]) -> dict[str, int]:
    """Listed assets that an invoice can be written in, with their decimals. One whose networks do not agree on them is left out."""
    found: dict[str, set[int]] = {}
    for network in networks:
        for symbol, decimals in [(network.native_asset, 18), *((token.symbol, token.decimals) for token in network.tokens)]:
            found.setdefault(symbol, set()).add(decimals)
    return {symbol: max(each) for symbol, each in found.items() if len(each) == 1 and symbol not in CURRENCIES and max(each) <= 18}


# ---- what is left out ------------------------------------------------------------------------------------------------------------


async def _client(session: Session, desk: Writing, wish: Wish) -> Client:
    """The one that is named by its id; or the one of that name and address for mail, who is added where there is none."""
    found = await _known_client(desk.org_id, wish, session)
    if found is not None:
        return found
    assert wish.client_name is not None
    new = NewClient(wish.client_name, email=wish.client_email or "")
    return await clients.add(session, desk.org_id, new, desk.user_id, desk.clock.now())


async def named_client(org_id: str, wish: Wish) -> Client:
    """The one that is named by its id. NotFound, ClientArchived."""
    found = await _known_client(org_id, wish, None)
    if found is None:
        raise NotFound
    return found


async def _known_client(org_id: str, wish: Wish, session: Session | None) -> Client | None:
    if wish.client_id is not None:
        row = await client_store.get(org_id, wish.client_id, session)
        if row is None:
            raise NotFound
        if row.archived_at is not None:
            raise ClientArchived
        return row
    if wish.client_name is None:
        raise InvalidInput.of("client_id", "is needed, or client_name", "missing")
    return await client_store.named(org_id, fold(wish.client_name), wish.client_email or "", session)


async def _new(session: Session, desk: Writing, wish: Wish, client: Client) -> NewInvoice:
    currency, decimals = await _currency(desk, wish, client)
    _check_items(wish, decimals)
    return NewInvoice(
        kind=wish.kind,
        client_id=client.id,
        client_name=client.name,
        currency=currency,
        decimals=decimals,
        items=wish.items,
        rounding=await _rounding(desk.org_id, session),
        terms_days=client.payment_terms_days,
        prices_include_tax=wish.prices_include_tax,
        discount=wish.discount,
        discount_percent=wish.discount_percent,
        due_date=wish.due_date,
        reference=wish.reference,
        note=wish.note,
        crypto=wish.crypto if wish.kind is not InvoiceKind.CREDIT_NOTE else None,
        invoice_id=wish.invoice_id,
        quote_id=wish.quote_id,
    )


async def _currency(desk: Writing, wish: Wish, client: Client | None) -> tuple[str, int]:
    organization = await organizations.get(desk.org_id)
    assert organization is not None
    currency = wish.currency or (client.currency if client else None) or organization.functional_currency
    return currency, desk.crypto[currency] if currency in desk.crypto else rules.decimals_of(currency)


async def _rounding(org_id: str, session: Session | None) -> Rounding:
    own = await store.settings(org_id, session)
    return own.rounding if own is not None else Rounding()


def _check_items(wish: Wish, decimals: int) -> None:
    """No amount has more decimals than the currency: InvalidInput."""
    given = {"discount": wish.discount}
    for number, item in enumerate(wish.items):
        given |= {f"items.{number}.unit_price": item.unit_price, f"items.{number}.discount": item.discount}
    for name, value in given.items():
        if -int(value.normalize().as_tuple().exponent) > decimals:
            raise InvalidInput.of(name, f"has more decimals than the currency, which has {decimals}", "too_many_decimals")
