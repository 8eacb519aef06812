"""/api/exchange-rates/: what something is worth, and who says so."""

from datetime import datetime, timedelta
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, UploadedFile
from ninja.params import functions

from crypto_api.adapters.table_reader import read_table
from crypto_api.flows.enter_prices import NewPrice, enter_price, import_prices
from crypto_api.flows.price_at import Prices, portfolio_value, price_at
from crypto_api.flows.true_up import ask_for_true_up
from crypto_api.flows.unpriced import page_of_unpriced
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.body import only_file
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.exchange_rates import (
    ConvertRead,
    ConvertRequest,
    ManualRateQuery,
    ManualRateRead,
    PortfolioValueRead,
    PositionRead,
    RateCreate,
    RateHistoryQuery,
    RateHistoryRead,
    RatePointRead,
    RateQuery,
    RateRead,
    RatesImportRead,
    SourceRead,
    SourcesRead,
    UnpricedQuery,
    UnpricedRead,
)
from crypto_api.http.schemas.system import TaskRead
from crypto_api.http.schemas.transactions import ImportErrorRead, ImportQuery
from crypto_api.inbox.types import ItemKind
from crypto_api.kit.amounts import multiply, to_functional
from crypto_api.kit.clock import earlier, to_milliseconds
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.prices import service, store
from crypto_api.prices.errors import NoPrice
from crypto_api.prices.jobs import TrueUpPrices
from crypto_api.prices.types import Pricing, Quote
from crypto_api.reports.price_sources import sources_of
from crypto_api.runtime import runtime_of

router = Router(tags=["prices"])

RatesFile = Annotated[UploadedFile, functions.File(description="CSV in UTF-8, or a workbook (xlsx).", example="prices.csv")]


@router.get("/exchange-rates/", response=RateRead, summary="A rate, with its source and time")
@requires(Permission.PRICES_READ)
async def get_exchange_rate(request: HttpRequest, query: Query[RateQuery]) -> HttpResponse:
    """By hand before the feeds on chain; through the functional currency where there is none directly. 404 `no_price` rather than a guess."""
    quote = await _quote(request, query.base, query.quote, query.at)
    return answer(RateRead.of(query.base, query.quote, quote, query.at or runtime_of(request.scope).clock.now()))


@router.post("/exchange-rates/", response={201: ManualRateRead}, summary="Enter a price by hand")
@requires(Permission.PRICES_WRITE)
@idempotent
async def create_exchange_rate(request: HttpRequest, body: RateCreate) -> HttpResponse:
    """What is booked already keeps its price; what stands in the books without one is looked up again by itself."""
    runtime = runtime_of(request.scope)
    new = NewPrice(body.asset, body.quote, body.at, body.rate, body.reason)
    row = await enter_price(runtime.uow, runtime.clock, runtime.queue, org_of(request), new, principal_of(request).user_id)
    return answer(ManualRateRead.of(row), status=201)


@router.get("/exchange-rates/manual/", response=PageRead[ManualRateRead], summary="Prices entered by hand")
@requires(Permission.PRICES_READ)
async def list_manual_rates(request: HttpRequest, query: Query[ManualRateQuery]) -> HttpResponse:
    """Latest in force first. None is ever changed: another one takes over from its time on."""
    where = {name: value for name, value in (("asset", query.asset), ("quote", query.quote)) if value is not None}
    sorts = {"at": "at", "created_at": "_id"}
    return answer(page_read(await store.page_of_manual(org_of(request), where, page_request(query, sorts, "-at")), ManualRateRead.of))


@router.post("/exchange-rates/import/", response={200: RatesImportRead, 201: RatesImportRead}, summary="Import prices from a table")
@requires(Permission.PRICES_WRITE)
@idempotent
async def import_exchange_rates(request: HttpRequest, query: Query[ImportQuery], file: RatesFile) -> HttpResponse:
    """A CSV file in UTF-8 or a workbook (xlsx), 1,000 rows at most, with the columns asset, quote, at, rate, reason. All rows or none: what is wrong
    is told by row and column (422, `3.rate`). Bringing a row again changes nothing. With `dry_run=true` nothing is stored (200)."""
    only_file(request, "file")
    runtime = runtime_of(request.scope)
    table = await read_table(file.name or "", file.read())
    user_id = principal_of(request).user_id
    found = await import_prices(runtime.uow, runtime.clock, runtime.queue, org_of(request), table, user_id, dry_run=query.dry_run)
    if found.errors and not query.dry_run:
        errors = [FieldError(f"{error.row}.{error.column}", error.message, "invalid_row") for error in found.errors[:500]]
        raise InvalidInput(*errors, detail="Some rows are not valid. Nothing was stored.")
    told = [ImportErrorRead(row=error.row, column=error.column, message=error.message) for error in found.errors[:500]]
    read = RatesImportRead(rows=found.rows, new=found.new, unchanged=found.unchanged, errors=told)
    return answer(read, status=200 if query.dry_run else 201)


