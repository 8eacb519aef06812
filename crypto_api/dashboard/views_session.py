"""Log-in and log-out of people."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from crypto_api.dashboard.access import safe_next, visitor_of
from crypto_api.flows.sign_in import Credentials, Door, sign_in_to_dashboard, sign_out
from crypto_api.identity import service as identity
from crypto_api.identity.errors import EmailNotVerified, InvalidCredentials
from crypto_api.identity.types import DASHBOARD_COOKIE, DASHBOARD_LIFETIME, Device
from crypto_api.kit.errors import InvalidInput
from crypto_api.runtime import runtime_of

NAME_MAX = 254
PASSWORD_MAX = 1024
TOKEN_MAX = 200
_USER_AGENT_MAX = 400


@require_http_methods(["GET", "HEAD", "POST"])
async def log_in_page(request: HttpRequest) -> HttpResponse:
    wanted = safe_next(request, request.POST.get("next") or request.GET.get("next") or "/")
    if request.method == "POST":
        return await _log_in(request, wanted)
    if await visitor_of(request) is not None:
        return redirect(wanted)
    return _form(request, wanted)


async def _log_in(request: HttpRequest, wanted: str) -> HttpResponse:
    name, password = request.POST.get("name", "").strip()[:NAME_MAX], request.POST.get("password", "")[:PASSWORD_MAX]
    missing = {
        field: text
        for field, given, text in (("name", name, "Enter your e-mail address or user name."), ("password", password, "Enter your password."))
        if not given
    }
    if missing:
        return _form(request, wanted, name=name, errors=missing, status=422)
    runtime = runtime_of(request.scope)
    by_email = "@" in name
    credentials = Credentials(email=name if by_email else None, username=None if by_email else name, password=password)
    try:
        door = Door(runtime.uow, runtime.clock, runtime.box, runtime.limiter, runtime.queue, runtime.config.bcrypt_cost)
        _, opened = await sign_in_to_dashboard(door, credentials, _device(request))
    except InvalidCredentials:
        return _form(request, wanted, name=name, problem="The name or the password is wrong.", status=401)
    except EmailNotVerified as error:
        return _form(request, wanted, name=name, problem=error.detail, status=403)
    response = redirect(wanted)
    response.set_cookie(
        DASHBOARD_COOKIE,
        opened.cookie,
        max_age=int(DASHBOARD_LIFETIME.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        path="/",
    )
    return response


def _form(
    request: HttpRequest, wanted: str, *, name: str = "", errors: dict[str, str] | None = None, problem: str = "", status: int = 200
) -> HttpResponse:
    values = {"next": wanted, "name": name, "errors": errors or {}, "problem": problem}
    response = render(request, "dashboard/login.html", values, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
async def log_out(request: HttpRequest) -> HttpResponse:
    """Ends the session itself, not only this browser's memory of it: open consoles close too."""
    visit = await visitor_of(request)
    if visit is not None:
        await sign_out(visit.runtime.uow, visit.runtime.clock, visit.principal.session_id)
    response = redirect("/login/")
    response.delete_cookie(DASHBOARD_COOKIE, path="/", samesite="Lax")
    return response


def _device(request: HttpRequest) -> Device:
    agent = request.headers.get("User-Agent")
    return Device(ip=request.META.get("REMOTE_ADDR"), user_agent=agent[:_USER_AGENT_MAX] if agent else None)


@require_http_methods(["GET", "HEAD", "POST"])
async def verify_email_page(request: HttpRequest) -> HttpResponse:
    """The link of the mail leads here. Only the button uses the token up: mail scanners open links."""
    if request.method != "POST":
        return render(request, "dashboard/verify_email.html", {"token": request.GET.get("token", "")[:TOKEN_MAX]})
    runtime = runtime_of(request.scope)
    try:
        await identity.verify_email(runtime.uow, request.POST.get("token", "")[:TOKEN_MAX], runtime.clock.now())
    except InvalidInput:
        problem = "This link is wrong, was used already, or is older than two days."
        return render(request, "dashboard/verify_email.html", {"problem": problem}, status=422)
    return render(request, "dashboard/verify_email.html", {"done": True})
