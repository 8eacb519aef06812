"""What can be taken along of the books: for other programs, for people, and for whoever verifies them without this installation."""

from datetime import date
from typing import TypeVar
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.long_report_rows import shown
from crypto_api.dashboard.views_ledger import LedgerFilter
from crypto_api.flows.export_book_reports import export_trial_balance
from crypto_api.flows.export_ledger import COLUMNS, export_ledger
from crypto_api.flows.general_ledger_file import LEDGER_COLUMNS, TooManyLines, general_ledger_pdf, note_general_ledger, open_general_ledger
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import Conflict, InvalidInput
from crypto_api.kit.table_files import CSV, XLSX, csv_file, xlsx_file
from crypto_api.kit.xlsx_text import ROWS_MAX
from crypto_api.ledger import anchor_store, seal_store
from crypto_api.ledger.types import AsOf
from crypto_api.organizations.types import Permission
from crypto_api.reports.as_of import LedgerScope

PDF = "application/pdf"
PLAIN_TEXT = "text/plain; charset=utf-8"
BOOKS = {"beancount": "books.beancount", "hledger": "books.journal", "csv": "books.csv", "xlsx": "books.xlsx"}
FLASHES = {
    "ordered": _("It is being made. When it is ready, it can be taken here."),
    "cancelled": _("It is not made any more."),
    "deleted": _("The file was deleted. The books are as they were."),
}
REPORTS = {"pdf": PDF, "xlsx": XLSX, "csv": CSV}


@page(Permission.LEDGER_READ)
async def exports_page(visit: Visit) -> HttpResponse:
    return await exports_with(visit, flash=FLASHES.get(visit.request.GET.get("done", ""), ""))


async def exports_with(visit: Visit, *, status: int = 200, **values: object) -> HttpResponse:
    """The page, and what is to be said on it."""
    today = day_of(visit.runtime.clock.now(), visit.organization.time_zone)
    wanted, head = LedgerFilter.of(visit.request, visit.zone), await seal_store.head(visit.org_id)
    day = wanted.day("at") or today
    told = {"filter": wanted, "at": day.isoformat(), "seal": head, "unsealed": await seal_store.waiting(visit.org_id)}
    told["anchor"] = await anchor_store.latest(visit.org_id)
    days = urlencode({"at": day.isoformat()} | ({"date_from": text} if (text := wanted["date_from"]) else {}))
    return visit.render("exports/page.html", told | {"days": days} | await shown(visit) | values, status=status)


@page(Permission.LEDGER_READ)
async def books_file(visit: Visit) -> HttpResponse | StreamingHttpResponse:
    """The journal, for another program."""
    form = _form(visit, BOOKS)
    runtime, at = visit.runtime, _day(visit, "at")
    most = ROWS_MAX if form == "xlsx" else None
    try:
        export = await export_ledger(runtime.uow, runtime.clock, visit.org_id, form=form, at=at, rows_max=most)
    except Conflict as error:
        return await exports_with(visit, status=409, problem=error.detail)
    if form == "csv":
        return _attached(StreamingHttpResponse(csv_file(COLUMNS, export.table()), content_type=CSV), BOOKS[form])
    if form == "xlsx":
        return _attached(StreamingHttpResponse(xlsx_file("Books", COLUMNS, export.table()), content_type=XLSX), BOOKS[form])
    return _attached(StreamingHttpResponse(export.plain_text(form), content_type=PLAIN_TEXT), BOOKS[form])


@page(Permission.LEDGER_READ)
async def trial_balance_file(visit: Visit) -> HttpResponse | StreamingHttpResponse:
    form, wanted = _form(visit, REPORTS), LedgerFilter.of(visit.request, visit.zone)
    runtime, at, compared = visit.runtime, _day(visit, "at"), _day(visit, "compare_to")
    try:
        file = await export_trial_balance(runtime.uow, runtime.clock, visit.org_id, form=form, at=at, known_at=wanted.known_at(), compare_to=compared)
    except InvalidInput as error:
        return await exports_with(visit, status=422, problem=error.detail)
    return _attached(HttpResponse(file.content, content_type=REPORTS[form]), file.name)


@page(Permission.LEDGER_READ)
async def general_ledger_file(visit: Visit) -> HttpResponse | StreamingHttpResponse:
    """Of one account, or of all."""
    form, wanted = _form(visit, REPORTS), LedgerFilter.of(visit.request, visit.zone)
    until = AsOf(_day(visit, "date_to") or _day(visit, "at"), wanted.known_at())
    scope = LedgerScope(wanted["account"], wanted["wallet"] or None, wanted["asset"] or None, _day(visit, "date_from"), until)
    runtime, content = visit.runtime, b""
    file = await open_general_ledger(runtime.uow, runtime.clock, visit.org_id, scope)
    if form == "pdf":
        try:
            content = await general_ledger_pdf(file)
        except TooManyLines as error:
            asked = {name: wanted[name] for name in ("account", "wallet", "asset", "date_from", "known_at")}
            offer = {"report": "general_ledger", "format": form, "at": until.at.isoformat() if until.at else "", **asked}
            return await exports_with(visit, status=409, too_long=error.most, offer=offer)
    await note_general_ledger(runtime.uow, runtime.clock, visit.org_id, scope, form)
    name = f"general-ledger.{form}"
    if form == "csv":
        return _attached(StreamingHttpResponse(csv_file(LEDGER_COLUMNS, file.table()), content_type=CSV), name)
    if form == "xlsx":
        return _attached(StreamingHttpResponse(xlsx_file("General ledger", LEDGER_COLUMNS, file.table()), content_type=XLSX), name)
    return _attached(HttpResponse(content, content_type=PDF), name)


def _form(visit: Visit, known: dict[str, str]) -> str:
    form: str = visit.request.GET.get("format", "csv")
    if form not in known:
        raise Http404
    return form


def _day(visit: Visit, name: str) -> date | None:
    """A link that somebody changed by hand is not found, rather than read as all days."""
    text = visit.request.GET.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Http404 from error


Answer = TypeVar("Answer", HttpResponse, StreamingHttpResponse)


def _attached(response: Answer, name: str) -> Answer:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
