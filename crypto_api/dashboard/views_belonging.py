"""Where a person belongs: their organisations, switching between them, founding one, leaving one, and invitations to others."""

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from crypto_api.dashboard.access import TIME_ZONE_COOKIE, Visitor, personal, visitor_of, zone_of
from crypto_api.dashboard.entry import cookie_name
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.money_form import MONEY_FIELDS, money_choices, read_money_fields
from crypto_api.dashboard.role_words import about_role, role_name
from crypto_api.dashboard.translation import in_language
from crypto_api.flows import invitations
from crypto_api.flows.found_organization import found_organization
from crypto_api.flows.invitations import Offer
from crypto_api.flows.members import leave
from crypto_api.flows.switch_organization import switch_organization
from crypto_api.kit.errors import Conflict, CoreError, InvalidInput, NotFound, PermissionDenied
from crypto_api.kit.standards import time_zones
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import NewOrganization, Role
from crypto_api.reports import people
from crypto_api.runtime import runtime_of

TOKEN_MAX = 200
NAME_MAX = 120
FLASHES = {
    "left": "You have left the organisation.",
    "declined": "The invitation was declined.",
}
CLOSED = "It was answered or taken back, has run out, or a newer letter has replaced this link. Ask whoever invited you to send it again."


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    id: str
    name: str
    role: str
    since: datetime
    current: bool
    suspended: bool


@dataclass(frozen=True, slots=True)
class InvitationRow:
    id: str
    organization: str
    role: str
    says: str
    inviter: str
    email: str
    expires_at: datetime


@personal
async def organizations_page(visitor: Visitor) -> HttpResponse:
    if visitor.principal.role == Role.PLATFORM_ADMIN:
        return redirect("/platform/")  # who runs the installation belongs to no organisation
    return await _organizations(visitor)


async def _organizations(visitor: Visitor, *, problem: str = "", status: int = 200) -> HttpResponse:
    values = {
        "rows": await _belongings(visitor),
        "invitations": [_invitation_row(offer) for offer in await invitations.offers_to(visitor.user.id, visitor.runtime.clock.now())],
        "flash": FLASHES.get(visitor.request.GET.get("done", ""), ""),
        "problem": problem,
    }
    return visitor.render("organizations/list.html", values, status=status)


async def _belongings(visitor: Visitor) -> list[OrganizationRow]:
    rows = []
    for row in await people.belongings(visitor.user.id):
        own = await organizations.custom_role(row.organization.id, row.membership.role)
        rows.append(
            OrganizationRow(
                id=row.organization.id,
                name=row.organization.name,
                role=role_name(row.membership.role, {own.id: own.name} if own else {}),
                since=row.membership.created_at,
                current=row.organization.id == visitor.principal.org_id,
                suspended=row.suspended,
            )
        )
    return rows


def _invitation_row(offer: Offer) -> InvitationRow:
    return InvitationRow(
        id=offer.invitation.id,
        organization=offer.organization.name,
        role=role_name(offer.invitation.role, {offer.invitation.role: offer.role_name}),
        says=about_role(offer.invitation.role),
        inviter=people.name_of(offer.inviter) if offer.inviter else "",
        email=offer.invitation.email,
        expires_at=offer.invitation.expires_at,
    )


@personal
async def new_page(visitor: Visitor) -> HttpResponse:
    if visitor.request.method != "POST":
        told = visitor.request.COOKIES.get(cookie_name(TIME_ZONE_COOKIE), "").replace("%2F", "/")
        zone = told if told in time_zones() else "UTC"
        return _new_form(visitor, {"functional_currency": "USD", "time_zone": zone, "fiscal_day": "01", "fiscal_month": "01"})
    form = Form(visitor.request, "name", *MONEY_FIELDS)
    name, money = form.line("name", most=NAME_MAX), read_money_fields(form)
    if form.errors:
        return _new_form(visitor, form.given, form.errors)
    try:
        organization, _ = await found_organization(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, NewOrganization(name=name, **money))
        if visitor.principal.org_id is not None:
            await switch_organization(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, organization.id)
    except PermissionDenied as error:
        return _new_form(visitor, form.given, problem=error.detail, status=403)
    return redirect("/")


