"""Accounts from outside: registering, verifying the address, a forgotten password. What is answered never tells whether there is an account."""

from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crypto_api.dashboard.access import visitor_of
from crypto_api.dashboard.entry import cookie_name, device_of, door_of, plain, secret
from crypto_api.dashboard.forms import Form
from crypto_api.flows.register_account import register_openly
from crypto_api.flows.set_password import ask_new_password, ask_verification, reset_password
from crypto_api.identity import service as identity
from crypto_api.identity.errors import UsernameTaken
from crypto_api.identity.rules import device_cookie, fold, is_username
from crypto_api.identity.types import NewUser
from crypto_api.kit import languages
from crypto_api.kit.errors import InvalidInput, TooManyRequests
from crypto_api.kit.languages import Language
from crypto_api.kit.log import security
from crypto_api.runtime import runtime_of

TOKEN_MAX = 200
TAKEN = "is taken: choose another"
NOT_A_USERNAME = "does not keep to the rule below"
LENGTHS = {"first_name": 80, "last_name": 80, "username": 40}
ORGANIZATION_MAX = 120
REGISTRATION_COOKIE = "coffer_registration"  # what the page after the form shows, so that no address stands in a path
_COOKIE_S = 3_600
TOO_MANY = "That was asked for too often from where you are."
SPENT = "This link is wrong, was used already, or is too old."


@require_http_methods(["GET", "HEAD", "POST"])
async def register_page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        if await visitor_of(request) is not None:
            return redirect("/")
        return _register_form(request, {}, invitation=request.GET.get("invitation", "")[:TOKEN_MAX])
    return await _register(request, request.POST.get("invitation", "")[:TOKEN_MAX])


async def _register(request: HttpRequest, invitation: str) -> HttpResponse:
    form, password = Form(request, *LENGTHS, "email", "organization_name"), secret(request, "password")
    first_name, last_name, username = (form.line(name, most=most) for name, most in LENGTHS.items())
    chosen = request.COOKIES.get(cookie_name(languages.COOKIE), "")
    person = NewUser(username, form.email("email"), first_name, last_name, Language(chosen) if chosen in set(Language) else None)
    if not is_username(fold(username)):
        form.wrong("username", NOT_A_USERNAME)
    founded = form.line("organization_name", most=ORGANIZATION_MAX, needed=False) if not invitation else ""
    if not password:
        form.wrong("password", "is needed")
    if form.errors:
        return _register_form(request, form.given, invitation=invitation, errors=form.errors, status=422)
    try:
        await register_openly(door_of(runtime_of(request.scope)), person, password, organization_name=founded or None, source=device_of(request).ip)
    except InvalidInput as error:
        problem = form.refused(error, [*form.given, "password"])
        return _register_form(request, form.given, invitation=invitation, errors=form.errors, problem=problem, status=422)
    except UsernameTaken:
        return _register_form(request, form.given, invitation=invitation, errors={"username": TAKEN}, status=409)
    except TooManyRequests as error:
        return _register_form(request, form.given, invitation=invitation, problem=TOO_MANY, wait_s=error.retry_after_s, status=429)
    return _remember(redirect("/register/check-mail/"), form["email"], invitation)


def _register_form(request: HttpRequest, given: dict[str, str], *, invitation: str, status: int = 200, **values: object) -> HttpResponse:
    log_in = f"/login/?{urlencode({'next': invitation_path(invitation)})}" if invitation else "/login/"
    return plain(request, "register.html", {"given": given, "invitation": invitation, "log_in": log_in, **values}, status)


def invitation_path(token: str) -> str:
    """Where somebody who was invited answers."""
    return f"/invitations/accept/?{urlencode({'token': token})}"


