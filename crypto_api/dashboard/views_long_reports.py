"""Reports that a worker makes: ordered from a page, watched while they are made, taken when they are ready."""

from collections.abc import Awaitable, Callable
from datetime import date

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.long_report_rows import shown
from crypto_api.dashboard.views_exports import exports_with
from crypto_api.dashboard.views_ledger import LedgerFilter
from crypto_api.flows import order_long_report as flows
from crypto_api.flows.order_book_report import FORMS, order_books, order_general_ledger, order_tax_file
from crypto_api.kit.errors import CoreError, InvalidInput, NotFound
from crypto_api.kit.table_files import CSV, XLSX
from crypto_api.ledger.types import AsOf
from crypto_api.long_reports import store
from crypto_api.long_reports.types import LongReportStatus
from crypto_api.organizations.types import Permission
from crypto_api.reports.as_of import LedgerScope

PLAIN_TEXT = "text/plain; charset=utf-8"
CONTENT_TYPES = {"csv": CSV, "xlsx": XLSX, "pdf": "application/pdf", "beancount": PLAIN_TEXT, "hledger": PLAIN_TEXT}
FIELDS = ("report", "format", "date_from", "at", "account", "wallet", "asset", "known_at", "tax_report")


@page(Permission.LEDGER_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("exports/long_reports.html", await shown(visit, visit.request.GET.get("tax_report") or None))


@page(Permission.LEDGER_READ)
async def order(visit: Visit) -> HttpResponse:
    """What stands in the form is what a file of the same would be asked for with."""
    only_post(visit.request)
    form = Form(visit.request, *FIELDS)
    try:
        await _order(visit, form)
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        problem = "; ".join(f"{one.field} {one.message}" for one in error.errors) if isinstance(error, InvalidInput) else error.detail
        return await exports_with(visit, status=error.status, problem=problem)
    back = f"/tax/{form['tax_report']}/" if form["report"] == "tax_report" else "/exports/"
    return redirect(f"{back}?done=ordered#long-reports")


async def _order(visit: Visit, form: Form) -> None:
    runtime, user_id, written = visit.runtime, visit.principal.user_id, form["format"]
    days = {name: form.day(name) for name in ("date_from", "at")}
    if form.errors or written not in FORMS:
        raise NotFound  # no form of ours sends that
    first, last = (date.fromisoformat(day) if day else None for day in days.values())
    match form["report"]:
        case "general_ledger" if written in ("pdf", "xlsx", "csv"):
            until = AsOf(last, LedgerFilter({"known_at": form["known_at"]}, visit.zone).known_at())
            scope = LedgerScope(form["account"], form["wallet"] or None, form["asset"] or None, first, until)
            await order_general_ledger(runtime.uow, runtime.clock, visit.org_id, user_id, scope, written)
        case "books" if written != "pdf":
            await order_books(runtime.uow, runtime.clock, visit.org_id, user_id, written, last)
        case "tax_report" if written in ("pdf", "xlsx", "csv"):
            await order_tax_file(runtime.uow, runtime.clock, visit.org_id, user_id, form["tax_report"], written)
        case _:
            raise NotFound


@page(Permission.LEDGER_READ)
async def cancel(visit: Visit, report_id: str) -> HttpResponse:
    return await _done(visit, lambda: flows.cancel(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, report_id), "cancelled")


@page(Permission.LEDGER_READ)
async def retry(visit: Visit, report_id: str) -> HttpResponse:
    return await _done(visit, lambda: flows.retry(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, report_id), "ordered")


@page(Permission.LEDGER_READ)
async def delete(visit: Visit, report_id: str) -> HttpResponse:
    return await _done(visit, lambda: flows.delete(visit.runtime.uow, visit.runtime.clock, visit.principal, visit.org_id, report_id), "deleted")


async def _done(visit: Visit, work: Callable[[], Awaitable[object]], word: str) -> HttpResponse:
    only_post(visit.request)
    try:
        await work()
    except NotFound as error:
        raise Http404 from error
    except CoreError as error:
        return await exports_with(visit, status=error.status, problem=error.detail)
    return redirect(f"/exports/?done={word}#long-reports")


@page(Permission.LEDGER_READ)
async def file(visit: Visit, report_id: str) -> HttpResponse | StreamingHttpResponse:
    row = await store.get(visit.org_id, report_id)
    if row is None or row.status is not LongReportStatus.READY or not row.file_name or row.wanted.form is None:
        raise Http404
    await flows.note_download(visit.runtime.uow, visit.runtime.clock, row)
    response = StreamingHttpResponse(store.content(row.org_id, row), content_type=CONTENT_TYPES[row.wanted.form])
    response["Content-Disposition"], response["Content-Length"] = f'attachment; filename="{row.file_name}"', str(row.size)
    return response
