"""/api/auth/profile/, /api/auth/sessions/, /api/auth/change-password/: the person themselves."""

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.edit_profile import ProfileChanges, edit_profile
from crypto_api.flows.end_sessions import end_other_sessions, end_session
from crypto_api.flows.set_password import change_password
from crypto_api.flows.step_up import is_approved_for_keys
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import device_of, door_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.logged_in import user_read
from crypto_api.http.paging import PageQuery, page_read, page_request
from crypto_api.http.permissions import approved, signed_in
from crypto_api.http.schemas.auth import ChangePassword, EditProfile, MessageRead, ProfileRead, SecondFactorRead, SessionRead
from crypto_api.http.schemas.base import PageRead
from crypto_api.identity import factor_store as factors
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session, User
from crypto_api.identity.rules import device_name
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import Unauthenticated
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from crypto_api.runtime import runtime_of

router = Router(tags=["auth"])

SORTS = {"created_at": "_id", "last_seen_at": "last_seen_at"}


@router.get("/auth/profile/", response=ProfileRead, summary="Who I am and what I may do")
@signed_in
async def get_profile(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request)
    user = await identities.user(principal.user_id)
    if user is None:
        raise Unauthenticated("There is no such account any more.")
    return await _profile(request, user, principal)


@router.put("/auth/profile/", response=ProfileRead, summary="Change my names, my language or my e-mail address")
@signed_in
async def update_profile(request: HttpRequest, body: EditProfile) -> HttpResponse:
    """Another e-mail address counts once the link in the mail to it is opened; the old one is told. It needs a step-up for `security`
    (403 `session_not_approved`), which a log-in of the last five minutes is as well."""
    principal, changes = principal_of(request), ProfileChanges(**body.model_dump())
    user = await edit_profile(door_of(runtime_of(request.scope)), principal, changes, expected_versions(request), device_of(request).ip)
    return await _profile(request, user, principal)


@router.post("/auth/change-password/", response=MessageRead, summary="Change my password")
@signed_in
async def change_own_password(request: HttpRequest, body: ChangePassword) -> HttpResponse:
    """Every other session ends, and nothing is approved in this one any more."""
    await change_password(door_of(runtime_of(request.scope)), principal_of(request), body.current_password, body.new_password)
    return answer(MessageRead(detail="The password is changed. Every other session has ended."))


@router.get("/auth/sessions/", response=PageRead[SessionRead], summary="List my sessions")
@signed_in
async def list_sessions(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    now = runtime_of(request.scope).clock.now()
    principal = principal_of(request)
    page = await identities.sessions_page(principal.user_id, now, page_request(query, SORTS, "-created_at"))
    rows = await organizations.by_ids({row.org_id for row in page.items if row.org_id is not None})
    names = {row.id: row.name for row in rows}
    return answer(page_read(page, lambda row: _session(row, names, principal.session_id, now)))


@router.delete("/auth/sessions/", response={204: None}, summary="End all my other sessions")
@signed_in
@approved(Purpose.SECURITY)
async def delete_other_sessions(request: HttpRequest) -> HttpResponse:
    """After a confirmation or a log-in of the last five minutes, so that whoever holds a stolen session cannot put its owner out."""
    runtime = runtime_of(request.scope)
    await end_other_sessions(runtime.uow, runtime.clock, principal_of(request))
    return no_content()


@router.delete("/auth/sessions/{session_id}/", response={204: None}, summary="End one of my sessions")
@signed_in
@approved(Purpose.SECURITY)
async def delete_session(request: HttpRequest, session_id: str) -> HttpResponse:
    """Its tokens no longer work, and its WebSockets close. After a confirmation or a log-in of the last five minutes; the session that one is in ends
    by logging out."""
    runtime = runtime_of(request.scope)
    await end_session(runtime.uow, runtime.clock, principal_of(request), session_id)
    return no_content()


async def _profile(request: HttpRequest, user: User, principal: Principal) -> HttpResponse:
    now = runtime_of(request.scope).clock.now()
    read = ProfileRead(
        **user_read(user, principal.org_id, principal.role).model_dump(),
        pending_email=user.pending_email,
        language=user.language,
        has_password=user.password_hash is not None,
        platform_admin=user.platform_admin,
        second_factor=SecondFactorRead(
            totp=user.totp is not None and user.totp.confirmed_at is not None,
            recovery_codes_left=len(user.recovery_hashes),
            passkeys=await factors.count_passkeys(user.id),
            ethereum_accounts=await factors.count_ethereum_accounts(user.id),
        ),
        session_approved=await is_approved_for_keys(principal.session_id, principal.org_id, now),
        denied=principal.denied,
        permissions=sorted(principal.permissions),
    )
    return answer(read, version=user.version)


def _session(row: Session, organization_names: Mapping[str, str], current: str, now: datetime) -> SessionRead:
    ends = [
        approval.until for approval in row.approvals if approval.purpose is Purpose.KEYS and approval.org_id == row.org_id and now < approval.until
    ]
    return SessionRead(
        id=row.id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        ip=row.ip,
        device=device_name(row.user_agent),
        user_agent=row.user_agent,
        organization_id=row.org_id,
        organization_name=organization_names.get(row.org_id or ""),
        factors=row.factors,
        current=row.id == current,
        approved_until=max(ends, default=None),
    )
