"""Clients: whom the organisation sends invoices to."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.clients import service, store
from crypto_api.clients.documents import Client
from crypto_api.clients.types import CONTACTS_MAX, TERMS_DAYS, TERMS_DAYS_MAX, ClientKind, Contact, NewClient, PostalAddress
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import CURRENCY_CHOICES, Form, only_post, version_of
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.translation import gettext
from crypto_api.invoices import store as invoices
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.languages import Language
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.standards import COUNTRIES
from crypto_api.organizations.types import Permission
from mongodb_config import pages

SHORT_MAX = 40
NOTE_MAX = 2_000
INVOICES_SHOWN = 20
PLACE = ("line1", "line2", "city", "postal_code", "region", "country")
CONTACT = ("name", "email", "phone", "role")
CONTACT_NAMES = {"name": _("name"), "email": _("email"), "phone": _("phone"), "role": _("role")}
FIELDS = ("name", "kind", "email", "phone", "tax_id", "payment_terms_days", "currency", "language", "note", *PLACE)
SEARCHED = ("name", "email", "tax_id", "contacts.name", "contacts.email")
VIEWS = {"": _("Active"), "archived": _("Archived")}
FLASHES = {
    "added": _("The client was added."),
    "saved": _("Saved. Invoices that were issued keep what stood on them."),
    "deleted": _("Deleted. Nothing had been written for it."),
    "archived": _("Archived. What was written for it stays."),
    "restored": _("It is on the list again."),
    "invited": _("The invitation is on its way. Whoever accepts it sees the invoices of this client, and nothing else."),
    "no-invitation": _("Nobody was invited: the address is missing or not right, or its owner was invited or is a member already."),
}


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"view": VIEWS}

    view: str = ""
    q: str = ""

    def where(self) -> dict[str, Any]:
        query: dict[str, Any] = {"archived_at": {"$ne": None} if self.view == "archived" else None}
        if self.q:
            query["$or"] = [{field: pages.contains(self.q)} for field in SEARCHED]
        return query


@page(Permission.CLIENTS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    values = {"views": VIEWS.items(), "flash": FLASHES.get(visit.request.GET.get("done", ""), "")}
    return visit.render("clients/list.html", await _rows(visit, Filter.of(visit.request)) | values)


@page(Permission.CLIENTS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("clients/rows.html", await _rows(visit, Filter.of(visit.request)))


async def _rows(visit: Visit, wanted: Filter) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="name_folded", descending=False)
    try:
        found = await store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {
        "filter": wanted,
        "rows": found.items,
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "may_write": visit.may(Permission.CLIENTS_WRITE),
    }


# ---- one client ------------------------------------------------------------------------------------------------------------------


@page(Permission.CLIENTS_READ)
async def client_page(visit: Visit, client_id: str) -> HttpResponse:
    return await _shown(visit, await _client(visit, client_id), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


@page(Permission.CLIENTS_READ)
async def client_fragment(visit: Visit, client_id: str) -> HttpResponse:
    return visit.render("clients/facts.html", await _facts(visit, await _client(visit, client_id)))


async def _shown(visit: Visit, client: Client, *, status: int = 200, **values: object) -> HttpResponse:
    return visit.render("clients/client.html", await _facts(visit, client) | values, status=status)


async def _facts(visit: Visit, client: Client) -> dict[str, object]:
    place = client.address
    lines = (place.line1, place.line2, f"{place.postal_code} {place.city}".strip(), place.region)
    may_see, may_invoice = visit.may(Permission.INVOICES_READ), visit.may(Permission.INVOICES_WRITE) and client.archived_at is None
    return {
        "client": client,
        "tongue": dict(settings.LANGUAGES).get(client.language or Language.ENGLISH, ""),
        "address_lines": [line for line in lines if line],
        "may_write": visit.may(Permission.CLIENTS_WRITE),
        "may_see": may_see,
        "may_invite": visit.may(Permission.MEMBERS_WRITE) and client.archived_at is None,
        "may_invoice": may_invoice,
        "invoices": await invoices.newest_of_client(visit.org_id, client.id, INVOICES_SHOWN) if may_see else [],
        "owed": (await invoices.owed_by_client(visit.org_id, client.id)).items() if may_see else (),
    }


@page(Permission.CLIENTS_WRITE)
async def remove(visit: Visit, client_id: str) -> HttpResponse:
    only_post(visit.request)
    now, versions = visit.runtime.clock.now(), version_of(visit.request)
    try:
        gone = await visit.runtime.uow.run(lambda session: service.remove(session, visit.org_id, client_id, versions, now))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _shown(visit, await _client(visit, client_id), problem=error.detail, status=error.status)
    return redirect("/clients/?done=deleted" if gone else f"/clients/{client_id}/?done=archived")


@page(Permission.CLIENTS_WRITE)
async def restore(visit: Visit, client_id: str) -> HttpResponse:
    only_post(visit.request)
    now = visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: service.change(session, visit.org_id, client_id, {"archived": False}, None, now))
    except NotFound as error:
        raise Http404 from error
    return redirect(f"/clients/{client_id}/?done=restored")


# ---- the form --------------------------------------------------------------------------------------------------------------------


@page(Permission.CLIENTS_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return _form(visit, None, {"kind": ClientKind.COMPANY, "payment_terms_days": str(TERMS_DAYS)}, [])
    form, contacts, fields = _read(visit.request)
    if form.errors:
        return _form(visit, None, form.given, contacts, form.errors)
    new, now = NewClient(**fields), visit.runtime.clock.now()
    try:
        row = await visit.runtime.uow.run(lambda session: service.add(session, visit.org_id, new, visit.principal.user_id, now))
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return _form(visit, None, form.given, contacts, form.errors, problem)
    return redirect(f"/clients/{row.id}/?done=added")


@page(Permission.CLIENTS_WRITE)
async def edit_page(visit: Visit, client_id: str) -> HttpResponse:
    client = await _client(visit, client_id)
    if visit.request.method != "POST":
        return _form(visit, client, _given(client), [contact.model_dump() for contact in client.contacts])
    form, contacts, fields = _read(visit.request)
    if form.errors:
        return _form(visit, client, form.given, contacts, form.errors)
    now, versions = visit.runtime.clock.now(), version_of(visit.request)
    try:
        await visit.runtime.uow.run(lambda session: service.change(session, visit.org_id, client_id, fields, versions, now))
    except InvalidInput as error:
        problem = form.refused(error, FIELDS)
        return _form(visit, client, form.given, contacts, form.errors, problem)
    except CoreError as error:
        return _form(visit, await _client(visit, client_id), form.given, contacts, {}, error.detail, status=error.status)
    return redirect(f"/clients/{client_id}/?done=saved")


def _read(request: HttpRequest) -> tuple[Form, list[dict[str, str]], dict[str, Any]]:
    form = Form(request, *FIELDS)
    for name, needed in (("name", True), ("tax_id", False), *((part, False) for part in PLACE)):
        form.line(name, needed=needed)
    for name in ("phone", "postal_code", "tax_id"):
        form.line(name, most=SHORT_MAX, needed=False)
    form.prose("note", most=NOTE_MAX)
    form.one_of("kind", set(ClientKind))
    form.one_of("country", COUNTRIES, needed=False)
    form.one_of("currency", CURRENCY_CHOICES, needed=False)
    form.one_of("language", set(Language), needed=False)
    email = form.email("email") if form["email"] else ""
    days = form["payment_terms_days"]
    if not (days.isascii() and days.isdecimal() and len(days) < 4 and int(days) <= TERMS_DAYS_MAX):
        form.wrong("payment_terms_days", gettext("must be a number of days from 0 to %(n)s") % {"n": TERMS_DAYS_MAX})
    contacts = _typed_contacts(request)
    fields = {
        "name": form["name"],
        "kind": form["kind"],
        "email": email,
        "phone": form["phone"],
        "contacts": _contacts(form, contacts),
        "address": PostalAddress(**{part: form[part] for part in PLACE}),
        "tax_id": form["tax_id"],
        "payment_terms_days": int(days) if "payment_terms_days" not in form.errors else TERMS_DAYS,
        "currency": form["currency"] or None,
        "language": Language(form["language"]) if form["language"] and "language" not in form.errors else None,
        "note": form["note"],
    }
    return form, contacts, fields


def _typed_contacts(request: HttpRequest) -> list[dict[str, str]]:
    columns = {part: request.POST.getlist(f"contact_{part}")[:CONTACTS_MAX] for part in CONTACT}
    rows = [
        {part: columns[part][number].strip() if number < len(columns[part]) else "" for part in CONTACT} for number in range(len(columns["name"]))
    ]
    return [row for row in rows if any(row.values())]


def _contacts(form: Form, rows: list[dict[str, str]]) -> list[Contact]:
    for number, row in enumerate(rows, start=1):
        names = {f"contact_{part}": value for part, value in row.items()}
        one = Form(form.request, *())
        one.given = names
        one.line("contact_name")
        one.line("contact_phone", most=SHORT_MAX, needed=False)
        one.line("contact_role", needed=False)
        if row["email"]:
            one.email("contact_email")
        for name, message in one.errors.items():
            form.wrong("contacts", f"{number}: {CONTACT_NAMES[name.removeprefix('contact_')]} {message}")
    return [Contact(**row) for row in rows]


def _given(client: Client) -> dict[str, str]:
    place = {part: getattr(client.address, part) for part in PLACE}
    plain = {name: str(getattr(client, name) or "") for name in FIELDS if name not in PLACE}
    return plain | place | {"payment_terms_days": str(client.payment_terms_days)}


def _form(
    visit: Visit,
    client: Client | None,
    given: dict[str, str],
    contacts: list[dict[str, str]],
    errors: dict[str, str] | None = None,
    problem: str = "",
    *,
    status: int = 200,
) -> HttpResponse:
    blank = [dict.fromkeys(CONTACT, "")] * (1 if len(contacts) < CONTACTS_MAX else 0)
    values = {
        "client": client,
        "given": given,
        "contacts": [*contacts, *blank],
        "errors": errors or {},
        "problem": problem,
        "countries": sorted(COUNTRIES),
        "currencies": CURRENCY_CHOICES,
        "tongues": settings.LANGUAGES,
        "kinds": {ClientKind.COMPANY.value: gettext("Company"), ClientKind.PERSON.value: gettext("Person")}.items(),
    }
    return visit.render("clients/form.html", values, status=status if status != 200 else 422 if errors or problem else 200)


async def _client(visit: Visit, client_id: str) -> Client:
    row = await store.get(visit.org_id, client_id)
    if row is None:
        raise Http404
    return row
