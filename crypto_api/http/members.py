"""/api/organizations/{id}/members/: who belongs to the organisation that the session acts in, with which role."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows import console_state, invitations, members
from crypto_api.flows.end_member_sessions import end_member_sessions
from crypto_api.flows.lift_lock_out import lift_lock_out
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.organizations import acting_in
from crypto_api.http.paging import page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.invitations import InvitationRead
from crypto_api.http.schemas.members import MemberInvite, MemberNamed, MemberQuery, MemberRead, MemberUpdate, PresenceRead
from crypto_api.identity import store as identities
from crypto_api.kit.errors import NotFound
from crypto_api.organizations import store
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["members"])

SORTS = {"joined_at": "_id", "role": "role"}


@router.get("/organizations/{organization_id}/members/", response=PageRead[MemberRead], summary="List the members")
@requires(Permission.MEMBERS_READ)
async def list_members(request: HttpRequest, organization_id: str, query: Query[MemberQuery]) -> HttpResponse:
    org_id = await acting_in(request, organization_id)
    where: dict[str, Any] = {} if query.role is None else {"role": query.role}
    if query.suspended is not None:
        where["suspended_at"] = {"$ne": None} if query.suspended else None
    if query.q is not None:
        everybody = [row.user_id for row in await store.members(org_id)]
        where["user_id"] = {"$in": await identities.users_found(everybody, query.q)}
    page = await store.page_of_members(org_id, where, page_request(query, SORTS, "joined_at"))
    people = {row.id: row for row in await identities.users([row.user_id for row in page.items])}
    items = [MemberRead.of(row, people[row.user_id]) for row in page.items if row.user_id in people]
    return answer(PageRead(items=items, next_cursor=page.next_cursor, total=page.total))


@router.post("/organizations/{organization_id}/members/", response={201: InvitationRead}, summary="Invite somebody to be a member")
@requires(Permission.MEMBERS_WRITE)
@idempotent
async def invite_member(request: HttpRequest, organization_id: str, body: MemberInvite) -> HttpResponse:
    """A mail with a link follows; whoever owns the address joins by accepting. Nobody gives a role that may more than they themselves, and only an
    ADMIN makes an ADMIN."""
    runtime = runtime_of(request.scope)
    org_id = await acting_in(request, organization_id)
    row = await invitations.invite(runtime.uow, runtime.clock, runtime.queue, principal_of(request), org_id, body.email, body.role)
    return answer(InvitationRead.of(row, runtime.clock.now()), status=201, version=row.version)


@router.delete("/organizations/{organization_id}/members/", response={204: None}, summary="Remove a member, named in the query")
@requires(Permission.MEMBERS_WRITE)
async def remove_named_member(request: HttpRequest, organization_id: str, query: Query[MemberNamed]) -> HttpResponse:
    """As the operation on the member's own path."""
    return await _remove(request, organization_id, query.user_id)


@router.get("/organizations/{organization_id}/members/{user_id}/", response=MemberRead, summary="Get a member")
@requires(Permission.MEMBERS_READ)
async def get_member(request: HttpRequest, organization_id: str, user_id: str) -> HttpResponse:
    return await _read(await acting_in(request, organization_id), user_id)


@router.put("/organizations/{organization_id}/members/{user_id}/", response=MemberRead, summary="Give a member another role, or suspend them")
@requires(Permission.MEMBERS_WRITE)
async def update_member(request: HttpRequest, organization_id: str, user_id: str, body: MemberUpdate) -> HttpResponse:
    """What is left out stays as it is. Suspending ends their sessions here at once. The last ADMIN stays one (409 `last_admin`)."""
    runtime, org_id = runtime_of(request.scope), await acting_in(request, organization_id)
    await members.change_member(
        runtime.uow,
        runtime.clock,
        principal_of(request),
        org_id,
        user_id,
        role=body.role,
        suspended=body.suspended,
        versions=expected_versions(request),
    )
    return await _read(org_id, user_id)


@router.delete("/organizations/{organization_id}/members/{user_id}/", response={204: None}, summary="Remove a member")
@requires(Permission.MEMBERS_WRITE)
async def remove_member(request: HttpRequest, organization_id: str, user_id: str) -> HttpResponse:
    """Their sessions here end at once. What they did stays in the books and in the audit log. The last ADMIN stays (409 `last_admin`)."""
    return await _remove(request, organization_id, user_id)


@router.get("/organizations/{organization_id}/presence/", response=PresenceRead, summary="Who is logged in, and who is locked out")
@requires(Permission.CONSOLES_READ)
async def get_presence(request: HttpRequest, organization_id: str) -> HttpResponse:
    """As the console of users shows it: the first 500 people for whoever may read the members, else the numbers alone."""
    org_id = await acting_in(request, organization_id)
    state = await console_state.user_management_state(org_id, principal_of(request).permissions, runtime_of(request.scope).clock.now())
    return answer(PresenceRead.model_validate(state))


@router.delete("/organizations/{organization_id}/members/{user_id}/sessions/", response={204: None}, summary="Log a member out of the organisation")
@requires(Permission.MEMBERS_WRITE)
async def end_sessions_of_member(request: HttpRequest, organization_id: str, user_id: str) -> HttpResponse:
    """Every session of theirs that acts in it, but the one that asks: their sockets close at once, and their next request asks who they are."""
    runtime, org_id = runtime_of(request.scope), await acting_in(request, organization_id)
    await end_member_sessions(runtime.uow, runtime.clock, principal_of(request), org_id, user_id)
    return no_content()


@router.delete("/organizations/{organization_id}/members/{user_id}/lock-out/", response={204: None}, summary="Lift the lock-out of a member")
@requires(Permission.MEMBERS_WRITE)
async def lift_lock_out_of_member(request: HttpRequest, organization_id: str, user_id: str) -> HttpResponse:
    """The wrong tries that keep strange devices waiting are forgotten. Three times a day for one person, then 429 `too_many_lifts`."""
    runtime, org_id = runtime_of(request.scope), await acting_in(request, organization_id)
    await lift_lock_out(runtime.uow, runtime.clock, principal_of(request), org_id, user_id)
    return no_content()


async def _remove(request: HttpRequest, organization_id: str, user_id: str) -> HttpResponse:
    runtime, org_id = runtime_of(request.scope), await acting_in(request, organization_id)
    await members.remove_member(runtime.uow, runtime.clock, principal_of(request), org_id, user_id, expected_versions(request))
    return no_content()


async def _read(org_id: str, user_id: str) -> HttpResponse:
    row = await store.membership(org_id, user_id)
    user = await identities.user(user_id) if row is not None else None
    if row is None or user is None:
        raise NotFound
    return answer(MemberRead.of(row, user), version=row.version)
