"""Whose payslips somebody sees: the organisation's with the permission to (a MANAGER those of the own team), and their own, once approved."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crypto_api.employees import store as employees
from crypto_api.flows.employee_scope import scope_of
from crypto_api.flows.payslip_statement import Scribe, signed_statement
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.types import Letter
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.languages import noted, said
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payroll import pdf, service, store
from crypto_api.payroll.documents import Payout, Payslip
from crypto_api.payroll.errors import NotYourPayslip, WrongPayslipState
from crypto_api.payroll.events import PayslipMailed
from crypto_api.payroll.types import PayslipStatus
from mongodb_config.unit_of_work import Session, UnitOfWork

_PERIOD = noted("{start} to {end}")


@dataclass(frozen=True)
class PayslipFile:
    name: str
    content: bytes


@dataclass(frozen=True)
class YearSummary:
    """Of one employee, in one currency: what was approved with a day of payment in that year."""

    year: int
    currency: str
    payslips: int
    gross: Decimal
    tax: Decimal
    deductions: Decimal
    net: Decimal
    paid: Decimal  # of the net pay


async def conditions(principal: Principal) -> dict[str, Any]:
    """For `store.page_of_payslips`: what this person may see."""
    assert principal.org_id is not None
    own = await employees.of_user(principal.org_id, principal.user_id)
    mine: dict[str, Any] = {"employee_id": own.id if own is not None else "", "status": {"$ne": PayslipStatus.DRAFT}}
    if not principal.may(Permission.PAYROLL_READ):
        return mine
    scope = await scope_of(principal)
    return {} if scope.team is None else {"$or": [{"employee_id": {"$in": sorted(scope.team)}}, mine]}


async def visible_payslip(principal: Principal, payslip_id: str) -> Payslip:
    """NotFound also for one that this person may not see: whether there is one is nobody else's business."""
    assert principal.org_id is not None
    row = await store.payslip(principal.org_id, payslip_id)
    if row is None or not await _sees(principal, row):
        raise NotFound
    return row


async def own_payslip(principal: Principal, payslip_id: str) -> Payslip:
    """Of the employee who asks, and of nobody else: NotYourPayslip for whoever may see it and is not them."""
    row = await visible_payslip(principal, payslip_id)
    own = await employees.of_user(row.org_id, principal.user_id)
    if own is None or own.id != row.employee_id:
        raise NotYourPayslip
    if row.status is PayslipStatus.DRAFT:
        raise WrongPayslipState("It is a draft: nobody stands for it yet.")
    return row


async def _sees(principal: Principal, row: Payslip) -> bool:
    own = await employees.of_user(row.org_id, principal.user_id)
    if own is not None and own.id == row.employee_id and row.status is not PayslipStatus.DRAFT:
        return True
    return principal.may(Permission.PAYROLL_READ) and (
        (own is not None and own.id == row.employee_id) or (await scope_of(principal)).sees(row.employee_id)
    )


async def payouts_of(rows: Collection[Payslip]) -> dict[str, list[Payout]]:
    """By payslip; all of one organisation."""
    org_id = next((row.org_id for row in rows), "")
    return await store.payouts_of_payslips(org_id, [row.id for row in rows]) if rows else {}


async def year_summaries(org_id: str, employee_id: str) -> list[YearSummary]:
    """Latest first; a year with several currencies has one for each."""
    found: dict[tuple[int, str], list[Payslip]] = {}
    for row in await store.payslips_of_employee(org_id, employee_id):
        found.setdefault((row.pay_date.year, row.currency), []).append(row)
    return [_summary(year, currency, rows) for (year, currency), rows in sorted(found.items(), reverse=True)]


def _summary(year: int, currency: str, rows: list[Payslip]) -> YearSummary:
    def total(name: str, of: list[Payslip] = rows) -> Decimal:
        return sum((getattr(row, name) for row in of), Decimal(0))

    gross, tax, net = total("gross"), total("tax"), total("net")
    paid = total("net", [row for row in rows if row.status is PayslipStatus.PAID])
    return YearSummary(year, currency, len(rows), gross, tax, gross - tax - net, net, paid)


# ---- the file, and the letter that leads to it -----------------------------------------------------------------------------------


async def payslip_file(scribe: Scribe, row: Payslip) -> PayslipFile:
    """WrongPayslipState for a draft."""
    statement = await signed_statement(scribe, row)
    sheet = pdf.Sheet(row, statement.payouts, statement.link, statement.signer, statement.signature)
    return PayslipFile(f"payslip-{row.end_date}-{row.id}.pdf", pdf.write_pdf(sheet))


async def mail_payslip(uow: UnitOfWork, clock: Clock, org_id: str, payslip_id: str) -> Payslip:
    """A letter with the way to it, to the employee's own account, and with the file where the organisation wants that (`payslip_mail`, as it is when
    the letter leaves). NotFound, WrongPayslipState (a draft, or an employee without a verified account)."""
    row, organization = await store.payslip(org_id, payslip_id), await organizations.get(org_id)
    if row is None:
        raise NotFound
    assert organization is not None
    employee = await employees.get(org_id, row.employee_id)
    user = await identities.user(employee.user_id) if employee is not None and employee.user_id is not None else None
    if user is None or user.email_verified_at is None:
        raise WrongPayslipState("The employee has no account with a verified e-mail address here: give them the file.")

    async def work(session: Session) -> Payslip:
        now = clock.now()
        before = await service.standing(session, org_id, payslip_id)
        summary = f"Told {before.employee_name} by mail of the payslip"
        after = await service.change(session, before, {"mailed_at": now}, "payslip.mailed", summary, now, PayslipMailed)
        period = said(_PERIOD, user.language).format(start=after.start_date, end=after.end_date)
        told = {"payslip": after.id, "period": period, "organization": organization.name, "org_id": org_id}
        await identity.owe_mail(session, Letter.PAYSLIP, user.email, user.id, now, data=told)
        return after

    return await uow.run(work)
