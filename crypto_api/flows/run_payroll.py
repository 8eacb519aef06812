"""A payroll from the first draft to the last approval.

    period → a draft for everybody who is paid in its currency → looked at beside the last one → approved by another person, and booked

What is owed is booked with the approval: salaries against what is owed to the employee and what was kept back. What pays it settles that.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial

from crypto_api.employees import store as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.employee_scope import governed_employee, scope_of
from crypto_api.flows.issue_invoice import Counter, rate_of, seller_of
from crypto_api.kit.amounts import multiply, to_functional
from crypto_api.kit.clock import Clock, day_of
from crypto_api.kit.errors import CoreError, FieldError, InvalidInput, NotFound
from crypto_api.ledger import service as ledger
from crypto_api.ledger.types import AccountCode, EntryDraft, Line, Source, SourceKind
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from crypto_api.payroll import service, store
from crypto_api.payroll.documents import PayProfile, PayrollPeriod, Payslip
from crypto_api.payroll.errors import NoPayProfile, OwnPayslip
from crypto_api.payroll.types import Adjustments, PayrollStatus, PayslipLine, PayslipStatus
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session, UnitOfWork

WITHIN_S = 15.0  # of one request
TOGETHER = 200  # payslips of one unit of work


@dataclass(frozen=True)
class LeftOut:
    """Somebody who is paid in this currency and got no payslip, and why."""

    employee_id: str
    name: str
    reason: str


@dataclass(frozen=True)
class Processed:
    period: PayrollPeriod
    prepared: int
    changed: int
    left_out: tuple[LeftOut, ...]
    left: int = 0  # people who were not reached within the time: asked again, it goes on with them


# ---- drafts ----------------------------------------------------------------------------------------------------------------------


async def process_period(uow: UnitOfWork, clock: Clock, org_id: str, period_id: str, versions: service.Versions, by: str) -> Processed:
    """Everybody who works here and is paid in its currency has a draft; drafts that there are, are reckoned anew. What was approved stays. Asked
    again it changes nothing that has not changed. A few hundred people in each unit of work, those without a draft first, for about `WITHIN_S`: a
    payroll of thousands may need to be asked for again. NotFound, PreconditionFailed."""
    end = time.monotonic() + WITHIN_S
    period = await uow.run(lambda session: service.standing_period(session, org_id, period_id, versions))
    there, tables = await store.people_of_period(org_id, period_id), _Tables(period)
    people = sorted(await _paid_in(org_id, period), key=lambda row: row[0].id in there)
    parts, found = list(in_parts(people, TOGETHER)), Processed(period, 0, 0, ())
    for number, part in enumerate(parts):
        if number and time.monotonic() > end:
            return replace(found, left=sum(map(len, parts[number:])))
        first = number == 0
        drawn = await uow.run(partial(_process_part, org_id, period_id, part, tables, by, clock, first, versions if first else None))
        found = Processed(drawn.period, found.prepared + drawn.prepared, found.changed + drawn.changed, (*found.left_out, *drawn.left_out))
    return found


async def _process_part(
    org_id: str,
    period_id: str,
    part: Sequence[tuple[Employee, PayProfile]],
    tables: "_Tables",
    by: str,
    clock: Clock,
    first: bool,
    versions: service.Versions,
    session: Session,
) -> Processed:
    now = clock.now()
    period = await service.standing_period(session, org_id, period_id, versions)
    there = await store.payslips_of_people(session, org_id, period_id, [employee.id for employee, _ in part])
    fresh, changed, left_out = [], 0, []
    for employee, profile in part:
        before = there.get(employee.id)
        if before is not None and before.status is not PayslipStatus.DRAFT:
            continue
        own = service.own_of(before) if before is not None else Adjustments()
        made = await _composed(period, employee, profile, tables, own, by, session, clock)
        if isinstance(made, LeftOut):
            left_out.append(made)
        elif before is None:
            fresh.append(made)
        elif not _same(before, made):
            await service.redraft(session, before, made, now)
            changed += 1
    if fresh:
        await service.put_drafts(session, period, fresh, now)
    if fresh or changed:  # once there is a draft, the status stays while more are made
        settle = service.settle_period if first or period.status is not PayrollStatus.PREPARED else service.touch_period
        period = await settle(session, org_id, period_id, now)
    return Processed(period, len(fresh), changed, tuple(left_out))


class _Tables:
    """Tax tables of one payroll, each read once."""

    def __init__(self, period: PayrollPeriod) -> None:
        self._period = period
        self._known: dict[str | None, service.TableInForce] = {}

    async def of(self, code: str | None, session: Session) -> service.TableInForce:
        """InvalidInput."""
        if code not in self._known:
            row = self._period
            self._known[code] = await service.table_in_force(row.org_id, code, row.currency, row.pay_date, session)
        return self._known[code]


async def write_payslip(uow: UnitOfWork, clock: Clock, org_id: str, period_id: str, employee_id: str, own: Adjustments, by: str) -> Payslip:
    """One more draft. NotFound, PayslipExists, NoPayProfile, NegativeNet, InvalidInput."""

    async def work(session: Session) -> Payslip:
        now = clock.now()
        period = await service.standing_period(session, org_id, period_id)
        made = await _drawn_up(session, period, employee_id, own, by, clock)
        await service.put_drafts(session, period, [made], now)
        await service.settle_period(session, org_id, period_id, now)
        return made

    return await uow.run(work)


async def change_payslip(
    uow: UnitOfWork, clock: Clock, org_id: str, payslip_id: str, own: Adjustments, versions: service.Versions, by: str
) -> Payslip:
    """What of this period is other than in the profile. NotFound, PreconditionFailed, NotADraft, NoPayProfile, NegativeNet, InvalidInput."""

    async def work(session: Session) -> Payslip:
        before = await service.standing(session, org_id, payslip_id, versions)
        service.check_draft(before)
        period = await service.standing_period(session, org_id, before.period_id)
        made = await _drawn_up(session, period, before.employee_id, own, by, clock)
        return await service.redraft(session, before, made, clock.now())

    return await uow.run(work)


async def _drawn_up(session: Session, period: PayrollPeriod, employee_id: str, own: Adjustments, by: str, clock: Clock) -> Payslip:
    employee = await employees.get(period.org_id, employee_id, session)
    if employee is None or not employee.present:
        raise InvalidInput.of("employee_id", "is no present employee of this organisation", "unknown_employee")
    profile = await service.profile_of(period.org_id, employee_id, session)
    if profile.currency != period.currency:
        raise InvalidInput.of("employee_id", f"is paid in {profile.currency}, and this payroll is in {period.currency}", "other_currency")
    table = await service.table_in_force(period.org_id, profile.tax_table, period.currency, period.pay_date, session)
    return service.compose(period, profile, table, name_of(employee), own, by, clock.now())


async def _paid_in(org_id: str, period: PayrollPeriod) -> list[tuple[Employee, PayProfile]]:
    """By name. Who begins after the period is not paid in it."""
    profiles = await store.profiles_in(org_id, period.currency)
    rows = await employees.by_ids(org_id, list(profiles))
    paid = [row for row in rows if row.status is EmployeeStatus.ACTIVE and (row.starts_on is None or row.starts_on <= period.end_date)]
    return [(row, profiles[row.id]) for row in sorted(paid, key=lambda row: (row.name_folded, row.id))]


async def _composed(
    period: PayrollPeriod, employee: Employee, profile: PayProfile, tables: _Tables, own: Adjustments, by: str, session: Session, clock: Clock
) -> Payslip | LeftOut:
    try:
        table = await tables.of(profile.tax_table, session)
        return service.compose(period, profile, table, name_of(employee), own, by, clock.now())
    except InvalidInput as error:
        return LeftOut(employee.id, name_of(employee), f"The tax table {error.errors[0].message}.")
    except CoreError as error:
        return LeftOut(employee.id, name_of(employee), error.detail)


def _same(before: Payslip, made: Payslip) -> bool:
    """Whether it comes to the same: who prepared it, and when, aside."""
    apart = {"id", "created_at", "updated_at", "version", "prepared_by"}
    return bool(before.model_dump(exclude=apart) == made.model_dump(exclude=apart))


def name_of(employee: Employee) -> str:
    return f"{employee.first_name} {employee.last_name}".strip() or employee.email


# ---- looked at beside the last one -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """A payslip beside the employee's last one; None: there was none, or there is none now."""

    employee_id: str
    name: str
    payslip: PayslipLine | None
    last: PayslipLine | None

    @property
    def net_difference(self) -> Decimal:
        return (self.payslip.net if self.payslip else Decimal(0)) - (self.last.net if self.last else Decimal(0))

    @property
    def gross_difference(self) -> Decimal:
        return (self.payslip.gross if self.payslip else Decimal(0)) - (self.last.gross if self.last else Decimal(0))


