"""The books as files: in the formats of other programs, the trial balance, the general ledger, and the certificate of a closed month."""

import re
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router

from crypto_api.flows.close_gate import TITLES
from crypto_api.flows.export_book_reports import LEDGER_COLUMNS, export_certificate, export_general_ledger, export_trial_balance, general_ledger_pdf
from crypto_api.flows.export_ledger import COLUMNS, export_ledger
from crypto_api.http.auth import org_of
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.ledger import GeneralLedgerExport, LedgerExport, TrialBalanceExport
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
    soon as it is whole; of a PDF at most 20,000 lines (409 `too_many_rows`). That it was taken is recorded."""
    runtime = runtime_of(request.scope)
    scope = LedgerScope(query.account_code or "", query.wallet_id, query.asset, query.date_from, AsOf(query.date_to, query.known_at))
    file = await export_general_ledger(runtime.uow, runtime.clock, org_of(request), scope, form=query.format)
    name = f"general-ledger-{query.account_code or 'all'}.{query.format}"
    match query.format:
        case "csv":
            return _attached(StreamingHttpResponse(csv_file(LEDGER_COLUMNS, file.table()), content_type=CSV), name)
        case "xlsx":
            return _attached(StreamingHttpResponse(xlsx_file("General ledger", LEDGER_COLUMNS, file.table()), content_type=XLSX), name)
        case _:
            return _attached(HttpResponse(await general_ledger_pdf(file), content_type=PDF), name)


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


Answer = TypeVar("Answer", HttpResponse, StreamingHttpResponse)


def _attached(response: Answer, name: str) -> Answer:
    """`name` may hold what a client sent as an account: only letters, digits, dots and dashes of it go into a header."""
    response["Content-Disposition"] = f'attachment; filename="{_UNSAFE.sub("_", name)}"'
    return response
