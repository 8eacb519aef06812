"""/api/payslips/: what each employee earned in a period, who agreed, how it was paid, and whether it is genuine."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.employees import store as employees
from crypto_api.flows import run_payroll
from crypto_api.flows.pay_by_hand import pay_by_hand
from crypto_api.flows.pay_payroll import order_payroll
from crypto_api.flows.payslip_statement import Scribe, signed_by_whom, signed_statement, verified_statement
from crypto_api.flows.read_payslips import (
    conditions,
    mail_payslip,
    own_payslip,
    payouts_of,
    payslip_file,
    visible_payslip,
)
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_request
from crypto_api.http.payments import desk_of
from crypto_api.http.payroll import counter_of
from crypto_api.http.permissions import approved, open_to_all, requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.payslips import (
    PayslipCreate,
    PayslipPayment,
    PayslipQuery,
    PayslipRead,
    PayslipUpdate,
    StatementCheck,
    StatementChecked,
    StatementRead,
)
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import InvalidInput, NotFound
from crypto_api.organizations.types import Permission
from crypto_api.payroll import service, store
from crypto_api.payroll.documents import Payslip
from crypto_api.runtime import Runtime, runtime_of

router = Router(tags=["payroll"])

SORTS = {"created_at": "_id", "employee_name": "employee_name_folded", "status": "status", "updated_at": "updated_at"}


@router.get("/payslips/", response=PageRead[PayslipRead], summary="List payslips")
@requires(Permission.ORGANIZATION_READ)
async def list_payslips(request: HttpRequest, query: Query[PayslipQuery]) -> HttpResponse:
    """Those that you may see: with `payroll.read` the organisation's (a MANAGER's: of the own team), and your own, once they are approved."""
    where = {name: value for name in ("period_id", "employee_id", "status") if (value := getattr(query, name)) is not None}
    return await _page(request, query, where)


@router.post("/payslips/", response={201: PayslipRead}, summary="Draft a payslip")
@requires(Permission.PAYROLL_WRITE)
@idempotent
async def create_payslip(request: HttpRequest, body: PayslipCreate) -> HttpResponse:
    """For one employee; the payroll's `process` makes everybody's. 409 `no_pay_profile`, `payslip_exists`, `negative_net`."""
    runtime, by = runtime_of(request.scope), principal_of(request).user_id
    row = await run_payroll.write_payslip(runtime.uow, runtime.clock, org_of(request), body.period_id, body.employee_id, body.own(), by)
    return await _one(row, status=201)


@router.get("/payslips/employee/{employee_id}/", response=PageRead[PayslipRead], summary="Payslips of an employee")
@requires(Permission.ORGANIZATION_READ)
async def list_payslips_of_employee(request: HttpRequest, employee_id: str, query: Query[PayslipQuery]) -> HttpResponse:
    """As the list, of one employee."""
    if await employees.get(org_of(request), employee_id) is None:
        raise NotFound
    return await _page(request, query, {"employee_id": employee_id} | ({"status": query.status} if query.status else {}))


@router.get("/payslips/verify/{token}/", response=StatementRead, summary="Whether a payslip is genuine", auth=None)
@open_to_all
async def verify_payslip(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever holds the payslip: the token is in its code. What was signed, as it stands now, and by whom."""
    return answer(StatementRead.of(await verified_statement(scribe_of(runtime_of(request.scope)), token)))


@router.post("/payslips/verify/", response=StatementChecked, summary="Check a payslip's signed statement", auth=None)
@open_to_all
async def check_payslip_statement(request: HttpRequest, body: StatementCheck) -> HttpResponse:
    """Whose key signed it, and whether that is the key of the organisation whose payslip it names. Nothing else is told."""
    signer, genuine = await signed_by_whom(scribe_of(runtime_of(request.scope)), body.typed_data.model_dump(by_alias=True), body.signature)
    return answer(StatementChecked(genuine=genuine, signer=signer))


@router.get("/payslips/{payslip_id}/", response=PayslipRead, summary="Get a payslip")
@requires(Permission.ORGANIZATION_READ)
async def get_payslip(request: HttpRequest, payslip_id: str) -> HttpResponse:
    return await _one(await visible_payslip(principal_of(request), payslip_id))


@router.put("/payslips/{payslip_id}/", response=PayslipRead, summary="Change a draft payslip")
@requires(Permission.PAYROLL_WRITE)
async def update_payslip(request: HttpRequest, payslip_id: str, body: PayslipUpdate) -> HttpResponse:
    """Reckoned anew from the profile as it is now. 409 `not_a_draft` once it was approved."""
    runtime, by, versions = runtime_of(request.scope), principal_of(request).user_id, expected_versions(request)
    return await _one(await run_payroll.change_payslip(runtime.uow, runtime.clock, org_of(request), payslip_id, body.own(), versions, by))


