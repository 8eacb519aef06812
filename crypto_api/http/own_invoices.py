"""/api/my/invoices/: a client's own, by a log-in of their own."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.desks import receiving_of
from crypto_api.flows.invitations import invite_client
from crypto_api.flows.own_invoices import own_file, own_invoice, own_invoices
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import PageQuery, page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.invitations import InvitationRead
from crypto_api.http.schemas.own_invoices import ClientInvite, OwnInvoiceRead
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["receivables"])
SORTS = {"created_at": "_id", "due_date": "due_key"}


@router.get("/my/invoices/", response=PageRead[OwnInvoiceRead], summary="Invoices that were issued to me")
@requires(Permission.INVOICES_OWN)
async def list_own_invoices(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    """Of the client that you were invited as; credit notes and quotes too."""
    found = await own_invoices(org_of(request), principal_of(request).user_id, page_request(query, SORTS, "-created_at"))
    return answer(page_read(found, OwnInvoiceRead.of))


@router.get("/my/invoices/{invoice_id}/", response=OwnInvoiceRead, summary="An invoice that was issued to me")
@requires(Permission.INVOICES_OWN)
async def get_own_invoice(request: HttpRequest, invoice_id: str) -> HttpResponse:
    return answer(OwnInvoiceRead.of(await own_invoice(org_of(request), principal_of(request).user_id, invoice_id)))


@router.get("/my/invoices/{invoice_id}/pdf/", summary="An invoice that was issued to me, as a PDF")
@requires(Permission.INVOICES_OWN)
async def own_invoice_pdf(request: HttpRequest, invoice_id: str) -> HttpResponse:
    file = await own_file(receiving_of(runtime_of(request.scope)), org_of(request), principal_of(request).user_id, invoice_id)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response


@router.post("/clients/{client_id}/invitations/", response={201: InvitationRead}, summary="Invite a client to see their invoices")
@requires(Permission.MEMBERS_WRITE)
@idempotent
async def invite_client_login(request: HttpRequest, client_id: str, body: ClientInvite) -> HttpResponse:
    """A mail with a link follows; whoever owns the address joins as CLIENT and sees the invoices of this client, and nothing else."""
    runtime = runtime_of(request.scope)
    row = await invite_client(runtime.uow, runtime.clock, runtime.queue, principal_of(request), client_id, body.email)
    return answer(InvitationRead.of(row, runtime.clock.now()), status=201, version=row.version)
