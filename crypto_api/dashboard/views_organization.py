"""The organisation itself: settings, policies, companies."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.money_form import MONEY_FIELDS, fiscal_words, money_choices, money_values, read_money_fields
from crypto_api.dashboard.role_words import built_in_name
from crypto_api.flows.change_organization import change_organization
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.standards import COUNTRIES
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import Company, Organization
from crypto_api.organizations.errors import SecondFactorFirst
from crypto_api.organizations.types import MEMBER_ROLES, PayslipMail, Permission, Role

NAME_MAX = 120
ADDRESS_MAX = 500
TAX_ID_MAX = 60
COMPANIES_SHOWN = 50
COMPANY_FIELDS = ("legal_name", "tax_id", "address", "country", "active", *MONEY_FIELDS)
SWITCHES = ("single_session", "entry_approval")
KEPT = (*SWITCHES, "payslip_mail")
FLASHES = {
    "saved": "The settings were saved.",
    "policies": "The policies were saved. They count from the next click on, for everybody.",
    "company-added": "The company was added.",
    "company-saved": "The company was saved.",
}
CHANGED = "Somebody else has changed this meanwhile. What stands there now was loaded below; look at it and save again."


@dataclass(frozen=True, slots=True)
class PolicyRole:
    id: str
    name: str
    members: int
    checked: bool


@page(Permission.ORGANIZATION_READ)
async def settings_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return await _settings(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))
    if not visit.may(Permission.ORGANIZATION_WRITE):
        return visit.render("403.html", {"permission": Permission.ORGANIZATION_WRITE.value}, status=403)
    form = Form(visit.request, "name", *MONEY_FIELDS)
    fields = {"name": form.line("name", most=NAME_MAX), **read_money_fields(form)}
    if form.errors:
        return await _settings(visit, given=form.given, errors=form.errors, status=422)
    try:
        await _change(visit, fields)
    except Conflict as error:
        return await _settings(
            visit, given=form.given, errors={"functional_currency": "stays: entries of the books are kept in it"}, status=error.status
        )
    except PreconditionFailed as error:
        return await _settings(visit, problem=CHANGED, status=error.status)
    return redirect("/organization/?done=saved")


@page(Permission.ORGANIZATION_WRITE)
async def change_policies(visit: Visit) -> HttpResponse:
    only_post(visit.request)
    wanted = list(dict.fromkeys(visit.request.POST.getlist("second_factor_roles")))
    fields = {"second_factor_roles": wanted, **{name: visit.request.POST.get(name) == "on" for name in SWITCHES}}
    fields["payslip_mail"] = PayslipMail.ATTACHED if visit.request.POST.get("payslip_attached") == "on" else PayslipMail.LINK
    sure = _threshold(visit)
    if sure is None:
        problem = "How sure is enough must be a percentage from 0 to 100, such as 90."
        return await _settings(visit, policies=fields, policy_problem=problem, status=422)
    try:
        await _change(visit, fields | sure)
    except SecondFactorFirst as error:
        return await _settings(visit, policies=fields, policy_problem=error.detail, policy_link=True, status=error.status)
    except InvalidInput as error:
        return await _settings(visit, policies=fields, policy_problem="One of these roles no longer exists.", status=error.status)
    except PreconditionFailed as error:
        return await _settings(visit, policy_problem=CHANGED, status=error.status)
    return redirect("/organization/?done=policies#policies-title")


def _threshold(visit: Visit) -> dict[str, Decimal] | None:
    """The field as it is stored; nothing of it where the form has none, None where it is no percentage."""
    posted = visit.request.POST
    percent = posted.get("classification_percent")
    if percent is None:
        return {}
    try:
        share = number_formats.posted(posted).read(percent.strip()).scaleb(-2)
    except ValueError:
        return None
    return {"classification_threshold": share} if 0 <= share <= 1 else None


async def _change(visit: Visit, fields: Mapping[str, Any]) -> None:
    await change_organization(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, fields, version_of(visit.request))


async def _settings(
    visit: Visit, *, given: dict[str, str] | None = None, policies: Mapping[str, Any] | None = None, status: int = 200, **values: object
) -> HttpResponse:
    here = await store.get(visit.org_id) or visit.organization
    stands = {"name": here.name, **money_values(here.functional_currency, here.time_zone, here.fiscal_year_start)}
    wanted = policies or {"second_factor_roles": here.second_factor_roles, **{name: getattr(here, name) for name in KEPT}}
    roles = await _policy_roles(visit.org_id, wanted["second_factor_roles"])
    companies = await store.page_of_companies(visit.org_id, {}, _companies_asked(visit))
    around = {
        "organization": here,
        "given": (stands if given is None else given) | {"version": str(here.version), **{name: wanted[name] for name in KEPT}},
        "classification_percent": number_formats.active().typed(text(here.classification_threshold * 100)),
        "policy_roles": roles,
        "required_names": ", ".join(role.name for role in roles if role.checked),
        "companies": companies.items,
        "more_companies": companies.next_cursor,
        "may_write": visit.may(Permission.ORGANIZATION_WRITE),
        "may_read_policy": visit.may(Permission.POLICIES_READ),
        "may_read_books": visit.may(Permission.LEDGER_READ),
        "is_admin": visit.principal.role == Role.ADMIN,
        "fiscal_words": fiscal_words(here.fiscal_year_start),
        **money_choices(stands if given is None else given),
    }
    return visit.render("organization/settings.html", around | values, status=status)


def _companies_asked(visit: Visit) -> PageRequest:
    asked = PageRequest(limit=COMPANIES_SHOWN, cursor=visit.request.GET.get("companies") or None, sort="name_folded", descending=False)
    try:
        asked.position()
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return asked


async def _policy_roles(org_id: str, wanted: list[str]) -> list[PolicyRole]:
    held = await store.members_by_role(org_id)
    names = {role.value: built_in_name(role) for role in MEMBER_ROLES} | {role.id: role.name for role in await store.custom_roles(org_id)}
    return [PolicyRole(role, name, held.get(role, 0), role in wanted) for role, name in names.items()]


# ---- companies -------------------------------------------------------------------------------------------------------------------


@page(Permission.ORGANIZATION_WRITE)
async def add_company_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return _company_form(visit, None, _like(visit.organization) | {"active": "on"})
    form = Form(visit.request, *COMPANY_FIELDS)
    fields = _company_fields(form)
    if form.errors:
        return _company_form(visit, None, form.given, form.errors)
    now = visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: organizations.create_company(session, visit.org_id, fields, now))
    except Conflict as error:
        return _company_form(visit, None, form.given, problem=error.detail, status=error.status)
    return redirect("/organization/?done=company-added#companies-title")


@page(Permission.ORGANIZATION_WRITE)
async def company_page(visit: Visit, company_id: str) -> HttpResponse:
    company = await store.company(visit.org_id, company_id)
    if company is None:
        raise Http404
    if visit.request.method != "POST":
        return _company_form(visit, company, _of_company(company))
    form = Form(visit.request, *COMPANY_FIELDS)
    fields = _company_fields(form) | {"active": form["active"] == "on"}
    given = form.given | {"version": str(company.version)}
    if form.errors:
        return _company_form(visit, company, given, form.errors)
    now, versions = visit.runtime.clock.now(), version_of(visit.request)
    try:
        await visit.runtime.uow.run(lambda session: organizations.change_company(session, visit.org_id, company_id, fields, versions, now))
    except NotFound as error:
        raise Http404 from error
    except PreconditionFailed as error:
        return _company_form(visit, company, _of_company(company), problem=CHANGED, status=error.status)
    except Conflict as error:
        return _company_form(visit, company, given, problem=error.detail, status=error.status)
    return redirect("/organization/?done=company-saved#companies-title")


def _company_fields(form: Form) -> dict[str, Any]:
    return {
        "legal_name": form.line("legal_name"),
        "tax_id": form.line("tax_id", most=TAX_ID_MAX, needed=False),
        "address": form.prose("address", most=ADDRESS_MAX),
        "country": form.one_of("country", COUNTRIES, needed=False),
        **read_money_fields(form),
    }


def _like(organization: Organization) -> dict[str, str]:
    return money_values(organization.functional_currency, organization.time_zone, organization.fiscal_year_start)


def _of_company(company: Company) -> dict[str, str]:
    return {
        "legal_name": company.legal_name,
        "tax_id": company.tax_id,
        "address": company.address,
        "country": company.country,
        "active": "on" if company.active else "",
        "version": str(company.version),
        **money_values(company.functional_currency, company.time_zone, company.fiscal_year_start),
    }


def _company_form(
    visit: Visit, company: Company | None, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int = 200
) -> HttpResponse:
    values = {"company": company, "given": given, "errors": errors, "problem": problem, "countries": sorted(COUNTRIES), **money_choices(given)}
    return visit.render("organization/company.html", values, status=422 if errors else status)
