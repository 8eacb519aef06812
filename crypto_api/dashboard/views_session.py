"""Log-in by password and code, and log-out."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from crypto_api.dashboard.access import safe_next, visitor_of
from crypto_api.dashboard.credentials import why_impossible
from crypto_api.dashboard.entry import (
    SECOND_STEP_COOKIE,
    device_of,
    door_of,
    forget,
    keep_second_step,
    let_in,
    plain,
    secret,
    secret_cookie,
)
from crypto_api.dashboard.forms import Form
from crypto_api.flows.second_step import begin_second_step, finish_second_step, is_second_step
from crypto_api.flows.sign_in import Credentials, sign_in_to_dashboard, sign_out
from crypto_api.identity.errors import AccountSuspended, EmailNotVerified, InvalidCredentials, InvalidOtp, InvalidToken, OtpRequired
from crypto_api.identity.types import DASHBOARD_COOKIE, Factor
from crypto_api.kit.errors import TooManyRequests
from crypto_api.runtime import runtime_of

NAME_MAX = 254
OTP_MAX = 40
UNVERIFIED = "This e-mail address is not verified yet. Open the link in the mail that we have sent to it"
FLASHES = {"too-late": "That took too long, or was done already. Log in again."}


@require_http_methods(["GET", "HEAD", "POST"])
async def log_in_page(request: HttpRequest) -> HttpResponse:
    wanted = safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    if request.method == "POST":
        return await _log_in(request, wanted)
    if await visitor_of(request) is not None:
        return redirect(wanted)
    return _form(request, wanted, problem=FLASHES.get(request.GET.get("why", ""), ""))


async def _log_in(request: HttpRequest, wanted: str) -> HttpResponse:
    name, password = Form(request, "name")["name"][:NAME_MAX], secret(request, "password")
    missing = {
        field: text
        for field, given, text in (("name", name, "Enter your e-mail address or user name."), ("password", password, "Enter your password."))
        if not given
    }
    if missing:
        return _form(request, wanted, name=name, errors=missing, status=422)
    door, by_email = door_of(runtime_of(request.scope)), "@" in name
    credentials = Credentials(email=name if by_email else None, username=None if by_email else name, password=password)
    try:
        _, opened = await sign_in_to_dashboard(door, credentials, device_of(request))
    except OtpRequired as error:
        token = await begin_second_step(door, error.user_id or "", [Factor.PASSWORD])
        return keep_second_step(redirect(second_step_path(wanted)), token)
    except InvalidCredentials:
        return _form(request, wanted, name=name, errors={"password": "The name or the password is wrong."}, status=401)
    except EmailNotVerified:
        return _form(request, wanted, name=name, problem=UNVERIFIED, unverified=name if by_email else "", status=403)
    except AccountSuspended as error:
        return _form(request, wanted, name=name, problem=error.detail, status=403)
    except TooManyRequests as error:
        return _form(request, wanted, name=name, problem="Too many failed tries.", wait_s=error.retry_after_s, status=429)
    return await let_in(request, redirect(wanted), opened)


def _form(request: HttpRequest, wanted: str, *, name: str = "", status: int = 200, **values: object) -> HttpResponse:
    impossible = why_impossible(runtime_of(request.scope).config.frontend_url)
    return plain(request, "log_in.html", {"next": wanted, "given": {"name": name}, "passkeys_impossible": impossible, **values}, status)


# ---- the second step ---------------------------------------------------------------------------------------------------------------


def second_step_path(wanted: str) -> str:
    return "/login/second-step/" if wanted == "/" else f"/login/second-step/?{urlencode({'next': wanted})}"


@require_http_methods(["GET", "HEAD", "POST"])
async def second_step_page(request: HttpRequest) -> HttpResponse:
    wanted = safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    door, token = door_of(runtime_of(request.scope)), secret_cookie(request, SECOND_STEP_COOKIE)
    if token is None or not await is_second_step(door, token):
        return _begin_again(wanted)
    if request.method != "POST":
        return _code_form(request, wanted)
    otp = Form(request, "otp")["otp"][:OTP_MAX]
    if not otp:
        return _code_form(request, wanted, errors={"otp": "is needed"}, status=422)
    try:
        _, opened = await finish_second_step(door, token, otp, device_of(request))
    except InvalidOtp:
        return _code_form(request, wanted, errors={"otp": "is wrong, too old or was used before"}, status=401)
    except TooManyRequests as error:
        return _code_form(request, wanted, problem="Too many wrong codes.", wait_s=error.retry_after_s, status=429)
    except (AccountSuspended, EmailNotVerified) as error:
        return _form(request, wanted, problem=error.detail, status=403)
    except (InvalidToken, InvalidCredentials):
        return _begin_again(wanted)
    return await let_in(request, redirect(wanted), opened)


def _code_form(request: HttpRequest, wanted: str, *, status: int = 200, **values: object) -> HttpResponse:
    impossible = why_impossible(runtime_of(request.scope).config.frontend_url)
    return plain(request, "second_step.html", {"next": wanted, "passkeys_impossible": impossible, **values}, status)


def _begin_again(wanted: str) -> HttpResponse:
    response = redirect(f"/login/?{urlencode({'why': 'too-late', 'next': wanted})}")
    forget(response, SECOND_STEP_COOKIE)
    return response


@require_POST
async def log_out(request: HttpRequest) -> HttpResponse:
    """Ends the session itself, not only this browser's memory of it: open consoles close too."""
    visitor = await visitor_of(request)
    if visitor is not None:
        await sign_out(visitor.runtime.uow, visitor.runtime.clock, visitor.principal.session_id)
    response = redirect("/login/")
    forget(response, DASHBOARD_COOKIE)
    return response
