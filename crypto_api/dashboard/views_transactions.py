"""Transactions: the list with its filters, and one with everything known about it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from crypto_api.classification.types import Category
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.rows import SOURCES, entry_card, history, links_of, movement_row, transaction_row, transaction_rows
from crypto_api.flows.export_transactions import COLUMNS, TooManyRows, export_transactions
from crypto_api.kit.amounts import to_units
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.paging import PageRequest
from crypto_api.kit.table_files import CSV, XLSX, csv_file, xlsx_file
from crypto_api.kit.xlsx_text import ROWS_MAX
from crypto_api.organizations.types import Permission
from crypto_api.reports import activity
from crypto_api.transactions import store as transactions
from crypto_api.transactions.types import Finality, Origin, Status
from mongodb_config import pages

TEXT_MAX = 100
_SEARCHED = ("hash", "counterparty", "explanation", "note", "from_address", "to_address", "movements.from_address", "movements.to_address")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a person asked for. Spam is shown apart: either only it, or none of it."""

    wallet: str = ""
    asset: str = ""
    category: str = ""
    status: str = ""
    q: str = ""
    spam: bool = False

    @classmethod
    def of(cls, request: HttpRequest) -> "Filter":
        given = {name: request.GET.get(name, "").strip()[:TEXT_MAX] for name in ("wallet", "asset", "category", "status", "q")}
        if given["status"] not in Status.__members__:
            given["status"] = ""
        if given["category"] not in list(Category):
            given["category"] = ""
        return cls(**given, spam=request.GET.get("view") == "spam")

    @property
    def narrows(self) -> bool:
        return bool(self.wallet or self.asset or self.category or self.status or self.q)

    def query_string(self) -> str:
        given = {name: getattr(self, name) for name in ("wallet", "asset", "category", "status", "q") if getattr(self, name)}
        return urlencode(given | ({"view": "spam"} if self.spam else {}))

    def where(self) -> dict[str, Any]:
        query: dict[str, Any] = {"category": "spam" if self.spam else self.category or {"$ne": "spam"}}
        if self.wallet:
            query["wallet_ids"] = self.wallet
        if self.asset:
            query["assets"] = self.asset
        if self.status:
            query |= _of_status(Status[self.status])
        if self.q:
            query["$or"] = [{field: pages.contains(self.q)} for field in _SEARCHED]
        return query


def _of_status(status: Status) -> dict[str, Any]:
    if status is Status.ORPHANED:
        return {"finality": Finality.ORPHANED}
    if status is Status.FAILED:
        return {"succeeded": False, "finality": {"$ne": Finality.ORPHANED}}
    return {"succeeded": True, "finality": Finality.CONFIRMED if status is Status.CONFIRMED else Finality.PENDING}


@page(Permission.TRANSACTIONS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    wanted = Filter.of(visit.request)
    names = await activity.wallet_names(visit.org_id)
    choices = {
        "wallet_choices": sorted(names.items(), key=lambda row: row[1].casefold()),
        "asset_choices": await activity.assets_seen(visit.org_id),
        "category_choices": [category for category in Category if category is not Category.SPAM],
        "status_choices": list(Status),
        "spam_count": await transactions.count(visit.org_id, {"category": "spam"}),
    }
    return visit.render("transactions/list.html", await _rows(visit, wanted, names) | choices)


@page(Permission.TRANSACTIONS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("transactions/rows.html", await _rows(visit, Filter.of(visit.request), await activity.wallet_names(visit.org_id)))


async def _rows(visit: Visit, wanted: Filter, names: dict[str, str]) -> dict[str, object]:
    request = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None, sort="timestamp")
    try:
        found = await transactions.page(visit.org_id, wanted.where(), request)
    except InvalidInput as error:  # a cursor that somebody changed by hand
        raise Http404 from error
    return {"filter": wanted, "rows": transaction_rows(found.items, names), "next_cursor": found.next_cursor, "first_page": request.cursor is None}


@page(Permission.TRANSACTIONS_READ)
async def export(visit: Visit) -> HttpResponse:
    """A file with what the filters let through, newest first. That it was taken is itself recorded."""
    form = visit.request.GET.get("format", "csv")
    if form not in ("csv", "xlsx"):
        raise Http404
    wanted, runtime = Filter.of(visit.request), visit.runtime
    told = {name: getattr(wanted, name) for name in ("wallet", "asset", "category", "status", "q", "spam") if getattr(wanted, name)}
    most = ROWS_MAX if form == "xlsx" else None
    try:
        found = await export_transactions(runtime.uow, runtime.clock, visit.org_id, wanted.where(), form=form, told=told, rows_max=most)
    except TooManyRows as error:
        names = await activity.wallet_names(visit.org_id)
        return visit.render("transactions/list.html", await _rows(visit, wanted, names) | {"warning": error.detail}, status=error.status)
    body, kind = (csv_file(COLUMNS, found.batches), CSV) if form == "csv" else (xlsx_file("Transactions", COLUMNS, found.batches), XLSX)
    response = StreamingHttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="transactions.{form}"'
    return response


@page(Permission.TRANSACTIONS_READ)
async def detail_page(visit: Visit, transaction_id: str) -> HttpResponse:
    return visit.render("transactions/detail.html", await _detail(visit, transaction_id))


@page(Permission.TRANSACTIONS_READ)
async def detail_fragment(visit: Visit, transaction_id: str) -> HttpResponse:
    return visit.render("transactions/detail_body.html", await _detail(visit, transaction_id))


async def _detail(visit: Visit, transaction_id: str) -> dict[str, object]:
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
        "row": transaction_row(found, names),
        "movements": [movement_row(movement, names) for movement in found.movements],
        "entries": [entry_card(entry, accounts, names) for entry in entries],
        "steps": history(found, entries),
        "tx_link": links.transaction(found.hash) if found.origin is Origin.TRANSACTION else links.block(found.block_number),
        "from_link": links.address(found.from_address),
        "to_link": links.address(found.to_address or ""),
        "network": network,
        "gas_fee": to_units(int(found.gas_fee_raw), 18) if found.gas_fee_raw else None,
        "source_says": SOURCES.get(found.category_source, ""),
        "confidence_percent": round(found.confidence * 100),
        "confirmations": network.confirmations if network else None,
    }