@router.get("/exchange-rates/history/", response=RateHistoryRead, summary="A rate over time")
@requires(Permission.PRICES_READ)
async def get_rate_history(request: HttpRequest, query: Query[RateHistoryQuery]) -> HttpResponse:
    """From what is kept; nobody is asked. A time without a rate that was fresh enough has none."""
    runtime = runtime_of(request.scope)
    until = query.at or runtime.clock.now()
    since = query.since or earlier(until, timedelta(days=30))
    if since >= until:
        raise InvalidInput.of("since", "must be before the last time", "wrong_order")
    times = [to_milliseconds(since + (until - since) * step / (query.points - 1)) for step in range(query.points)]
    pricing = Pricing.of(runtime.networks.values(), runtime.prices.settings)
    rates = [row.get(query.base) for row in await service.kept_series(org_of(request), [query.base], query.quote, times, pricing)]
    items = [
        RatePointRead(
            at=at,
            rate=told.rate if told else None,
            source=told.source if told else None,
            rate_at=told.at if told else None,
            origin=told.origin if told else None,
        )
        for at, told in zip(times, rates, strict=True)
    ]
    return answer(RateHistoryRead(base=query.base, quote=query.quote, items=items, missing=sum(told is None for told in rates)))


@router.get("/exchange-rates/sources/", response=SourcesRead, summary="Where prices come from")
@requires(Permission.PRICES_READ)
async def list_price_sources(request: HttpRequest) -> HttpResponse:
    """In the order in which they are asked. It is a setting of the installation."""
    return answer(SourcesRead(items=[SourceRead(**vars(row)) for row in sources_of(runtime_of(request.scope))]))


@router.get("/exchange-rates/unpriced/", response=PageRead[UnpricedRead], summary="What stands in the books without a price")
@requires(Permission.INBOX_READ)
async def list_unpriced(request: HttpRequest, query: Query[UnpricedQuery]) -> HttpResponse:
    """With what was tried. A row goes when it has its price, or does not stand in the books any more."""
    kind = ItemKind(query.kind) if query.kind is not None else None
    found = await page_of_unpriced(org_of(request), kind, page_request(query, {"opened_at": "_id"}, "-opened_at"))
    return answer(page_read(found, UnpricedRead.of))


@router.post("/exchange-rates/unpriced/retry/", response={202: TaskRead}, summary="Look up all missing prices again")
@requires(Permission.PRICES_WRITE)
@idempotent
async def retry_unpriced(request: HttpRequest) -> HttpResponse:
    """What has a price now is valued anew by a correcting posting. Answers with the task that does it."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    task = await ask_for_true_up(runtime.uow, runtime.clock, org_id)
    await runtime.queue.put(TrueUpPrices(org_id=org_id, task_id=task.id))
    return answer(TaskRead.of(task), status=202)


@router.post("/exchange-rates/convert/", response=ConvertRead, summary="Convert an amount")
@requires(Permission.PRICES_READ)
async def convert_amount(request: HttpRequest, body: ConvertRequest) -> HttpResponse:
    quote = await _quote(request, body.base, body.quote, body.at)
    result = to_functional(multiply(body.amount, quote.rate))
    read = RateRead.of(body.base, body.quote, quote, body.at or runtime_of(request.scope).clock.now())
    return answer(ConvertRead(**read.model_dump(), amount=body.amount, result=result))


@router.get("/exchange-rates/portfolio-value/", response=PortfolioValueRead, summary="What the organisation holds is worth")
@requires(Permission.PRICES_READ)
async def get_portfolio_value(request: HttpRequest) -> HttpResponse:
    """The quantities of the books at the prices of the last block processed."""
    found = await portfolio_value(org_of(request), _prices(request), runtime_of(request.scope).clock.now())
    positions = [
        PositionRead(
            asset=row.asset,
            quantity=row.quantity,
            cost=row.cost,
            rate=row.quote.rate if row.quote else None,
            source=row.quote.source if row.quote else None,
            rate_at=row.quote.at if row.quote else None,
            value=row.value,
        )
        for row in found.positions
    ]
    unpriced = sum(row.value is None for row in found.positions)
    return answer(PortfolioValueRead(currency=found.currency, at=found.at, total=found.total, unpriced=unpriced, positions=positions))


async def _quote(request: HttpRequest, base: str, quote: str, at: datetime | None) -> Quote:
    found = await price_at(org_of(request), base, quote, at, _prices(request), runtime_of(request.scope).clock.now())
    if found.quote is None:
        raise NoPrice(base, quote, found.tried)
    return found.quote


def _prices(request: HttpRequest) -> Prices:
    runtime = runtime_of(request.scope)
    return Prices(runtime.networks, runtime.prices)
