"""/api/auth/: registration, log-in, tokens, forgotten passwords."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.register_account import register_openly
from crypto_api.flows.set_password import ask_new_password, ask_verification, reset_password
from crypto_api.flows.sign_in import Credentials, refresh_session, sign_in, sign_out
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import device_of, door_of, principal_of, remember_device, tokens_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.logged_in import logged_in, user_read
from crypto_api.http.permissions import open_to_all, signed_in
from crypto_api.http.schemas.auth import (
    AskMail,
    LoggedInRead,
    LogIn,
    MessageRead,
    RefreshTokens,
    RegisterAccount,
    ResetPassword,
    TicketRead,
    UserRead,
    VerifyEmail,
)
from crypto_api.identity import service as identity
from crypto_api.identity.types import TICKET_LIFETIME, NewUser
from crypto_api.kit.log import security
from crypto_api.organizations.types import Role
from crypto_api.runtime import runtime_of

router = Router(tags=["auth"])

MAIL_FOLLOWS = "If there is such an account, a mail is on its way."


@router.post("/auth/register/", auth=None, response={201: UserRead}, summary="Register, and found an organisation")
@open_to_all
@idempotent
async def register(request: HttpRequest, body: RegisterAccount) -> HttpResponse:
    """The founder of an organisation is its ADMIN. A mail with a link to verify the address follows. An address that has an account already is
    answered alike, and its owner is told by mail."""
    registered = await register_openly(
        door_of(runtime_of(request.scope)),
        NewUser(body.username, body.email, body.first_name, body.last_name),
        body.password,
        organization_name=body.organization_name,
        source=device_of(request).ip,
    )
    return answer(user_read(registered.user, registered.org_id, Role.ADMIN if registered.org_id else None), status=201)


@router.post("/auth/verify-email/", auth=None, response=MessageRead, summary="Verify an address with the token from the mail")
@open_to_all
async def verify_email(request: HttpRequest, body: VerifyEmail) -> HttpResponse:
    """The address of a new account, or the new address of one."""
    runtime = runtime_of(request.scope)
    user_id = await identity.verify_email(runtime.uow, body.token, runtime.clock.now())
    security.info("email_verified", user_id=user_id)
    return answer(MessageRead(detail="The address is verified."))


@router.post("/auth/resend-verification/", auth=None, response={202: MessageRead}, summary="Get the verification mail once more")
@open_to_all
async def resend_verification(request: HttpRequest, body: AskMail) -> HttpResponse:
    """Answers alike for every address. At most three mails an hour go to one address."""
    await ask_verification(door_of(runtime_of(request.scope)), body.email, device_of(request).ip)
    return answer(MessageRead(detail=MAIL_FOLLOWS), status=202)


@router.post("/auth/login/", auth=None, response=LoggedInRead, summary="Log in")
@open_to_all
async def log_in(request: HttpRequest, body: LogIn) -> HttpResponse:
    """An unknown name and a wrong password answer alike. 401 `otp_required` asks for the second factor. 429 `too_many_attempts` after several failed
    tries: wait as `Retry-After` says; a device on which this person logged in before is counted apart by its cookie `coffer_device`
    (over TLS `__Host-coffer_device`)."""
    runtime = runtime_of(request.scope)
    credentials = Credentials(body.email, body.username, body.password, body.otp)
    return await logged_in(request, await sign_in(door_of(runtime), tokens_of(runtime), credentials, device_of(request)))


@router.post("/auth/refresh/", auth=None, response=LoggedInRead, summary="Exchange a refresh token for new tokens")
@open_to_all
async def refresh(request: HttpRequest, body: RefreshTokens) -> HttpResponse:
    """A refresh token works once. One that comes a second time ends its session."""
    runtime = runtime_of(request.scope)
    return await logged_in(request, await refresh_session(runtime.uow, runtime.clock, tokens_of(runtime), body.refresh, runtime.config.spans()))


@router.post("/auth/logout/", response={204: None}, summary="End this session")
@signed_in
async def log_out(request: HttpRequest) -> HttpResponse:
    runtime = runtime_of(request.scope)
    await sign_out(runtime.uow, runtime.clock, principal_of(request).session_id)
    return no_content()


@router.post("/auth/forgot-password/", auth=None, response={202: MessageRead}, summary="Get a link to choose a new password")
@open_to_all
async def forgot_password(request: HttpRequest, body: AskMail) -> HttpResponse:
    """Answers alike for every address. At most three mails an hour go to one address; the newest link alone works, once and for an hour."""
    await ask_new_password(door_of(runtime_of(request.scope)), body.email, device_of(request).ip)
    return answer(MessageRead(detail=MAIL_FOLLOWS), status=202)


@router.post("/auth/reset-password/", auth=None, response=MessageRead, summary="Choose a new password with the token from the mail")
@open_to_all
async def reset_forgotten_password(request: HttpRequest, body: ResetPassword) -> HttpResponse:
    """Also the first password of somebody who was given an account. Every session ends, the address counts as verified, a lock-out is lifted."""
    runtime = runtime_of(request.scope)
    device_token = await reset_password(door_of(runtime), body.token, body.new_password, device_of(request))
    return remember_device(answer(MessageRead(detail="The password is set. Log in with it.")), device_token)


@router.post("/auth/ws-ticket/", response=TicketRead, summary="Get a ticket that opens one WebSocket")
@signed_in
async def issue_ws_ticket(request: HttpRequest) -> HttpResponse:
    runtime, principal = runtime_of(request.scope), principal_of(request)
    now = runtime.clock.now()
    ticket = await runtime.uow.run(lambda session: identity.issue_ticket(session, principal.user_id, principal.session_id, now))
    return answer(TicketRead(ticket=ticket, expires_in=int(TICKET_LIFETIME.total_seconds())))