def _new_form(visitor: Visitor, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int = 200) -> HttpResponse:
    values = {"given": given, "errors": errors, "problem": problem, **money_choices(given)}
    return visitor.render("organizations/new.html", values, status=422 if errors else status)


@personal
async def switch(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    try:
        await switch_organization(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, visitor.request.POST.get("organization_id", ""))
    except NotFound as error:
        raise Http404 from error
    except PermissionDenied as error:
        return await _organizations(visitor, problem=error.detail, status=403)
    return redirect("/")


@personal
async def leave_organization(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    try:
        await leave(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, visitor.request.POST.get("organization_id", ""))
    except NotFound as error:
        raise Http404 from error
    except Conflict as error:
        return await _organizations(visitor, problem=error.detail, status=409)
    return redirect("/organizations/?done=left")


@personal
async def answer_offer(visitor: Visitor, invitation_id: str) -> HttpResponse:
    """One of the invitations that stand on the page of the person's organisations."""
    only_post(visitor.request)
    runtime, principal = visitor.runtime, visitor.principal
    try:
        if visitor.request.POST.get("answer") == "accept":
            await invitations.accept_offer(runtime.uow, runtime.clock, principal.user_id, invitation_id, session_id=principal.session_id)
            return redirect("/")
        await invitations.decline_offer(runtime.uow, runtime.clock, principal.user_id, invitation_id)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _organizations(visitor, problem=error.detail, status=error.status)
    return redirect("/organizations/?done=declined")


# ---- the link of the letter ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
async def accept_page(request: HttpRequest) -> HttpResponse:
    """For whoever has the link, logged in or not. Only the button answers: mail scanners open links."""
    token = (request.POST if request.method == "POST" else request.GET).get("token", "")[:TOKEN_MAX]
    visitor = await visitor_of(request)
    if request.method == "POST" and visitor is not None:
        return await _answer(request, visitor, token)
    try:
        found = await invitations.by_token(token)
    except InvalidInput:
        return _letter(request, visitor, {"problem": CLOSED}, status=404)
    offer = await invitations.offer_of(found, runtime_of(request.scope).clock.now())
    if offer is None:
        return _letter(request, visitor, {"problem": CLOSED}, status=404)
    values = {
        "invitation": _invitation_row(offer),
        "token": token,
        "here": f"/invitations/accept/?{urlencode({'token': token})}",
        "other_address": visitor is not None and (visitor.user.email != found.email or visitor.user.email_verified_at is None),
    }
    return _letter(request, visitor, values)


async def _answer(request: HttpRequest, visitor: Visitor, token: str) -> HttpResponse:
    runtime, principal = visitor.runtime, visitor.principal
    try:
        if request.POST.get("answer") == "accept":
            await invitations.accept(runtime.uow, runtime.clock, principal.user_id, token, session_id=principal.session_id)
            return redirect("/")
        await invitations.decline(runtime.uow, runtime.clock, principal.user_id, token)
    except InvalidInput:
        return _letter(request, visitor, {"problem": CLOSED}, status=404)
    except CoreError as error:
        return _letter(request, visitor, {"problem": error.detail}, status=error.status)
    return redirect("/organizations/?done=declined")


def _letter(request: HttpRequest, visitor: Visitor | None, values: dict[str, object], *, status: int = 200) -> HttpResponse:
    around = {"logged_in": visitor is not None, "own_email": visitor.user.email if visitor else "", "zone": zone_of(request, None)}
    response = render(request, "dashboard/members/accept.html", around | in_language(values), status=status)
    response.headers["Cache-Control"] = "no-store"
    return response
