"""/api/auth/passkeys/: adding them, logging in and approving a session with them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import BaseModel

from crypto_api.flows.passkey_challenge import Challenge
from crypto_api.flows.passkey_log_in import approve_by_passkey, begin_passkey_approval, begin_passkey_log_in, log_in_with_passkey
from crypto_api.flows.register_passkey import add_passkey, begin_passkey, remove_passkey, rename_passkey
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import device_of, door_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.logged_in import logged_in_by
from crypto_api.http.permissions import approved, open_to_all, signed_in
from crypto_api.http.schemas.auth import LoggedInRead
from crypto_api.http.schemas.mfa import SessionApprovedRead
from crypto_api.http.schemas.passkeys import (
    AddPasskey,
    ApproveByPasskey,
    BeginPasskeyApproval,
    LogInWithPasskey,
    PasskeyOptionsRead,
    PasskeyRead,
    PasskeysRead,
    RenamePasskey,
)
from crypto_api.identity import factor_store as factors
from crypto_api.identity.documents import Passkey
from crypto_api.identity.passkeys import relying_party
from crypto_api.identity.types import Purpose
from crypto_api.runtime import runtime_of

router = Router(tags=["auth"])


@router.post("/auth/passkeys/options/", response=PasskeyOptionsRead, summary="Get what the browser needs to make a passkey")
@signed_in
@approved(Purpose.SECURITY)
async def begin_passkey_registration(request: HttpRequest) -> HttpResponse:
    """409 `passkeys_need_a_name` where Coffer is opened at an IP address: browsers make no passkeys there."""
    runtime = runtime_of(request.scope)
    party = relying_party(runtime.config.frontend_url)
    return _options(await begin_passkey(runtime.uow, runtime.clock, party, principal_of(request)))


@router.post("/auth/passkeys/", response={201: PasskeyRead}, summary="Add the passkey that the browser made")
@signed_in
@approved(Purpose.SECURITY)
@idempotent
async def create_passkey(request: HttpRequest, body: AddPasskey) -> HttpResponse:
    """The options count once and for five minutes. This session counts as opened with a second factor from then on."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    party = relying_party(runtime.config.frontend_url)
    row = await add_passkey(runtime.uow, runtime.clock, party, principal, body.name, _told(body.credential))
    return answer(_read(row), status=201)


@router.get("/auth/passkeys/", response=PasskeysRead, summary="List my passkeys")
@signed_in
async def list_passkeys(request: HttpRequest) -> HttpResponse:
    return answer(PasskeysRead(items=[_read(row) for row in await factors.passkeys_of(principal_of(request).user_id)]))


@router.post("/auth/passkeys/login/options/", auth=None, response=PasskeyOptionsRead, summary="Get what the browser needs to log in with a passkey")
@open_to_all
async def begin_passkey_login(request: HttpRequest) -> HttpResponse:
    """The same for everybody: the device offers the passkeys that it holds."""
    runtime = runtime_of(request.scope)
    return _options(await begin_passkey_log_in(door_of(runtime), relying_party(runtime.config.frontend_url), device_of(request)))


@router.post("/auth/passkeys/login/", auth=None, response=LoggedInRead, summary="Log in with a passkey")
@open_to_all
async def log_in_by_passkey(request: HttpRequest, body: LogInWithPasskey) -> HttpResponse:
    """A second factor in itself. Whatever is wrong with it answers alike: 401 `invalid_passkey`."""
    runtime = runtime_of(request.scope)
    party = relying_party(runtime.config.frontend_url)
    user, opened = await log_in_with_passkey(door_of(runtime), party, _told(body.credential), device_of(request), way="api")
    return await logged_in_by(request, user, opened)


@router.post("/auth/passkeys/approve/options/", response=PasskeyOptionsRead, summary="Get what the browser needs to approve this session")
@signed_in
async def begin_passkey_step_up(request: HttpRequest, body: BeginPasskeyApproval) -> HttpResponse:
    runtime = runtime_of(request.scope)
    party = relying_party(runtime.config.frontend_url)
    return _options(await begin_passkey_approval(runtime.uow, runtime.clock, party, principal_of(request), body.purpose))


@router.post("/auth/passkeys/approve/", response=SessionApprovedRead, summary="Approve this session with a passkey")
@signed_in
async def approve_session_by_passkey(request: HttpRequest, body: ApproveByPasskey) -> HttpResponse:
    """As POST /api/auth/confirm-password/, for the purpose that the options were for."""
    runtime = runtime_of(request.scope)
    party = relying_party(runtime.config.frontend_url)
    principal, told = principal_of(request), _told(body.credential)
    approval = await approve_by_passkey(runtime.uow, runtime.clock, party, principal, body.purpose, told)
    return answer(SessionApprovedRead(session_approved=True, approved_until=approval.until, purpose=approval.purpose))


# The paths with an id come last: Django takes the first that fits, and `login` would be one.


@router.put("/auth/passkeys/{passkey_id}/", response=PasskeyRead, summary="Rename a passkey")
@signed_in
async def update_passkey(request: HttpRequest, passkey_id: str, body: RenamePasskey) -> HttpResponse:
    runtime = runtime_of(request.scope)
    return answer(_read(await rename_passkey(runtime.uow, runtime.clock, principal_of(request), passkey_id, body.name)))


@router.delete("/auth/passkeys/{passkey_id}/", response={204: None}, summary="Remove a passkey")
@signed_in
@approved(Purpose.SECURITY)
async def delete_passkey(request: HttpRequest, passkey_id: str) -> HttpResponse:
    """409 `last_way_in` when nothing else opens the account."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    await remove_passkey(runtime.uow, runtime.clock, principal, passkey_id)
    return no_content()


def _told(credential: BaseModel) -> dict[str, Any]:
    return credential.model_dump(exclude_none=True)


def _options(challenge: Challenge) -> HttpResponse:
    return answer(PasskeyOptionsRead(public_key=challenge.public_key, expires_at=challenge.expires_at))


def _read(row: Passkey) -> PasskeyRead:
    return PasskeyRead(
        id=row.id, name=row.name, backed_up=row.backed_up, transports=row.transports, created_at=row.created_at, last_used_at=row.last_used_at
    )
