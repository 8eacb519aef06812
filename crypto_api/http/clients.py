"""/api/clients/: whom the organisation sends invoices to."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.clients import service, store
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.clients import ClientCreate, ClientQuery, ClientRead, ClientUpdate
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["receivables"])

SORTS = {"created_at": "_id", "name": "name_folded", "updated_at": "updated_at"}
SEARCHED = ("name", "email", "tax_id", "contacts.name", "contacts.email")


@router.get("/clients/", response=PageRead[ClientRead], summary="List the clients")
@requires(Permission.CLIENTS_READ)
async def list_clients(request: HttpRequest, query: Query[ClientQuery]) -> HttpResponse:
    where: dict[str, Any] = {"archived_at": {"$ne": None} if query.archived else None}
    if query.kind is not None:
        where["kind"] = query.kind
    if query.country is not None:
        where["address.country"] = query.country
    if query.q is not None:
        where["$or"] = [{field: contains(query.q)} for field in SEARCHED]
    page = await store.page(org_of(request), where, page_request(query, SORTS, "name"))
    return answer(page_read(page, ClientRead.of))


@router.post("/clients/", response={201: ClientRead}, summary="Add a client")
@requires(Permission.CLIENTS_WRITE)
@idempotent
async def create_client(request: HttpRequest, body: ClientCreate) -> HttpResponse:
    """A tax id that its country cannot have given is refused (422 `invalid_tax_id`). Where no rule of the country is known, it is taken as it is,
    and `tax_id_checked` stays empty."""
    runtime, org_id, by = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    row = await runtime.uow.run(lambda session: service.add(session, org_id, body.new(), by, runtime.clock.now()))
    return answer(ClientRead.of(row), status=201, version=row.version)


@router.get("/clients/{client_id}/", response=ClientRead, summary="Get a client")
@requires(Permission.CLIENTS_READ)
async def get_client(request: HttpRequest, client_id: str) -> HttpResponse:
    """Archived ones too: what was written for them still names them."""
    row = await store.get(org_of(request), client_id)
    if row is None:
        raise NotFound
    return answer(ClientRead.of(row), version=row.version)


@router.put("/clients/{client_id}/", response=ClientRead, summary="Change a client")
@requires(Permission.CLIENTS_WRITE)
async def update_client(request: HttpRequest, client_id: str, body: ClientUpdate) -> HttpResponse:
    """What is left out stays as it is. Invoices that were issued keep what stood on them."""
    runtime, org_id, versions = runtime_of(request.scope), org_of(request), expected_versions(request)
    fields = body.fields()
    row = await runtime.uow.run(lambda session: service.change(session, org_id, client_id, fields, versions, runtime.clock.now()))
    return answer(ClientRead.of(row), version=row.version)


@router.delete("/clients/{client_id}/", response={204: None}, summary="Delete or archive a client")
@requires(Permission.CLIENTS_WRITE)
async def delete_client(request: HttpRequest, client_id: str) -> HttpResponse:
    """Deleted where nothing was ever written for it; archived otherwise, and then `PUT` with `archived` false brings it back."""
    runtime, org_id, versions = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.remove(session, org_id, client_id, versions, runtime.clock.now()))
    return no_content()
