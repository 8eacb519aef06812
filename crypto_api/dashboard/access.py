"""Who is looking: the log-in behind the cookie, what they may see, and how a page sends away whoever may not."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme

from crypto_api.dashboard import context
from crypto_api.events import store as events
from crypto_api.flows.authenticate import authenticate_dashboard
from crypto_api.identity import store as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import DASHBOARD_COOKIE
from crypto_api.kit import origin
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Permission, Principal
from crypto_api.reports.overview import Pricing
from crypto_api.runtime import Runtime, runtime_of

TIME_ZONE_COOKIE = "coffer_tz"  # told by the browser, so that times stand in the reader's own zone
_TIME_ZONES = available_timezones()


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is logged in and may see what they asked for."""

    request: HttpRequest
    runtime: Runtime
    principal: Principal
    org_id: str
    user: User
    organization: Organization
    zone: ZoneInfo
    event_head: int  # the last event that what this page shows may rest on: its socket resumes from there

    @property
    def pricing(self) -> Pricing:
        return Pricing.of(self.runtime.networks.values())

    def may(self, permission: Permission) -> bool:
        return self.principal.may(permission)

    def render(self, template: str, values: Mapping[str, object] | None = None, *, status: int = 200) -> HttpResponse:
        around = {
            **context.of_reader(self.request.path, self.principal, self.user),
            "organization": self.organization,
            "currency": self.organization.functional_currency,
            "zone": self.zone,
            "event_head": self.event_head,
        }
        return render(self.request, f"dashboard/{template}", {**around, **(values or {})}, status=status)


View = Callable[..., Awaitable[HttpResponse]]


def page(permission: Permission) -> Callable[[View], View]:
    """For whom a page is. Nobody logged in: to the log-in and back afterwards. Logged in without the permission: a page that says so."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            visit = await visit_of(request)
            if visit is None:
                return to_log_in(request)
            if not visit.may(permission):
                return visit.render("403.html", {"permission": permission.value}, status=403)
            response = await view(visit, *args, **kwargs)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        guarded.permission = permission  # type: ignore[attr-defined]  # every page names its permission: a test reads it
        return guarded

    return decorate


async def visit_of(request: HttpRequest) -> Visit | None:
    runtime = runtime_of(request.scope)
    cookie = request.COOKIES.get(DASHBOARD_COOKIE)
    principal = await authenticate_dashboard(cookie, now=runtime.clock.now()) if cookie else None
    if principal is None or principal.org_id is None:
        return None
    origin.identified(principal.user_id, principal.session_id)
    head = await events.head(principal.org_id)  # before anything else is read: what comes later is told by the socket
    user, organization = await identity.user(principal.user_id), await organizations.get(principal.org_id)
    if user is None or organization is None:
        return None
    return Visit(request, runtime, principal, principal.org_id, user, organization, _zone(request, organization), head)


def _zone(request: HttpRequest, organization: Organization) -> ZoneInfo:
    told = request.COOKIES.get(TIME_ZONE_COOKIE, "").replace("%2F", "/")
    return ZoneInfo(told if told in _TIME_ZONES else organization.time_zone)


def to_log_in(request: HttpRequest) -> HttpResponse:
    """A fragment makes the whole page go there; a page comes back to where it was."""
    if request.headers.get("HX-Request") == "true":
        response = HttpResponse(status=401)
        response.headers["HX-Redirect"] = "/login/"
        return response
    wanted = request.get_full_path() if request.method == "GET" else "/"
    return redirect("/login/" if wanted == "/" else f"/login/?{urlencode({'next': wanted})}")


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Only a path of this site: anything else leads to the overview."""
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if own and wanted.startswith("/") else "/"
