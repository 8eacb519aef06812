"""/api/accounts/: the chart of accounts."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router, UploadedFile
from ninja.params import functions

from crypto_api.adapters.table_reader import read_table
from crypto_api.flows.import_chart import chart_rows
from crypto_api.flows.import_chart import import_chart as take_in
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of
from crypto_api.http.body import only_file
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.accounts import AccountCreate, AccountQuery, AccountRead, AccountUpdate, ChartImportRead
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.transactions import ImportQuery
from crypto_api.kit.errors import FieldError, InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.table_files import CSV, csv_file
from crypto_api.ledger import service, store
from crypto_api.ledger.chart import COLUMNS
from crypto_api.ledger.documents import Account
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["books"])

ImportFile = Annotated[UploadedFile, functions.File(description="CSV in UTF-8, or a workbook (xlsx).", example="chart.csv")]
SORTS = {"code": "code", "name": "name", "created_at": "_id"}


@router.get("/accounts/", response=PageRead[AccountRead], summary="List accounts")
@requires(Permission.LEDGER_READ)
async def list_accounts(request: HttpRequest, query: Query[AccountQuery]) -> HttpResponse:
    where: dict[str, Any] = {name: value for name, value in (("account_type", query.account_type), ("active", query.active)) if value is not None}
    if query.q is not None:
        where["$or"] = [{"code": contains(query.q)}, {"name": contains(query.q)}]
    page = await store.page_of_accounts(org_of(request), where, page_request(query, SORTS, "code"))
    return answer(page_read(page, AccountRead.of))


@router.post("/accounts/", response={201: AccountRead}, summary="Add an account")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def create_account(request: HttpRequest, body: AccountCreate) -> HttpResponse:
    runtime, org_id = runtime_of(request.scope), org_of(request)
    now = runtime.clock.now()
    account = await runtime.uow.run(
        lambda session: service.create_account(
            session, org_id, code=body.code, name=body.name, account_type=body.account_type, parent_code=body.parent_code, now=now
        )
    )
    return answer(AccountRead.of(account), status=201, version=account.version)


@router.get("/accounts/export/", summary="Take the chart of accounts along as CSV")
@requires(Permission.LEDGER_READ)
async def export_accounts(request: HttpRequest) -> StreamingHttpResponse:
    """code, name, type, parent, active: parents before their children. The import takes it as it is."""
    response = StreamingHttpResponse(csv_file(COLUMNS, chart_rows(org_of(request))), content_type=CSV)
    response["Content-Disposition"] = 'attachment; filename="chart-of-accounts.csv"'
    return response


@router.post("/accounts/import/", response={200: ChartImportRead, 201: ChartImportRead}, summary="Import a chart of accounts from a table")
@requires(Permission.LEDGER_WRITE)
@idempotent
async def import_accounts(request: HttpRequest, query: Query[ImportQuery], file: ImportFile) -> HttpResponse:
    """CSV in UTF-8 or a workbook (xlsx) with the columns code, name, type, parent, active. New codes are added, known ones renamed, moved,
    deactivated; a type never changes; what is not in the table stays. All rows or none: what is wrong is told by row and column (422, `3.parent`).
    With `dry_run=true` nothing is stored (200)."""
    only_file(request, "file")
    runtime, org_id = runtime_of(request.scope), org_of(request)
    found = await take_in(runtime.uow, runtime.clock, org_id, await read_table(file.name or "", file.read()), dry_run=query.dry_run)
    if found.errors and not query.dry_run:
        errors = [FieldError(f"{error.row}.{error.column}", error.message, "invalid_row") for error in found.errors[:500]]
        raise InvalidInput(*errors, detail="Some rows are not valid. Nothing was stored.")
    return answer(ChartImportRead.of(found), status=200 if query.dry_run else 201)


@router.get("/accounts/{account_id}/", response=AccountRead, summary="Get an account")
@requires(Permission.LEDGER_READ)
async def get_account(request: HttpRequest, account_id: str) -> HttpResponse:
    account = await _account(org_of(request), account_id)
    return answer(AccountRead.of(account), version=account.version)


@router.put("/accounts/{account_id}/", response=AccountRead, summary="Rename, move, deactivate or reactivate an account")
@requires(Permission.LEDGER_WRITE)
async def update_account(request: HttpRequest, account_id: str, body: AccountUpdate) -> HttpResponse:
    runtime, org_id = runtime_of(request.scope), org_of(request)
    account, now = await _expected(request, account_id), runtime.clock.now()
    sent = body.model_fields_set
    changed = await runtime.uow.run(
        lambda session: service.update_account(
            session,
            org_id,
            account,
            name=account.name if body.name is None else body.name,
            parent_code=body.parent_code if "parent_code" in sent else account.parent_code,
            active=account.active if body.active is None else body.active,
            now=now,
        )
    )
    return answer(AccountRead.of(changed), version=changed.version)


@router.delete("/accounts/{account_id}/", response={200: AccountRead, 204: None}, summary="Delete an account, or deactivate a used one")
@requires(Permission.LEDGER_WRITE)
async def delete_account(request: HttpRequest, account_id: str) -> HttpResponse:
    """204 when it is gone; 200 with the account when it has postings and was deactivated instead."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    account, now = await _expected(request, account_id), runtime.clock.now()
    if await runtime.uow.run(lambda session: service.remove_account(session, org_id, account, now)):
        return no_content()
    kept = await _account(org_id, account_id)
    return answer(AccountRead.of(kept), version=kept.version)


async def _account(org_id: str, account_id: str) -> Account:
    account = await store.account(org_id, account_id)
    if account is None:
        raise NotFound
    return account


async def _expected(request: HttpRequest, account_id: str) -> Account:
    account, versions = await _account(org_of(request), account_id), expected_versions(request)
    if versions is not None and account.version not in versions:
        raise PreconditionFailed
    return account
