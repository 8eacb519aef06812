"""/api/reports/: balance sheet, income statement, cash flow, and the roll-forward of crypto assets."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.export_statement import export_statement
from crypto_api.flows.order_book_report import request_statement
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.reports import BalanceSheetMake, ReportDetailRead, ReportQuery, ReportRead, RollForwardMake, StatementOfPeriodMake
from crypto_api.http.schemas.system import TaskRead
from crypto_api.kit.errors import NotFound
from crypto_api.kit.table_files import CSV, XLSX
from crypto_api.organizations.types import Permission
from crypto_api.prices.types import Pricing
from crypto_api.runtime import runtime_of
from crypto_api.statements import store
from crypto_api.statements.documents import FinancialReport
from crypto_api.statements.types import Asked, StatementKind

router = Router(tags=["books"])

PDF = "application/pdf"
SORTS = {"created_at": "_id"}
_MADE = {201: ReportDetailRead}
_MADE_OR_ORDERED = {201: ReportDetailRead, 202: TaskRead}


@router.post("/reports/balance-sheet/", response=_MADE, summary="Make a balance sheet")
@requires(Permission.LEDGER_READ)
@idempotent
async def make_balance_sheet(request: HttpRequest, body: BalanceSheetMake) -> HttpResponse:
    """What is owned and owed at the end of a day. Equity holds the result of earlier years and of the fiscal year so far. It is kept as it is."""
    return await _make(request, Asked(StatementKind.BALANCE_SHEET, None, body.as_of, body.compare_to, body.known_at))


@router.post("/reports/income-statement/", response=_MADE, summary="Make an income statement")
@requires(Permission.LEDGER_READ)
@idempotent
async def make_income_statement(request: HttpRequest, body: StatementOfPeriodMake) -> HttpResponse:
    return await _make(request, _of_period(StatementKind.INCOME_STATEMENT, body))


@router.post("/reports/cash-flow/", response=_MADE, summary="Make a cash flow statement")
@requires(Permission.LEDGER_READ)
@idempotent
async def make_cash_flow(request: HttpRequest, body: StatementOfPeriodMake) -> HttpResponse:
    """By the direct method, of money at banks and the crypto assets held, at their cost."""
    return await _make(request, _of_period(StatementKind.CASH_FLOW, body))


@router.post("/reports/crypto-roll-forward/", response=_MADE_OR_ORDERED, summary="Make a roll-forward of crypto assets")
@requires(Permission.LEDGER_READ)
@idempotent
async def make_crypto_roll_forward(request: HttpRequest, body: RollForwardMake) -> HttpResponse:
    """Quantity, cost and fair value of what is held: opening, additions and disposals by reason, realised and unrealised gains and losses, closing
    (ASC 350-60-50). Of all assets first, then of each. Fair values are by the prices that are kept, at the ends of the days. 202 with a
    task where very much moved: its result names the statement as `report_id`."""
    return await _make(request, Asked(StatementKind.CRYPTO_ROLL_FORWARD, body.start_date, body.end_date, body.compare_to, body.known_at, body.by))


@router.get("/reports/balance-sheets/", response=PageRead[ReportRead], summary="List balance sheets")
@requires(Permission.LEDGER_READ)
async def list_balance_sheets(request: HttpRequest, query: Query[ReportQuery]) -> HttpResponse:
    return await _page(request, StatementKind.BALANCE_SHEET, query)


@router.get("/reports/income-statements/", response=PageRead[ReportRead], summary="List income statements")
@requires(Permission.LEDGER_READ)
async def list_income_statements(request: HttpRequest, query: Query[ReportQuery]) -> HttpResponse:
    return await _page(request, StatementKind.INCOME_STATEMENT, query)


@router.get("/reports/cash-flows/", response=PageRead[ReportRead], summary="List cash flow statements")
@requires(Permission.LEDGER_READ)
async def list_cash_flows(request: HttpRequest, query: Query[ReportQuery]) -> HttpResponse:
    return await _page(request, StatementKind.CASH_FLOW, query)


@router.get("/reports/crypto-roll-forwards/", response=PageRead[ReportRead], summary="List roll-forwards of crypto assets")
@requires(Permission.LEDGER_READ)
async def list_crypto_roll_forwards(request: HttpRequest, query: Query[ReportQuery]) -> HttpResponse:
    return await _page(request, StatementKind.CRYPTO_ROLL_FORWARD, query)


@router.get("/reports/{report_id}/", response=ReportDetailRead, summary="Get a statement")
@requires(Permission.LEDGER_READ)
async def get_report(request: HttpRequest, report_id: str) -> HttpResponse:
    report = await store.get(org_of(request), report_id)
    if report is None:
        raise NotFound
    return answer(ReportDetailRead.of(report))


@router.get("/reports/{report_id}/excel/", summary="A statement as a workbook")
@requires(Permission.LEDGER_READ)
async def report_excel(request: HttpRequest, report_id: str) -> HttpResponse:
    """Totals are formulas over the rows; what the data holds is never one."""
    return await _file(request, report_id, "xlsx", XLSX)


@router.get("/reports/{report_id}/pdf/", summary="A statement as a PDF")
@requires(Permission.LEDGER_READ)
async def report_pdf(request: HttpRequest, report_id: str) -> HttpResponse:
    return await _file(request, report_id, "pdf", PDF)


@router.get("/reports/{report_id}/csv/", summary="A statement as CSV")
@requires(Permission.LEDGER_READ)
async def report_csv(request: HttpRequest, report_id: str) -> HttpResponse:
    """Amounts in full; the row of a heading has none."""
    return await _file(request, report_id, "csv", CSV)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


def _of_period(kind: StatementKind, body: StatementOfPeriodMake) -> Asked:
    return Asked(kind, body.start_date, body.end_date, body.compare_to, body.known_at)


async def _make(request: HttpRequest, asked: Asked) -> HttpResponse:
    runtime = runtime_of(request.scope)
    pricing = Pricing.of(runtime.networks.values(), runtime.prices.settings)
    made = await request_statement(runtime.uow, runtime.clock, pricing, org_of(request), asked, principal_of(request).user_id)
    if isinstance(made, FinancialReport):
        return answer(ReportDetailRead.of(made), status=201)
    return answer(TaskRead.of(made), status=202)


async def _page(request: HttpRequest, kind: StatementKind, query: ReportQuery) -> HttpResponse:
    page = await store.page(org_of(request), kind, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, ReportRead.of))


async def _file(request: HttpRequest, report_id: str, form: str, content_type: str) -> HttpResponse:
    runtime = runtime_of(request.scope)
    file = await export_statement(runtime.uow, runtime.clock, org_of(request), report_id, form)
    response = HttpResponse(file.content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
