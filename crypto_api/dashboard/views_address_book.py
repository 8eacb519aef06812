"""The address book: who may be paid where, written down by one person and verified by another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop

from crypto_api.address_book import store
from crypto_api.address_book.documents import Payee
from crypto_api.address_book.types import Known, NewPayee, PayeeState
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.rows import links_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.keep_address_book import Desk, add_payee, change_payee, reject_payee, remove_payee, resembled, verify_payee, waits_for
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import Conflict, CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.policies import service as policies
from crypto_api.reports import people
from mongodb_config import pages

NAME_MAX = 200
NOTE_MAX = 2_000
ADDRESS_MAX = 60
QUEUE_MAX = 200
FIELDS = ("name", "address", "network", "note")
FLASHES = {
    "added": gettext_noop("Written down. Somebody else compares the address now; until then nobody is paid there."),
    "saved": gettext_noop("Saved."),
    "anew": gettext_noop("Saved. The address has changed, so somebody else verifies it anew."),
    "verified": gettext_noop("Verified."),
    "rejected": gettext_noop("Rejected. Nobody is paid there."),
    "removed": gettext_noop("Removed. What was paid there still names it."),
}
VIEWS = {
    "": gettext_noop("Everybody"),
    "verify": gettext_noop("To verify"),
    "rejected": gettext_noop("Rejected"),
    "removed": gettext_noop("Removed"),
}
_STATES = {
    "": [PayeeState.VERIFIED, PayeeState.UNVERIFIED],
    "verify": [PayeeState.UNVERIFIED],
    "rejected": [PayeeState.REJECTED],
    "removed": [PayeeState.REMOVED],
}


@dataclass(frozen=True, slots=True)
class PayeeRow:
    payee: Payee
    network: str
    standing: str  # payable | cooling | unverified | rejected | removed
    link: str

    @property
    def key(self) -> str:
        return self.payee.id


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"view": VIEWS}

    view: str = ""
    network: str = ""
    q: str = ""

    def where(self) -> dict[str, Any]:
        query: dict[str, Any] = {"state": {"$in": _STATES[self.view]}}
        if self.network:
            query["network"] = {"$in": [None, self.network]}
        if self.q:
            query["$or"] = [{field: pages.contains(self.q)} for field in ("name", "address", "note")]
        return query


@page(Permission.ADDRESS_BOOK_READ)
async def list_page(visit: Visit) -> HttpResponse:
    wanted = Filter.of(visit.request)
    values = {
        "views": [(view, gettext(name)) for view, name in VIEWS.items()],
        "unverified": await store.count(visit.org_id, {"state": PayeeState.UNVERIFIED}),
        "networks": list(visit.runtime.networks.values()),
        "flash": gettext(FLASHES.get(visit.request.GET.get("done", ""), "")),
    }
    return visit.render("address_book/list.html", await _rows(visit, wanted) | values)


@page(Permission.ADDRESS_BOOK_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("address_book/rows.html", await _rows(visit, Filter.of(visit.request)))


async def _rows(visit: Visit, wanted: Filter) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="name_folded", descending=False)
    try:
        found = await store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    now = visit.runtime.clock.now()
    return {
        "filter": wanted,
        "rows": [_row(visit, payee, now) for payee in found.items],
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "may_write": visit.may(Permission.ADDRESS_BOOK_WRITE),
        "may_verify": visit.may(Permission.ADDRESS_BOOK_VERIFY),
        "you_id": visit.principal.user_id,
    }


def _row(visit: Visit, payee: Payee, now: datetime) -> PayeeRow:
    standing = payee.state.value
    if payee.state is PayeeState.VERIFIED:
        standing = "payable" if payee.payable_from is not None and payee.payable_from <= now else "cooling"
    return PayeeRow(payee, _network_name(visit, payee.network), standing, _link(visit, payee))


def _network_name(visit: Visit, slug: str | None) -> str:
    if slug is None:
        return gettext("every network")
    network = visit.runtime.networks.get(slug)
    return network.name if network else slug


def _link(visit: Visit, payee: Payee) -> str:
    return links_of(visit.runtime.networks, payee.network).address(payee.address) if payee.network else ""


# ---- writing it down -------------------------------------------------------------------------------------------------------------


@page(Permission.ADDRESS_BOOK_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return _add_form(visit, Form(visit.request, *FIELDS))
    form = _read(visit)
    if form.errors:
        return _add_form(visit, form)
    new = NewPayee(form["name"], form["address"], form["network"] or None, form["note"])
    try:
        await add_payee(_desk(visit), visit.principal, visit.org_id, new, confirm_look_alike=_confirms(visit))
    except InvalidInput as error:
        return _add_form(visit, form, problem=_refused(form, error), alike=await _alike(visit, form, error))
    except Conflict as error:
        return _add_form(visit, form, problem=gettext(error.detail))
    return redirect("/address-book/?done=added")


def _read(visit: Visit) -> Form:
    form = Form(visit.request, *FIELDS)
    form.line("name", most=NAME_MAX)
    form.line("address", most=ADDRESS_MAX)
    form.one_of("network", visit.runtime.networks.keys(), needed=False)
    form.prose("note", most=NOTE_MAX)
    return form


def _confirms(visit: Visit) -> bool:
    return bool(visit.request.POST.get("confirm_look_alike") == "on")


def _is_look_alike(error: InvalidInput) -> bool:
    return any(row.code == "look_alike" for row in error.errors)


async def _alike(visit: Visit, form: Form, error: InvalidInput, but: str | None = None) -> Known | None:
    return await resembled(visit.org_id, form["address"], but) if _is_look_alike(error) else None


def _refused(form: Form, error: InvalidInput) -> str:
    """A look-alike gets a box of its own, which says more than a field can."""
    return "" if _is_look_alike(error) else form.refused(error, FIELDS)


def _add_form(visit: Visit, form: Form, *, problem: str = "", alike: Known | None = None) -> HttpResponse:
    values = {"given": form.given, "errors": form.errors, "problem": problem, "alike": alike, "networks": list(visit.runtime.networks.values())}
    return visit.render("address_book/add.html", values, status=409 if problem and not form.errors else 422 if form.errors or alike else 200)


# ---- one entry -------------------------------------------------------------------------------------------------------------------


@page(Permission.ADDRESS_BOOK_READ)
async def payee_page(visit: Visit, payee_id: str) -> HttpResponse:
    payee = await _payee(visit, payee_id)
    if visit.request.method != "POST":
        return await _detail(visit, payee, flash=gettext(FLASHES.get(visit.request.GET.get("done", ""), "")))
    if not visit.may(Permission.ADDRESS_BOOK_WRITE):
        return visit.render("403.html", {"permission": Permission.ADDRESS_BOOK_WRITE.value}, status=403)
    form = _read(visit)
    if form.errors:
        return await _detail(visit, payee, form=form, status=422)
    fields = {"name": form["name"], "address": form["address"], "network": form["network"] or None, "note": form["note"]}
    try:
        after = await change_payee(
            _desk(visit), visit.principal, visit.org_id, payee_id, fields, version_of(visit.request), confirm_look_alike=_confirms(visit)
        )
    except InvalidInput as error:
        return await _detail(visit, payee, form=form, problem=_refused(form, error), alike=await _alike(visit, form, error, payee_id), status=422)
    except CoreError as error:
        return await _detail(visit, await _payee(visit, payee_id), problem=gettext(error.detail), status=error.status)
    anew = after.address_changed_at != payee.address_changed_at
    return redirect(f"/address-book/{payee_id}/?done={'anew' if anew else 'saved'}")


async def _detail(visit: Visit, payee: Payee, *, form: Form | None = None, status: int = 200, **values: object) -> HttpResponse:
    given = {"name": payee.name, "address": payee.address, "network": payee.network or "", "note": payee.note}
    around = {
        "given": form.given if form else given,
        "errors": form.errors if form else {},
        "networks": list(visit.runtime.networks.values()),
        "may_write": visit.may(Permission.ADDRESS_BOOK_WRITE) and payee.state is not PayeeState.REMOVED,
    }
    return visit.render("address_book/payee.html", await _facts(visit, payee) | around | values, status=status)


@page(Permission.ADDRESS_BOOK_READ)
async def payee_fragment(visit: Visit, payee_id: str) -> HttpResponse:
    return visit.render("address_book/facts.html", await _facts(visit, await _payee(visit, payee_id)))


async def _facts(visit: Visit, payee: Payee) -> dict[str, object]:
    named = await people.names_of({payee.created_by, payee.address_changed_by, *([payee.verified_by] if payee.verified_by else [])})
    return {
        "payee": payee,
        "row": _row(visit, payee, visit.runtime.clock.now()),
        "writer": named.get(payee.address_changed_by, gettext("somebody whose account is gone")),
        "verifier": named.get(payee.verified_by or "", gettext("somebody whose account is gone")),
        "may_decide": visit.may(Permission.ADDRESS_BOOK_VERIFY),
        "own": payee.address_changed_by == visit.principal.user_id,
    }


@page(Permission.ADDRESS_BOOK_WRITE)
async def remove(visit: Visit, payee_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await remove_payee(_desk(visit), visit.org_id, payee_id, version_of(visit.request))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _detail(visit, await _payee(visit, payee_id), problem=gettext(error.detail), status=error.status)
    return redirect("/address-book/?done=removed")


# ---- verifying it ----------------------------------------------------------------------------------------------------------------


@page(Permission.ADDRESS_BOOK_VERIFY)
@confirmed("/address-book/{payee_id}/verify/", Purpose.KEYS)
async def verify_page(visit: Visit, payee_id: str) -> HttpResponse:
    """Shows the whole address beside what to compare it with; what is verified is the address that stood on the page."""
    payee = await _payee(visit, payee_id)
    if visit.request.method != "POST":
        return await _verify_form(visit, payee)
    form = Form(visit.request, "decision", "address", "compared")
    if form["decision"] not in ("verify", "reject"):
        raise Http404
    if form["decision"] == "verify" and form["compared"] != "on":
        return await _verify_form(visit, payee, errors={"compared": gettext("is what verifying means")}, status=422)
    desk, versions = _desk(visit), version_of(visit.request)
    try:
        if form["decision"] == "verify":
            await verify_payee(desk, visit.principal, visit.org_id, payee_id, form["address"], versions)
        else:
            await reject_payee(desk, visit.principal, visit.org_id, payee_id, versions)
    except CoreError as error:
        return await _verify_form(visit, await _payee(visit, payee_id), problem=gettext(error.detail), status=error.status)
    return redirect(f"/address-book/{payee_id}/?done={'verified' if form['decision'] == 'verify' else 'rejected'}")


async def _verify_form(visit: Visit, payee: Payee, *, status: int = 200, **values: object) -> HttpResponse:
    policy = (await policies.current(visit.org_id, visit.runtime.clock.now())).policy
    around = {"waits": waits_for(visit.principal, payee), "cooling_off_hours": policy.cooling_off_hours}
    return visit.render("address_book/verify.html", await _facts(visit, payee) | around | values, status=status)


async def _payee(visit: Visit, payee_id: str) -> Payee:
    payee = await store.get(visit.org_id, payee_id)
    if payee is None:
        raise Http404
    return payee


def _desk(visit: Visit) -> Desk:
    runtime = visit.runtime
    return Desk(runtime.uow, runtime.clock, runtime.networks, runtime.rpc)
