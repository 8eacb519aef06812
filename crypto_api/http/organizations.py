"""/api/organizations/: where a person belongs."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.http.answers import answer
from crypto_api.http.auth import principal_of
from crypto_api.http.permissions import signed_in
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.organizations import OrganizationRead
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store
from crypto_api.organizations.documents import Membership
from crypto_api.organizations.types import Principal

router = Router(tags=["organizations"])


@router.get("/organizations/", response=PageRead[OrganizationRead], summary="The organisations that I belong to")
@signed_in
async def list_organizations(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request)
    memberships = await store.memberships_of(principal.user_id)
    return answer(PageRead(items=[await _read(row, principal) for row in memberships], next_cursor=None))


@router.get("/organizations/{organization_id}/", response=OrganizationRead, summary="One organisation that I belong to")
@signed_in
async def get_organization(request: HttpRequest, organization_id: str) -> HttpResponse:
    principal = principal_of(request)
    membership = await store.membership(organization_id, principal.user_id)
    if membership is None:
        raise NotFound
    return answer(await _read(membership, principal))


async def _read(membership: Membership, principal: Principal) -> OrganizationRead:
    organization = await store.get(membership.org_id)
    if organization is None:
        raise NotFound
    return OrganizationRead(
        id=organization.id,
        name=organization.name,
        functional_currency=organization.functional_currency,
        time_zone=organization.time_zone,
        role=membership.role,
        current=organization.id == principal.org_id,
        created_at=organization.created_at,
    )
