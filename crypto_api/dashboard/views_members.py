"""Who has access to the organisation: members, and invitations of more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.role_words import about_role, built_in_name, role_name
from crypto_api.dashboard.templatetags.coffer import duration
from crypto_api.dashboard.translation import gettext
from crypto_api.flows import invitations, members
from crypto_api.kit.errors import Conflict, CoreError, InvalidInput, NotFound, PreconditionFailed, TooManyRequests
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations import store
from crypto_api.organizations.documents import Invitation, InvitationState
from crypto_api.organizations.types import MEMBER_ROLES, PERMISSIONS, Permission, Role
from crypto_api.reports import people
from crypto_api.reports.people import Standing

INVITATIONS_SHOWN = 100
FLASHES = {
    "invited": "The invitation is on its way.",
    "resent": "The invitation was sent once more, with a new link. The old one no longer works.",
    "revoked": "The invitation was revoked: its link no longer works.",
    "role": "The role was changed.",
    "suspended": "The member is suspended; their sessions here have ended.",
    "lifted": "The member may act here again.",
    "removed": "The member was removed; their sessions here have ended.",
}
CHANGED = "Somebody else has changed this member meanwhile. What stands there now was loaded; look at it and try again."


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    role: str = ""
    q: str = ""

    def keeps(self, row: Standing) -> bool:
        text = f"{row.name}\n{row.user.email}\n{row.user.username}".casefold()
        return (not self.role or row.membership.role == self.role) and self.q.casefold() in text


@dataclass(frozen=True, slots=True)
class MemberRow:
    user_id: str
    name: str
    first_name: str
    username: str
    email: str
    role: str
    second_factor: bool
    factor_needed: bool
    last_seen: datetime | None
    since: datetime
    suspended: bool
    you: bool
    version: int


@dataclass(frozen=True, slots=True)
class InvitationRow:
    id: str
    email: str
    role: str
    inviter: str
    state: str  # of the invitation, or "expired"
    sent: bool
    expires_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoleChoice:
    id: str
    name: str
    says: str
    own: bool
    grantable: bool  # nobody gives away more than they have


@page(Permission.MEMBERS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return await _list(visit)


async def _list(visit: Visit, *, warning: str = "", status: int = 200) -> HttpResponse:
    names = await _role_names(visit.org_id)
    values = {
        "role_choices": [(role.value, built_in_name(role)) for role in MEMBER_ROLES] + list(names.items()),
        "flash": "" if warning else FLASHES.get(visit.request.GET.get("done", ""), ""),
        "warning": warning,
    }
    return visit.render("members/list.html", values | await _rows(visit, names) | await _invitation_rows(visit, names), status=status)


@page(Permission.MEMBERS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("members/rows.html", await _rows(visit, await _role_names(visit.org_id)))


@page(Permission.MEMBERS_READ)
async def invitations_fragment(visit: Visit) -> HttpResponse:
    return visit.render("members/invitations.html", await _invitation_rows(visit, await _role_names(visit.org_id)))


async def _rows(visit: Visit, names: dict[str, str]) -> dict[str, object]:
    wanted, after = Filter.of(visit.request), visit.request.GET.get("after", "")
    found = [row for row in await people.members(visit.org_id) if wanted.keeps(row)]
    start = next((place + 1 for place, row in enumerate(found) if row.user.id == after), 0)
    shown = found[start : start + rows_wanted(visit.request)]
    more = start + len(shown) < len(found)
    return {
        "filter": wanted,
        "rows": [_row(visit, row, names) for row in shown],
        "next_after": shown[-1].user.id if more and shown else "",
        "first_page": not after,
    }


def _row(visit: Visit, row: Standing, names: dict[str, str]) -> MemberRow:
    return MemberRow(
        user_id=row.user.id,
        name=row.name,
        first_name=row.user.first_name or row.user.username,
        username=row.user.username,
        email=row.user.email,
        role=role_name(row.membership.role, names),
        second_factor=row.second_factor,
        factor_needed=row.membership.role in visit.organization.second_factor_roles,
        last_seen=row.last_seen,
        since=row.membership.created_at,
        suspended=row.membership.suspended_at is not None,
        you=row.user.id == visit.principal.user_id,
        version=row.membership.version,
    )


async def _invitation_rows(visit: Visit, names: dict[str, str]) -> dict[str, object]:
    newest = PageRequest(limit=INVITATIONS_SHOWN)
    waiting = await store.page_of_invitations(visit.org_id, {"state": InvitationState.OPEN}, newest)
    closed = await store.page_of_invitations(visit.org_id, {"state": {"$ne": InvitationState.OPEN}}, PageRequest(limit=10))
    rows = [*waiting.items, *closed.items]
    inviters, now = await people.names_of({row.invited_by for row in rows}), visit.runtime.clock.now()
    shown = [_invitation_row(row, names, inviters, now) for row in rows]
    return {"invitations": shown, "may_write": visit.may(Permission.MEMBERS_WRITE)}


def _invitation_row(row: Invitation, names: dict[str, str], inviters: dict[str, str], now: datetime) -> InvitationRow:
    expired = row.state is InvitationState.OPEN and row.expires_at <= now
    return InvitationRow(
        id=row.id,
        email=row.named,
        role=role_name(row.role, names),
        inviter=inviters.get(row.invited_by, ""),
        state="expired" if expired else row.state.value,
        sent=row.sent_at is not None,
        expires_at=row.expires_at,
        answered_at=row.answered_at,
    )


async def _role_names(org_id: str) -> dict[str, str]:
    return {role.id: role.name for role in await store.custom_roles(org_id)}


# ---- one member ------------------------------------------------------------------------------------------------------------------


@page(Permission.MEMBERS_READ)
async def member_page(visit: Visit, user_id: str) -> HttpResponse:
    return await _member(visit, user_id, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def _member(visit: Visit, user_id: str, *, status: int = 200, **values: object) -> HttpResponse:
    found = await people.member(visit.org_id, user_id)
    if found is None:
        raise Http404
    row = _row(visit, found, await _role_names(visit.org_id))
    around = {
        "row": row,
        "roles": await role_choices(visit),
        "given": {"role": found.membership.role},
        "may_write": visit.may(Permission.MEMBERS_WRITE),
    }
    return visit.render("members/member.html", around | values, status=status)


async def role_choices(visit: Visit) -> list[RoleChoice]:
    """Every role there is, each with whether this person may give it: nobody gives away more than they have."""
    own_role, may = visit.principal.role, visit.principal.permissions
    built_in = [
        RoleChoice(
            role.value, built_in_name(role), about_role(role), False, PERMISSIONS[role] <= may and (role is not Role.ADMIN or own_role == Role.ADMIN)
        )
        for role in MEMBER_ROLES
    ]
    own = [RoleChoice(row.id, row.name, row.description, True, set(row.permissions) <= may) for row in await store.custom_roles(visit.org_id)]
    return built_in + own


@page(Permission.MEMBERS_WRITE)
async def change_role(visit: Visit, user_id: str) -> HttpResponse:
    role = visit.request.POST.get("role", "")
    if visit.request.method == "POST" and not role:
        return await _member(visit, user_id, errors={"role": "must be chosen"}, status=422)
    return await _act(visit, user_id, "role", lambda: _change(visit, user_id, role=role, suspended=None))


@page(Permission.MEMBERS_WRITE)
async def suspend(visit: Visit, user_id: str) -> HttpResponse:
    wanted = visit.request.POST.get("suspended") == "true"
    return await _act(visit, user_id, "suspended" if wanted else "lifted", lambda: _change(visit, user_id, role=None, suspended=wanted))


@page(Permission.MEMBERS_WRITE)
async def remove(visit: Visit, user_id: str) -> HttpResponse:
    only_post(visit.request)
    if user_id == visit.principal.user_id:
        return await _member(visit, user_id, problem="You cannot remove yourself; you can leave the organisation.", status=409)
    runtime = visit.runtime
    gone = lambda: members.remove_member(runtime.uow, runtime.clock, visit.principal, visit.org_id, user_id)  # noqa: E731
    return await _act(visit, user_id, "removed", gone, to="/members/")


async def _change(visit: Visit, user_id: str, *, role: str | None, suspended: bool | None) -> None:
    runtime, versions = visit.runtime, version_of(visit.request)
    await members.change_member(runtime.uow, runtime.clock, visit.principal, visit.org_id, user_id, role=role, suspended=suspended, versions=versions)


async def _act(visit: Visit, user_id: str, done: str, act: Callable[[], Awaitable[None]], *, to: str = "") -> HttpResponse:
    only_post(visit.request)
    try:
        await act()
    except NotFound as error:
        raise Http404 from error
    except PreconditionFailed as error:
        return await _member(visit, user_id, problem=CHANGED, status=error.status)
    except InvalidInput as error:
        return await _member(visit, user_id, errors={"role": "is not a role of this organisation (any more)"}, status=error.status)
    except CoreError as error:
        return await _member(visit, user_id, problem=error.detail, status=error.status)
    return redirect(f"{to or f'/members/{user_id}/'}?{urlencode({'done': done})}")


# ---- invitations -----------------------------------------------------------------------------------------------------------------


@page(Permission.MEMBERS_WRITE)
async def invite_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return await _invite_form(visit, {"email": "", "role": Role.USER.value})
    form = Form(visit.request, "email", "role")
    email = form.email("email")
    if not form["role"]:
        form.wrong("role", "must be chosen")
    if form.errors:
        return await _invite_form(visit, form.given, form.errors)
    runtime = visit.runtime
    try:
        await invitations.invite(runtime.uow, runtime.clock, runtime.queue, visit.principal, visit.org_id, email, form["role"])
    except InvalidInput as error:
        rest = form.refused(error, ("email", "role"))
        return await _invite_form(visit, form.given, form.errors, problem=rest, status=422)
    except Conflict as error:
        return await _invite_form(visit, form.given, {"email": _not_invited(error.detail)}, status=error.status)
    except CoreError as error:
        return await _invite_form(visit, form.given, problem=error.detail, status=error.status)
    return redirect("/members/?done=invited")


def _not_invited(why: str) -> str:
    """The refusal of a service, in the midst of a sentence."""
    told = gettext(why)
    return gettext("was not invited: %(why)s") % {"why": told[:1].lower() + told[1:]}


async def _invite_form(
    visit: Visit, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int | None = None
) -> HttpResponse:
    values = {"given": given, "errors": errors, "problem": problem, "roles": await role_choices(visit)}
    return visit.render("members/invite.html", values, status=status or (422 if errors else 200))


@page(Permission.MEMBERS_WRITE)
async def resend(visit: Visit, invitation_id: str) -> HttpResponse:
    runtime = visit.runtime
    return await _on_invitation(
        visit, "resent", lambda: invitations.resend(runtime.uow, runtime.clock, runtime.queue, visit.principal, visit.org_id, invitation_id)
    )


@page(Permission.MEMBERS_WRITE)
async def revoke(visit: Visit, invitation_id: str) -> HttpResponse:
    runtime = visit.runtime
    return await _on_invitation(
        visit, "revoked", lambda: invitations.revoke(runtime.uow, runtime.clock, visit.principal, visit.org_id, invitation_id)
    )


async def _on_invitation(visit: Visit, done: str, act: Callable[[], Awaitable[Invitation]]) -> HttpResponse:
    only_post(visit.request)
    try:
        await act()
    except NotFound as error:
        raise Http404 from error
    except TooManyRequests as error:
        return await _list(
            visit,
            warning=f"{gettext(error.detail)} {gettext('Try again in %(time)s.') % {'time': duration(error.retry_after_s)}}",
            status=error.status,
        )
    except CoreError as error:
        return await _list(visit, warning=error.detail, status=error.status)
    return redirect(f"/members/?{urlencode({'done': done})}#invitations-title")