def _remember(response: HttpResponse, email: str, invitation: str) -> HttpResponse:
    response.set_signed_cookie(
        REGISTRATION_COOKIE,
        signing.dumps([email, invitation]),
        max_age=_COOKIE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
    return response


def _remembered(request: HttpRequest) -> tuple[str, str]:
    """Address and invitation of a registration in this browser a moment ago."""
    try:
        email, invitation = signing.loads(request.get_signed_cookie(REGISTRATION_COOKIE, max_age=_COOKIE_S))
    except (KeyError, ValueError, signing.BadSignature):
        return "", ""
    return str(email), str(invitation)


# ---- verifying the address ---------------------------------------------------------------------------------------------------------


@require_safe
async def check_mail_page(request: HttpRequest) -> HttpResponse:
    email, _ = _remembered(request)
    return plain(request, "check_mail.html", {"given": {"email": email}, "sent": request.GET.get("again") == "1"})


@require_POST
async def resend_verification(request: HttpRequest) -> HttpResponse:
    form = Form(request, "email")
    email = form.email("email")
    if form.errors:
        return plain(request, "check_mail.html", {"given": form.given, "errors": form.errors}, 422)
    try:
        await ask_verification(door_of(runtime_of(request.scope)), email, device_of(request).ip)
    except TooManyRequests as error:
        return plain(request, "check_mail.html", {"given": form.given, "problem": TOO_MANY, "wait_s": error.retry_after_s}, 429)
    return _remember(redirect("/register/check-mail/?again=1"), email, _remembered(request)[1])


@require_http_methods(["GET", "HEAD", "POST"])
async def verify_email_page(request: HttpRequest) -> HttpResponse:
    """The link of the mail leads here. Only the button uses the token up: mail scanners open links."""
    email, invitation = _remembered(request)
    if request.method != "POST":
        return plain(request, "verify_email.html", {"token": request.GET.get("token", "")[:TOKEN_MAX], "given": {"email": email}})
    runtime = runtime_of(request.scope)
    try:
        user_id = await identity.verify_email(runtime.uow, request.POST.get("token", "")[:TOKEN_MAX], runtime.clock.now())
    except InvalidInput:
        return plain(request, "verify_email.html", {"problem": SPENT, "given": {"email": email}}, 422)
    security.info("email_verified", user_id=user_id)
    known = await visitor_of(request) is not None  # a new address of somebody who is logged in
    onward = "/profile/" if known else f"/login/?{urlencode({'next': invitation_path(invitation)})}" if invitation else "/login/"
    return plain(request, "verify_email.html", {"done": True, "onward": onward, "known": known})


# ---- a forgotten password ----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
async def forgot_password_page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return plain(request, "forgot_password.html", {"sent": request.GET.get("sent") == "1"})
    form = Form(request, "email")
    email = form.email("email")
    if form.errors:
        return plain(request, "forgot_password.html", {"given": form.given, "errors": form.errors}, 422)
    try:
        await ask_new_password(door_of(runtime_of(request.scope)), email, device_of(request).ip)
    except TooManyRequests as error:
        return plain(request, "forgot_password.html", {"given": form.given, "problem": TOO_MANY, "wait_s": error.retry_after_s}, 429)
    return redirect("/forgot-password/?sent=1")


@require_http_methods(["GET", "HEAD", "POST"])
async def reset_password_page(request: HttpRequest) -> HttpResponse:
    """Also the first password of somebody who was given an account."""
    if request.method != "POST":
        return plain(request, "reset_password.html", {"token": request.GET.get("token", "")[:TOKEN_MAX]})
    token, password, again = request.POST.get("token", "")[:TOKEN_MAX], secret(request, "new_password"), secret(request, "again")
    errors = new_password_problems(password, again)
    if errors:
        return plain(request, "reset_password.html", {"token": token, "errors": errors}, 422)
    try:
        known_device = await reset_password(door_of(runtime_of(request.scope)), token, password, device_of(request))
    except InvalidInput as error:
        wrong = {row.field: row.message for row in error.errors}
        if "token" in wrong:
            return plain(request, "reset_password.html", {"problem": SPENT}, 422)
        return plain(request, "reset_password.html", {"token": token, "errors": wrong}, 422)
    except TooManyRequests as error:
        return plain(request, "reset_password.html", {"token": token, "problem": TOO_MANY, "wait_s": error.retry_after_s}, 429)
    response = plain(request, "reset_password.html", {"done": True})
    response.set_cookie(**device_cookie(known_device, secure=settings.SESSION_COOKIE_SECURE))
    return response


def new_password_problems(password: str, again: str) -> dict[str, str]:
    """What a form can see by itself; how strong it is, the server judges."""
    if not password:
        return {"new_password": "is needed"}
    return {} if password == again else {"again": "is not the same as the first"}
