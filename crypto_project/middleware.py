"""What every answer has in common: a request id, a line in the log, security headers; and CSRF protection for the forms of the dashboard."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import translation

from crypto_api.dashboard import number_formats
from crypto_api.http import problems
from crypto_api.kit import languages as spoken
from crypto_api.kit import log, origin, tracing
from crypto_api.kit.cookies import named
from crypto_api.kit.ids import new_id
from crypto_api.kit.measuring import REQUEST_S
from crypto_api.kit.origin import Origin
from crypto_project.refusal import HEADERS, REQUEST_ID, hsts

logger = log.get(__name__)

GetResponse = Callable[[HttpRequest], Awaitable[HttpResponse]]

HEADER = "X-Request-Id"
API = "/api/"
_NO_NAME = re.compile(r"[^0-9A-Za-z._-]")
PAYERS = "/pay/"  # public pages: whoever reads one has no account here


class _Middleware:
    async_capable, sync_capable = True, False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)  # type: ignore[type-var]  # Django asks for the mark on the instance


class RequestContext(_Middleware):
    """Takes over a request id that looks like one, else makes one; binds it to every log line and gives it back. Errors of the framework
    itself under /api/ become problem answers here."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        request.request_id = given if REQUEST_ID.fullmatch(given) else new_id("req")
        client = request.scope.get("client")
        started = time.perf_counter()
        ip, device = client[0] if client else None, request.headers.get("User-Agent", "")[:300] or None
        with log.bound(request_id=request.request_id, ip=ip), origin.of(Origin(request.request_id, ip, device)):
            with tracing.span("request", tracing.Kind.SERVER, {"http.request.method": request.method}) as span:
                response = await self._answer(request)
                route, status = _route(request), response.status_code
                span.set("http.route", route)
                span.set("http.response.status_code", status)
                response[HEADER] = request.request_id
                took_s = time.perf_counter() - started
                REQUEST_S.labels(request.method, route, str(status)).observe(took_s)
                logger.info("request", method=request.method, path=request.path, status=status, ms=round(took_s * 1000, 1))
            return response

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost:
            return problems.problem(request, 400, "unknown_host", "Bad request", "This installation does not answer to that host name.")
        response = await self.get_response(request)
        foreign = response.status_code >= 400 and not response.get("Content-Type", "").startswith((problems.CONTENT_TYPE, "application/json"))
        if foreign and request.path.startswith(API):
            ours = problems.of_status(request, response.status_code)
            if "Allow" in response:
                ours["Allow"] = ", ".join(sorted(response["Allow"].split(", ")))
            for name, value in response.items():
                if name.lower() == "vary" or name.lower().startswith("access-control-"):
                    ours[name] = value
            return ours
        return response


def _route(request: HttpRequest) -> str:
    """As few as the product has: all paths that a stranger makes up are one. Methods that are none, the head guard has refused."""
    return f"/{request.resolver_match.route}" if request.resolver_match is not None else "none"


class Language(_Middleware):
    """The language that was chosen in this browser, which keeps it in a cookie; English otherwise. Of somebody logged in the one that they chose
    takes its place (`visitor_of()`). What a browser asks for is followed where nobody could have chosen before: a payer comes by a link, once.
    The API speaks English. Numbers follow the language, but for a part of a page, which stands in the format of the page around it."""

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(named(spoken.COOKIE, over_tls=settings.SESSION_COOKIE_SECURE), "")
        if request.path.startswith(API):
            chosen = settings.LANGUAGE_CODE
        elif chosen not in dict(settings.LANGUAGES):
            chosen = translation.get_language_from_request(request) if request.path.startswith(PAYERS) else settings.LANGUAGE_CODE
        page = None if request.path.startswith(API) else request.headers.get(number_formats.HEADER)
        with translation.override(chosen), number_formats.of_request(page):
            return await self.get_response(request)


def languages(request: HttpRequest) -> dict[str, object]:
    """For every page: what can be chosen, and whether the browser is too old for what protects people here. Over TLS each says by `Sec-Fetch-Site`
    where a request comes from that knows CSP 3, `SameSite`, `__Host-` and isolated openers (Chrome 76, Firefox 90, Safari 16.4)."""
    return {"languages": settings.LANGUAGES, "browser_is_old": request.is_secure() and "Sec-Fetch-Site" not in request.headers}


class SecurityHeaders(_Middleware):
    async def __call__(self, request: HttpRequest) -> HttpResponse:
        response = await self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if (named := response.headers.get("Content-Disposition")) is not None:
            response.headers["Content-Disposition"] = _harmless(named)
        if request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", hsts())
        if request.path.startswith(API):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def _harmless(disposition: str) -> str:
    """Names of files of letters, digits, dots and dashes alone (RFC 6266, 4.3), whatever a view put into them: a quote would end the name."""
    kind, _, name = disposition.partition("; filename=")
    if not name:
        return kind if kind in ("attachment", "inline") else "attachment"
    safe = _NO_NAME.sub("_", name.removeprefix('"').removesuffix('"')).lstrip(".")[:150] or "file"
    return f'{kind if kind in ("attachment", "inline") else "attachment"}; filename="{safe}"'


class AsyncCsrf(CsrfViewMiddleware):  # type: ignore[misc]
    """Django's own check, called on the event loop: it computes and reads a body that is in memory, which needs no thread."""

    async def __acall__(self, request: HttpRequest) -> HttpResponse:
        self.process_request(request)
        return self.process_response(request, await self.get_response(request))

    async def process_view(self, request: HttpRequest, view: Any, args: Any, values: Any) -> HttpResponse | None:
        refused: HttpResponse | None = super().process_view(request, view, args, values)
        return refused