@dataclass(frozen=True)
class Preview:
    period: PayrollPeriod
    last: PayrollPeriod | None
    rows: tuple[Compared, ...]
    without_profile: tuple[LeftOut, ...]  # people who work here and of whom nobody said what they earn

    def total(self, name: str) -> Decimal:
        return sum((getattr(row.payslip, name) for row in self.rows if row.payslip is not None), Decimal(0))


async def preview_period(org_id: str, period_id: str) -> Preview:
    """NotFound."""
    period = await store.period(org_id, period_id)
    if period is None:
        raise NotFound
    last = await store.before(org_id, period)
    now_by = {row.employee_id: row for row in await store.lines_of_period(org_id, period_id)}
    last_by = {row.employee_id: row for row in await store.lines_of_period(org_id, last.id)} if last is not None else {}
    ids = list(dict.fromkeys((*now_by, *last_by)))
    rows = [Compared(one, (now_by.get(one) or last_by[one]).employee_name, now_by.get(one), last_by.get(one)) for one in ids]
    return Preview(period, last, tuple(rows), tuple(await _without_profile(org_id)))


async def _without_profile(org_id: str) -> list[LeftOut]:
    managers = await employees.managers(org_id)
    rows = await employees.by_ids(org_id, list(managers))
    known = await store.profiles(org_id, list(managers))
    why = "Nobody has said yet what they earn."
    return [LeftOut(row.id, name_of(row), why) for row in rows if row.status is EmployeeStatus.ACTIVE and row.id not in known]


