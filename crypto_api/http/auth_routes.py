"""/api/auth/: registration, log-in, tokens, the person themselves."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.register_account import register_account
from crypto_api.flows.sign_in import Credentials, refresh_session, sign_in, sign_out
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import device_of, door_of, principal_of, tokens_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.logged_in import logged_in, user_read
from crypto_api.http.permissions import open_to_all, signed_in
from crypto_api.http.schemas.auth import (
    LoggedInRead,
    LogIn,
    MessageRead,
    ProfileRead,
    RefreshTokens,
    RegisterAccount,
    TicketRead,
    UserRead,
    VerifyEmail,
)
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.jobs import SendVerificationMail
from crypto_api.identity.types import TICKET_LIFETIME, NewUser
from crypto_api.kit.errors import Unauthenticated
from crypto_api.kit.log import security
from crypto_api.organizations.types import Role
from crypto_api.runtime import runtime_of

router = Router(tags=["auth"])


@router.post("/auth/register/", auth=None, response={201: UserRead}, summary="Register, and found an organisation")
@open_to_all
@idempotent
async def register(request: HttpRequest, body: RegisterAccount) -> HttpResponse:
    """The founder of an organisation is its ADMIN. A mail with a link to verify the address follows."""
    runtime = runtime_of(request.scope)
    user, organization = await register_account(
        runtime.uow,
        runtime.clock,
        NewUser(body.username, body.email, body.first_name, body.last_name),
        body.password,
        organization_name=body.organization_name,
        bcrypt_cost=runtime.config.bcrypt_cost,
    )
    await runtime.queue.put(SendVerificationMail(user_id=user.id))
    return answer(user_read(user, organization.id if organization else None, Role.ADMIN if organization else None), status=201)


@router.post("/auth/verify-email/", auth=None, response=MessageRead, summary="Verify the address with the token from the mail")
@open_to_all
async def verify_email(request: HttpRequest, body: VerifyEmail) -> HttpResponse:
    runtime = runtime_of(request.scope)
    user_id = await identity.verify_email(runtime.uow, body.token, runtime.clock.now())
    security.info("email_verified", user_id=user_id)
    return answer(MessageRead(detail="The address is verified."))


@router.post("/auth/login/", auth=None, response=LoggedInRead, summary="Log in")
@open_to_all
async def log_in(request: HttpRequest, body: LogIn) -> HttpResponse:
    """An unknown name and a wrong password answer alike."""
    runtime = runtime_of(request.scope)
    credentials = Credentials(body.email, body.username, body.password, body.otp)
    return await logged_in(request, await sign_in(door_of(runtime), tokens_of(runtime), credentials, device_of(request)))


@router.post("/auth/refresh/", auth=None, response=LoggedInRead, summary="Exchange a refresh token for new tokens")
@open_to_all
async def refresh(request: HttpRequest, body: RefreshTokens) -> HttpResponse:
    """A refresh token works once. One that comes a second time ends its session."""
    runtime = runtime_of(request.scope)
    return await logged_in(request, await refresh_session(runtime.uow, runtime.clock, tokens_of(runtime), body.refresh))


@router.post("/auth/logout/", response={204: None}, summary="End this session")
@signed_in
async def log_out(request: HttpRequest) -> HttpResponse:
    runtime = runtime_of(request.scope)
    await sign_out(runtime.uow, runtime.clock, principal_of(request).session_id)
    return no_content()


@router.post("/auth/ws-ticket/", response=TicketRead, summary="Get a ticket that opens one WebSocket")
@signed_in
async def issue_ws_ticket(request: HttpRequest) -> HttpResponse:
    runtime, principal = runtime_of(request.scope), principal_of(request)
    now = runtime.clock.now()
    ticket = await runtime.uow.run(lambda session: identity.issue_ticket(session, principal.user_id, principal.session_id, now))
    return answer(TicketRead(ticket=ticket, expires_in=int(TICKET_LIFETIME.total_seconds())))


@router.get("/auth/profile/", response=ProfileRead, summary="Who I am and what I may do")
@signed_in
async def get_profile(request: HttpRequest) -> HttpResponse:
    principal = principal_of(request)
    user = await identities.user(principal.user_id)
    if user is None:
        raise Unauthenticated("There is no such account any more.")
    read = user_read(user, principal.org_id, principal.role)
    return answer(ProfileRead(**read.model_dump(), permissions=sorted(principal.permissions)))
