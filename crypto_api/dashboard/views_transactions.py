"""Transactions: the list with its filters, and one with everything known about it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop

from crypto_api.classification import store as classification
from crypto_api.classification.types import Category, Provenance, Suggestion
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.rows import (
    KIND_NAMES,
    SOURCES,
    entry_card,
    evidence_words,
    history,
    links_of,
    movement_row,
    transaction_row,
    transaction_rows,
)
from crypto_api.dashboard.transaction_filter import TransactionFilter
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_review import CATEGORIES
from crypto_api.flows.explain_call import explain_call
from crypto_api.flows.export_transactions import COLUMNS, TooManyRows, export_transactions
from crypto_api.kit.amounts import to_units
from crypto_api.kit.errors import Conflict, InvalidInput, NotFound
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.table_files import CSV, XLSX, csv_file, xlsx_file
from crypto_api.kit.xlsx_text import ROWS_MAX
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from crypto_api.reports.protocol_words import told_actions
from crypto_api.saved_views import store as saved_views
from crypto_api.saved_views.documents import SavedView
from crypto_api.saved_views.service import forget, keep
from crypto_api.saved_views.types import NAME_MAX
from crypto_api.transactions import store as transactions
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction, MovementKind, Origin, Status

EVIDENCE_SHOWN = 12
NEWS_WINDOW = timedelta(hours=1)  # what lies further back on the chain is history that was read, no news
FLASHES = {
    "imported": gettext_noop("The transactions were imported."),
    "saved": gettext_noop("The view was saved."),
    "deleted": gettext_noop("The view was deleted."),
    "taken-back": gettext_noop("The transaction was taken back; its entry is reversed."),
}
DETAIL_FLASHES = {
    "entered": gettext_noop("The transaction was entered and booked."),
    "known": gettext_noop("It stands there already."),
    "changed": gettext_noop("Saved."),
}


@dataclass(frozen=True, slots=True)
class ViewChip:
    """A saved view, as it stands above the list."""

    view: SavedView
    query: str
    current: bool


@page(Permission.TRANSACTIONS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    wanted = TransactionFilter.of(visit.request, visit.zone)
    if number_formats.FIELD in visit.request.GET and wanted.numbers is number_formats.ENGLISH:
        return redirect(f"/transactions/?{wanted.query_string()}")  # read as it was typed; the address is plain from here on
    return await _list(visit, {"flash": FLASHES.get(visit.request.GET.get("done", ""), "")})


@page(Permission.TRANSACTIONS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    names = await activity.wallet_names(visit.org_id)
    return visit.render("transactions/rows.html", await rows_of(visit, TransactionFilter.of(visit.request, visit.zone), names))


@page(Permission.TRANSACTIONS_READ)
async def news_fragment(visit: Visit) -> HttpResponse:
    """How many have come in since the page was made that its filters leave out: whoever narrowed the list down still learns of them."""
    wanted, since = TransactionFilter.of(visit.request, visit.zone), _moment(visit.request.GET.get("since", ""))
    if since is None or not wanted.narrows:
        return visit.render("transactions/news.html", {"left_out": 0})
    new = {"timestamp": {"$gt": since - NEWS_WINDOW}, "stored_at": {"$gt": since}}
    around = replace(wanted, given={"wallet": wanted["wallet"]} if wanted.in_wallet else {})
    came = await transactions.count(visit.org_id, {"$and": [around.where(), new]})
    shown = await transactions.count(visit.org_id, {"$and": [wanted.where(), new]}) if came else 0
    return visit.render("transactions/news.html", {"left_out": came - shown, "filter": wanted})


def _moment(milliseconds: str) -> datetime | None:
    plausible = milliseconds.isascii() and milliseconds.isdecimal() and len(milliseconds) <= 13
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if plausible else None


async def _list(visit: Visit, values: dict[str, object], *, status: int = 200) -> HttpResponse:
    wanted = TransactionFilter.of(visit.request, visit.zone)
    names = await activity.wallet_names(visit.org_id)
    views = await saved_views.of_person(visit.org_id, visit.principal.user_id)
    around = {
        "wallet_choices": sorted(names.items(), key=lambda row: row[1].casefold()),
        "network_choices": [(slug, network.name) for slug, network in visit.runtime.networks.items()],
        "category_choices": [category for category in Category if category is not Category.SPAM],
        "status_choices": list(Status),
        "spam_count": await transactions.count(visit.org_id, {"category": "spam"}),
        "views": [_chip(view, wanted) for view in views],
        "view_name_max": NAME_MAX,
        "warning": "",
        "may_write": visit.may(Permission.TRANSACTIONS_WRITE),
    }
    return visit.render(
        "transactions/list.html", await choices_of(visit, wanted) | await rows_of(visit, wanted, names) | around | values, status=status
    )


def _chip(view: SavedView, wanted: TransactionFilter) -> ViewChip:
    kept = TransactionFilter.of_saved(view.filters)
    return ViewChip(view, kept.query_string(), kept.saved() == wanted.saved() and not wanted.spam)


async def choices_of(visit: Visit, wanted: TransactionFilter) -> dict[str, object]:
    """What the list on any page can be narrowed to, and when that page was made."""
    return {
        "filter": wanted,
        "asset_choices": await activity.assets_seen(visit.org_id),
        "direction_choices": [(Direction.IN, gettext("In")), (Direction.OUT, gettext("Out")), (Direction.INTERNAL, gettext("Between own wallets"))],
        "kind_choices": [(kind, gettext(KIND_NAMES[kind])) for kind in MovementKind],
        "made_at": int(visit.runtime.clock.now().timestamp() * 1000),
    }


async def rows_of(visit: Visit, wanted: TransactionFilter, names: dict[str, str]) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="timestamp")
    try:
        found = await transactions.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    entries = await ledger.provisional_costs(visit.org_id, [entry_id for row in found.items for entry_id in row.entry_ids])
    return {
        "filter": wanted,
        "rows": transaction_rows(found.items, names),
        "provisional": {row.id for row in found.items if not entries.isdisjoint(row.entry_ids)},
        "next_cursor": found.next_cursor,
        "first_page": request.cursor is None,
        "bulk": visit.may(Permission.TRANSACTIONS_WRITE) and not wanted.spam and not wanted.in_wallet,
        "bulk_categories": CATEGORIES,
    }


@page(Permission.TRANSACTIONS_READ)
async def export(visit: Visit) -> HttpResponse:
    """A file with what the filters let through, newest first. That it was taken is itself recorded."""
    form = visit.request.GET.get("format", "csv")
    if form not in ("csv", "xlsx"):
        raise Http404
    wanted, runtime = TransactionFilter.of(visit.request, visit.zone), visit.runtime
    most = ROWS_MAX if form == "xlsx" else None
    try:
        found = await export_transactions(runtime.uow, runtime.clock, visit.org_id, wanted.where(), form=form, told=wanted.told(), rows_max=most)
    except TooManyRows as error:
        return await _list(visit, {"warning": error.detail}, status=error.status)
    body, kind = (csv_file(COLUMNS, found.batches), CSV) if form == "csv" else (xlsx_file("Transactions", COLUMNS, found.batches), XLSX)
    response = StreamingHttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="transactions.{form}"'
    return response


@page(Permission.TRANSACTIONS_READ)
async def save_view(visit: Visit) -> HttpResponse:
    """The filters stand in the address, the name in the form."""
    only_post(visit.request)
    wanted, form = TransactionFilter.of(visit.request, visit.zone), Form(visit.request, "name")
    name = form.line("name", most=NAME_MAX)
    if not wanted.saved():
        form.wrong("name", gettext("needs filters: narrow the list down first"))
    if not form.errors:
        try:
            await keep(visit.runtime.uow, visit.runtime.clock, visit.org_id, visit.principal.user_id, name, wanted.saved())
            return _to_list(wanted, "saved")
        except Conflict as error:
            return await _list(visit, {"view_name": name, "view_problem": error.detail}, status=error.status)
    return await _list(visit, {"view_name": name, "view_problem": f"{gettext('The name')} {form.errors['name']}."}, status=422)


@page(Permission.TRANSACTIONS_READ)
async def delete_view(visit: Visit, view_id: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await forget(visit.runtime.uow, visit.org_id, visit.principal.user_id, view_id)
    except NotFound as error:
        raise Http404 from error
    return _to_list(TransactionFilter.of(visit.request, visit.zone), "deleted")


def _to_list(wanted: TransactionFilter, done: str) -> HttpResponse:
    rest = wanted.query_string()
    return redirect(f"/transactions/?{rest}{'&' if rest else ''}done={done}")


@page(Permission.TRANSACTIONS_READ)
async def detail_page(visit: Visit, transaction_id: str) -> HttpResponse:
    flash = gettext(DETAIL_FLASHES.get(visit.request.GET.get("done", ""), ""))
    return visit.render("transactions/detail.html", await detail_of(visit, transaction_id) | {"flash": flash})


@page(Permission.TRANSACTIONS_READ)
async def detail_fragment(visit: Visit, transaction_id: str) -> HttpResponse:
    return visit.render("transactions/detail_body.html", await detail_of(visit, transaction_id))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on: a movement of the page, or another log of the receipt."""

    key: str
    words: str
    movement: bool


