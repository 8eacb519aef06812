"""/api/invoices/settings/ and templates/: how the organisation writes its invoices, and how they look."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router, UploadedFile
from ninja.params import functions

from crypto_api.adapters.image_reader import read_picture
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of
from crypto_api.http.body import only_file
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.invoice_settings import InvoiceSettingsRead, InvoiceSettingsUpdate, TemplateRead
from crypto_api.invoices import service, store
from crypto_api.invoices.types import LAYOUTS, Layout
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["receivables"])
LogoFile = Annotated[UploadedFile, functions.File(description="PNG or JPEG, at most 2 MB.", example="logo.png")]


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


@router.get("/invoices/templates/", response=PageRead[TemplateRead], summary="How invoices can look")
@requires(Permission.INVOICES_READ)
async def list_invoice_templates(request: HttpRequest) -> HttpResponse:
    """Layouts of the PDF. The settings name one, with a colour and texts; a logo stands on any of them."""
    own = await store.settings(org_of(request))
    used = own.template if own else Layout.CLASSIC
    rows = [TemplateRead(id=layout, name=name, description=told, selected=layout is used) for layout, (name, told) in LAYOUTS.items()]
    return answer(PageRead[TemplateRead](items=rows, next_cursor=None))


@router.get("/invoices/settings/logo/", summary="The logo on invoices")
@requires(Permission.INVOICES_READ)
async def get_invoice_logo(request: HttpRequest) -> HttpResponse:
    row = await store.logo(org_of(request))
    if row is None:
        raise NotFound
    return HttpResponse(row.content, content_type="image/png")


@router.post("/invoices/settings/logo/", response={204: None}, summary="Put a logo on invoices")
@requires(Permission.INVOICES_WRITE)
@idempotent
async def put_invoice_logo(request: HttpRequest, file: LogoFile) -> HttpResponse:
    """PNG or JPEG, at most 2 MB. It is read to its pixels and written anew. SVG is refused (422): it is a program, and not a picture."""
    only_file(request, "file")
    runtime, org_id, picture = runtime_of(request.scope), org_of(request), await read_picture(file.read())
    await runtime.uow.run(lambda session: service.put_logo(session, org_id, picture, runtime.clock.now()))
    return no_content()


@router.delete("/invoices/settings/logo/", response={204: None}, summary="Take the logo off invoices")
@requires(Permission.INVOICES_WRITE)
async def delete_invoice_logo(request: HttpRequest) -> HttpResponse:
    runtime, org_id = runtime_of(request.scope), org_of(request)
    await runtime.uow.run(lambda session: service.remove_logo(session, org_id, runtime.clock.now()))
    return no_content()
