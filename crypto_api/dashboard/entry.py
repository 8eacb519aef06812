"""What every way into the pages shares: what a log-in is checked with, where it comes from, and the cookies that it leaves."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import render

from crypto_api.dashboard.translation import in_language
from crypto_api.flows.authenticate import dashboard_session
from crypto_api.flows.sign_in import Door, OpenedSession, sign_out
from crypto_api.identity.rules import device_cookie
from crypto_api.identity.types import CHALLENGE_LIFETIME, DASHBOARD_COOKIE, DEVICE_COOKIE, Device
from crypto_api.kit.cookies import named
from crypto_api.runtime import Runtime, runtime_of

SECOND_STEP_COOKIE = "coffer_step"  # between the two steps of a log-in
_USER_AGENT_MAX = 300
_SECRET_MAX = 100
_TYPED_MAX = 1_025  # one more than a password may have: the service says so then


def door_of(runtime: Runtime) -> Door:
    return Door(runtime.uow, runtime.clock, runtime.box, runtime.limiter, runtime.queue, runtime.config.bcrypt_cost, runtime.config.spans())


def device_of(request: HttpRequest) -> Device:
    client = request.scope.get("client")
    agent = request.headers.get("User-Agent", "")[:_USER_AGENT_MAX]
    return Device(client[0] if client else None, agent or None, _device_token(request))


def secret_cookie(request: HttpRequest, name: str) -> str | None:
    """`name` without what stands in front of it over TLS."""
    return _fit(request.COOKIES.get(cookie_name(name), ""))


def _device_token(request: HttpRequest) -> str | None:
    """Under the name of before as well: it opens nothing."""
    return secret_cookie(request, DEVICE_COOKIE) or _fit(request.COOKIES.get(DEVICE_COOKIE, ""))


def cookie_name(name: str) -> str:
    return named(name, over_tls=settings.SESSION_COOKIE_SECURE)


def _fit(value: str) -> str | None:
    return value if 0 < len(value) <= _SECRET_MAX else None


async def let_in(request: HttpRequest, response: HttpResponse, opened: OpenedSession) -> HttpResponse:
    """The session goes on in this browser, which is a known device from now on. The one that it had until now ends, whosever it was."""
    assert opened.cookie is not None
    await _end_former(request)
    rotate_token(request)  # forms from before are those of a stranger
    _keep(response, DASHBOARD_COOKIE, opened.cookie, _session_s(request))
    response.set_cookie(**device_cookie(opened.device, secure=settings.SESSION_COOKIE_SECURE))
    forget(response, SECOND_STEP_COOKIE)
    return response


async def _end_former(request: HttpRequest) -> None:
    runtime, former = runtime_of(request.scope), secret_cookie(request, DASHBOARD_COOKIE)
    session = await dashboard_session(former, runtime.clock.now()) if former is not None else None
    if session is not None:
        await sign_out(runtime.uow, runtime.clock, session.id)


def _session_s(request: HttpRequest) -> int:
    """How long the browser keeps the cookie; the session itself may end before, by idling."""
    return int(runtime_of(request.scope).config.spans().dashboard.total_seconds())


def keep_second_step(response: HttpResponse, token: str) -> HttpResponse:
    _keep(response, SECOND_STEP_COOKIE, token, int(CHALLENGE_LIFETIME.total_seconds()))
    return response


def _keep(response: HttpResponse, name: str, value: str, max_age: int) -> None:
    response.set_cookie(cookie_name(name), value, max_age=max_age, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)


def forget(response: HttpResponse, name: str) -> None:
    response.delete_cookie(cookie_name(name), samesite="Lax")


def secret(request: HttpRequest, name: str) -> str:
    """As it was typed, spaces and all: it never goes back into a page."""
    return str(request.POST.get(name, ""))[:_TYPED_MAX]


def plain(request: HttpRequest, template: str, values: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page of somebody who is not logged in. `wait_s` among the values is told to programs as well."""
    response = render(request, f"dashboard/person/{template}", in_language(values), status=status)
    response.headers["Cache-Control"] = "no-store"
    if values.get("wait_s") is not None:
        response.headers["Retry-After"] = str(values["wait_s"])
    return response
