"""The books as files: in the formats of other programs, the trial balance, the general ledger, and the certificate of a closed month."""

import re
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from crypto_api.flows.close_gate import TITLES
from crypto_api.flows.close_period import look_at_period
from crypto_api.flows.export_book_reports import export_certificate, export_checklist, export_trial_balance
from crypto_api.flows.export_ledger import COLUMNS, export_ledger
from crypto_api.flows.general_ledger_file import LEDGER_COLUMNS, general_ledger_pdf, note_general_ledger, open_general_ledger
from crypto_api.flows.order_book_report import order_books, order_general_ledger
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.long_reports import ordered
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.ledger import GeneralLedgerExport, LedgerExport, TrialBalanceExport
from crypto_api.http.schemas.long_reports import BooksOrder, GeneralLedgerOrder
from crypto_api.http.schemas.system import TaskRead
from crypto_api.kit.errors import NotFound
from crypto_api.kit.table_files import CSV, XLSX, csv_file, xlsx_file
from crypto_api.kit.xlsx_text import ROWS_MAX
from crypto_api.ledger import rules
from crypto_api.ledger.types import AsOf
from crypto_api.organizations.types import Permission
from crypto_api.reports.as_of import LedgerScope
from crypto_api.runtime import runtime_of

router = Router(tags=["books"])

_UNSAFE = re.compile(r"[^0-9A-Za-z._-]")
PDF = "application/pdf"
CONTENT_TYPES = {"csv": CSV, "xlsx": XLSX, "pdf": PDF}
PLAIN_TEXT = "text/plain; charset=utf-8"
FILE_NAMES = {"beancount": "books.beancount", "hledger": "books.journal", "csv": "books.csv", "xlsx": "books.xlsx"}


@router.get("/ledger/export/", summary="Take the books along")
@requires(Permission.LEDGER_READ)
async def export_books(request: HttpRequest, query: Query[LedgerExport]) -> StreamingHttpResponse:
    """Every posted and reversed entry, oldest first: as a table with a row for each line, or in the format of beancount or hledger, where the
    balances of all accounts stand at the end as assertions. Cells are text or numbers, never formulas. That they were taken is recorded. 409
    `too_many_rows` where a workbook could not hold them."""
    runtime = runtime_of(request.scope)
    most = ROWS_MAX if query.format == "xlsx" else None
    export = await export_ledger(runtime.uow, runtime.clock, org_of(request), form=query.format, at=query.at, rows_max=most)
    match query.format:
        case "csv":
            response = StreamingHttpResponse(csv_file(COLUMNS, export.table()), content_type=CSV)
        case "xlsx":
            response = StreamingHttpResponse(xlsx_file("Books", COLUMNS, export.table()), content_type=XLSX)
        case form:
            response = StreamingHttpResponse(export.plain_text(form), content_type=PLAIN_TEXT)
    response["Content-Disposition"] = f'attachment; filename="{FILE_NAMES[query.format]}"'
    return response


@router.get("/ledger/trial-balance/export/", summary="The trial balance as a file")
@requires(Permission.LEDGER_READ)
async def export_trial_balance_file(request: HttpRequest, query: Query[TrialBalanceExport]) -> HttpResponse:
    """CSV, a workbook whose totals are formulas, or PDF; with an earlier day in columns beside it. That it was taken is recorded."""
    runtime = runtime_of(request.scope)
    file = await export_trial_balance(
        runtime.uow, runtime.clock, org_of(request), form=query.format, at=query.at, known_at=query.known_at, compare_to=query.compare_to
    )
    return _attached(HttpResponse(file.content, content_type=CONTENT_TYPES[query.format]), file.name)


