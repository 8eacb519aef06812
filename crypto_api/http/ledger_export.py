"""/api/ledger/export/: the books in the formats of other programs."""

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router

from crypto_api.flows.export_ledger import COLUMNS, export_ledger
from crypto_api.http.auth import org_of
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.ledger import LedgerExport
from crypto_api.kit.table_files import CSV, XLSX, csv_file, xlsx_file
from crypto_api.kit.xlsx_text import ROWS_MAX
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["books"])

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
