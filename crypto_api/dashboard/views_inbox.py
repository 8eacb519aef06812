"""The inbox: what waits for somebody, and what can be done about it with one click."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from crypto_api.classification.types import Category
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.list_filter import ListFilter
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.remedy_item import Bench, Choice, remedy_item
from crypto_api.inbox import service, store
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import OPEN_STATES, REMEDIES, ItemKind, ItemState, Remedy
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.paging import PageRequest
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import AccountCode
from crypto_api.organizations.types import Permission
from crypto_api.reports import people
from mongodb_config import pages

REASON_MAX = 500
VIEWS = {
    "": [ItemState.OPEN, ItemState.IN_PROGRESS],
    "waived": [ItemState.WAIVED],
    "closed": [ItemState.RESOLVED],
}
KIND_NAMES = {
    ItemKind.RECONCILIATION_DIFFERENCE: _("Chain and books differ"),
    ItemKind.MISSING_PRICE: _("Price is missing"),
    ItemKind.MISSING_COST: _("Cost is not known"),
    ItemKind.UNCLASSIFIED: _("Not classified"),
    ItemKind.AMBIGUOUS: _("Ambiguous"),
    ItemKind.FOLLOWER_STOPPED: _("Network stopped"),
    ItemKind.PAYMENT_NEEDS_HUMAN: _("Payment needs somebody"),
    ItemKind.CREDIT_NOT_AGREED: _("Providers do not agree"),
    ItemKind.OPENING_NOT_AGREED: _("Opening balance not agreed"),
    ItemKind.RECEIPT_OPEN: _("Client payment to decide"),
    ItemKind.REFUND_UNCOVERED: _("Refund of what left the chain"),
    ItemKind.REFUND_GONE: _("Refund that left the chain"),
}
REMEDY_NAMES = {
    Remedy.RECHECK: _("Look again now"),
    Remedy.SEARCH_INTERNAL_TRANSFERS: _("Search what moved unseen"),
    Remedy.BOOK_DIFFERENCE: _("Book the difference"),
    Remedy.RETRY_PRICE: _("Look the price up again"),
    Remedy.ENTER_PRICE: _("Enter a price"),
    Remedy.CLASSIFY: _("Say what it was"),
}
ONE_CLICK = (Remedy.RECHECK, Remedy.SEARCH_INTERNAL_TRANSFERS, Remedy.RETRY_PRICE)
FACT_NAMES = {
    "chain": _("On the chain"),
    "books": _("In the books"),
    "difference": _("Difference"),
    "asset": _("Asset"),
    "assets": _("Assets"),
    "block_number": _("At block"),
    "agreed_at_block": _("Agreed last at block"),
    "network": _("Network"),
    "hash": _("Transaction"),
}
_CATEGORIES = [category for category in Category if category not in (Category.UNCLASSIFIED, Category.FAILED, Category.SPAM)]


@dataclass(frozen=True, slots=True)
class Filter(ListFilter):
    CHOICES = {"view": VIEWS, "kind": list(ItemKind)}

    view: str = ""
    kind: str = ""
    q: str = ""

    def where(self) -> dict[str, Any]:
        query: dict[str, Any] = {"state": {"$in": VIEWS[self.view]}}
        if self.kind:
            query["kind"] = self.kind
        if self.q:
            query["$or"] = [{field: pages.contains(self.q)} for field in ("title", "cause", "subject_id")]
        return query


@page(Permission.INBOX_READ)
async def list_page(visit: Visit) -> HttpResponse:
    counts = await store.counts(visit.org_id)
    values: dict[str, object] = {
        "kinds": [(kind.value, name) for kind, name in KIND_NAMES.items()],
        "open_count": sum(counts[state] for state in OPEN_STATES),
        "waived_count": counts[ItemState.WAIVED],
    }
    return visit.render("inbox/list.html", values | await _rows(visit))


@page(Permission.INBOX_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("inbox/rows.html", await _rows(visit))


@page(Permission.INBOX_READ)
async def badge_fragment(visit: Visit) -> HttpResponse:
    """How many stand open, beside the page's name; nothing where there are none."""
    counts = await store.counts(visit.org_id)
    return visit.render("inbox/badge.html", {"count": sum(counts[state] for state in OPEN_STATES)})


async def _rows(visit: Visit) -> dict[str, object]:
    wanted = Filter.of(visit.request)
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    rows = [(item, KIND_NAMES[item.kind]) for item in found.items]
    bulk = visit.may(Permission.INBOX_WRITE) and wanted.view == ""
    return {"filter": wanted, "rows": rows, "next_cursor": found.next_cursor, "first_page": request.cursor is None, "bulk": bulk}


# ---- one item --------------------------------------------------------------------------------------------------------------------


@page(Permission.INBOX_READ)
async def detail_page(visit: Visit, item_id: str) -> HttpResponse:
    return await _detail(visit, item_id)


@page(Permission.INBOX_READ)
async def detail_fragment(visit: Visit, item_id: str) -> HttpResponse:
    return visit.render("inbox/facts.html", await _facts(visit, await _item(visit, item_id)))


