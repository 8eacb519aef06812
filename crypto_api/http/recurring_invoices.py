"""/api/invoices/recurring/: invoices that are written again and again."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.recur_invoices import add_recurring, change_recurring, end_recurring
from crypto_api.flows.write_invoice import Writing, crypto_currencies
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.receiving import crypto_terms
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.recurring_invoices import RecurringInvoiceCreate, RecurringInvoiceQuery, RecurringInvoiceRead, RecurringInvoiceUpdate
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.recurring_invoices import store
from crypto_api.recurring_invoices.documents import RecurringInvoice
from crypto_api.runtime import runtime_of

router = Router(tags=["receivables"])
SORTS = {"created_at": "_id", "client_name": "client_name_folded"}


@router.get("/invoices/recurring/", response=PageRead[RecurringInvoiceRead], summary="Invoices that recur")
@requires(Permission.INVOICES_READ)
async def list_recurring_invoices(request: HttpRequest, query: Query[RecurringInvoiceQuery]) -> HttpResponse:
    where: dict[str, Any] = {name: value for name in ("status", "client_id") if (value := getattr(query, name)) is not None}
    return answer(page_read(await store.page(org_of(request), where, page_request(query, SORTS, "-created_at")), RecurringInvoiceRead.of))


@router.post("/invoices/recurring/", response={201: RecurringInvoiceRead}, summary="Let an invoice recur")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def create_recurring_invoice(request: HttpRequest, body: RecurringInvoiceCreate) -> HttpResponse:
    """Each period has exactly one invoice: those missed while no worker ran are made one after another."""
    wish = replace(body.wish(), crypto=await crypto_terms(request, body))
    return _one(await add_recurring(_desk(request), wish, body.schedule(), body.mode), status=201)


@router.get("/invoices/recurring/{recurring_id}/", response=RecurringInvoiceRead, summary="Get an invoice that recurs")
@requires(Permission.INVOICES_READ)
async def get_recurring_invoice(request: HttpRequest, recurring_id: str) -> HttpResponse:
    row = await store.get(org_of(request), recurring_id)
    if row is None:
        raise NotFound
    return _one(row)


@router.put("/invoices/recurring/{recurring_id}/", response=RecurringInvoiceRead, summary="Change, pause or resume an invoice that recurs")
@requires(Permission.INVOICES_WRITE)
async def update_recurring_invoice(request: HttpRequest, recurring_id: str, body: RecurringInvoiceUpdate) -> HttpResponse:
    """It counts for what is made from then on. 409 `recurring_begun`, `recurring_ended`."""
    crypto = {"crypto": await crypto_terms(request, body)} if body.changes_crypto else {}
    told = (body.template() | crypto, body.schedule(), body.mode, body.paused)
    return _one(await change_recurring(_desk(request), recurring_id, *told, expected_versions(request)))


@router.delete("/invoices/recurring/{recurring_id}/", response={204: None}, summary="End an invoice that recurs")
@requires(Permission.INVOICES_WRITE)
async def delete_recurring_invoice(request: HttpRequest, recurring_id: str) -> HttpResponse:
    """Deleted where nothing was made by it; else it ends, and what it made stays."""
    await end_recurring(_desk(request), recurring_id, expected_versions(request))
    return no_content()


def _one(row: RecurringInvoice, *, status: int = 200) -> HttpResponse:
    return answer(RecurringInvoiceRead.of(row), status=status, version=row.version)


def _desk(request: HttpRequest) -> Writing:
    runtime = runtime_of(request.scope)
    return Writing(runtime.uow, runtime.clock, org_of(request), principal_of(request).user_id, crypto_currencies(runtime.networks.values()))
