"""/api/invitations/: for the organisation those that it sent, for a person those that they got."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows import invitations
from crypto_api.flows.invitations import Joined
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires, signed_in
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.invitations import InvitationAnswer, InvitationQuery, InvitationRead, JoinedRead, OfferRead
from crypto_api.organizations import store
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["invitations"])

SORTS = {"created_at": "_id", "email": "email", "expires_at": "expires_at"}


@router.get("/invitations/", response=PageRead[InvitationRead], summary="List the invitations that the organisation sent")
@requires(Permission.MEMBERS_READ)
async def list_invitations(request: HttpRequest, query: Query[InvitationQuery]) -> HttpResponse:
    where: dict[str, Any] = {} if query.state is None else {"state": query.state}
    page = await store.page_of_invitations(org_of(request), where, page_request(query, SORTS, "-created_at"))
    now = runtime_of(request.scope).clock.now()
    return answer(page_read(page, lambda row: InvitationRead.of(row, now)))


@router.get("/invitations/mine/", response=PageRead[OfferRead], summary="The open invitations to my address")
@signed_in
async def list_my_invitations(request: HttpRequest) -> HttpResponse:
    """By the verified address of the account, from whichever organisation."""
    offers = await invitations.offers_to(principal_of(request).user_id, runtime_of(request.scope).clock.now())
    return answer(PageRead(items=[OfferRead.of(offer) for offer in offers], next_cursor=None))


@router.post("/invitations/accept/", response=JoinedRead, summary="Accept the invitation whose link I got")
@signed_in
@idempotent
async def accept_invitation(request: HttpRequest, body: InvitationAnswer) -> HttpResponse:
    """The verified address of the account must be the invited one (403 `other_address`). The session goes on where it acted; one that acted in no
    organisation acts in the new one."""
    runtime, (user_id, session_id) = runtime_of(request.scope), _who(request)
    return _joined(request, await invitations.accept(runtime.uow, runtime.clock, user_id, body.token, session_id=session_id))


@router.post("/invitations/decline/", response={204: None}, summary="Decline the invitation whose link I got")
@signed_in
@idempotent
async def decline_invitation(request: HttpRequest, body: InvitationAnswer) -> HttpResponse:
    runtime = runtime_of(request.scope)
    await invitations.decline(runtime.uow, runtime.clock, principal_of(request).user_id, body.token)
    return no_content()


@router.delete("/invitations/{invitation_id}/", response={204: None}, summary="Take an invitation back")
@requires(Permission.MEMBERS_WRITE)
async def revoke_invitation(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """Its link opens nothing any more."""
    runtime = runtime_of(request.scope)
    versions = expected_versions(request)
    await invitations.revoke(runtime.uow, runtime.clock, principal_of(request), org_of(request), invitation_id, versions)
    return no_content()


@router.post("/invitations/{invitation_id}/resend/", response=InvitationRead, summary="Send an invitation once more")
@requires(Permission.MEMBERS_WRITE)
@idempotent
async def resend_invitation(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """With a new link and seven days more; the old link opens nothing any more. At most once a minute."""
    runtime = runtime_of(request.scope)
    row = await invitations.resend(runtime.uow, runtime.clock, runtime.queue, principal_of(request), org_of(request), invitation_id)
    return answer(InvitationRead.of(row, runtime.clock.now()), version=row.version)


@router.post("/invitations/{invitation_id}/accept/", response=JoinedRead, summary="Accept one of my invitations")
@signed_in
@idempotent
async def accept_my_invitation(request: HttpRequest, invitation_id: str) -> HttpResponse:
    """One that is listed as mine. What follows is as with the link."""
    runtime, (user_id, session_id) = runtime_of(request.scope), _who(request)
    return _joined(request, await invitations.accept_offer(runtime.uow, runtime.clock, user_id, invitation_id, session_id=session_id))


@router.post("/invitations/{invitation_id}/decline/", response={204: None}, summary="Decline one of my invitations")
@signed_in
@idempotent
async def decline_my_invitation(request: HttpRequest, invitation_id: str) -> HttpResponse:
    runtime = runtime_of(request.scope)
    await invitations.decline_offer(runtime.uow, runtime.clock, principal_of(request).user_id, invitation_id)
    return no_content()


def _who(request: HttpRequest) -> tuple[str, str | None]:
    """The person, and their session if it acts nowhere yet."""
    principal = principal_of(request)
    return principal.user_id, principal.session_id if principal.org_id is None else None


def _joined(request: HttpRequest, joined: Joined) -> HttpResponse:
    return answer(JoinedRead.of(joined, current=principal_of(request).org_id is None))
