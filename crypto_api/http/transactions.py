"""/api/transactions/: what happened on the chain, and what it meant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

from bson.decimal128 import Decimal128
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Router, UploadedFile
from ninja.params import functions

from crypto_api.adapters.table_reader import read_table
from crypto_api.classification.types import Category
from crypto_api.flows.classify_again import classify_again
from crypto_api.flows.explain_call import ExplainedCall, explain_call
from crypto_api.flows.export_transactions import COLUMNS
from crypto_api.flows.export_transactions import export_transactions as take_along
from crypto_api.flows.import_transactions import import_transactions as take_in
from crypto_api.flows.record_transaction import change_transaction as change
from crypto_api.flows.record_transaction import record_transaction
from crypto_api.flows.remove_import import remove_import
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of
from crypto_api.http.body import only_file
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.transactions import (
    ClassifiedRead,
    ClassifyRead,
    ImportQuery,
    ImportRead,
    TransactionClassify,
    TransactionCreate,
    TransactionExport,
    TransactionFacts,
    TransactionQuery,
    TransactionRead,
    TransactionUpdate,
    day_bounds,
)
from crypto_api.kit.errors import FieldError, InvalidInput, NotFound
from crypto_api.kit.table_files import CSV, XLSX, csv_file, xlsx_file
from crypto_api.kit.xlsx_text import ROWS_MAX
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Finality, Status
from mongodb_config.pages import contains

router = Router(tags=["transactions"])

SEARCHED = ("hash", "from_address", "to_address", "movements.from_address", "movements.to_address", "brought.external_id")
ImportFile = Annotated[UploadedFile, functions.File(description="CSV in UTF-8, or a workbook (xlsx).", example="transactions.csv")]
SORTS = {"timestamp": "timestamp", "block_number": "block_number", "category": "category"}


@router.get("/transactions/", response=PageRead[TransactionRead], summary="List transactions")
@requires(Permission.TRANSACTIONS_READ)
async def list_transactions(request: HttpRequest, query: Query[TransactionQuery]) -> HttpResponse:
    return await _page(request, query)


@router.post("/transactions/", response={200: TransactionRead, 201: TransactionRead}, summary="Enter a transaction by hand")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def create_transaction(request: HttpRequest, body: TransactionCreate) -> HttpResponse:
    """It means what a row of an imported table means, and is booked as one: BUY and SELL against money, its fee inside. The same under the same
    `external_id` is the transaction that stands there (200); anything else under it is 409 `external_id_taken`, a day of a closed period 409
    `period_closed`."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    with _fields_of(body):
        found = await record_transaction(runtime.uow, runtime.clock, runtime.networks, org_id, body.said(), body.annotation())
    return answer((await reads_of([found.row]))[0], status=201 if found.new else 200, version=found.row.version)


@router.get("/transactions/history/", response=PageRead[TransactionRead], summary="Transactions from the latest to the first")
@requires(Permission.TRANSACTIONS_READ)
async def list_transaction_history(request: HttpRequest, query: Query[TransactionQuery]) -> HttpResponse:
    return await _page(request, query)


