"""/api/companies/: the legal entities of the organisation."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.companies import CompanyCreate, CompanyQuery, CompanyRead, CompanyUpdate
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import service, store
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["companies"])

SORTS = {"created_at": "_id", "legal_name": "name_folded", "updated_at": "updated_at"}


@router.get("/companies/", response=PageRead[CompanyRead], summary="List the companies")
@requires(Permission.ORGANIZATION_READ)
async def list_companies(request: HttpRequest, query: Query[CompanyQuery]) -> HttpResponse:
    where: dict[str, Any] = {"active": query.active}
    if query.country is not None:
        where["country"] = query.country
    if query.q is not None:
        where["$or"] = [{"legal_name": contains(query.q)}, {"tax_id": contains(query.q)}]
    page = await store.page_of_companies(org_of(request), where, page_request(query, SORTS, "legal_name"))
    return answer(page_read(page, CompanyRead.of))


@router.post("/companies/", response={201: CompanyRead}, summary="Add a company")
@requires(Permission.ORGANIZATION_WRITE)
@idempotent
async def create_company(request: HttpRequest, body: CompanyCreate) -> HttpResponse:
    """Currency, time zone and fiscal year are the organisation's where they are left out."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    now, fields = runtime.clock.now(), body.model_dump(exclude_none=True)
    row = await runtime.uow.run(lambda session: service.create_company(session, org_id, fields, now))
    return answer(CompanyRead.of(row), status=201, version=row.version)


@router.get("/companies/{company_id}/", response=CompanyRead, summary="Get a company")
@requires(Permission.ORGANIZATION_READ)
async def get_company(request: HttpRequest, company_id: str) -> HttpResponse:
    """Deactivated ones too: what was done with them still names them."""
    row = await store.company(org_of(request), company_id)
    if row is None:
        raise NotFound
    return answer(CompanyRead.of(row), version=row.version)


@router.put("/companies/{company_id}/", response=CompanyRead, summary="Change a company")
@requires(Permission.ORGANIZATION_WRITE)
async def update_company(request: HttpRequest, company_id: str, body: CompanyUpdate) -> HttpResponse:
    """What is left out stays as it is."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    now, versions, fields = runtime.clock.now(), expected_versions(request), body.model_dump(exclude_none=True)
    row = await runtime.uow.run(lambda session: service.change_company(session, org_id, company_id, fields, versions, now))
    return answer(CompanyRead.of(row), version=row.version)


@router.delete("/companies/{company_id}/", response={204: None}, summary="Deactivate a company")
@requires(Permission.ORGANIZATION_WRITE)
async def delete_company(request: HttpRequest, company_id: str) -> HttpResponse:
    """It is not listed any more, and its name is free again. It can be brought back."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    now, versions = runtime.clock.now(), expected_versions(request)
    await runtime.uow.run(lambda session: service.change_company(session, org_id, company_id, {"active": False}, versions, now))
    return no_content()
