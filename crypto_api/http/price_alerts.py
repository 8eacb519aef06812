"""/api/price-alerts/: to be told when a price crosses something."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.price_alerts import PriceAlertCreate, PriceAlertQuery, PriceAlertRead, PriceAlertUpdate
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.price_alerts import service, store
from crypto_api.runtime import runtime_of

router = Router(tags=["prices"])


@router.get("/price-alerts/", response=PageRead[PriceAlertRead], summary="Price alerts")
@requires(Permission.PRICES_READ)
async def list_price_alerts(request: HttpRequest, query: Query[PriceAlertQuery]) -> HttpResponse:
    """The organisation's, latest first, with what each saw last."""
    where = {name: value for name, value in (("asset", query.asset), ("condition", query.condition)) if value is not None}
    page = await store.page(org_of(request), where, page_request(query, {"created_at": "_id"}, "-created_at"))
    return answer(page_read(page, PriceAlertRead.of))


@router.post("/price-alerts/", response={201: PriceAlertRead}, summary="Add a price alert")
@requires(Permission.PRICES_WRITE)
@idempotent
async def create_price_alert(request: HttpRequest, body: PriceAlertCreate) -> HttpResponse:
    """It tells by the event `price_alert.fired`, whose readers are those who may read prices, on their overview until somebody acknowledges it,
    and with `mail` by a letter to who made it. 409 `too_many_alerts` beyond 200."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    alert = await runtime.uow.run(lambda session: service.add(session, org_id, body.new(), user_id, runtime.clock.now()))
    return answer(PriceAlertRead.of(alert), status=201, version=alert.version)


@router.get("/price-alerts/{alert_id}/", response=PriceAlertRead, summary="Get a price alert")
@requires(Permission.PRICES_READ)
async def get_price_alert(request: HttpRequest, alert_id: str) -> HttpResponse:
    alert = await store.get(org_of(request), alert_id)
    if alert is None:
        raise NotFound
    return answer(PriceAlertRead.of(alert), version=alert.version)


@router.put("/price-alerts/{alert_id}/", response=PriceAlertRead, summary="Change, pause or resume a price alert")
@requires(Permission.PRICES_WRITE)
async def update_price_alert(request: HttpRequest, alert_id: str, body: PriceAlertUpdate) -> HttpResponse:
    """What is left out stays. With another condition or threshold, and after a pause, the next rate only says on which side it stands."""
    runtime, org_id, expected = runtime_of(request.scope), org_of(request), expected_versions(request)
    alert = await runtime.uow.run(lambda session: service.change(session, org_id, alert_id, body.fields(), runtime.clock.now(), expected))
    return answer(PriceAlertRead.of(alert), version=alert.version)


@router.post("/price-alerts/{alert_id}/acknowledge/", response=PriceAlertRead, summary="Take note that a price alert fired")
@requires(Permission.PRICES_WRITE)
@idempotent
async def acknowledge_price_alert(request: HttpRequest, alert_id: str) -> HttpResponse:
    """Until somebody does, it stands on the overview of everybody who reads prices. Once more changes nothing."""
    runtime, org_id, user_id = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    alert = await runtime.uow.run(lambda session: service.acknowledge(session, org_id, alert_id, user_id, runtime.clock.now()))
    return answer(PriceAlertRead.of(alert), version=alert.version)


@router.delete("/price-alerts/{alert_id}/", response={204: None}, summary="Delete a price alert")
@requires(Permission.PRICES_WRITE)
async def delete_price_alert(request: HttpRequest, alert_id: str) -> HttpResponse:
    runtime, org_id, expected = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.delete(session, org_id, alert_id, runtime.clock.now(), expected))
    return no_content()
