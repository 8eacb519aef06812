"""/api/exchange-rates/: what something is worth, and who says so."""

from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.price_at import Prices, portfolio_value, price_at
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.exchange_rates import (
    ConvertRead,
    ConvertRequest,
    ManualRateRead,
    PortfolioValueRead,
    PositionRead,
    RateCreate,
    RateQuery,
    RateRead,
)
from crypto_api.kit.amounts import multiply, to_functional
from crypto_api.kit.errors import InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.prices import service
from crypto_api.prices.errors import NoPrice
from crypto_api.prices.types import Quote
from crypto_api.runtime import runtime_of

router = Router(tags=["prices"])

_AHEAD_MAX = timedelta(minutes=5)


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
    """What is booked already keeps its price; it names its source."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    now = runtime.clock.now()
    if body.at > now + _AHEAD_MAX:
        raise InvalidInput.of("at", "must not be in the future", "in_the_future")
    row = await runtime.uow.run(
        lambda session: service.set_manual(
            session, org_id, asset=body.asset, quote=body.quote, at=body.at, rate=body.rate, reason=body.reason, user_id=user_id, now=now
        )
    )
    read = ManualRateRead(
        id=row.id, asset=row.asset, quote=row.quote, at=row.at, rate=row.rate, reason=row.reason, set_by=row.set_by, created_at=row.created_at
    )
    return answer(read, status=201)


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
