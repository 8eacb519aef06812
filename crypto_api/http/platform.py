"""/api/platform/: for an operator of the installation, who belongs to no organisation and sees nothing of what is in one."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows import platform
from crypto_api.http.answers import answer
from crypto_api.http.auth import principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.paging import page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.platform import (
    PlatformOrganizationRead,
    PlatformQuery,
    PlatformStatusRead,
    PlatformSuspend,
    PlatformUserRead,
)
from crypto_api.http.system import parts_of
from crypto_api.organizations import store
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["platform"])

SORTS_OF_ORGANIZATIONS = {"created_at": "_id", "name": "name"}
SORTS_OF_USERS = {"created_at": "_id", "username": "username", "email": "email"}


@router.get("/platform/organizations/", response=PageRead[PlatformOrganizationRead], summary="Every organisation of the installation")
@requires(Permission.PLATFORM_READ)
async def list_platform_organizations(request: HttpRequest, query: Query[PlatformQuery]) -> HttpResponse:
    where = _where(query, "name")
    page, members = await platform.organizations_page(where, page_request(query, SORTS_OF_ORGANIZATIONS, "-created_at"))
    items = [PlatformOrganizationRead.of(row, members.get(row.id, 0)) for row in page.items]
    return answer(PageRead(items=items, next_cursor=page.next_cursor, total=page.total))


@router.put("/platform/organizations/{organization_id}/", response=PlatformOrganizationRead, summary="Suspend an organisation, or restore it")
@requires(Permission.PLATFORM_WRITE)
async def suspend_organization(request: HttpRequest, organization_id: str, body: PlatformSuspend) -> HttpResponse:
    """Nobody can do anything in a suspended one; everything in it stays."""
    runtime = runtime_of(request.scope)
    row = await platform.suspend_organization(
        runtime.uow, runtime.clock, principal_of(request), organization_id, body.suspended, expected_versions(request)
    )
    members = await store.count_of_members([row.id])
    return answer(PlatformOrganizationRead.of(row, members.get(row.id, 0)), version=row.version)


@router.get("/platform/users/", response=PageRead[PlatformUserRead], summary="Every account of the installation")
@requires(Permission.PLATFORM_READ)
async def list_platform_users(request: HttpRequest, query: Query[PlatformQuery]) -> HttpResponse:
    where = _where(query, "username", "email")
    page, organizations = await platform.users_page(where, page_request(query, SORTS_OF_USERS, "-created_at"))
    items = [PlatformUserRead.of(row, organizations.get(row.id, 0)) for row in page.items]
    return answer(PageRead(items=items, next_cursor=page.next_cursor, total=page.total))


@router.put("/platform/users/{user_id}/", response=PlatformUserRead, summary="Suspend an account, or restore it")
@requires(Permission.PLATFORM_WRITE)
async def suspend_user(request: HttpRequest, user_id: str, body: PlatformSuspend) -> HttpResponse:
    """Every session of a suspended account ends at once, and nobody logs in with it. Nobody suspends themselves (409 `not_yourself`)."""
    runtime = runtime_of(request.scope)
    row = await platform.suspend_user(runtime.uow, runtime.clock, principal_of(request), user_id, body.suspended, expected_versions(request))
    organizations = await platform.organizations_of([row.id])
    return answer(PlatformUserRead.of(row, organizations.get(row.id, 0)), version=row.version)


@router.get("/platform/status/", response=PlatformStatusRead, summary="How the installation is")
@requires(Permission.PLATFORM_READ)
async def get_platform_status(request: HttpRequest) -> HttpResponse:
    """Counts, the parts and whether each answers, and how many tasks failed in the last day: of these the kind alone."""
    runtime = runtime_of(request.scope)
    return answer(PlatformStatusRead.of(await platform.installation_state(runtime.clock.now()), await parts_of(runtime)))


def _where(query: PlatformQuery, *names: str) -> dict[str, Any]:
    where: dict[str, Any] = {}
    if query.suspended is not None:
        where["suspended_at"] = {"$ne": None} if query.suspended else None
    if query.q is not None:
        where["$or"] = [{name: contains(query.q)} for name in names]
    return where
