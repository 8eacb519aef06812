"""/api/long-reports/: reports that a worker makes because a request would wait too long for them."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from crypto_api.flows import order_long_report as flows
from crypto_api.flows.order_book_report import Ordered, order_tax_file
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.long_reports import LongReportQuery, LongReportRead, TaxFileOrder
from crypto_api.http.schemas.system import TaskRead
from crypto_api.kit.errors import NotFound
from crypto_api.kit.table_files import CSV, XLSX
from crypto_api.long_reports import store
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.errors import HasNoFile, NotReady
from crypto_api.long_reports.types import LongReportStatus
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.tasks import store as tasks

router = Router(tags=["books"])

PLAIN_TEXT = "text/plain; charset=utf-8"
CONTENT_TYPES = {"csv": CSV, "xlsx": XLSX, "pdf": "application/pdf", "beancount": PLAIN_TEXT, "hledger": PLAIN_TEXT}


@router.post("/tax-reports/{report_id}/file/", response={202: TaskRead}, summary="Order a tax report as a file")
@requires(Permission.LEDGER_READ)
@idempotent
async def order_tax_report_file(request: HttpRequest, report_id: str, body: TaxFileOrder) -> HttpResponse:
    """For one with very many disposals, whose file would take longer than a request may. 409 `not_ready` until it is computed."""
    runtime, user_id = runtime_of(request.scope), principal_of(request).user_id
    return ordered(await order_tax_file(runtime.uow, runtime.clock, org_of(request), user_id, report_id, body.format))


@router.get("/long-reports/", response=PageRead[LongReportRead], summary="List long reports")
@requires(Permission.LEDGER_READ)
async def list_long_reports(request: HttpRequest, query: Query[LongReportQuery]) -> HttpResponse:
    """Those that wait, are made, and were made in the last week."""
    org_id = org_of(request)
    page = await store.page(org_id, page_request(query, {"created_at": "_id"}, "-created_at"))
    told = {task.id: task for task in await tasks.by_ids(org_id, [row.task_id for row in page.items])}
    return answer(page_read(page, lambda row: LongReportRead.of(row, told.get(row.task_id))))


@router.get("/long-reports/{report_id}/", response=LongReportRead, summary="Get a long report")
@requires(Permission.LEDGER_READ)
async def get_long_report(request: HttpRequest, report_id: str) -> HttpResponse:
    row = await _row(request, report_id)
    return answer(LongReportRead.of(row, await tasks.get(row.org_id, row.task_id)), version=row.version)


@router.get("/long-reports/{report_id}/file/", summary="The file of a long report")
@requires(Permission.LEDGER_READ)
async def get_long_report_file(request: HttpRequest, report_id: str) -> StreamingHttpResponse:
    """409 `not_ready` until it is made, and `no_file` where the result is a statement or a tax report. That it was taken is recorded."""
    row, runtime = await _row(request, report_id), runtime_of(request.scope)
    if row.status is not LongReportStatus.READY:
        raise NotReady
    if not row.file_name or row.wanted.form is None:
        raise HasNoFile
    await flows.note_download(runtime.uow, runtime.clock, row)
    response = StreamingHttpResponse(store.content(row.org_id, row), content_type=CONTENT_TYPES[row.wanted.form])
    response["Content-Disposition"], response["Content-Length"] = f'attachment; filename="{row.file_name}"', str(row.size)
    return response


@router.post("/long-reports/{report_id}/cancel/", response=LongReportRead, summary="Cancel a long report")
@requires(Permission.LEDGER_READ)
@idempotent
async def cancel_long_report(request: HttpRequest, report_id: str) -> HttpResponse:
    """By whoever ordered it, or may write the books. 409 `report_ended` where it is ready, failed or cancelled."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    await flows.cancel(runtime.uow, runtime.clock, principal, org_of(request), report_id)
    row = await _row(request, report_id)
    return answer(LongReportRead.of(row, await tasks.get(row.org_id, row.task_id)), version=row.version)


@router.post("/long-reports/{report_id}/retry/", response={202: TaskRead}, summary="Order a long report once more")
@requires(Permission.LEDGER_READ)
@idempotent
async def retry_long_report(request: HttpRequest, report_id: str) -> HttpResponse:
    """What failed or was cancelled, with the same parameters, as a new one. 409 `nothing_to_retry` for any other."""
    runtime = runtime_of(request.scope)
    return ordered(await flows.retry(runtime.uow, runtime.clock, principal_of(request), org_of(request), report_id))


@router.delete("/long-reports/{report_id}/", response={204: None}, summary="Delete a long report")
@requires(Permission.LEDGER_READ)
async def remove_long_report(request: HttpRequest, report_id: str) -> HttpResponse:
    """Its file, not what it tells of. By whoever ordered it, or may write the books. 409 `report_unfinished` while it is being made."""
    runtime = runtime_of(request.scope)
    await flows.delete(runtime.uow, runtime.clock, principal_of(request), org_of(request), report_id)
    return no_content()


def ordered(made: Ordered) -> HttpResponse:
    row, task = made
    response = answer(TaskRead.of(task), status=202)
    response["Location"] = f"/api/long-reports/{row.id}/"
    return response


async def _row(request: HttpRequest, report_id: str) -> LongReport:
    row = await store.get(org_of(request), report_id)
    if row is None:
        raise NotFound
    return row