async def _traced(row: Transaction) -> dict[str, object]:
    """What the decision, and what was suggested, can be traced to."""
    provenance = Provenance.model_validate(row.provenance or {})
    suggestion = Suggestion.model_validate(row.suggestion) if row.suggestion else None
    ruled = provenance.rule_id is not None or (suggestion is not None and suggestion.provenance.rule_id is not None)
    moved = {movement.key: movement for movement in row.movements}
    return {
        "provenance": provenance,
        "suggestion": suggestion,
        "suggestion_percent": round(suggestion.confidence * 100) if suggestion else 0,
        "rule_names": {rule.id: rule.name for rule in await classification.rules(row.org_id)} if ruled else {},
        "evidence": [Evidence(key, evidence_words(key, moved.get(key)), key in moved) for key in row.evidence[:EVIDENCE_SHOWN]],
        "more_evidence": max(0, len(row.evidence) - EVIDENCE_SHOWN),
    }


async def detail_of(visit: Visit, transaction_id: str) -> dict[str, object]:
    found = await transactions.get(visit.org_id, transaction_id)
    if found is None:
        raise Http404
    names = await activity.wallet_names(visit.org_id)
    may_see_books = visit.may(Permission.LEDGER_READ)
    entries = await activity.entries_of(visit.org_id, found.id) if may_see_books else []
    accounts = await activity.account_names(visit.org_id) if may_see_books else {}
    network = visit.runtime.networks.get(found.network)
    links = links_of(visit.runtime.networks, found.network)
    return {
        "transaction": found,
        "title": gettext("Imported transaction") if found.origin is Origin.IMPORT else gettext("Transaction entered by hand"),
        "nobody": ZERO_ADDRESS,
        "may_write": visit.may(Permission.TRANSACTIONS_WRITE),
        "row": transaction_row(found, names),
        "movements": [movement_row(movement, names) for movement in found.movements],
        "told": told_actions(found),
        "call": await explain_call(found),
        "entries": [entry_card(entry, accounts, names) for entry in entries],
        "steps": history(found, entries),
        "tx_link": links.transaction(found.hash) if found.origin is Origin.TRANSACTION else links.block(found.block_number),
        "from_link": links.address(found.from_address),
        "to_link": links.address(found.to_address or ""),
        "network": network,
        "gas_fee": to_units(int(found.gas_fee_raw), 18) if found.gas_fee_raw else None,
        "may_see_payments": visit.may(Permission.PAYMENTS_READ),
        "source_says": gettext(SOURCES.get(found.category_source, "")),
        "account_name": accounts.get(found.account, ""),
        **await _traced(found),
        "confidence_percent": round(found.confidence * 100),
        "confirmations": network.confirmations if network else None,
        "by_tag": network is not None and network.finality == "tag",
    }
