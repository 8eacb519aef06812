"""/api/payroll/: periods, from their payslips to the order to pay, and the tables by which tax is kept back."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.flows.advance_payroll import approve_run
from crypto_api.flows.issue_invoice import Counter
from crypto_api.flows.pay_payroll import order_payroll
from crypto_api.flows.price_at import Prices
from crypto_api.flows.run_payroll import approve_period, preview_period, process_period
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import PageQuery, page_read, page_request
from crypto_api.http.payments import desk_of
from crypto_api.http.permissions import approved, requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.payroll import (
    ApprovedPeriodRead,
    OrderedRead,
    PaymentsApprovedRead,
    PayrollOrder,
    PayrollPeriodCreate,
    PayrollPeriodQuery,
    PayrollPeriodRead,
    PayrollPeriodUpdate,
    PreviewRead,
    ProcessedRead,
    StepRead,
    StepsRead,
    TaxTableCreate,
    TaxTableRead,
)
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.payroll import service, store
from crypto_api.payroll.documents import PayrollPeriod
from crypto_api.runtime import runtime_of

router = Router(tags=["payroll"])

SORTS = {"created_at": "_id", "name": "title", "status": "status", "updated_at": "updated_at"}
TABLE_SORTS = {"created_at": "_id", "code": "code"}


@router.get("/payroll/periods/", response=PageRead[PayrollPeriodRead], summary="List payrolls")
@requires(Permission.PAYROLL_READ)
async def list_payroll_periods(request: HttpRequest, query: Query[PayrollPeriodQuery]) -> HttpResponse:
    where: dict[str, Any] = {name: value for name in ("status", "currency") if (value := getattr(query, name)) is not None}
    page = await store.page_of_periods(org_of(request), where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, PayrollPeriodRead.of))


@router.post("/payroll/periods/", response={201: PayrollPeriodRead}, summary="Open a payroll")
@requires(Permission.PAYROLL_WRITE)
@idempotent
async def create_payroll_period(request: HttpRequest, body: PayrollPeriodCreate) -> HttpResponse:
    """Two may overlap, as a bonus beside the month, but not with the same name, days and currency (409 `period_exists`)."""
    runtime, org_id, by = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    row = await runtime.uow.run(lambda session: service.add_period(session, org_id, body.new(), by, runtime.clock.now()))
    return _one(row, status=201)


@router.get("/payroll/periods/{period_id}/", response=PayrollPeriodRead, summary="Get a payroll")
@requires(Permission.PAYROLL_READ)
async def get_payroll_period(request: HttpRequest, period_id: str) -> HttpResponse:
    return _one(await _period(request, period_id))


@router.put("/payroll/periods/{period_id}/", response=PayrollPeriodRead, summary="Change a payroll's name or days")
@requires(Permission.PAYROLL_WRITE)
async def update_payroll_period(request: HttpRequest, period_id: str, body: PayrollPeriodUpdate) -> HttpResponse:
    """While nothing of it is approved (409 `not_a_draft`). Payslips that there are, follow when it is processed again."""
    runtime, org_id, versions, fields = runtime_of(request.scope), org_of(request), expected_versions(request), body.fields()
    row = await runtime.uow.run(lambda session: service.change_period(session, org_id, period_id, fields, versions, runtime.clock.now()))
    return _one(row)


@router.delete("/payroll/periods/{period_id}/", response={204: None}, summary="Delete a payroll with its drafts")
@requires(Permission.PAYROLL_WRITE)
async def delete_payroll_period(request: HttpRequest, period_id: str) -> HttpResponse:
    """While nothing of it is approved (409 `not_a_draft`)."""
    runtime, org_id, versions = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.delete_period(session, org_id, period_id, versions, runtime.clock.now()))
    return no_content()


@router.post("/payroll/periods/{period_id}/process/", response=ProcessedRead, summary="Prepare a payroll's payslips")
@requires(Permission.PAYROLL_WRITE)
@idempotent
async def process_payroll_period(request: HttpRequest, period_id: str) -> HttpResponse:
    """A draft for every active employee who is paid in its currency; drafts that there are, are reckoned anew by what the profiles say now, and keep
    what was written for this period. Whoever cannot have one is named with the reason."""
    runtime, by = runtime_of(request.scope), principal_of(request).user_id
    found = await process_period(runtime.uow, runtime.clock, org_of(request), period_id, expected_versions(request), by)
    return answer(ProcessedRead.of(found))


@router.get("/payroll/periods/{period_id}/preview/", response=PreviewRead, summary="A payroll beside the last one")
@requires(Permission.PAYROLL_READ)
async def preview_payroll_period(request: HttpRequest, period_id: str) -> HttpResponse:
    return answer(PreviewRead.of(await preview_period(org_of(request), period_id)))


@router.post("/payroll/periods/{period_id}/approve/", response=ApprovedPeriodRead, summary="Approve a payroll's payslips")
@requires(Permission.PAYROLL_APPROVE)
@idempotent
async def approve_payroll_period(request: HttpRequest, period_id: str) -> HttpResponse:
    """Each draft that this person may approve: not their own, and not what they prepared; a MANAGER those of the own team. They are booked."""
    found = await approve_period(counter_of(request), principal_of(request), period_id, expected_versions(request))
    return answer(ApprovedPeriodRead.of(found))


@router.post("/payroll/periods/{period_id}/pay/", response={202: OrderedRead}, summary="Order approved payslips to be paid")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def pay_payroll_period(request: HttpRequest, period_id: str, body: PayrollOrder) -> HttpResponse:
    """The rates are fixed now, and a plan says who is paid together and who alone, by what costs less gas. It is carried out by itself; its payments
    go the way of every payment and wait for approval by others, where the payment policy asks for it. What cannot be paid now is in `held`; 409
    `nothing_to_pay` when that is everything."""
    found = await order_payroll(desk_of(request), principal_of(request), org_of(request), period_id, body.wallet_id, body.payslip_ids)
    return answer(OrderedRead.of(found), status=202)


@router.get("/payroll/periods/{period_id}/steps/", response=StepsRead, summary="The transactions by which a payroll is paid")
@requires(Permission.PAYROLL_READ)
async def list_payroll_steps(request: HttpRequest, period_id: str) -> HttpResponse:
    await _period(request, period_id)
    rows = await store.steps_of_period(org_of(request), period_id)
    return answer(StepsRead(items=[StepRead.of(row) for row in rows]))


@router.post("/payroll/periods/{period_id}/approve-payments/", response=PaymentsApprovedRead, summary="Approve a payroll's payments")
@requires(Permission.PAYMENTS_APPROVE)
@idempotent
async def approve_payroll_payments(request: HttpRequest, period_id: str) -> HttpResponse:
    """Each that waits for approval, as POST /api/payments/{id}/approve/ does it one by one; what this person may not approve is named."""
    return answer(PaymentsApprovedRead.of(await approve_run(desk_of(request), principal_of(request), org_of(request), period_id)))


@router.get("/payroll/tax-tables/", response=PageRead[TaxTableRead], summary="List tax tables")
@requires(Permission.PAYROLL_READ)
async def list_tax_tables(request: HttpRequest, query: Query[PageQuery]) -> HttpResponse:
    """The organisation's own. Beside them every organisation may use `EXAMPLE`, which is of no country and shows what a table looks like."""
    page = await store.page_of_tables(org_of(request), page_request(query, TABLE_SORTS, "code"))
    return answer(page_read(page, TaxTableRead.of))


