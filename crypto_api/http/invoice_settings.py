"""/api/invoices/settings/: how the organisation writes its invoices."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.invoice_settings import InvoiceSettingsRead, InvoiceSettingsUpdate
from crypto_api.invoices import service, store
from crypto_api.kit.errors import InvalidInput
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["receivables"])


@router.get("/invoices/settings/", response=InvoiceSettingsRead, summary="How invoices are written")
@requires(Permission.INVOICES_READ)
async def get_invoice_settings(request: HttpRequest) -> HttpResponse:
    row = await store.settings(org_of(request))
    return answer(InvoiceSettingsRead.of(row), version=row.version if row else 0)


@router.put("/invoices/settings/", response=InvoiceSettingsRead, summary="Change how invoices are written")
@requires(Permission.INVOICES_WRITE)
async def update_invoice_settings(request: HttpRequest, body: InvoiceSettingsUpdate) -> HttpResponse:
    """It counts for what is written from then on: drafts keep their rounding, what was issued keeps everything. 422 `invalid_pattern` for a
    pattern of numbers that would give two invoices the same one, `unknown_placeholder` for a text that names what there is not."""
    runtime, org_id, versions, fields = runtime_of(request.scope), org_of(request), expected_versions(request), body.fields()
    company_id = fields.get("company_id")
    if company_id is not None and await organizations.company(org_id, company_id) is None:
        raise InvalidInput.of("company_id", "is not a company of this organisation", "unknown_company")
    row = await runtime.uow.run(lambda session: service.change_settings(session, org_id, fields, versions, runtime.clock.now()))
    return answer(InvoiceSettingsRead.of(row), version=row.version)