@router.get("/transactions/export/", summary="Take transactions along as a table")
@requires(Permission.TRANSACTIONS_READ)
async def export_transactions(request: HttpRequest, query: Query[TransactionExport]) -> StreamingHttpResponse:
    """A row for each movement, newest first, with the filters of the list. Cells are text or numbers, never formulas. That it was taken is
    recorded. 409 `too_many_rows` where a workbook could not hold them."""
    runtime = runtime_of(request.scope)
    told = query.model_dump(mode="json", exclude_none=True, exclude={"format", "limit", "cursor", "sort", "count"})
    most = ROWS_MAX if query.format == "xlsx" else None
    export = await take_along(runtime.uow, runtime.clock, org_of(request), _filter(query), form=query.format, told=told, rows_max=most)
    if query.format == "csv":
        response = StreamingHttpResponse(csv_file(COLUMNS, export.batches), content_type=CSV)
    else:
        response = StreamingHttpResponse(xlsx_file("Transactions", COLUMNS, export.batches), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="transactions.{query.format}"'
    return response


@router.post("/transactions/import/", response={200: ImportRead, 201: ImportRead}, summary="Import transactions from a table")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def import_transactions(request: HttpRequest, query: Query[ImportQuery], file: ImportFile) -> HttpResponse:
    """A CSV file in UTF-8 or a workbook (xlsx), at most 20 MB and 1,000 rows, with the columns timestamp, type (BUY, SELL, TRANSFER, INCOME,
    EXPENSE), asset, amount, price, fee, fee_asset, wallet, to_wallet, description, external_id, cash_account; wallets and accounts by name, address
    or code; price and fee in the functional currency, unless fee_asset is given; money out of cash at bank, unless cash_account is. All rows or
    none: what is wrong is told by row and column (422, `3.amount`). Bringing a row again changes nothing. With `dry_run=true` nothing is stored
    (200)."""
    only_file(request, "file")
    runtime, name = runtime_of(request.scope), file.name or ""
    table = await read_table(name, file.read())
    found = await take_in(runtime.uow, runtime.clock, runtime.networks, org_of(request), table, file_name=name, dry_run=query.dry_run)
    if found.errors and not query.dry_run:
        errors = [FieldError(f"{error.row}.{error.column}", error.message, "invalid_row") for error in found.errors[:500]]
        raise InvalidInput(*errors, detail="Some rows are not valid. Nothing was stored.")
    return answer(ImportRead.of(found), status=200 if query.dry_run else 201)


@router.get("/transactions/category/{category}/", response=PageRead[TransactionRead], summary="Transactions of one category")
@requires(Permission.TRANSACTIONS_READ)
async def list_transactions_of_category(request: HttpRequest, category: str, query: Query[TransactionQuery]) -> HttpResponse:
    """404 for a category that does not exist."""
    if category not in list(Category):
        raise NotFound
    return await _page(request, query, {"category": category})


@router.post("/transactions/classify/", response=ClassifyRead, summary="Judge again what nobody decided yet")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def classify_transactions(request: HttpRequest, body: TransactionClassify) -> HttpResponse:
    """By the rules, which may know a counterparty by now, else by the local model, if there is one. What was decided, by whomever, stays."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    has_model = runtime.llm is not None
    done = await classify_again(runtime.uow, runtime.clock, runtime.networks, runtime.queue, org_id, body.transaction_ids, has_model=has_model)
    return answer(ClassifyRead(items=[ClassifiedRead(**vars(one)) for one in done]))


@router.get("/transactions/{transaction_id}/", response=TransactionRead, summary="Get a transaction")
@requires(Permission.TRANSACTIONS_READ)
async def get_transaction(request: HttpRequest, transaction_id: str) -> HttpResponse:
    row = await store.get(org_of(request), transaction_id)
    if row is None:
        raise NotFound
    call = await explain_call(row)
    return answer((await reads_of([row], call))[0], version=row.version)


@router.put("/transactions/{transaction_id}/", response=TransactionRead, summary="Say what a transaction is, or correct one that was brought")
@requires(Permission.TRANSACTIONS_WRITE)
async def update_transaction(request: HttpRequest, transaction_id: str, body: TransactionUpdate) -> HttpResponse:
    """What is left out stays as it is; null clears. A category set here is a person's word: nothing overrides it. What a person brought can be
    corrected: its entry is reversed, and another is posted. A row that came from the chain can only be annotated: 409 `chain_fact`; one of a
    closed period not corrected: 409 `period_closed`."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    versions = expected_versions(request)
    with _fields_of(body):
        row = await change(runtime.uow, runtime.clock, runtime.networks, org_id, transaction_id, body.said(), body.annotation(), versions)
    return answer((await reads_of([row]))[0], version=row.version)


@router.delete("/transactions/{transaction_id}/", response={204: None}, summary="Take back a transaction that was brought")
@requires(Permission.TRANSACTIONS_WRITE)
async def delete_transaction(request: HttpRequest, transaction_id: str) -> HttpResponse:
    """Its entry is reversed, and it may be brought again. A row that came from the chain can be annotated, never deleted: 409 `chain_fact`."""
    runtime = runtime_of(request.scope)
    await remove_import(runtime.uow, runtime.clock, org_of(request), transaction_id, expected_versions(request))
    return no_content()


@contextmanager
def _fields_of(body: TransactionFacts) -> Iterator[None]:
    """Errors under the name by which a wallet was given."""
    try:
        yield
    except InvalidInput as error:
        names = {name: f"{name}_id" for name in ("wallet", "to_wallet") if getattr(body, f"{name}_id") is not None}
        raise InvalidInput(*(replace(row, field=names.get(row.field, row.field)) for row in error.errors), detail=error.detail) from error


async def _page(request: HttpRequest, query: TransactionQuery, where: dict[str, Any] | None = None) -> HttpResponse:
    conditions = [condition for condition in (where or {}, _filter(query)) if condition]
    page = await store.page(org_of(request), {"$and": conditions} if conditions else {}, page_request(query, SORTS, "-timestamp"))
    return answer(PageRead(items=await reads_of(page.items), next_cursor=page.next_cursor, total=page.total))


async def reads_of(rows: Sequence[Transaction], call: ExplainedCall | None = None) -> list[TransactionRead]:
    """`call` of the only row, where one was asked for."""
    provisional = await ledger.provisional_costs(rows[0].org_id, [entry_id for row in rows for entry_id in row.entry_ids]) if rows else frozenset()
    return [TransactionRead.of(row, provisional, call) for row in rows]


def _filter(query: TransactionQuery) -> dict[str, Any]:
    where: dict[str, Any] = day_bounds(query) | _of_status(query.status)
    asked = {"network": query.network, "wallet_ids": query.wallet_id, "category": query.category}
    where |= {field: value for field, value in asked.items() if value is not None} | _of_one_movement(query)
    if query.q is not None:
        where["$or"] = [{field: contains(query.q)} for field in SEARCHED]
    return where


def _of_one_movement(query: TransactionQuery) -> dict[str, Any]:
    """500 USDC that went out are not 500 DAI that came in beside USDC that went out. An asset alone has an index."""
    bounds = {"$gte": query.amount_min, "$lte": query.amount_max}
    amount = {operator: Decimal128(bound) for operator, bound in bounds.items() if bound is not None}
    asked = {"asset": query.asset, "direction": query.direction, "kind": query.kind, "amount": amount or None}
    of_one = {name: value for name, value in asked.items() if value is not None}
    if not of_one.keys() - {"asset"}:
        return {"assets": query.asset} if of_one else {}
    return {"movements": {"$elemMatch": of_one}}


def _of_status(status: Status | None) -> dict[str, Any]:
    """Status is derived, so the filter is too."""
    match status:
        case None:
            return {}
        case Status.ORPHANED:
            return {"finality": Finality.ORPHANED}
        case Status.FAILED:
            return {"succeeded": False, "finality": {"$ne": Finality.ORPHANED}}
        case Status.CONFIRMED:
            return {"succeeded": True, "finality": Finality.CONFIRMED}
        case Status.PENDING:
            return {"succeeded": True, "finality": Finality.PENDING}
