"""The verbs of payroll. Each is part of the caller's unit of work; what they mean for books and payments is put together in flows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.audit.documents import AuditRecord
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.kit.amounts import text
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id, new_token, next_id
from crypto_api.organizations.rules import fold
from crypto_api.payroll import rules, store
from crypto_api.payroll.documents import PayProfile, PayrollPeriod, Payslip, TaxTable
from crypto_api.payroll.errors import NegativeNet, NoPayProfile, NotADraft, WrongPayslipState
from crypto_api.payroll.events import (
    PayProfileChanged,
    PayrollPeriodAdded,
    PayrollPeriodChanged,
    PayrollPeriodDeleted,
    PayslipApproved,
    PayslipPrepared,
    TaxTableAdded,
)
from crypto_api.payroll.types import (
    Adjustments,
    Bracket,
    Earning,
    EarningKind,
    NewPeriod,
    PayrollStatus,
    PayslipStatus,
    Share,
    ShareRule,
)
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Versions = Collection[int] | None
_PROFILE = ("currency", "basic", "allowances", "deductions", "overtime_rate", "tax_table", "shares", "payee_id", "wallet_address", "bank_details")
_PERIOD = ("title", "start_date", "end_date", "pay_date", "currency", "status")
_PAYSLIP = ("employee_name", "status", "pay_date", "currency", "gross", "tax", "net", "earnings", "deductions", "note")


# ---- what somebody earns ---------------------------------------------------------------------------------------------------------


async def write_profile(
    session: Session, org_id: str, employee_id: str, fields: Mapping[str, Any], versions: Versions, by: str, now: datetime
) -> PayProfile:
    """The first one needs currency, basic pay and shares; later what is left out stays. InvalidInput, PreconditionFailed."""
    before = await store.profile(org_id, employee_id, session)
    if versions is not None and (before.version if before else 0) not in versions:
        raise PreconditionFailed
    wanted = dict(fields) | {"updated_by": by, "updated_at": now}
    if (wrong := rules.check_shares(wanted.get("shares", before.shares if before else ()))) is not None:
        raise InvalidInput.of("shares", wrong, "invalid_shares")
    if before is None:
        if missing := [name for name in ("currency", "basic") if name not in wanted]:
            raise InvalidInput.of(missing[0], "is needed the first time", "required")
        after: PayProfile | None = PayProfile(id=employee_id, org_id=org_id, created_at=now, **wanted)
        assert after is not None
        if not await store.insert_profile(session, after):
            raise PreconditionFailed
    else:
        after = await store.change(session, before, before.model_copy(update=wanted))
    if after is None:
        raise PreconditionFailed
    await _record_profile(session, before, after, "Changed what an employee earns", now)
    return after


async def note_wallet(session: Session, before: PayProfile, payee_id: str, address: str, now: datetime) -> PayProfile:
    """The employee has proved that the address is theirs; the address book says when it may be paid."""
    changes = {"payee_id": payee_id, "wallet_address": address, "wallet_proved_at": now, "updated_at": now}
    after: PayProfile | None = await store.change(session, before, before.model_copy(update=changes))
    if after is None:
        raise PreconditionFailed
    await _record_profile(session, before, after, "An employee proved where they are paid", now)
    return after


async def profile_of(org_id: str, employee_id: str, session: Session | None = None) -> PayProfile:
    """NoPayProfile."""
    row = await store.profile(org_id, employee_id, session)
    if row is None:
        raise NoPayProfile
    return row


async def _record_profile(session: Session, before: PayProfile | None, after: PayProfile, summary: str, now: datetime) -> None:
    await events.append(session, after.org_id, PayProfileChanged(employee_id=after.id), now)
    was, became = _told(before, _PROFILE), _told(after, _PROFILE)
    await audit.record(session, after.org_id, "pay_profile.changed", summary, now, subject=("pay_profile", after.id), before=was, after=became)


async def add_table(
    session: Session, org_id: str, *, code: str, title: str, currency: str, effective_from: date, brackets: Sequence[Bracket], by: str, now: datetime
) -> TaxTable:
    """InvalidInput for brackets that are none, and for a day from which that table is known already."""
    if (wrong := rules.check_brackets(brackets)) is not None:
        raise InvalidInput.of("brackets", wrong, "invalid_brackets")
    if code == rules.EXAMPLE_CODE:
        raise InvalidInput.of("code", "is that of the example: take another", "reserved")
    row = TaxTable(
        id=new_id("ttb"),
        created_at=now,
        org_id=org_id,
        code=code,
        title=title,
        currency=currency,
        effective_from=effective_from,
        brackets=list(brackets),
        created_by=by,
    )
    if not await store.insert_table(session, row):
        raise InvalidInput.of("effective_from", "is a day from which this table is known already", "table_exists")
    await events.append(session, org_id, TaxTableAdded(code=code), now)
    summary = f"Added the tax table {code}, in force from {effective_from}"
    became = _told(row, ("code", "title", "currency", "effective_from", "brackets"))
    await audit.record(session, org_id, "tax_table.added", summary, now, subject=("tax_table", row.id), after=became)
    return row


@dataclass(frozen=True)
class TableInForce:
    """Without brackets: no tax is kept back."""

    code: str | None
    title: str = ""
    brackets: tuple[Bracket, ...] = ()


async def table_in_force(org_id: str, code: str | None, currency: str, day: date, session: Session | None = None) -> TableInForce:
    """InvalidInput where there is none of that code on that day, or it is in another currency."""
    if code is None:
        return TableInForce(None)
    if code == rules.EXAMPLE_CODE:
        return TableInForce(code, rules.EXAMPLE_NAME, rules.EXAMPLE_TABLE)
    row = await store.table_at(org_id, code, day, session)
    if row is None or row.currency != currency:
        raise InvalidInput.of("tax_table", f"{code} is not in force in {currency} on {day}", "unknown_table")
    return TableInForce(code, row.title, tuple(row.brackets))


# ---- periods ---------------------------------------------------------------------------------------------------------------------


def _check_days(new: NewPeriod) -> None:
    if new.end_date < new.start_date:
        raise InvalidInput.of("end_date", "is before the first day", "end_before_start")


async def add_period(session: Session, org_id: str, new: NewPeriod, by: str, now: datetime) -> PayrollPeriod:
    """InvalidInput, PeriodExists."""
    _check_days(new)
    row = PayrollPeriod(id=new_id("ppd"), created_at=now, updated_at=now, org_id=org_id, created_by=by, **_days(new))
    await store.insert_period(session, row)
    await _record_period(session, None, row, f"Opened the payroll {row.title}", now, PayrollPeriodAdded)
    return row


async def change_period(session: Session, org_id: str, period_id: str, fields: Mapping[str, Any], versions: Versions, now: datetime) -> PayrollPeriod:
    """Its name and days, while nothing in it was approved. NotFound, PreconditionFailed, NotADraft, InvalidInput, PeriodExists."""
    before = await standing_period(session, org_id, period_id, versions)
    _require_open(before)
    after = before.model_copy(update={**fields, "updated_at": now})
    _check_days(NewPeriod(after.title, after.start_date, after.end_date, after.pay_date, after.currency))
    if after.currency != before.currency and await store.statuses_of_period(session, org_id, period_id):
        raise InvalidInput.of("currency", "cannot change once there are payslips", "has_payslips")
    stored: PayrollPeriod | None = await store.change(session, before, after)
    if stored is None:
        raise PreconditionFailed
    await _record_period(session, before, stored, f"Changed the payroll {stored.title}", now, PayrollPeriodChanged)
    return stored


async def delete_period(session: Session, org_id: str, period_id: str, versions: Versions, now: datetime) -> None:
    """With its drafts, while nothing in it was approved. NotFound, PreconditionFailed, NotADraft."""
    before = await standing_period(session, org_id, period_id, versions)
    _require_open(before)
    if any(status is not PayslipStatus.DRAFT for status in await store.statuses_of_period(session, org_id, period_id)):
        raise NotADraft("Something in this payroll")
    if not await store.delete_period(session, before):
        raise PreconditionFailed
    await _record_period(session, before, before, f"Deleted the payroll {before.title}", now, PayrollPeriodDeleted, gone=True)


async def standing_period(session: Session, org_id: str, period_id: str, versions: Versions = None) -> PayrollPeriod:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    row = await store.period(org_id, period_id, session)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


async def settle_period(session: Session, org_id: str, period_id: str, now: datetime) -> PayrollPeriod:
    """Its status as it follows from its payslips. Written in every unit of work that changes one of them, so that two at once conflict."""
    before = await standing_period(session, org_id, period_id)
    status = rules.status_of_period(await store.statuses_of_period(session, org_id, period_id))
    after: PayrollPeriod | None = await store.change(session, before, before.model_copy(update={"status": status, "updated_at": now}))
    if after is None:
        raise PreconditionFailed
    if after.status is not before.status:
        await events.append(session, org_id, PayrollPeriodChanged(period_id=period_id, status=status), now)
    return after


async def touch_period(session: Session, org_id: str, period_id: str, now: datetime) -> PayrollPeriod:
    """In place of `settle_period` where the status is known to stay: for one of many units of work, which need not read all payslips each."""
    before = await standing_period(session, org_id, period_id)
    after: PayrollPeriod | None = await store.change(session, before, before.model_copy(update={"updated_at": now}))
    if after is None:
        raise PreconditionFailed
    return after


def _require_open(row: PayrollPeriod) -> None:
    if row.status not in (PayrollStatus.DRAFT, PayrollStatus.PREPARED):
        raise NotADraft("This payroll")


def _days(new: NewPeriod) -> dict[str, Any]:
    return {"title": new.name, "start_date": new.start_date, "end_date": new.end_date, "pay_date": new.pay_date, "currency": new.currency}


# ---- payslips --------------------------------------------------------------------------------------------------------------------


def compose(period: PayrollPeriod, profile: PayProfile, table: TableInForce, name: str, own: Adjustments, by: str, now: datetime) -> Payslip:
    """A draft for the employee of `profile`. NegativeNet."""
    earnings = [Earning(kind=EarningKind.BASIC, name="Basic pay", amount=rules.rounded(profile.basic, period.currency))]
    earnings += profile.allowances
    extra = rules.overtime(own.overtime_hours, profile.overtime_rate, period.currency)
    earnings += [*([extra] if extra else []), *own.earnings]
    deductions = [*profile.deductions, *own.deductions]
    try:
        reckoned = rules.reckon(earnings, deductions, table.brackets, period.currency)
    except ValueError as error:
        raise NegativeNet from error
    return Payslip(
        id=next_id("psl"),
        created_at=now,
        updated_at=now,
        org_id=period.org_id,
        period_id=period.id,
        employee_id=profile.id,
        employee_name=name,
        employee_name_folded=fold(name),
        start_date=period.start_date,
        end_date=period.end_date,
        pay_date=period.pay_date,
        currency=period.currency,
        earnings=[row for row in earnings if row.amount],
        deductions=rules.with_tax([row for row in deductions if row.amount], reckoned, table.title or "Tax"),
        own_earnings=list(own.earnings),
        own_deductions=list(own.deductions),
        overtime_hours=own.overtime_hours,
        note=own.note,
        tax_table=table.code,
        tax_table_title=table.title,
        gross=reckoned.gross,
        taxable=reckoned.taxable,
        tax=reckoned.tax,
        net=reckoned.net,
        shares=shares_of(profile.shares, reckoned.net, period.currency),
        prepared_by=by,
    )


def shares_of(wanted: Sequence[ShareRule], net: Decimal, currency: str) -> list[Share]:
    """They sum to the net pay exactly. A share of nothing is none."""
    if net == 0:
        return []
    amounts = rules.split_amount(net, [row.percent for row in wanted], rules.decimals_of(currency))
    rows = zip(wanted, amounts, strict=True)
    return [Share(method=row.method, percent=row.percent, asset=row.asset, amount=amount) for row, amount in rows if amount]


def own_of(row: Payslip) -> Adjustments:
    return Adjustments(tuple(row.own_earnings), tuple(row.own_deductions), row.overtime_hours, row.note)


async def put_drafts(session: Session, period: PayrollPeriod, new: Sequence[Payslip], now: datetime) -> None:
    """PayslipExists."""
    await store.insert_payslips(session, new)
    told = [(row.org_id, PayslipPrepared(payslip_id=row.id, period_id=row.period_id, status=row.status)) for row in new]
    await events.append_all(session, told, now)
    summary = f"Prepared {len(new)} payslips of {period.title}" if len(new) != 1 else f"Prepared the payslip of {new[0].employee_name}"
    became = {"payslips": [f"{row.employee_name}: {text(row.net)} {row.currency}" for row in new]}
    await audit.record(session, period.org_id, "payslips.prepared", summary, now, subject=("payroll_period", period.id), after=became)


async def redraft(session: Session, before: Payslip, fresh: Payslip, now: datetime) -> Payslip:
    """`before`, a draft that was read in this unit of work, as `fresh` has it. NotADraft."""
    check_draft(before)
    kept = {name: getattr(before, name) for name in ("id", "created_at", "version")}
    after: Payslip | None = await store.change(session, before, fresh.model_copy(update=kept))
    if after is None:
        raise PreconditionFailed
    await record_payslip(session, before, after, "payslip.changed", f"Changed the payslip of {after.employee_name}", now, PayslipPrepared)
    return after


@dataclass(frozen=True)
class Approved:
    """What is fixed with the approval."""

    employer: str
    by: str
    functional_currency: str
    rate: Decimal
    rate_source: str
    booked_net: Decimal
    entry_id: str | None


async def approve_all(session: Session, rows: Sequence[tuple[Payslip, Approved]], now: datetime) -> list[Payslip]:
    """They were read in this unit of work. NotADraft; PreconditionFailed when one is another by now."""
    approved = []
    for before, fixed in rows:
        check_draft(before)
        approved.append((before, before.model_copy(update=_approved(before, fixed, now) | {"version": before.version + 1})))
    names = (*_APPROVED, "updated_at")
    if not await store.move_payslips(
        session, [(before, as_stored({name: getattr(after, name) for name in names}, before)) for before, after in approved]
    ):
        raise PreconditionFailed
    told = [(row.org_id, PayslipApproved(payslip_id=row.id, period_id=row.period_id, status=row.status)) for _, row in approved]
    await events.append_all(session, told, now)
    records = [_recorded(before, after, "payslip.approved", f"Approved the payslip of {after.employee_name}", now) for before, after in approved]
    await audit.record_all(session, records)
    return [after for _, after in approved]


async def approve(session: Session, before: Payslip, fixed: Approved, now: datetime) -> Payslip:
    """One of them."""
    return (await approve_all(session, [(before, fixed)], now))[0]


_APPROVED = (
    *("status", "employer", "approved_by", "approved_at", "functional_currency", "rate", "rate_source", "booked_net"),
    *("entry_id", "verify_token", "shares"),
)


def _approved(before: Payslip, fixed: Approved, now: datetime) -> dict[str, Any]:
    weights = [share.amount for share in before.shares]
    settles = rules.split_amount(fixed.booked_net, weights, 8) if weights else []
    shares = [share.model_copy(update={"settles": part}) for share, part in zip(before.shares, settles, strict=True)]
    return {
        "status": rules.status_of(len(shares), 0, ()),
        "employer": fixed.employer,
        "approved_by": fixed.by,
        "approved_at": now,
        "functional_currency": fixed.functional_currency,
        "rate": fixed.rate,
        "rate_source": fixed.rate_source,
        "booked_net": fixed.booked_net,
        "entry_id": fixed.entry_id,
        "verify_token": new_token(),
        "shares": shares,
        "updated_at": now,
    }


async def delete_draft(session: Session, org_id: str, payslip_id: str, versions: Versions, now: datetime) -> None:
    """NotFound, PreconditionFailed, NotADraft."""
    before = await standing(session, org_id, payslip_id, versions)
    check_draft(before)
    if not await store.delete_payslip(session, before):
        raise PreconditionFailed
    after = await settle_period(session, org_id, before.period_id, now)
    await events.append(session, org_id, PayrollPeriodChanged(period_id=after.id, status=after.status), now)
    summary, was = f"Deleted the draft of {before.employee_name}", _told(before, _PAYSLIP)
    await audit.record(session, org_id, "payslip.deleted", summary, now, subject=("payslip", before.id), before=was)


def check_draft(row: Payslip) -> None:
    if row.status is not PayslipStatus.DRAFT:
        raise NotADraft("This payslip")


async def change(session: Session, before: Payslip, changes: Mapping[str, Any], action: str, summary: str, now: datetime, kind: Any) -> Payslip:
    """What happens to an approved one. PreconditionFailed when it is another by now."""
    if before.status is PayslipStatus.DRAFT:
        raise WrongPayslipState("It is a draft: it is approved first.")
    after: Payslip | None = await store.change(session, before, before.model_copy(update={**changes, "updated_at": now}))
    if after is None:
        raise PreconditionFailed
    await record_payslip(session, before, after, action, summary, now, kind)
    return after


async def standing(session: Session, org_id: str, payslip_id: str, versions: Versions = None) -> Payslip:
    """NotFound, or PreconditionFailed when it stands at none of `versions`."""
    row = await store.payslip(org_id, payslip_id, session)
    if row is None:
        raise NotFound
    if versions is not None and row.version not in versions:
        raise PreconditionFailed
    return row


# ---- parts -----------------------------------------------------------------------------------------------------------------------


def _told(row: PayProfile | PayrollPeriod | Payslip | TaxTable | None, names: Sequence[str]) -> dict[str, Any] | None:
    return None if row is None else {name: getattr(row, name) for name in names}


async def record_payslip(
    session: Session, before: Payslip | None, after: Payslip, action: str, summary: str, now: datetime, kind: Callable[..., DomainEvent]
) -> None:
    await events.append(session, after.org_id, kind(payslip_id=after.id, period_id=after.period_id, status=after.status), now)
    await audit.record_all(session, [_recorded(before, after, action, summary, now)])


def _recorded(before: Payslip | None, after: Payslip, action: str, summary: str, now: datetime) -> AuditRecord:
    was, became = _told(before, _PAYSLIP), _told(after, _PAYSLIP)
    return audit.entry(after.org_id, action, summary, now, subject=("payslip", after.id), before=was, after=became)


async def _record_period(
    session: Session,
    before: PayrollPeriod | None,
    after: PayrollPeriod,
    summary: str,
    now: datetime,
    kind: Callable[..., DomainEvent],
    *,
    gone: bool = False,
) -> None:
    event = kind(period_id=after.id, status=after.status)
    await events.append(session, after.org_id, event, now)
    was, became = _told(before, _PERIOD), None if gone else _told(after, _PERIOD)
    await audit.record(session, after.org_id, event.kind, summary, now, subject=("payroll_period", after.id), before=was, after=became)


def as_stored(changes: Mapping[str, Any], row: Payslip) -> dict[str, Any]:
    """Changes of a payslip as they stand in the database."""
    stored = encoded(row.model_copy(update=dict(changes)))
    return {name: stored[name] for name in changes}
