"""/api/invoices/: invoices, credit notes and quotes, and what was paid of them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.deliveries import store as deliveries
from crypto_api.desks import receiving_of
from crypto_api.flows.export_invoice import export_invoice
from crypto_api.flows.issue_invoice import Counter, cancel_invoice, issue_invoice
from crypto_api.flows.price_at import Prices
from crypto_api.flows.queue_invoice_mail import Cover, Post, resend
from crypto_api.flows.queue_invoice_mail import send_invoice as send_invoice_by_mail
from crypto_api.flows.request_payment import Receiving, asked_of, asking_for, first_rate
from crypto_api.flows.settle_invoice import receive_payment
from crypto_api.flows.write_invoice import (
    Writing,
    crypto_currencies,
    delete_invoice,
    edit_invoice,
    invoice_of_quote,
    preview,
    write_credit_note,
    write_invoice,
)
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import PageQuery, page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.receiving import crypto_terms
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.invoice_deliveries import InvoiceDeliveryRead
from crypto_api.http.schemas.invoices import (
    CreditNoteCreate,
    InvoiceCover,
    InvoiceCreate,
    InvoicePaymentCreate,
    InvoicePaymentRead,
    InvoiceQuery,
    InvoiceRead,
    InvoiceSend,
    InvoiceStatusBody,
    InvoiceUpdate,
    TotalsRead,
)
from crypto_api.invoices import store
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.errors import StatusCannotFollow
from crypto_api.invoices.types import InvoiceStatus
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.kit.standards import CURRENCIES
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["receivables"])

SORTS = {
    "created_at": "_id",
    "client_name": "client_name_folded",
    "due_date": "due_key",
    "status": "status",
    "updated_at": "updated_at",
}


@router.get("/invoices/", response=PageRead[InvoiceRead], summary="List the invoices")
@requires(Permission.INVOICES_READ)
async def list_invoices(request: HttpRequest, query: Query[InvoiceQuery]) -> HttpResponse:
    """Credit notes and quotes too: `kind` tells them apart."""
    named = ("status", "kind", "client_id", "currency")
    where: dict[str, Any] = {name: value for name in named if (value := getattr(query, name)) is not None}
    bounds = {"$gte": query.due_from, "$lte": query.due_to}
    if due := {key: _midnight(day) for key, day in bounds.items() if day is not None}:
        where["due_date"] = due
    if query.q is not None:
        where["$or"] = [{field: contains(query.q)} for field in ("number", "client_name", "reference")]
    page = await store.page(org_of(request), where, page_request(query, SORTS, "-created_at"))
    asked = await asked_of(_receiving(request), org_of(request), [row.id for row in page.items])
    return answer(page_read(page, lambda row: InvoiceRead.of(row, asked.get(row.id))))


@router.post("/invoices/", response={201: InvoiceRead}, summary="Draft an invoice or a quote")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_invoice(request: HttpRequest, body: InvoiceCreate) -> HttpResponse:
    """A draft has no number and is in no books. Each line is rounded to the currency; `rounding` says how, and where taxes are rounded."""
    _check_currency(request, body.currency)
    wish = replace(body.wish(), crypto=await crypto_terms(request, body))
    return await _one(request, await write_invoice(_writing(request), wish), status=201)


@router.post("/invoices/preview/", response=TotalsRead, summary="What an invoice would come to")
@requires(Permission.INVOICES_READ)
async def preview_invoice(request: HttpRequest, body: InvoiceCreate) -> HttpResponse:
    """Nothing is stored."""
    _check_currency(request, body.currency)
    wish = body.wish()
    await crypto_terms(request, body)
    return answer(TotalsRead.of(await preview(_writing(request), wish), wish.items))


@router.get("/invoices/{invoice_id}/", response=InvoiceRead, summary="Get an invoice")
@requires(Permission.INVOICES_READ)
async def get_invoice(request: HttpRequest, invoice_id: str) -> HttpResponse:
    row = await store.get(org_of(request), invoice_id)
    if row is None:
        raise NotFound
    return await _one(request, row)


@router.put("/invoices/{invoice_id}/", response=InvoiceRead, summary="Change a draft")
@requires(Permission.INVOICES_WRITE)
async def update_invoice(request: HttpRequest, invoice_id: str, body: InvoiceUpdate) -> HttpResponse:
    """409 `invoice_issued` once it was sent: cancel it, or write a credit note."""
    _check_currency(request, body.currency)
    return await _one(request, await edit_invoice(_writing(request), invoice_id, body.changes(), expected_versions(request)))


@router.delete("/invoices/{invoice_id}/", response={204: None}, summary="Delete a draft")
@requires(Permission.INVOICES_WRITE)
async def delete_draft_invoice(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """Drafts only: what was issued keeps its number, so that none is missing (409 `invoice_issued`)."""
    await delete_invoice(_writing(request), invoice_id, expected_versions(request))
    return no_content()


@router.get("/invoices/{invoice_id}/pdf/", summary="An invoice as a PDF")
@requires(Permission.INVOICES_READ)
async def invoice_pdf(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """With the e-invoice in it: Factur-X in the profile EN 16931, checked by its schema. Where there is none, `X-E-Invoice` says why."""
    file = await export_invoice(receiving_of(runtime_of(request.scope)), org_of(request), invoice_id)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response["X-E-Invoice"] = file.obstacle or "factur-x.xml"
    return response


@router.post("/invoices/{invoice_id}/send/", response=InvoiceRead, summary="Issue an invoice and mail it")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def send_invoice(request: HttpRequest, invoice_id: str, body: InvoiceSend) -> HttpResponse:
    """It gets the next number of its series, is frozen, and is booked: receivable against revenue and taxes. 409 `no_rate` where its currency is
    another than the organisation's and no source tells the rate: then give one. A credit note settles its invoice. The letter with the PDF is queued
    with it: `deliveries/` tells what the mail server said. 409 `no_address` where the client has none: PUT `status/` issues it without a letter.
    Where it may be paid on a chain, it has a page for its payer from now on (`pay_url`)."""
    return await _issued(request, invoice_id, body.rate, body.cover())


@router.put("/invoices/{invoice_id}/status/", response=InvoiceRead, summary="Issue or cancel an invoice")
@requires(Permission.INVOICES_WRITE)
async def update_invoice_status(request: HttpRequest, invoice_id: str, body: InvoiceStatusBody) -> HttpResponse:
    """SENT issues a draft without a letter, CANCELLED ends what nothing was paid of and takes it back in the books. PARTIAL, PAID and OVERDUE
    follow from payments and dates and cannot be set: 409 `status_cannot_follow`."""
    row = await store.get(org_of(request), invoice_id)
    if row is None:
        raise NotFound
    if body.status is InvoiceStatus.CANCELLED:
        return await _one(request, await cancel_invoice(_counter(request), invoice_id, expected_versions(request)))
    if body.status is InvoiceStatus.SENT and row.status is InvoiceStatus.DRAFT:
        return await _issued(request, invoice_id, body.rate)
    raise StatusCannotFollow(row.status, body.status, "this state follows from payments and dates.")


@router.post("/invoices/{invoice_id}/credit-notes/", response={201: InvoiceRead}, summary="Draft a credit note")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_credit_note(request: HttpRequest, invoice_id: str, body: CreditNoteCreate) -> HttpResponse:
    """All of the invoice, or the given items; no more than what is due (409 `more_than_due`). It counts when it is sent."""
    return await _one(request, await write_credit_note(_writing(request), invoice_id, body.given(), body.note), status=201)


@router.post("/invoices/{invoice_id}/invoice/", response={201: InvoiceRead}, summary="Make an invoice of a quote")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_invoice_of_quote(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """A draft with what the quote says. Asked again: the same one."""
    return await _one(request, await invoice_of_quote(_writing(request), invoice_id), status=201)


@router.get("/invoices/{invoice_id}/payments/", response=PageRead[InvoicePaymentRead], summary="Payments of an invoice")
@requires(Permission.INVOICES_READ)
async def list_invoice_payments(request: HttpRequest, invoice_id: str, query: Query[PageQuery]) -> HttpResponse:
    org_id = org_of(request)
    if await store.get(org_id, invoice_id) is None:
        raise NotFound
    page = await store.page_of_payments(org_id, invoice_id, page_request(query, {"created_at": "_id"}, "created_at"))
    return answer(page_read(page, InvoicePaymentRead.of))


@router.post("/invoices/{invoice_id}/payments/", response={201: InvoicePaymentRead}, summary="Tell of a payment")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_invoice_payment(request: HttpRequest, invoice_id: str, body: InvoicePaymentCreate) -> HttpResponse:
    """Money that came otherwise than over a wallet that is followed. It is booked against the receivable, with what the rate gained or lost since the
    day of issue. 409 `more_than_due`, `invoice_not_issued`."""
    _, payment = await receive_payment(_counter(request), invoice_id, body.told())
    return answer(InvoicePaymentRead.of(payment), status=201)


@router.get("/invoices/{invoice_id}/deliveries/", response=PageRead[InvoiceDeliveryRead], summary="Letters of an invoice")
@requires(Permission.INVOICES_READ)
async def list_invoice_deliveries(request: HttpRequest, invoice_id: str, query: Query[PageQuery]) -> HttpResponse:
    """Each sending and reminder, with every attempt and what the mail server answered to it."""
    org_id = org_of(request)
    if await store.get(org_id, invoice_id) is None:
        raise NotFound
    page = await deliveries.page(org_id, invoice_id, page_request(query, {"created_at": "_id"}, "-created_at"))
    return answer(page_read(page, InvoiceDeliveryRead.of))


@router.post("/invoices/{invoice_id}/deliveries/", response={201: InvoiceDeliveryRead}, summary="Mail an invoice again")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_invoice_delivery(request: HttpRequest, invoice_id: str, body: InvoiceCover) -> HttpResponse:
    """Of one that was issued. 409 `delivery_queued` while a sending of it is on its way, `no_address`, `wrong_kind` once it was cancelled."""
    runtime = runtime_of(request.scope)
    post = Post(runtime.uow, runtime.clock, runtime.queue, org_of(request), principal_of(request).user_id)
    return answer(InvoiceDeliveryRead.of(await resend(post, invoice_id, body.cover())), status=201)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _one(request: HttpRequest, row: Invoice, *, status: int = 200) -> HttpResponse:
    asked = await asked_of(_receiving(request), row.org_id, [row.id])
    return answer(InvoiceRead.of(row, asked.get(row.id)), status=status, version=row.version)


async def _issued(request: HttpRequest, invoice_id: str, rate: Decimal | None, cover: Cover | None = None) -> HttpResponse:
    """With a letter where there is a `cover`."""
    desk, counter, org_id, versions = _receiving(request), _counter(request), org_of(request), expected_versions(request)
    also = await asking_for(desk, org_id, principal_of(request).user_id, invoice_id)
    if cover is not None:
        issued = await send_invoice_by_mail(counter, runtime_of(request.scope).queue, invoice_id, versions, rate, cover, also)
    else:
        issued = await issue_invoice(counter, invoice_id, versions, rate, also)
    await first_rate(desk, org_id, invoice_id)
    return await _one(request, issued)


def _receiving(request: HttpRequest) -> Receiving:
    return receiving_of(runtime_of(request.scope))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _writing(request: HttpRequest) -> Writing:
    runtime = runtime_of(request.scope)
    return Writing(runtime.uow, runtime.clock, org_of(request), principal_of(request).user_id, crypto_currencies(runtime.networks.values()))


def _counter(request: HttpRequest) -> Counter:
    runtime = runtime_of(request.scope)
    return Counter(runtime.uow, runtime.clock, org_of(request), principal_of(request).user_id, Prices(runtime.networks, runtime.prices))


def _check_currency(request: HttpRequest, currency: str | None) -> None:
    if currency is not None and currency not in CURRENCIES and currency not in crypto_currencies(runtime_of(request.scope).networks.values()):
        raise InvalidInput.of("currency", "must be an ISO 4217 code, or an asset of a configured network", "unknown_currency")
