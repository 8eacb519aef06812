"""/api/roles/: the built-in roles, and the organisation's own."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.roles import RoleCreate, RoleRead, RoleUpdate
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations import service, store
from crypto_api.organizations.rules import is_built_in
from crypto_api.organizations.types import MEMBER_ROLES, Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["roles"])


@router.get("/roles/", response=PageRead[RoleRead], summary="List the roles and what each may")
@requires(Permission.ROLES_READ)
async def list_roles(request: HttpRequest) -> HttpResponse:
    """The built-in ones first, then the organisation's own by name; all of them at once."""
    org_id = org_of(request)
    held = await store.members_by_role(org_id)
    built_in = [RoleRead.built_in_one(role, held.get(role, 0)) for role in MEMBER_ROLES]
    own = [RoleRead.of(row, held.get(row.id, 0)) for row in await store.custom_roles(org_id)]
    return answer(PageRead(items=[*built_in, *own], next_cursor=None))


@router.post("/roles/", response={201: RoleRead}, summary="Make a role")
@requires(Permission.ROLES_WRITE)
@idempotent
async def create_role(request: HttpRequest, body: RoleCreate) -> HttpResponse:
    """Of permissions that whoever makes it has themselves."""
    runtime, org_id, principal = runtime_of(request.scope), org_of(request), principal_of(request)
    now, permissions = runtime.clock.now(), [Permission(value) for value in body.permissions]
    role = await runtime.uow.run(lambda session: service.create_role(session, principal, org_id, body.name, body.description, permissions, now))
    security.info("role_created", by=principal.user_id, org_id=org_id, role_id=role.id)
    return answer(RoleRead.of(role, 0), status=201, version=role.version)


@router.get("/roles/{role_id}/", response=RoleRead, summary="Get a role")
@requires(Permission.ROLES_READ)
async def get_role(request: HttpRequest, role_id: str) -> HttpResponse:
    org_id = org_of(request)
    held = (await store.members_by_role(org_id)).get(role_id, 0)
    if is_built_in(role_id):
        return answer(RoleRead.built_in_one(role_id, held), version=1)
    row = await store.custom_role(org_id, role_id)
    if row is None:
        raise NotFound
    return answer(RoleRead.of(row, held), version=row.version)


@router.put("/roles/{role_id}/", response=RoleRead, summary="Change a role of the organisation's own")
@requires(Permission.ROLES_WRITE)
async def update_role(request: HttpRequest, role_id: str, body: RoleUpdate) -> HttpResponse:
    """What is left out stays as it is. It counts at the next request of everybody who has the role. What is added to it must be the editor's too.
    409 `built_in_role` for a built-in one."""
    runtime, org_id, principal = runtime_of(request.scope), org_of(request), principal_of(request)
    now, versions, fields = runtime.clock.now(), expected_versions(request), body.model_dump(exclude_none=True)
    if body.permissions is not None:
        fields["permissions"] = [Permission(value) for value in body.permissions]
    row = await runtime.uow.run(lambda session: service.change_role(session, principal, org_id, role_id, fields, versions, now))
    security.info("role_changed", by=principal.user_id, org_id=org_id, role_id=role_id, fields=sorted(fields))
    return answer(RoleRead.of(row, (await store.members_by_role(org_id)).get(role_id, 0)), version=row.version)


@router.delete("/roles/{role_id}/", response={204: None}, summary="Delete a role of the organisation's own")
@requires(Permission.ROLES_WRITE)
async def delete_role(request: HttpRequest, role_id: str) -> HttpResponse:
    """409 `role_in_use` while a member has it or an open invitation gives it."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    now, versions = runtime.clock.now(), expected_versions(request)
    await runtime.uow.run(lambda session: service.delete_role(session, org_id, role_id, versions, now))
    security.info("role_deleted", by=principal_of(request).user_id, org_id=org_id, role_id=role_id)
    return no_content()
