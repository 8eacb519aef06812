"""/api/auth/mfa/: the codes of an authenticator app and the recovery codes."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.flows.second_factor import ways_in
from crypto_api.flows.set_up_totp import begin_totp, confirm_totp, remove_totp, renew_recovery_codes
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import principal_of
from crypto_api.http.permissions import approved, signed_in
from crypto_api.http.schemas.mfa import ConfirmTotp, RecoveryCodesRead, SecondFactorsRead, TotpOffer
from crypto_api.identity.types import Purpose
from crypto_api.runtime import runtime_of

router = Router(tags=["auth"])


@router.get("/auth/mfa/", response=SecondFactorsRead, summary="How I get in: password, second factor, passkeys, Ethereum accounts")
@signed_in
async def get_second_factors(request: HttpRequest) -> HttpResponse:
    runtime, principal = runtime_of(request.scope), principal_of(request)
    found = await ways_in(principal.user_id, principal.session_id, runtime.clock.now())
    return answer(
        SecondFactorsRead(
            password=found.password,
            totp=found.totp_confirmed_at is not None,
            totp_confirmed_at=found.totp_confirmed_at,
            recovery_codes_remaining=found.recovery_codes_remaining,
            passkeys=found.passkeys,
            ethereum_accounts=found.ethereum_accounts,
            session_strong=found.session_strong,
        )
    )


@router.post("/auth/mfa/totp/", response=TotpOffer, summary="Begin to set up an authenticator app")
@signed_in
@approved(Purpose.SECURITY)
async def begin_totp_setup(request: HttpRequest) -> HttpResponse:
    """The secret counts for nothing until a code of it is confirmed. Beginning again makes another. 409 `totp_already_on` when one is on."""
    runtime = runtime_of(request.scope)
    offer = await begin_totp(runtime.uow, runtime.box, runtime.clock, principal_of(request))
    return answer(TotpOffer(secret=offer.secret, otpauth_uri=offer.otpauth_uri, qr_svg=offer.qr_svg))


@router.post("/auth/mfa/totp/confirm/", response=RecoveryCodesRead, summary="Turn the authenticator app on with a code of it")
@signed_in
@approved(Purpose.SECURITY)
async def confirm_totp_setup(request: HttpRequest, body: ConfirmTotp) -> HttpResponse:
    """From then on the log-in asks for `otp`: a code, each of which counts once, or a recovery code. This session counts as opened with a second
    factor at once; other sessions of the person stay open and do not."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    codes = await confirm_totp(runtime.uow, runtime.box, runtime.clock, principal, body.otp)
    return answer(RecoveryCodesRead(recovery_codes=codes, recovery_codes_remaining=len(codes)))


@router.delete("/auth/mfa/totp/", response={204: None}, summary="Turn the authenticator app off")
@signed_in
@approved(Purpose.SECURITY)
async def delete_totp(request: HttpRequest) -> HttpResponse:
    """The recovery codes go with it, and no session counts as opened with a second factor because of it any more."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    await remove_totp(runtime.uow, runtime.clock, principal)
    return no_content()


@router.post("/auth/mfa/recovery-codes/", response=RecoveryCodesRead, summary="Make new recovery codes")
@signed_in
@approved(Purpose.SECURITY)
async def create_recovery_codes(request: HttpRequest) -> HttpResponse:
    """The old ones count no more."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    codes = await renew_recovery_codes(runtime.uow, runtime.clock, principal)
    return answer(RecoveryCodesRead(recovery_codes=codes, recovery_codes_remaining=len(codes)))
