"""The answer to every log-in, whatever opened the session."""

from django.http import HttpRequest, HttpResponse

from crypto_api.flows.sign_in import OpenedSession, SignedIn
from crypto_api.flows.step_up import is_approved_for_keys
from crypto_api.http.answers import answer
from crypto_api.http.auth import tokens_of
from crypto_api.http.schemas.auth import LoggedInRead, UserRead
from crypto_api.identity.documents import User
from crypto_api.identity.types import ACCESS_LIFETIME
from crypto_api.organizations import service as organizations
from crypto_api.runtime import runtime_of


async def logged_in(request: HttpRequest, user: User, opened: OpenedSession) -> HttpResponse:
    """For a session that was opened with way "api"."""
    runtime, row = runtime_of(request.scope), opened.row
    assert opened.refresh is not None
    access = await tokens_of(runtime).issue(user.id, row.id, runtime.clock.now())
    return answer(await logged_in_read(request, SignedIn(user, row.id, row.org_id, access, opened.refresh)))


async def logged_in_read(request: HttpRequest, signed: SignedIn) -> LoggedInRead:
    role = await organizations.role_of(signed.org_id, signed.user.id) if signed.org_id else None
    return LoggedInRead(
        access=signed.access,
        refresh=signed.refresh,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        session_approved=await is_approved_for_keys(signed.session_id, signed.org_id, runtime_of(request.scope).clock.now()),
        user=user_read(signed.user, signed.org_id, role),
    )


def user_read(user: User, org_id: str | None, role: str | None) -> UserRead:
    return UserRead(
        id=user.id,
        username=user.username,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        email_verified=user.email_verified_at is not None,
        organization_id=org_id,
        role=role,
        created_at=user.created_at,
    )