@router.delete("/payslips/{payslip_id}/", response={204: None}, summary="Delete a draft payslip")
@requires(Permission.PAYROLL_WRITE)
async def delete_payslip(request: HttpRequest, payslip_id: str) -> HttpResponse:
    """409 `not_a_draft` once it was approved."""
    runtime, org_id, versions = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.delete_draft(session, org_id, payslip_id, versions, runtime.clock.now()))
    return no_content()


@router.post("/payslips/{payslip_id}/approve/", response=PayslipRead, summary="Approve a payslip")
@requires(Permission.PAYROLL_APPROVE)
@idempotent
async def approve_payslip(request: HttpRequest, payslip_id: str) -> HttpResponse:
    """By somebody other than who prepared it, and not by the employee (403 `own_payslip`). It is frozen and booked: salaries against what is owed."""
    return await _one(await run_payroll.approve_payslip(counter_of(request), principal_of(request), payslip_id, expected_versions(request)))


@router.get("/payslips/{payslip_id}/pdf/", summary="A payslip as a PDF")
@requires(Permission.PAYROLL_READ)
async def payslip_pdf(request: HttpRequest, payslip_id: str) -> HttpResponse:
    return await _file(request, await visible_payslip(principal_of(request), payslip_id))


@router.get("/payslips/{payslip_id}/download/", summary="Download my own payslip")
@requires(Permission.ORGANIZATION_READ)
async def download_payslip(request: HttpRequest, payslip_id: str) -> HttpResponse:
    """For the employee alone: anybody else who may see it gets 403 `not_your_payslip`."""
    return await _file(request, await own_payslip(principal_of(request), payslip_id))


@router.get("/payslips/{payslip_id}/statement/", response=StatementRead, summary="A payslip's signed statement")
@requires(Permission.ORGANIZATION_READ)
async def get_payslip_statement(request: HttpRequest, payslip_id: str) -> HttpResponse:
    """As EIP-712 typed data, to be handed to anybody who asks what you earn."""
    row = await visible_payslip(principal_of(request), payslip_id)
    return answer(StatementRead.of(await signed_statement(scribe_of(runtime_of(request.scope)), row)))


@router.post("/payslips/{payslip_id}/send/", response=PayslipRead, summary="Tell the employee of a payslip by mail")
@requires(Permission.PAYROLL_WRITE)
@idempotent
async def send_payslip(request: HttpRequest, payslip_id: str) -> HttpResponse:
    """A letter with the way to it. The amounts do not travel in the mail, unless the organisation has the payslip attached (`payslip_mail`): they are
    read and downloaded after a log-in."""
    runtime = runtime_of(request.scope)
    return await _one(await mail_payslip(runtime.uow, runtime.clock, org_of(request), payslip_id))


@router.post("/payslips/{payslip_id}/process-payment/", response=PayslipRead, summary="Pay a payslip")
@requires(Permission.PAYMENTS_PREPARE)
@approved(Purpose.KEYS)
@idempotent
async def process_payslip_payment(request: HttpRequest, payslip_id: str, body: PayslipPayment) -> HttpResponse:
    """Alone: its shares on the chain by a wallet, also again where a payment came to nothing; or its shares by bank and in cash, told as paid. 409
    `nothing_to_pay` says why not."""
    if (body.wallet_id is None) == (body.account_code is None):
        raise InvalidInput.of("wallet_id", "give either wallet_id or account_code", "required")
    org_id = org_of(request)
    if body.wallet_id is None:
        return await _one(await pay_by_hand(counter_of(request), payslip_id, body.told(), expected_versions(request)))
    row = await visible_payslip(principal_of(request), payslip_id)
    await order_payroll(desk_of(request), principal_of(request), org_id, row.period_id, body.wallet_id, [payslip_id])
    return await _one(await visible_payslip(principal_of(request), payslip_id))


# ---- parts -----------------------------------------------------------------------------------------------------------------------


def scribe_of(runtime: Runtime) -> Scribe:
    return Scribe(runtime.uow, runtime.clock, runtime.box, runtime.config.frontend_url.rstrip("/"))


async def _page(request: HttpRequest, query: PayslipQuery, where: dict[str, Any]) -> HttpResponse:
    seen = await conditions(principal_of(request))
    page = await store.page_of_payslips(org_of(request), {"$and": [where, seen]}, page_request(query, SORTS, "-created_at"))
    payouts = await payouts_of(page.items)
    items = [PayslipRead.of(row, payouts.get(row.id, [])) for row in page.items]
    return answer(PageRead(items=items, next_cursor=page.next_cursor, total=page.total))


async def _one(row: Payslip, *, status: int = 200) -> HttpResponse:
    payouts = await payouts_of([row])
    return answer(PayslipRead.of(row, payouts.get(row.id, [])), status=status, version=row.version)


async def _file(request: HttpRequest, row: Payslip) -> HttpResponse:
    file = await payslip_file(scribe_of(runtime_of(request.scope)), row)
    response = HttpResponse(file.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response["Cache-Control"] = "no-store"
    return response