@router.get("/ledger/general-ledger/export/", summary="The general ledger as a file")
@requires(Permission.LEDGER_READ)
async def export_general_ledger_file(request: HttpRequest, query: Query[GeneralLedgerExport]) -> HttpResponse | StreamingHttpResponse:
    """Every line with the balance behind it, account by account, between the balances before and behind them. CSV leaves as it is read, a workbook as
    soon as it is whole; a PDF of more than 20,000 lines is not made at once (409 `too_many_rows`): `POST` orders it. That it was taken is
    recorded."""
    runtime = runtime_of(request.scope)
    scope = LedgerScope(query.account_code or "", query.wallet_id, query.asset, query.date_from, AsOf(query.date_to, query.known_at))
    file = await open_general_ledger(runtime.uow, runtime.clock, org_of(request), scope)
    name = f"general-ledger-{query.account_code or 'all'}.{query.format}"
    content = await general_ledger_pdf(file) if query.format == "pdf" else b""
    await note_general_ledger(runtime.uow, runtime.clock, org_of(request), scope, query.format)
    match query.format:
        case "csv":
            return _attached(StreamingHttpResponse(csv_file(LEDGER_COLUMNS, file.table()), content_type=CSV), name)
        case "xlsx":
            return _attached(StreamingHttpResponse(xlsx_file("General ledger", LEDGER_COLUMNS, file.table()), content_type=XLSX), name)
        case _:
            return _attached(HttpResponse(content, content_type=PDF), name)


@router.post("/ledger/general-ledger/export/", response={202: TaskRead}, summary="Order the general ledger as a file")
@requires(Permission.LEDGER_READ)
@idempotent
async def order_general_ledger_file(request: HttpRequest, body: GeneralLedgerOrder) -> HttpResponse:
    """Of any length, made by a worker. The task's result names it as `long_report_id`, and `Location` leads to it; it is kept for a week. One that
    is being made with the same parameters is answered again. 409 `too_many_reports` where 20 wait."""
    scope = LedgerScope(body.account_code or "", body.wallet_id, body.asset, body.date_from, AsOf(body.date_to, body.known_at))
    runtime, user_id = runtime_of(request.scope), principal_of(request).user_id
    return ordered(await order_general_ledger(runtime.uow, runtime.clock, org_of(request), user_id, scope, body.format))


@router.post("/ledger/export/", response={202: TaskRead}, summary="Order the books as a file")
@requires(Permission.LEDGER_READ)
@idempotent
async def order_books_file(request: HttpRequest, body: BooksOrder) -> HttpResponse:
    """As `GET` gives it, made by a worker and kept for a week."""
    runtime, user_id = runtime_of(request.scope), principal_of(request).user_id
    return ordered(await order_books(runtime.uow, runtime.clock, org_of(request), user_id, body.format, body.at))


@router.get("/ledger/periods/{period}/certificate/pdf/", summary="The certificate of a closed month as a PDF")
@requires(Permission.LEDGER_READ)
async def period_certificate_pdf(request: HttpRequest, period: str) -> HttpResponse:
    """404 for a month that was never closed."""
    runtime = runtime_of(request.scope)
    try:
        rules.days_of(period)
    except ValueError as error:
        raise NotFound from error
    file = await export_certificate(runtime.uow, runtime.clock, org_of(request), period, TITLES)
    return _attached(HttpResponse(file.content, content_type=PDF), file.name)


@router.get("/ledger/periods/{period}/checklist/pdf/", summary="What keeps a month open, as a PDF")
@requires(Permission.LEDGER_READ)
async def period_checklist_pdf(request: HttpRequest, period: str) -> HttpResponse:
    """As it is now, with room to tick off. 404 for what is no month."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    try:
        rules.days_of(period)
    except ValueError as error:
        raise NotFound from error
    checks = await look_at_period(runtime.uow, runtime.clock, runtime.networks, org_id, period)
    file = await export_checklist(runtime.uow, runtime.clock, org_id, period, checks, TITLES)
    return _attached(HttpResponse(file.content, content_type=PDF), file.name)


Answer = TypeVar("Answer", HttpResponse, StreamingHttpResponse)


def _attached(response: Answer, name: str) -> Answer:
    """`name` may hold what a client sent as an account: only letters, digits, dots and dashes of it go into a header."""
    response["Content-Disposition"] = f'attachment; filename="{_UNSAFE.sub("_", name)}"'
    return response