# ---- approval --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ApprovedPeriod:
    period: PayrollPeriod
    approved: int
    refused: tuple[FieldError, ...]  # by payslip
    left: int = 0  # drafts that were not reached within the time: asked again, it goes on with them


async def approve_payslip(counter: Counter, principal: Principal, payslip_id: str, versions: service.Versions = None) -> Payslip:
    """NotFound, PreconditionFailed, NotADraft, OwnPayslip (own, or prepared by the same person), NotYourTeam, NoRate."""
    seen = await store.payslip(counter.org_id, payslip_id)
    if seen is None:
        raise NotFound
    fixed = await _fixed(counter, seen.currency)

    async def work(session: Session) -> Payslip:
        before = await service.standing(session, counter.org_id, payslip_id, versions)
        await (await _Approver.of(session, principal)).check(session, before)
        (after,) = await _approve(session, counter, [before], fixed)
        await service.settle_period(session, counter.org_id, before.period_id, counter.clock.now())
        return after

    return await counter.uow.run(work)


async def approve_period(counter: Counter, principal: Principal, period_id: str, versions: service.Versions = None) -> ApprovedPeriod:
    """Every draft that this person may approve, a few hundred in each unit of work; of the others, why not. For about `WITHIN_S`: of thousands the
    rest may need to be asked for again. NotFound, PreconditionFailed, NoRate."""
    end = time.monotonic() + WITHIN_S
    seen = await store.period(counter.org_id, period_id)
    if seen is None:
        raise NotFound
    fixed = await _fixed(counter, seen.currency)
    parts = list(in_parts(await store.drafts_of_period(counter.org_id, period_id), TOGETHER)) or [[]]
    found = ApprovedPeriod(seen, 0, ())
    for number, part in enumerate(parts):
        if number and time.monotonic() > end:
            return replace(found, left=sum(map(len, parts[number:])))
        last, asked = number == len(parts) - 1, versions if number == 0 else None
        done = await counter.uow.run(partial(_approve_part, counter, principal, period_id, part, fixed, last, asked))
        found = ApprovedPeriod(done.period, found.approved + done.approved, (*found.refused, *done.refused))
    return found


