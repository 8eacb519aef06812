"""/api/portfolio/: what is held, what it is worth and how it did."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.read_portfolio import Span, divided, organization_of, period_of, stood
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.paging import page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.portfolio import (
    AllocationPartRead,
    AllocationQuery,
    AllocationRead,
    HoldingMovementRead,
    HoldingMovementsQuery,
    HoldingMovementsRead,
    PerformanceRead,
    PeriodQuery,
    PortfolioAtQuery,
    PortfolioHistoryRead,
    PortfolioPointRead,
    PortfolioPositionRead,
    PortfolioRead,
    PortfolioStandingRead,
)
from crypto_api.kit.errors import CoreError, InvalidInput
from crypto_api.organizations.types import Permission
from crypto_api.portfolio import service, store
from crypto_api.prices.types import Pricing
from crypto_api.runtime import runtime_of

router = Router(tags=["portfolio"])


class NoBooks(CoreError):
    status, code, title = 404, "no_books", "Nothing was booked"

    def __init__(self) -> None:
        super().__init__("Nothing was booked up to then: there is no performance to tell.")


@router.get("/portfolio/", response=PortfolioRead, summary="What is held, and how it did")
@requires(Permission.PRICES_READ)
async def get_portfolio(request: HttpRequest) -> HttpResponse:
    """From the books and the rates that are kept. What has no price is named in `unpriced` and in no total."""
    runtime, organization = runtime_of(request.scope), await organization_of(org_of(request))
    found = await stood(runtime.reads, organization, runtime.clock.now(), _pricing(request), Span.MONTH)
    currency, did = organization.functional_currency, found.performance
    read = PortfolioRead(
        **PortfolioStandingRead.of(currency, found.standing).model_dump(),
        positions=[PortfolioPositionRead.of(row) for row in found.standing.positions],
        performance=PerformanceRead.of(currency, did) if did is not None else None,
    )
    return answer(read)


@router.get("/portfolio/value/", response=PortfolioStandingRead, summary="The value at a moment")
@requires(Permission.PRICES_READ)
async def get_portfolio_value_at(request: HttpRequest, query: Query[PortfolioAtQuery]) -> HttpResponse:
    """Now, or at a moment of the past with the rates of that day."""
    organization, pricing, now = await organization_of(org_of(request)), _pricing(request), runtime_of(request.scope).clock.now()
    if query.at is not None and query.at > now:
        raise InvalidInput.of("at", "must not be in the future", "in_the_future")
    currency = organization.functional_currency
    if query.at is None:
        found = await service.standing_now(organization.id, currency, now, pricing)
    else:
        found = await service.standing_at(organization.id, currency, query.at, pricing)
    return answer(PortfolioStandingRead.of(currency, found))


@router.get("/portfolio/performance/", response=PerformanceRead, summary="How it did over a period")
@requires(Permission.PRICES_READ)
async def get_portfolio_performance(request: HttpRequest, query: Query[PeriodQuery]) -> HttpResponse:
    """Time-weighted and money-weighted. A return that cannot be told is none, with the reason. 404 `no_books` where the books begin later."""
    organization, now = await organization_of(org_of(request)), runtime_of(request.scope).clock.now()
    period = period_of(organization, now, query.span, query.date_from, query.date_to)
    zone, currency = ZoneInfo(organization.time_zone), organization.functional_currency
    found = await service.performance(organization.id, currency, period.since, period.until, zone, _pricing(request))
    if found is None:
        raise NoBooks
    return answer(PerformanceRead.of(currency, found))


@router.get("/portfolio/allocation/", response=AllocationRead, summary="What it is made of")
@requires(Permission.PRICES_READ)
async def get_portfolio_allocation(request: HttpRequest, query: Query[AllocationQuery]) -> HttpResponse:
    """By asset, by wallet or by network."""
    runtime, organization = runtime_of(request.scope), await organization_of(org_of(request))
    now, currency = runtime.clock.now(), organization.functional_currency
    parts = await divided(organization.id, currency, now, _pricing(request), runtime.networks, query.by)
    unpriced = len({asset for part in parts for asset in part.unpriced})
    return answer(AllocationRead(currency=currency, at=now, by=query.by, items=[AllocationPartRead.of(part) for part in parts], unpriced=unpriced))


@router.get("/portfolio/history/", response=PortfolioHistoryRead, summary="Value, cost and flows over time")
@requires(Permission.PRICES_READ)
async def get_portfolio_history(request: HttpRequest, query: Query[PeriodQuery]) -> HttpResponse:
    """At the end of each day in the organisation's time zone, and at both ends; of each week beyond three years."""
    organization, now = await organization_of(org_of(request)), runtime_of(request.scope).clock.now()
    period = period_of(organization, now, query.span, query.date_from, query.date_to)
    zone, currency = ZoneInfo(organization.time_zone), organization.functional_currency
    found = await service.history(organization.id, currency, period.since, period.until, zone, _pricing(request))
    items = [PortfolioPointRead.of(point) for point in found.points]
    unpriced = sum(bool(point.unpriced) for point in found.points)
    read = PortfolioHistoryRead(
        currency=currency, since=found.since, cut=found.cut, items=items, without_cost=list(found.without_cost), unpriced=unpriced
    )
    return answer(read)


@router.get("/portfolio/movements/", response=HoldingMovementsRead, summary="The movements that a position is made of")
@requires(Permission.LEDGER_READ)
async def list_portfolio_movements(request: HttpRequest, query: Query[HoldingMovementsQuery]) -> HttpResponse:
    """Latest first. Summed up, their quantities and costs are the position's."""
    page = await store.page_of_movements(org_of(request), query.asset, query.wallet_id, page_request(query, {"date": "date"}, "-date"))
    rows = [HoldingMovementRead.of(row) for entry in page.items for row in service.movements_of(entry, query.asset, query.wallet_id)]
    return answer(HoldingMovementsRead(items=rows, next_cursor=page.next_cursor, total=page.total))


def _pricing(request: HttpRequest) -> Pricing:
    runtime = runtime_of(request.scope)
    return Pricing.of(runtime.networks.values(), runtime.prices.settings)
