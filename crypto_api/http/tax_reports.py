"""/api/tax-reports/: what was realised in a period, lot by lot."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.export_tax_report import export_tax_report
from crypto_api.flows.make_tax_report import delete_tax_report, period_asked, request_tax_report
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.system import TaskRead
from crypto_api.http.schemas.tax_reports import (
    TaxDisposalRead,
    TaxIncomeRead,
    TaxMissingRead,
    TaxReportDetailRead,
    TaxReportGenerate,
    TaxReportOfPeriod,
    TaxReportQuery,
    TaxReportRead,
)
from crypto_api.kit.clock import day_of
from crypto_api.kit.errors import NotFound
from crypto_api.kit.table_files import CSV, XLSX
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.tax import store
from crypto_api.tax.documents import TaxReport
from crypto_api.tax.types import Asked, DisposalRow, IncomeRow, MissingRow, TaxPeriod

router = Router(tags=["tax"])

PDF = "application/pdf"
SORTS = {"created_at": "_id"}
_MADE = {201: TaxReportDetailRead, 202: TaskRead}


@router.get("/tax-reports/", response=PageRead[TaxReportRead], summary="List tax reports")
@requires(Permission.LEDGER_READ)
async def list_tax_reports(request: HttpRequest, query: Query[TaxReportQuery]) -> HttpResponse:
    page = await store.page(org_of(request), page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, TaxReportRead.of))


@router.post("/tax-reports/generate/", response=_MADE, summary="Make a tax report of a stretch of days")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def generate_tax_report(request: HttpRequest, body: TaxReportGenerate) -> HttpResponse:
    """Every disposal of the period, part by part against the lots that it took by the method, in the organisation's time zone; the whole history
    before counts. The report stays as it is when the books change. 202 with a task where the history is long: its result names the report."""
    return await _make(request, Asked(TaxPeriod.CUSTOM, body.start_date, body.end_date, body.method, body.scope))


@router.post("/tax-reports/custom/", response=_MADE, summary="Make a tax report of a stretch of days (the same as generate)")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def generate_custom_tax_report(request: HttpRequest, body: TaxReportGenerate) -> HttpResponse:
    return await _make(request, Asked(TaxPeriod.CUSTOM, body.start_date, body.end_date, body.method, body.scope))


@router.post("/tax-reports/daily/", response=_MADE, summary="Make a tax report of a day")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def generate_daily_tax_report(request: HttpRequest, body: TaxReportOfPeriod) -> HttpResponse:
    return await _make_of(request, TaxPeriod.DAILY, body)


@router.post("/tax-reports/weekly/", response=_MADE, summary="Make a tax report of a week, from Monday")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def generate_weekly_tax_report(request: HttpRequest, body: TaxReportOfPeriod) -> HttpResponse:
    return await _make_of(request, TaxPeriod.WEEKLY, body)


@router.post("/tax-reports/monthly/", response=_MADE, summary="Make a tax report of a month")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def generate_monthly_tax_report(request: HttpRequest, body: TaxReportOfPeriod) -> HttpResponse:
    return await _make_of(request, TaxPeriod.MONTHLY, body)


@router.post("/tax-reports/yearly/", response=_MADE, summary="Make a tax report of a fiscal year")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def generate_yearly_tax_report(request: HttpRequest, body: TaxReportOfPeriod) -> HttpResponse:
    return await _make_of(request, TaxPeriod.YEARLY, body)


@router.get("/tax-reports/{report_id}/", response=TaxReportDetailRead, summary="Get a tax report")
@requires(Permission.LEDGER_READ)
async def get_tax_report(request: HttpRequest, report_id: str) -> HttpResponse:
    """With every row. Until its status is `ready` it has none."""
    return await _detail(await _report(request, report_id))


@router.delete("/tax-reports/{report_id}/", response={204: None}, summary="Delete a tax report")
@requires(Permission.LEDGER_WRITE)
async def remove_tax_report(request: HttpRequest, report_id: str) -> HttpResponse:
    """The report, not what it is about: it can be made again."""
    runtime = runtime_of(request.scope)
    await delete_tax_report(runtime.uow, runtime.clock, org_of(request), report_id, expected_versions(request))
    return no_content()


@router.get("/tax-reports/{report_id}/pdf/", summary="A tax report as a PDF")
@requires(Permission.LEDGER_READ)
async def tax_report_pdf(request: HttpRequest, report_id: str) -> HttpResponse:
    """409 `not_ready` until it is computed."""
    return await _file(request, report_id, "pdf", PDF)


@router.get("/tax-reports/{report_id}/excel/", summary="A tax report as a workbook")
@requires(Permission.LEDGER_READ)
async def tax_report_excel(request: HttpRequest, report_id: str) -> HttpResponse:
    """Sums are formulas over the rows; what the data holds is never one. 409 `not_ready` until it is computed."""
    return await _file(request, report_id, "xlsx", XLSX)


@router.get("/tax-reports/{report_id}/csv/", summary="The disposals of a tax report as CSV")
@requires(Permission.LEDGER_READ)
async def tax_report_csv(request: HttpRequest, report_id: str) -> HttpResponse:
    """Amounts in full. 409 `not_ready` until it is computed."""
    return await _file(request, report_id, "csv", CSV)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _make_of(request: HttpRequest, period: TaxPeriod, body: TaxReportOfPeriod) -> HttpResponse:
    organization = await organizations.get(org_of(request))
    if organization is None:
        raise NotFound
    clock = runtime_of(request.scope).clock
    day = body.date or day_of(clock.now(), organization.time_zone)
    return await _make(request, await period_asked(organization.id, Asked(period, day, day, body.method, body.scope)))


async def _make(request: HttpRequest, asked: Asked) -> HttpResponse:
    runtime = runtime_of(request.scope)
    made = await request_tax_report(runtime.uow, runtime.clock, org_of(request), asked, principal_of(request).user_id)
    if made.task is not None:
        return answer(TaskRead.of(made.task), status=202)
    return await _detail(made.report, status=201)


async def _report(request: HttpRequest, report_id: str) -> TaxReport:
    report = await store.get(org_of(request), report_id)
    if report is None:
        raise NotFound
    return report


async def _detail(report: TaxReport, *, status: int = 200) -> HttpResponse:
    read = TaxReportDetailRead(
        **TaxReportRead.values_of(report),
        disposals=[TaxDisposalRead.of(row) for row in await store.rows_of(report.org_id, report.id, DisposalRow, "disposals")],
        missing=[TaxMissingRead.of(row) for row in await store.rows_of(report.org_id, report.id, MissingRow, "missing")],
        incomes=[TaxIncomeRead.of(row) for row in await store.rows_of(report.org_id, report.id, IncomeRow, "income")],
    )
    return answer(read, status=status, version=report.version)


async def _file(request: HttpRequest, report_id: str, form: str, content_type: str) -> HttpResponse:
    runtime = runtime_of(request.scope)
    file = await export_tax_report(runtime.uow, runtime.clock, org_of(request), report_id, form)
    response = HttpResponse(file.content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
