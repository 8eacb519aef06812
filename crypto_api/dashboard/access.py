"""Who is looking: the log-in behind the cookie, what they may see, and how a page sends away whoever may not."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from crypto_api.dashboard import context
from crypto_api.dashboard.addresses import Addresses
from crypto_api.dashboard.columns import ColumnsOf
from crypto_api.dashboard.context import Enterable
from crypto_api.dashboard.entry import cookie_name, secret_cookie
from crypto_api.dashboard.list_views import ListViews
from crypto_api.dashboard.translation import in_language
from crypto_api.dashboard.views_errors import too_many
from crypto_api.events import store as events
from crypto_api.flows.authenticate import dashboard_session, identify
from crypto_api.flows.known_addresses import names_of
from crypto_api.identity.documents import User
from crypto_api.identity.types import DASHBOARD_COOKIE, Spent
from crypto_api.kit import languages, origin
from crypto_api.kit.errors import TooManyRequests
from crypto_api.kit.languages import Language
from crypto_api.kit.log import security
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Denied, Permission, Principal, Role
from crypto_api.prices.types import Pricing
from crypto_api.reports import people
from crypto_api.runtime import Runtime, runtime_of
from crypto_api.saved_views import store as saved_views

TIME_ZONE_COOKIE = "coffer_tz"  # told by the browser, so that times stand in the reader's own zone
LANGUAGE_KEPT_S = 31_536_000
_TIME_ZONES = available_timezones()


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """One request of somebody who is logged in, wherever they stand: without an organisation, suspended in it, or in good standing."""

    request: HttpRequest
    runtime: Runtime
    principal: Principal
    user: User
    zone: ZoneInfo
    organization: Organization | None = None
    event_head: int | None = None  # the last event that what this page shows may rest on: its socket resumes from there
    invitations: int = 0  # to other organisations, open; not read for a fragment
    own_role: str = ""  # the name of the organisation's own role that they have, if it is one
    enterable: list[Enterable]  # the organisations between which they can switch; not read for a fragment

    def may(self, permission: Permission) -> bool:
        return self.principal.may(permission)

    def render(self, template: str, values: Mapping[str, object] | None = None, *, status: int = 200) -> HttpResponse:
        shown, list_views = Addresses(self.runtime.networks), ListViews(self.request)
        around = {
            **context.of_reader(self.request.path, self.principal, self.user, self.own_role),
            "organization": self.organization,
            "enterable": self.enterable,
            "invitations_open": self.invitations,
            "zone": self.zone,
            "event_head": None if self.principal.denied else self.event_head,
            "session_ends_s": math.ceil((self.principal.expires_at - self.runtime.clock.now()).total_seconds()),
            "addresses": shown,
            "list_views": list_views,
            "columns": ColumnsOf(self.user.hidden_columns),
        }
        if self.organization is not None:
            around["currency"] = self.organization.functional_currency
        response = render(self.request, f"dashboard/{template}", {**around, **in_language(values or {})}, status=status)
        response.headers.setdefault("Cache-Control", "no-store")
        response.addresses, response.list_views = shown, list_views  # their names, and the reader's views, are read once the page is made
        return keep_language(self.request, response, self.user.language)


@dataclass(frozen=True, kw_only=True)
class Visit(Visitor):
    """A visitor inside an organisation."""

    org_id: str
    organization: Organization
    event_head: int

    @property
    def pricing(self) -> Pricing:
        return Pricing.of(self.runtime.networks.values(), self.runtime.prices.settings)


View = Callable[..., Awaitable[HttpResponse]]


def page(permission: Permission) -> Callable[[View], View]:
    """A page of the organisation. Nobody logged in: to the log-in and back afterwards. Without an organisation, suspended, or without the
    permission: a page that says so and shows the ways out."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            visitor = await visitor_of(request)
            if visitor is None:
                return to_log_in(request)
            if (refused := await _too_many(visitor)) is not None:
                return refused
            refusal = _refusal(visitor, permission)
            if refusal is not None:
                return refusal
            return await _finished(visitor, await view(visitor, *args, **kwargs))

        guarded.permission = permission  # type: ignore[attr-defined]  # every page names its permission: a test reads it
        return guarded

    return decorate


def platform_page(permission: Permission) -> Callable[[View], View]:
    """A page of the installation, for its operators, who belong to no organisation."""

    def decorate(view: View) -> View:
        @wraps(view)
        async def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            visitor = await visitor_of(request)
            if visitor is None:
                return to_log_in(request)
            if (refused := await _too_many(visitor)) is not None:
                return refused
            if visitor.principal.denied is Denied.SECOND_FACTOR_REQUIRED:
                return _go(request, "/security/")
            if not visitor.may(permission):
                return _forbidden(visitor, permission)
            return await _finished(visitor, await view(visitor, *args, **kwargs))

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return decorate


def personal(view: View) -> View:
    """A page of the person: for everybody who is logged in, also without an organisation or while they may not act in theirs. The view is
    handed a `Visitor`."""

    @wraps(view)
    async def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        visitor = await visitor_of(request)
        if visitor is None:
            return to_log_in(request)
        return await _too_many(visitor) or await _finished(visitor, await view(visitor, *args, **kwargs))

    guarded.permission = None  # type: ignore[attr-defined]
    return guarded