async def _approve_part(
    counter: Counter,
    principal: Principal,
    period_id: str,
    payslip_ids: Sequence[str],
    fixed: "_Fixed",
    last: bool,
    versions: service.Versions,
    session: Session,
) -> ApprovedPeriod:
    await service.standing_period(session, counter.org_id, period_id, versions)
    rows, approver = await store.payslips(counter.org_id, payslip_ids, session), await _Approver.of(session, principal)
    mine, refused = [], []
    for row in (rows[payslip_id] for payslip_id in payslip_ids if payslip_id in rows):
        if row.status is not PayslipStatus.DRAFT:
            continue
        try:
            await approver.check(session, row)
        except CoreError as error:
            refused.append(FieldError(row.id, error.detail, error.code))
        else:
            mine.append(row)
    await _approve(session, counter, mine, fixed)
    settle = service.settle_period if last else service.touch_period  # while drafts are left, the status stays
    after = await settle(session, counter.org_id, period_id, counter.clock.now())
    return ApprovedPeriod(after, len(mine), tuple(refused))


@dataclass(frozen=True)
class _Fixed:
    """What is read before the unit of work."""

    employer: str
    functional: str
    rate: Decimal
    rate_source: str
    today: date


async def _fixed(counter: Counter, currency: str) -> _Fixed:
    organization = await organizations.get(counter.org_id)
    assert organization is not None
    rate = await rate_of(counter, currency, organization.functional_currency, None)
    employer = (await seller_of(organization)).name
    today = day_of(counter.clock.now(), organization.time_zone)
    return _Fixed(employer, organization.functional_currency, rate.value, rate.source, today)


@dataclass(frozen=True)
class _Approver:
    """Nobody approves their own payslip, or what they prepared; a MANAGER those of their own team alone."""

    principal: Principal
    own_id: str | None
    whole: bool  # of everybody, not of a team

    @classmethod
    async def of(cls, session: Session, principal: Principal) -> "_Approver":
        assert principal.org_id is not None, "permissions come with an organisation"
        own = await employees.of_user(principal.org_id, principal.user_id, session)
        return cls(principal, own.id if own is not None else None, (await scope_of(principal, session)).team is None)

    async def check(self, session: Session, row: Payslip) -> None:
        """OwnPayslip, NotYourTeam."""
        if row.prepared_by == self.principal.user_id or row.employee_id == self.own_id:
            raise OwnPayslip
        if not self.whole:
            await governed_employee(session, self.principal, row.employee_id)


async def _approve(session: Session, counter: Counter, rows: Sequence[Payslip], fixed: _Fixed) -> list[Payslip]:
    """Each part of an entry is a part of the gross pay at one rate; the net pay is what is left, so that it balances."""
    now, drafts, nets = counter.clock.now(), {}, {}
    for row in rows:
        gross = to_functional(multiply(row.gross, fixed.rate))
        kept = to_functional(multiply(row.gross - row.net, fixed.rate))
        nets[row.id] = gross - kept
        if gross > 0:
            drafts[row.id] = EntryDraft(
                date=min(row.end_date, fixed.today),
                description=f"Payslip of {row.employee_name}, {row.start_date} to {row.end_date}",
                source=Source(kind=SourceKind.PAYSLIP, id=row.id, purpose="approval"),
                lines=_lines(gross, gross - kept, kept),
                reference=row.id,
            )
    posted = await ledger.post_all(session, counter.org_id, list(drafts.values()), now, by=counter.user_id) if drafts else []
    entries = {payslip_id: entry.id for payslip_id, entry in zip(drafts, posted, strict=True)}
    told = (fixed.employer, counter.user_id, fixed.functional, fixed.rate, fixed.rate_source)
    return (
        await service.approve_all(session, [(row, service.Approved(*told, nets[row.id], entries.get(row.id))) for row in rows], now) if rows else []
    )


def _lines(gross: Decimal, net: Decimal, kept: Decimal) -> list[Line]:
    lines = [
        Line(account_code=AccountCode.SALARIES, debit=gross),
        Line(account_code=AccountCode.PAYROLL_PAYABLE, credit=net),
        Line(account_code=AccountCode.PAYROLL_TAXES, credit=kept),
    ]
    return [line for line in lines if line.debit or line.credit]


async def profile_for(org_id: str, employee_id: str) -> PayProfile:
    """Of an employee whom whoever asks may see. NoPayProfile."""
    row = await store.profile(org_id, employee_id)
    if row is None:
        raise NoPayProfile
    return row


def names_of(rows: Sequence[Payslip]) -> dict[str, str]:
    return {row.id: row.employee_name for row in rows}
