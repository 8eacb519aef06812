"""The console of those who run the installation: its organisations, accounts and parts. Nothing of what is in an organisation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visitor, platform_page
from crypto_api.dashboard.forms import only_post, version_of
from crypto_api.flows import platform
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.reports.parts import parts_of
from mongodb_config.pages import contains

ROWS = 50
TEXT_MAX = 100
FLASHES = {
    "suspended": "Suspended. It counts from this moment on.",
    "restored": "Restored.",
}
CHANGED = "This was changed at the same moment by somebody else. Look at it again."


@dataclass(frozen=True, slots=True)
class Filter:
    q: str = ""
    state: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "Filter":
        state = request.GET.get("state", "")
        return cls(request.GET.get("q", "").strip()[:TEXT_MAX], state if state in ("active", "suspended") else "")

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.state)

    def query_string(self) -> str:
        return urlencode({name: getattr(self, name) for name in ("q", "state") if getattr(self, name)})

    def where(self, *names: str) -> dict[str, Any]:
        query: dict[str, Any] = {}
        if self.state:
            query["suspended_at"] = {"$ne": None} if self.state == "suspended" else None
        if self.q:
            query["$or"] = [{name: contains(self.q)} for name in names]
        return query


@platform_page(Permission.PLATFORM_READ)
async def status_page(visitor: Visitor) -> HttpResponse:
    return visitor.render("platform/status.html", await _status(visitor))


@platform_page(Permission.PLATFORM_READ)
async def status_fragment(visitor: Visitor) -> HttpResponse:
    return visitor.render("platform/status_body.html", await _status(visitor))


async def _status(visitor: Visitor) -> dict[str, object]:
    now = visitor.runtime.clock.now()
    parts = await parts_of(visitor.runtime)
    wrong = [name for name, part in parts.items() if not part.ready]
    return {"state": await platform.installation_state(now), "parts": parts, "wrong": wrong, "asked_at": now}


@platform_page(Permission.PLATFORM_READ)
async def organizations_page(visitor: Visitor) -> HttpResponse:
    return await _organizations(visitor, "platform/organizations.html")


@platform_page(Permission.PLATFORM_READ)
async def organizations_fragment(visitor: Visitor) -> HttpResponse:
    return await _organizations(visitor, "platform/organization_rows.html")


async def _organizations(visitor: Visitor, template: str, *, warning: str = "", status: int = 200) -> HttpResponse:
    wanted = Filter.of(visitor.request)
    try:
        found, members = await platform.organizations_page(wanted.where("name"), _asked(visitor.request))
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    values = {"rows": [(row, members.get(row.id, 0)) for row in found.items], "next_cursor": found.next_cursor}
    return visitor.render(template, _around(visitor, wanted, warning) | values, status=status)


@platform_page(Permission.PLATFORM_WRITE)
async def suspend_organization(visitor: Visitor, organization_id: str) -> HttpResponse:
    runtime, versions = visitor.runtime, version_of(visitor.request)
    wanted = visitor.request.POST.get("suspended") == "true"
    return await _act(
        visitor,
        lambda: platform.suspend_organization(runtime.uow, runtime.clock, visitor.principal, organization_id, wanted, versions),
        lambda warning, status: _organizations(visitor, "platform/organizations.html", warning=warning, status=status),
        f"/platform/organizations/?done={'suspended' if wanted else 'restored'}",
    )


@platform_page(Permission.PLATFORM_READ)
async def users_page(visitor: Visitor) -> HttpResponse:
    return await _users(visitor, "platform/users.html")


@platform_page(Permission.PLATFORM_READ)
async def users_fragment(visitor: Visitor) -> HttpResponse:
    return await _users(visitor, "platform/user_rows.html")


async def _users(visitor: Visitor, template: str, *, warning: str = "", status: int = 200) -> HttpResponse:
    wanted = Filter.of(visitor.request)
    try:
        found, belongs = await platform.users_page(wanted.where("username", "email"), _asked(visitor.request))
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    values = {"rows": [(row, belongs.get(row.id, 0)) for row in found.items], "next_cursor": found.next_cursor}
    return visitor.render(template, _around(visitor, wanted, warning) | values, status=status)


@platform_page(Permission.PLATFORM_WRITE)
async def suspend_user(visitor: Visitor, user_id: str) -> HttpResponse:
    runtime, versions = visitor.runtime, version_of(visitor.request)
    wanted = visitor.request.POST.get("suspended") == "true"
    return await _act(
        visitor,
        lambda: platform.suspend_user(runtime.uow, runtime.clock, visitor.principal, user_id, wanted, versions),
        lambda warning, status: _users(visitor, "platform/users.html", warning=warning, status=status),
        f"/platform/users/?done={'suspended' if wanted else 'restored'}",
    )


def _asked(request: HttpRequest) -> PageRequest:
    return PageRequest(limit=ROWS, cursor=request.GET.get("cursor") or None)


def _around(visitor: Visitor, wanted: Filter, warning: str) -> dict[str, object]:
    return {
        "filter": wanted,
        "first_page": not visitor.request.GET.get("cursor"),
        "warning": warning,
        "flash": "" if warning else FLASHES.get(visitor.request.GET.get("done", ""), ""),
        "may_write": visitor.may(Permission.PLATFORM_WRITE),
        "own_id": visitor.user.id,
    }


async def _act(
    visitor: Visitor, act: Callable[[], Awaitable[object]], refused: Callable[[str, int], Awaitable[HttpResponse]], then: str
) -> HttpResponse:
    only_post(visitor.request)
    try:
        await act()
    except NotFound as error:
        raise Http404 from error
    except PreconditionFailed as error:
        return await refused(CHANGED, error.status)
    except CoreError as error:
        return await refused(error.detail, error.status)
    return redirect(then)
