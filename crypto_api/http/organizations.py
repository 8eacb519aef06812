"""/api/organizations/: where a person belongs, and /api/auth/switch-organization/: in which of them they act."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.change_organization import change_organization
from crypto_api.flows.found_organization import found_organization
from crypto_api.flows.members import leave
from crypto_api.flows.switch_organization import switch_organization as switch
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import principal_of, tokens_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.logged_in import user_read
from crypto_api.http.permissions import requires, signed_in
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.organizations import OrganizationCreate, OrganizationRead, OrganizationSwitch, OrganizationUpdate, SwitchedRead
from crypto_api.identity import store as identities
from crypto_api.identity.types import ACCESS_LIFETIME
from crypto_api.kit.errors import NotFound, Unauthenticated
from crypto_api.organizations import store
from crypto_api.organizations.errors import SwitchOrganization
from crypto_api.organizations.types import NewOrganization, Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["organizations"])


@router.get("/organizations/", response=PageRead[OrganizationRead], summary="The organisations that I belong to")
@signed_in
async def list_organizations(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request)
    memberships = await store.memberships_of(principal.user_id)
    found = {row.id: row for row in await store.by_ids([row.org_id for row in memberships])}
    items = [OrganizationRead.of(found[row.org_id], row, principal.org_id) for row in memberships if row.org_id in found]
    return answer(PageRead(items=items, next_cursor=None))


@router.post("/organizations/", response={201: OrganizationRead}, summary="Found an organisation")
@signed_in
@idempotent
async def create_organization(request: HttpRequest, body: OrganizationCreate) -> HttpResponse:
    """Whoever founds it is its ADMIN. The session goes on where it acted; one that acted in no organisation acts in the new one."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    organization, membership = await found_organization(runtime.uow, runtime.clock, principal, NewOrganization(**body.model_dump()))
    read = OrganizationRead.of(organization, membership, principal.org_id or organization.id)
    return answer(read, status=201, version=organization.version)


@router.get("/organizations/{organization_id}/", response=OrganizationRead, summary="One organisation that I belong to")
@signed_in
async def get_organization(request: HttpRequest, organization_id: str) -> HttpResponse:
    principal = principal_of(request)
    membership, organization = await store.membership(organization_id, principal.user_id), await store.get(organization_id)
    if membership is None or organization is None:
        raise NotFound
    return answer(OrganizationRead.of(organization, membership, principal.org_id), version=organization.version)


@router.put("/organizations/{organization_id}/", response=OrganizationRead, summary="Change the settings of the organisation")
@requires(Permission.ORGANIZATION_WRITE)
async def update_organization(request: HttpRequest, organization_id: str, body: OrganizationUpdate) -> HttpResponse:
    """Of the one that the session acts in; 403 `switch_organization` for another one of mine. The functional currency is fixed as soon as there
    are journal entries. Whoever asks their own role for a second factor must have logged in with one."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    await acting_in(request, organization_id)
    fields = body.model_dump(exclude_none=True)
    organization = await change_organization(runtime.uow, runtime.clock, principal, organization_id, fields, expected_versions(request))
    membership = await store.membership(organization_id, principal.user_id)
    if membership is None:
        raise NotFound
    return answer(OrganizationRead.of(organization, membership, principal.org_id), version=organization.version)


@router.post("/organizations/{organization_id}/leave/", response={204: None}, summary="Leave an organisation")
@signed_in
@idempotent
async def leave_organization(request: HttpRequest, organization_id: str) -> HttpResponse:
    """Any that I belong to, but for its last ADMIN. My sessions there end; this one goes on, in no organisation if it acted in that one."""
    runtime = runtime_of(request.scope)
    await leave(runtime.uow, runtime.clock, principal_of(request), organization_id)
    return no_content()


@router.post("/auth/switch-organization/", response=SwitchedRead, summary="Act in another organisation of mine")
@signed_in
async def switch_organization(request: HttpRequest, body: OrganizationSwitch) -> HttpResponse:
    """This session acts there from now on, with every token of it. What was approved in it is no longer approved."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    membership = await switch(runtime.uow, runtime.clock, principal, body.organization_id)
    user = await identities.user(principal.user_id)
    if user is None:
        raise Unauthenticated("There is no such account any more.")
    return answer(
        SwitchedRead(
            access=await tokens_of(runtime).issue(principal.user_id, principal.session_id, runtime.clock.now()),
            expires_in=int(ACCESS_LIFETIME.total_seconds()),
            session_approved=False,
            user=user_read(user, membership.org_id, membership.role),
        )
    )


async def acting_in(request: HttpRequest, organization_id: str) -> str:
    """The organisation in the path must be the one that the session acts in. SwitchOrganization for another one of the person's, NotFound for
    any other: foreign and absent alike."""
    principal = principal_of(request)
    if principal.org_id == organization_id:
        return organization_id
    if await store.membership(organization_id, principal.user_id) is None:
        raise NotFound
    raise SwitchOrganization
