"""/api/dashboard/: what the overview page tells, for a program."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows import read_overview
from crypto_api.flows.read_portfolio import organization_of
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import content_tag, not_modified
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.insights import RunwayRead
from crypto_api.http.schemas.overview import (
    OverviewCountsRead,
    OverviewHistoryRead,
    OverviewNeedsRead,
    OverviewPayrollRead,
    OverviewPositionRead,
    OverviewQuery,
    OverviewRead,
    OverviewReceivablesRead,
    OverviewValueRead,
)
from crypto_api.http.transactions import reads_of
from crypto_api.organizations.types import Permission
from crypto_api.prices.types import Pricing
from crypto_api.runtime import runtime_of

router = Router(tags=["dashboard"])


@router.get("/dashboard/", response={200: OverviewRead, 304: None}, summary="The overview: value, allocation, runway, what is owed, due and waits")
@requires(Permission.DASHBOARD_READ)
async def get_overview(request: HttpRequest, query: Query[OverviewQuery]) -> HttpResponse:
    """A part that the role may not see is null. The ETag stays while nothing but the time has changed; with it in `If-None-Match` the answer is 304
    until something has."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    organization, now = await organization_of(org_of(request)), runtime.clock.now()
    pricing = Pricing.of(runtime.networks.values(), runtime.prices.settings)
    found = await read_overview.read_overview(runtime.reads, organization, principal, now, pricing, query.runway_days)
    history = await read_overview.value_over(runtime.reads, runtime.uow, organization, query.range, now, pricing)
    waits = found.attention
    read = OverviewRead(
        currency=organization.functional_currency,
        at=now,
        value=OverviewValueRead.of(found.held),
        history=OverviewHistoryRead.of(query.range, history),
        allocation=[OverviewPositionRead.of(row) for row in found.held.positions],
        counts=OverviewCountsRead.of(found.counts),
        runway=RunwayRead.of(found.runway) if found.runway is not None else None,
        receivables=OverviewReceivablesRead.of(waits.owed) if waits.owed is not None else None,
        payroll_due=[OverviewPayrollRead.of(row) for row in waits.pay] if waits.pay is not None else None,
        needs=OverviewNeedsRead(approvals=waits.approvals, inbox=waits.inbox),
        latest_transactions=await reads_of(found.latest) if found.latest is not None else None,
    )
    tag = content_tag(read.model_dump_json(exclude={"at": True, "history": {"since": True, "points": {"__all__": {"at"}}}}))
    response = HttpResponse(status=304) if not_modified(request, tag) else answer(read)
    response["ETag"] = tag
    return response