async def _too_many(visitor: Visitor) -> HttpResponse | None:
    """The answer to somebody who loads more pages than anybody can look at."""
    try:
        await visitor.runtime.limiter.spend(Spent.PAGES, visitor.user.id)
    except TooManyRequests as error:
        security.warning("refused", code=error.code, method=visitor.request.method, path=visitor.request.path)
        return too_many(visitor.request, error.retry_after_s)
    return None


def _refusal(visitor: Visitor, permission: Permission) -> HttpResponse | None:
    if visitor.principal.denied is Denied.SECOND_FACTOR_REQUIRED:
        return _go(visitor.request, "/security/")
    if not isinstance(visitor, Visit):
        return _go(visitor.request, "/platform/" if visitor.principal.role == Role.PLATFORM_ADMIN else "/organizations/")
    if visitor.principal.denied is Denied.SUSPENDED:
        return visitor.render("suspended.html", {"whole": visitor.organization.suspended_at is not None}, status=403)
    if not visitor.may(permission):
        if visitor.request.path == "/":
            return visitor.render("home.html")  # somebody who sees no figures is greeted, not refused
        return _forbidden(visitor, permission)
    return None


def _forbidden(visitor: Visitor, permission: Permission) -> HttpResponse:
    security.warning("refused", code="permission_denied", method=visitor.request.method, path=visitor.request.path)
    return visitor.render("403.html", {"permission": permission.value}, status=403)


async def _finished(visitor: Visitor, response: HttpResponse) -> HttpResponse:
    """With the names of the addresses that stand on it; private in any case."""
    shown: Addresses | None = getattr(response, "addresses", None)
    if shown is not None and shown.places:
        shown.write_into(response, await names_of(visitor.principal, visitor.runtime.networks, shown.wanted()))
    views: ListViews | None = getattr(response, "list_views", None)
    if views is not None and views.name and visitor.principal.org_id is not None:
        views.write_into(response, await saved_views.of_person(visitor.principal.org_id, visitor.principal.user_id, views.name))
    response.headers.setdefault("Cache-Control", "no-store")
    return response


async def visitor_of(request: HttpRequest) -> Visitor | None:
    """Who is logged in with this request; a `Visit` where they act in an organisation."""
    runtime = runtime_of(request.scope)
    now, cookie = runtime.clock.now(), secret_cookie(request, DASHBOARD_COOKIE)
    session = await dashboard_session(cookie, now) if cookie else None
    if session is None:
        return None
    head = await events.head(session.org_id) if session.org_id else 0  # before anything else is read: what comes later is told by the socket
    known = await identify(session)
    if known is None:
        return None
    principal, user, organization = known.principal, known.user, known.organization
    if user.language is not None:
        translation.activate(user.language)  # until the end of the request, where the middleware takes it back
    origin.identified(principal.user_id, principal.session_id, user.username)
    enterable, invitations = await asyncio.gather(_enterable(principal), _invitations(user, now)) if not is_fragment(request) else ([], 0)
    zone = zone_of(request, organization)
    if principal.org_id is None or organization is None:
        return Visitor(request=request, runtime=runtime, principal=principal, user=user, zone=zone, enterable=enterable, invitations=invitations)
    return Visit(
        request=request,
        runtime=runtime,
        principal=principal,
        user=user,
        zone=zone,
        own_role=known.own_role.name if known.own_role is not None else "",
        invitations=invitations,
        enterable=enterable,
        org_id=principal.org_id,
        organization=organization,
        event_head=head,
    )


async def _enterable(principal: Principal) -> list[Enterable]:
    return [
        Enterable(row.organization.id, row.organization.name, row.organization.id == principal.org_id, row.suspended)
        for row in await people.belongings(principal.user_id)
    ]


async def _invitations(user: User, now: datetime) -> int:
    return len(await organizations.open_invitations_for(user.email, now)) if user.email_verified_at is not None else 0


def zone_of(request: HttpRequest, organization: Organization | None) -> ZoneInfo:
    told = request.COOKIES.get(cookie_name(TIME_ZONE_COOKIE), "").replace("%2F", "/")
    return ZoneInfo(told if told in _TIME_ZONES else organization.time_zone if organization else "UTC")


def keep_language(request: HttpRequest, response: HttpResponse, language: Language | None) -> HttpResponse:
    """Also for what this browser shows without knowing who reads: the log-in, and pages of errors."""
    if language is not None and request.COOKIES.get(cookie_name(languages.COOKIE)) != language:
        kept = cookie_name(languages.COOKIE)
        response.set_cookie(kept, language.value, max_age=LANGUAGE_KEPT_S, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    return response


def is_fragment(request: HttpRequest) -> bool:
    """Whether a part of a page asks for itself."""
    return bool(request.headers.get("HX-Request") == "true")


def to_log_in(request: HttpRequest) -> HttpResponse:
    """A page comes back to where it was."""
    if is_fragment(request):
        return _go(request, "/login/")
    wanted = request.get_full_path() if request.method == "GET" else "/"
    return redirect("/login/" if wanted == "/" else f"/login/?{urlencode({'next': wanted})}")


def _go(request: HttpRequest, path: str) -> HttpResponse:
    """A fragment makes the whole page go there."""
    if not is_fragment(request):
        return redirect(path)
    response = HttpResponse(status=401)
    response.headers["HX-Redirect"] = path
    return response


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Only a path of this site: anything else leads to the overview."""
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None, require_https=request.is_secure())
    return wanted if own and wanted.startswith("/") else "/"