@router.post("/payroll/tax-tables/", response={201: TaxTableRead}, summary="Add a tax table, or its next version")
@requires(Permission.PAYROLL_WRITE)
@idempotent
async def create_tax_table(request: HttpRequest, body: TaxTableCreate) -> HttpResponse:
    """In force from that day on, until the next version of the same code is. Never altered."""
    runtime, org_id, by = runtime_of(request.scope), org_of(request), principal_of(request).user_id
    told = {"code": body.code, "title": body.name, "currency": body.currency, "effective_from": body.effective_from}
    brackets = [row.bracket() for row in body.brackets]
    row = await runtime.uow.run(
        lambda session: service.add_table(session, org_id, **told, brackets=brackets, by=by, now=runtime.clock.now())  # type: ignore[arg-type]
    )
    return answer(TaxTableRead.of(row), status=201)


# ---- parts -----------------------------------------------------------------------------------------------------------------------


async def _period(request: HttpRequest, period_id: str) -> PayrollPeriod:
    row = await store.period(org_of(request), period_id)
    if row is None:
        raise NotFound
    return row


def _one(row: PayrollPeriod, *, status: int = 200) -> HttpResponse:
    return answer(PayrollPeriodRead.of(row), status=status, version=row.version)


def counter_of(request: HttpRequest) -> Counter:
    runtime = runtime_of(request.scope)
    return Counter(runtime.uow, runtime.clock, org_of(request), principal_of(request).user_id, Prices(runtime.networks, runtime.prices))
