"""/api/dashboard/insights/ and /api/dashboard/analytics/: what an organisation may want to know of its own movements."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.read_portfolio import organization_of
from crypto_api.flows.word_insights import word_insights
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.insights import AnalyticsRead, InsightsQuery, InsightsRead, InsightSummaryQuery
from crypto_api.insights import service
from crypto_api.insights.types import Insights
from crypto_api.organizations.types import Permission
from crypto_api.prices.types import Pricing
from crypto_api.runtime import runtime_of

router = Router(tags=["insights"])


@router.get("/dashboard/insights/", response=InsightsRead, summary="Spending, counterparties, gas, runway, what is unusual, and hints for the tax")
@requires(Permission.LEDGER_READ)
async def get_insights(request: HttpRequest, query: Query[InsightSummaryQuery]) -> HttpResponse:
    """From the last transactions and the lots, at the rates that are kept. What has no price is counted and in no sum. The summary is made by rule;
    with `explain` the local model words it around the same figures."""
    found = await _found(request, query)
    return answer(InsightsRead.of(found, await word_insights(found, runtime_of(request.scope).llm if query.explain else None)))


@router.get("/dashboard/analytics/", response=AnalyticsRead, summary="Received, spent and gas by month")
@requires(Permission.LEDGER_READ)
async def get_analytics(request: HttpRequest, query: Query[InsightsQuery]) -> HttpResponse:
    """The last twelve months and this one, in the organisation's time zone, also those without anything."""
    return answer(AnalyticsRead.of(await _found(request, query)))


async def _found(request: HttpRequest, query: InsightsQuery) -> Insights:
    runtime = runtime_of(request.scope)
    organization = await organization_of(org_of(request))
    pricing = Pricing.of(runtime.networks.values(), runtime.prices.settings)
    return await service.insights(organization, runtime.clock.now(), pricing, query.days)