@page(Permission.INBOX_WRITE)
async def try_remedy(visit: Visit, item_id: str) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, "remedy", "asset", "rate", "category", "counterparty", "account_code", "reason")
    choice = _choice(form)
    if form.errors:
        return await _detail(visit, item_id, form=form, status=422)
    runtime = visit.runtime
    bench = Bench(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, runtime.prices)
    try:
        await remedy_item(bench, visit.org_id, item_id, choice, visit.principal.user_id)
    except NotFound as error:
        raise Http404 from error
    except InvalidInput as error:
        return await _detail(visit, item_id, form=form, problem=form.refused(error, form.given), status=422)
    except CoreError as error:
        return await _detail(visit, item_id, form=form, problem=error.detail, status=error.status)
    return redirect(f"/inbox/{item_id}/?{urlencode({'done': 'tried'})}")


@page(Permission.INBOX_WRITE)
async def waive(visit: Visit, item_id: str) -> HttpResponse:
    only_post(visit.request)
    form = Form(visit.request, "waive_reason")
    reason = form.line("waive_reason", most=200)
    if form.errors:
        return await _detail(visit, item_id, form=form, status=422)
    now, org_id, user_id = visit.runtime.clock.now(), visit.org_id, visit.principal.user_id
    try:
        await visit.runtime.uow.run(lambda session: service.waive(session, org_id, item_id, now, reason, user_id))
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await _detail(visit, item_id, form=form, problem=error.detail, status=error.status)
    return redirect(f"/inbox/{item_id}/?{urlencode({'done': 'waived'})}")


def _choice(form: Form) -> Choice:
    """What was typed; what a remedy needs and did not get is for the remedy to say."""
    remedy = form.one_of("remedy", list(Remedy))
    category = form.one_of("category", [category.value for category in _CATEGORIES], needed=False)
    counterparty, account = form.line("counterparty", needed=False), form.line("account_code", needed=False)
    reason, asset, rate = form.prose("reason", most=REASON_MAX), form.line("asset", needed=False), None
    if form["rate"]:
        try:
            rate = form.numbers.read(form["rate"])
        except ValueError:
            form.wrong("rate", gettext("must be a number such as %(example)s") % {"example": form.numbers.typed("3120.45")})
    if form.errors:
        return Choice(Remedy.RECHECK)
    chosen = Category(category) if category else None
    return Choice(Remedy(remedy), asset or None, rate, chosen, counterparty or None, account or None, reason)


async def _item(visit: Visit, item_id: str) -> InboxItem:
    item = await store.get(visit.org_id, item_id)
    if item is None:
        raise Http404
    return item


async def _detail(visit: Visit, item_id: str, *, form: Form | None = None, problem: str = "", status: int = 200) -> HttpResponse:
    item = await _item(visit, item_id)
    offered = REMEDIES[item.kind] if item.state in OPEN_STATES and visit.may(Permission.INBOX_WRITE) else ()
    flashes = {
        "tried": gettext("It was done; what came of it stands below."),
        "waived": gettext("It may stay so. If it changes, it comes back."),
    }
    values: dict[str, object] = {
        "clicks": [(remedy.value, REMEDY_NAMES[remedy]) for remedy in offered if remedy in ONE_CLICK],
        "offers": {remedy.value: REMEDY_NAMES[remedy] for remedy in offered if remedy not in ONE_CLICK},
        "may_waive": bool(offered),
        "categories": [category.value for category in _CATEGORIES],
        "accounts": await _accounts(visit) if Remedy.BOOK_DIFFERENCE in offered else [],
        "assets": item.facts.get("assets", "").split(),
        "given": form.given if form else {},
        "errors": form.errors if form else {},
        "problem": problem,
        "flash": "" if problem else flashes.get(visit.request.GET.get("done", ""), ""),
    }
    return visit.render("inbox/detail.html", values | await _facts(visit, item), status=status)


def _fact(visit: Visit, name: str, value: str) -> str:
    network = visit.runtime.networks.get(value) if name == "network" else None
    return network.name if network is not None else value


async def _facts(visit: Visit, item: InboxItem) -> dict[str, object]:
    names = await people.names_of([row.by for row in item.attempts if row.by] + ([item.closed_by] if item.closed_by else []))
    return {
        "item": item,
        "kind_name": KIND_NAMES[item.kind],
        "facts": [(FACT_NAMES[name], name, _fact(visit, name, value)) for name, value in item.facts.items() if name in FACT_NAMES and value],
        "attempts": [
            (row.at, names.get(row.by or "", "") if row.by else gettext("By itself"), _what(row.what), row.outcome) for row in reversed(item.attempts)
        ],
        "closed_by": names.get(item.closed_by or "", ""),
    }


def _what(what: str) -> str:
    return str(REMEDY_NAMES[Remedy(what)]) if what in list(Remedy) else what.capitalize()


async def _accounts(visit: Visit) -> list[tuple[str, str]]:
    """That may say why something came or went."""
    places = (AccountCode.CRYPTO, AccountCode.CUSTODY)
    return [(row.code, f"{row.code} {row.name}") for row in await ledger.accounts(visit.org_id) if row.active and row.code not in places]
