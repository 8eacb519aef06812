"""/api/recurring-payments/: what is paid again and again, and what falls due."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.keep_recurring import add_recurring, calendar, change_recurring
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.payments import desk_of
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.recurring import (
    CalendarQuery,
    CalendarRead,
    OccurrenceRead,
    RecurringCreate,
    RecurringDetailRead,
    RecurringQuery,
    RecurringRead,
    RecurringUpdate,
)
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.recurring import service, store
from crypto_api.runtime import runtime_of

router = Router(tags=["payments"])

SORTS = {"created_at": "_id", "name": "name", "status": "status"}


@router.get("/recurring-payments/", response=PageRead[RecurringRead], summary="List recurring payments")
@requires(Permission.PAYMENTS_READ)
async def list_recurring_payments(request: HttpRequest, query: Query[RecurringQuery]) -> HttpResponse:
    where: dict[str, Any] = {"status": query.status} if query.status is not None else {}
    page = await store.page(org_of(request), where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, RecurringRead.of))


@router.post("/recurring-payments/", response={201: RecurringRead}, summary="Write a recurring payment")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def create_recurring_payment(request: HttpRequest, body: RecurringCreate) -> HttpResponse:
    """On its days each becomes a payment of its own, confirmed by this step-up, and goes the way of every payment: the payment policy, approvals by
    others and the address book count then. What fell due while nothing ran is prepared afterwards, each once."""
    row = await add_recurring(desk_of(request), principal_of(request), org_of(request), body.new())
    return answer(RecurringRead.of(row), status=201, version=row.version)


@router.get("/recurring-payments/calendar/", response=CalendarRead, summary="What falls due, and the funds that it needs")
@requires(Permission.PAYMENTS_READ)
async def recurring_calendar(request: HttpRequest, query: Query[CalendarQuery]) -> HttpResponse:
    return answer(CalendarRead.of(await calendar(desk_of(request), org_of(request), query.until)))


@router.get("/recurring-payments/{recurring_id}/", response=RecurringDetailRead, summary="Get a recurring payment")
@requires(Permission.PAYMENTS_READ)
async def get_recurring_payment(request: HttpRequest, recurring_id: str) -> HttpResponse:
    row = await store.get(org_of(request), recurring_id)
    if row is None:
        raise NotFound
    occurrences = [OccurrenceRead.of(one) for one in await store.occurrences(row.org_id, row.id)]
    return answer(RecurringDetailRead(recurring_payment=RecurringRead.of(row), occurrences=occurrences), version=row.version)


@router.put("/recurring-payments/{recurring_id}/", response=RecurringRead, summary="Change or pause a recurring payment")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
async def update_recurring_payment(request: HttpRequest, recurring_id: str, body: RecurringUpdate) -> HttpResponse:
    """It counts for what falls due from then on. 409 `has_ended`."""
    versions = expected_versions(request)
    row = await change_recurring(desk_of(request), principal_of(request), org_of(request), recurring_id, body.fields(), versions)
    return answer(RecurringRead.of(row), version=row.version)


@router.delete("/recurring-payments/{recurring_id}/", response={204: None}, summary="End a recurring payment")
@requires(Permission.PAYMENTS_PREPARE)
async def end_recurring_payment(request: HttpRequest, recurring_id: str) -> HttpResponse:
    """Nothing more of it falls due; what was prepared goes its way."""
    runtime, org_id, versions = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.end(session, org_id, recurring_id, versions, runtime.clock.now()))
    return no_content()
