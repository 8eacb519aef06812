"""How somebody gets in beside the password: an authenticator app with its recovery codes, and passkeys."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visitor, personal
from crypto_api.dashboard.credentials import new_credential, why_impossible
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.script_answers import go_on, spoken, told, told_text
from crypto_api.dashboard.step_up import confirmed
from crypto_api.flows.register_passkey import add_passkey, begin_passkey, remove_passkey, rename_passkey
from crypto_api.flows.set_up_totp import begin_totp, confirm_totp, pending_totp, remove_totp, renew_recovery_codes
from crypto_api.identity import factor_store as factors
from crypto_api.identity.documents import Passkey
from crypto_api.identity.errors import InvalidOtp, LastWayIn, TotpAlreadyOn, TotpNotSetUp
from crypto_api.identity.passkeys import relying_party
from crypto_api.kit.errors import InvalidInput

NAME_MAX = 80
OTP_MAX = 40
ISSUED = "Recovery codes for Coffer, made {at:%Y-%m-%d}. Each opens one log-in.\n\n{codes}\n"


# ---- an authenticator app ----------------------------------------------------------------------------------------------------------


@personal
@confirmed("/security/totp/")
async def begin_totp_setup(visitor: Visitor) -> HttpResponse:
    """The page is loaded afterwards, so that loading it again makes no other secret."""
    only_post(visitor.request)
    try:
        await begin_totp(visitor.runtime.uow, visitor.runtime.box, visitor.runtime.clock, visitor.principal)
    except TotpAlreadyOn:
        return redirect("/security/#totp")
    return redirect("/security/totp/")


@personal
@confirmed("/security/totp/")
async def totp_page(visitor: Visitor) -> HttpResponse:
    if visitor.request.method != "POST":
        return await _totp_page(visitor)
    otp = Form(visitor.request, "otp")["otp"][:OTP_MAX]
    if not otp:
        return await _totp_page(visitor, {"otp": "is needed"})
    try:
        codes = await confirm_totp(visitor.runtime.uow, visitor.runtime.box, visitor.runtime.clock, visitor.principal, otp)
    except InvalidOtp:
        return await _totp_page(visitor, {"otp": "is wrong or too old: type the one that the app shows now"})
    except (TotpAlreadyOn, TotpNotSetUp):
        return redirect("/security/#totp")
    return _codes_page(visitor, codes, first=True)


async def _totp_page(visitor: Visitor, errors: dict[str, str] | None = None) -> HttpResponse:
    if visitor.user.totp is not None and visitor.user.totp.confirmed_at is not None:
        return redirect("/security/#totp")
    offer = await pending_totp(visitor.runtime.box, visitor.principal)
    groups = " ".join(offer.secret[start : start + 4] for start in range(0, len(offer.secret), 4)) if offer else ""
    return visitor.render("person/totp.html", {"offer": offer, "secret_groups": groups, "errors": errors}, status=422 if errors else 200)


@personal
@confirmed("/security/#totp")
async def remove_totp_app(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    try:
        await remove_totp(visitor.runtime.uow, visitor.runtime.clock, visitor.principal)
    except TotpNotSetUp:
        return redirect("/security/#totp")
    return redirect("/security/?done=totp-off")


@personal
@confirmed("/security/#totp")
async def renew_codes(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    try:
        codes = await renew_recovery_codes(visitor.runtime.uow, visitor.runtime.clock, visitor.principal)
    except TotpNotSetUp:
        return redirect("/security/#totp")
    return _codes_page(visitor, codes, first=False)


def _codes_page(visitor: Visitor, codes: list[str], *, first: bool) -> HttpResponse:
    """Not behind a redirect: nothing keeps the codes, so this answer is the one place where they stand."""
    text = ISSUED.format(at=visitor.runtime.clock.now(), codes="\n".join(codes))
    values = {
        "codes": codes,
        "first": first,
        "text": text,
        "download": f"data:text/plain;charset=utf-8,{quote(text)}",
        "onward": "/" if visitor.principal.denied else "/security/#totp",
    }
    return visitor.render("person/recovery_codes.html", values)


# ---- passkeys ----------------------------------------------------------------------------------------------------------------------


@personal
@confirmed("/security/passkeys/add/")
async def add_passkey_page(visitor: Visitor) -> HttpResponse:
    return visitor.render("person/passkey_add.html", {"passkeys_impossible": why_impossible(visitor.runtime.config.frontend_url)})


@personal
@spoken
@confirmed("/security/passkeys/add/")
async def passkey_options(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    runtime = visitor.runtime
    challenge = await begin_passkey(runtime.uow, runtime.clock, relying_party(runtime.config.frontend_url), visitor.principal)
    return JsonResponse(challenge.public_key)


@personal
@spoken
@confirmed("/security/passkeys/add/")
async def create_passkey(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    runtime, body = visitor.runtime, told(visitor.request)
    name, party = _name(body), relying_party(runtime.config.frontend_url)
    await add_passkey(runtime.uow, runtime.clock, party, visitor.principal, name, new_credential(body))
    return go_on("/" if visitor.principal.denied else "/security/?done=passkey-added#passkeys")


def _name(body: Mapping[str, Any]) -> str:
    name = told_text(body, "name", NAME_MAX).strip()
    if not name or not name.isprintable():
        raise InvalidInput.of("name", "is empty or holds characters that cannot be seen")
    return name


@personal
async def passkey_page(visitor: Visitor, passkey_id: str) -> HttpResponse:
    key = await _passkey(visitor, passkey_id)
    if visitor.request.method != "POST":
        return _passkey_page(visitor, key, {"name": key.name}, {})
    form = Form(visitor.request, "name")
    name = form.line("name", most=NAME_MAX)
    if form.errors:
        return _passkey_page(visitor, key, form.given, form.errors)
    await rename_passkey(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, passkey_id, name)
    return redirect("/security/?done=saved#passkeys")


def _passkey_page(visitor: Visitor, key: Passkey, given: dict[str, str], errors: dict[str, str], problem: str = "") -> HttpResponse:
    values = {"key": key, "given": given, "errors": errors, "problem": problem}
    return visitor.render("person/passkey.html", values, status=422 if errors else 409 if problem else 200)


@personal
@confirmed("/security/passkeys/{passkey_id}/")
async def remove_passkey_page(visitor: Visitor, passkey_id: str) -> HttpResponse:
    only_post(visitor.request)
    key = await _passkey(visitor, passkey_id)
    try:
        await remove_passkey(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, key.id)
    except LastWayIn as error:
        return _passkey_page(visitor, key, {"name": key.name}, {}, error.detail)
    return redirect("/security/?done=passkey-removed#passkeys")


async def _passkey(visitor: Visitor, passkey_id: str) -> Passkey:
    key = next((row for row in await factors.passkeys_of(visitor.user.id) if row.id == passkey_id), None)
    if key is None:
        raise Http404
    return key
