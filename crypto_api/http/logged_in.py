"""The answer to every log-in, whatever opened the session."""

from django.http import HttpRequest, HttpResponse

from crypto_api.flows.sign_in import OpenedSession, SignedIn, signed
from crypto_api.http.answers import answer
from crypto_api.http.auth import remember_device, tokens_of
from crypto_api.http.schemas.auth import LoggedInRead, UserRead
from crypto_api.identity.documents import User
from crypto_api.identity.rules import is_approved
from crypto_api.identity.types import ACCESS_LIFETIME, Purpose
from crypto_api.organizations import service as organizations
from crypto_api.runtime import runtime_of


async def logged_in(request: HttpRequest, signed_in: SignedIn) -> HttpResponse:
    """Tokens and the person; after a log-in with the cookie that makes the device a known one."""
    role = await organizations.role_of(signed_in.org_id, signed_in.user.id) if signed_in.org_id else None
    now = runtime_of(request.scope).clock.now()
    read = LoggedInRead(
        access=signed_in.access,
        refresh=signed_in.refresh,
        expires_in=int(ACCESS_LIFETIME.total_seconds()),
        session_approved=is_approved(signed_in.row.approvals, signed_in.row.authenticated_at, signed_in.org_id, Purpose.KEYS, now),
        user=user_read(signed_in.user, signed_in.org_id, role),
    )
    return remember_device(answer(read), signed_in.device)


async def logged_in_by(request: HttpRequest, user: User, opened: OpenedSession) -> HttpResponse:
    """For a session that was opened with way "api"."""
    runtime = runtime_of(request.scope)
    return await logged_in(request, await signed(tokens_of(runtime), user, opened, runtime.clock.now()))


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
