"""The verbs of employees. Each is part of the caller's unit of work, since most concern memberships and sessions as well."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.employees import rules, store
from crypto_api.employees.documents import Employee
from crypto_api.employees.errors import AlreadyDecided, EmployeeRemoved, TransitionNotAllowed
from crypto_api.employees.events import (
    EmployeeAdded,
    EmployeeChanged,
    EmployeeJoined,
    EmployeeReinstated,
    EmployeeSuspended,
    EmployeeVerified,
)
from crypto_api.employees.events import EmployeeRemoved as EmployeeWasRemoved
from crypto_api.employees.types import Asked, EmployeeDecision, EmployeeStatus, NewEmployee
from crypto_api.events import service as events
from crypto_api.events.types import DomainEvent
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ids import new_id
from mongodb_config.unit_of_work import Session

SUBJECT = "employee"
_TOLD = (
    "email",
    "first_name",
    "last_name",
    "job_title",
    "department",
    "manager_id",
    "start_date",
    "status",
    "user_id",
    "verified_by",
    "verification_note",
)


def prepare(org_id: str, new: NewEmployee, status: EmployeeStatus, now: datetime, *, asked: Asked | None = None) -> Employee:
    """The employee as it is to be stored."""
    return Employee(
        id=asked.employee_id if asked else new_id("emp"),
        created_at=now,
        updated_at=now,
        org_id=org_id,
        email=new.email,
        first_name=new.first_name,
        last_name=new.last_name,
        name_folded=rules.folded_name(new.first_name, new.last_name),
        first_folded=new.first_name.strip().casefold(),
        job_title=new.job_title,
        department=new.department,
        manager_id=new.manager_id,
        start_date=new.start_date,
        status=status,
        invitation_id=asked.invitation_id if asked else None,
        account_id=asked.account_id if asked else None,
        username=asked.username if asked else "",
    )


def known(employee: Employee, user: User) -> Employee:
    """As a member of the organisation, who needs not be asked: what it did not say of them comes from their account."""
    told = {"status": EmployeeStatus.PENDING, "invitation_id": None, "username": "", **_from_account(employee, user)}
    row: Employee = employee.model_copy(update=told)
    return row


def _from_account(employee: Employee, user: User) -> dict[str, Any]:
    first_name, last_name = employee.first_name or user.first_name, employee.last_name or user.last_name
    return {
        "user_id": user.id,
        "email": user.email,
        "first_name": first_name,
        "last_name": last_name,
        "name_folded": rules.folded_name(first_name, last_name),
        "first_folded": first_name.strip().casefold(),
    }


async def add(session: Session, employee: Employee, now: datetime) -> Employee:
    """EmployeeExists for an address that somebody present has, InvalidInput for a manager who cannot be it."""
    if employee.manager_id is not None:
        await _check_manager(session, employee.org_id, employee.id, employee.manager_id)
    await store.insert(session, employee)
    await _record(session, employee, "employee.added", f"Added {_named(employee)}", now, None, EmployeeAdded)
    return employee


async def change(
    session: Session, org_id: str, employee_id: str, fields: Mapping[str, Any], versions: Collection[int] | None, now: datetime
) -> Employee:
    """Sets `fields`. NotFound, EmployeeRemoved, PreconditionFailed when it stands at none of `versions`, InvalidInput for a manager who cannot
    be it."""
    before = await present(session, org_id, employee_id, versions)
    changes = {name: value for name, value in fields.items() if getattr(before, name) != value}
    if not changes:
        return before
    if changes.get("manager_id") is not None:
        await _check_manager(session, org_id, employee_id, changes["manager_id"])
    first_name = changes.get("first_name", before.first_name)
    folded = {
        "name_folded": rules.folded_name(first_name, changes.get("last_name", before.last_name)),
        "first_folded": first_name.strip().casefold(),
    }
    after = await _put(session, before, {**changes, **folded, "updated_at": now})
    await _record(session, after, "employee.changed", f"Changed {_named(after)}", now, before, EmployeeChanged)
    return after


async def joined(session: Session, org_id: str, employee_id: str, user_id: str, now: datetime) -> Employee | None:
    """The person who was invited has agreed: they are this employee from now on, and wait for verification. What the organisation did not say
    of them comes from their account. None when nobody waits for that any more: the employee was removed meanwhile."""
    before = await store.get(org_id, employee_id, session)
    user = await identities.user(user_id)
    if before is None or user is None or before.status is not EmployeeStatus.INVITED:
        return None
    after = await _put(session, before, {"status": EmployeeStatus.PENDING, "updated_at": now, **_from_account(before, user)})
    await _record(session, after, "employee.joined", f"{_named(after)} joined and waits for verification", now, before, EmployeeJoined)
    return after


async def verify(session: Session, org_id: str, employee_id: str, decision: EmployeeDecision, by_user_id: str, note: str, now: datetime) -> Employee:
    """NotFound; AlreadyDecided for whoever does not wait for it: of two who decide at once, one comes too late."""
    before = await store.get(org_id, employee_id, session)
    if before is None:
        raise NotFound
    if before.status is not EmployeeStatus.PENDING:
        raise AlreadyDecided(before.status)
    after = await _put(session, before, _verdict(rules.OUTCOME[decision], by_user_id, note, now))
    done = "Approved" if decision is EmployeeDecision.APPROVE else "Rejected"
    await _record(session, after, f"employee.{done.lower()}", f"{done} {_named(after)}", now, before, EmployeeVerified)
    return after


async def set_status(
    session: Session, org_id: str, employee_id: str, wanted: EmployeeStatus, by_user_id: str, versions: Collection[int] | None, now: datetime
) -> tuple[Employee, Employee]:
    """The employee before and after. NotFound, EmployeeRemoved, PreconditionFailed as in `change`; TransitionNotAllowed. The same status again
    changes nothing."""
    before = await present(session, org_id, employee_id, versions)
    if before.status is wanted:
        return before, before
    if not rules.may_become(before.status, wanted):
        raise TransitionNotAllowed(before.status, wanted)
    decides = before.status is EmployeeStatus.PENDING
    after = await _put(session, before, _verdict(wanted, by_user_id, "", now) if decides else {"status": wanted, "updated_at": now})
    kind = EmployeeVerified if decides else EmployeeSuspended if wanted is EmployeeStatus.SUSPENDED else EmployeeReinstated
    action = kind.kind if not decides else "employee.approved" if wanted is EmployeeStatus.ACTIVE else "employee.rejected"
    await _record(session, after, action, f"{_named(after)} is {wanted}, was {before.status}", now, before, kind)
    return before, after


async def remove(session: Session, org_id: str, employee_id: str, versions: Collection[int] | None, now: datetime) -> Employee:
    """Their reports get the manager above, the address is free again, the history stays. NotFound, EmployeeRemoved, PreconditionFailed as in
    `change`."""
    before = await present(session, org_id, employee_id, versions)
    await store.touch_teams(session, org_id)
    for report in await store.reports_of(org_id, employee_id, session):
        moved = await _put(session, report, {"manager_id": before.manager_id, "updated_at": now})
        await _record(session, moved, "employee.changed", f"{_named(moved)} has another manager: {_named(before)} left", now, report, EmployeeChanged)
    gone = {"status": EmployeeStatus.REMOVED, "present": False, "removed_at": now, "updated_at": now}
    after = await _put(session, before, gone)
    await _record(session, after, "employee.removed", f"Removed {_named(after)}", now, before, EmployeeWasRemoved)
    return after


async def present(session: Session, org_id: str, employee_id: str, versions: Collection[int] | None) -> Employee:
    employee = await store.get(org_id, employee_id, session)
    if employee is None:
        raise NotFound
    if not employee.present:
        raise EmployeeRemoved
    if versions is not None and employee.version not in versions:
        raise PreconditionFailed
    return employee


async def _check_manager(session: Session, org_id: str, employee_id: str, manager_id: str) -> None:
    # Two changes of the hierarchy at once conflict on this, and the second sees the first: otherwise both could close a circle.
    await store.touch_teams(session, org_id)
    if refusal := rules.refusal_of_manager(await store.managers(org_id, session), employee_id, manager_id):
        raise InvalidInput.of("manager_id", *refusal)


async def _put(session: Session, before: Employee, changes: Mapping[str, Any]) -> Employee:
    after = await store.change(session, before.org_id, before.id, {"version": before.version}, dict(changes))
    assert after is not None, "in one snapshot a row that was read is there"
    return after


def _verdict(status: EmployeeStatus, by_user_id: str, note: str, now: datetime) -> dict[str, Any]:
    return {"status": status, "verified_by": by_user_id, "verified_at": now, "verification_note": note, "updated_at": now}


async def _record(
    session: Session, employee: Employee, action: str, summary: str, now: datetime, before: Employee | None, event: type[DomainEvent]
) -> None:
    """The fact for the consoles and the entry of the audit log: both with the change, or neither."""
    was = _told(before) if before is not None else None
    await audit.record(session, employee.org_id, action, summary, now, subject=(SUBJECT, employee.id), before=was, after=_told(employee))
    await events.append(session, employee.org_id, event(employee_id=employee.id, status=employee.status), now)  # type: ignore[call-arg]


def _told(employee: Employee) -> dict[str, Any]:
    return {name: getattr(employee, name) for name in _TOLD}


def _named(employee: Employee) -> str:
    return f"{employee.first_name} {employee.last_name}".strip() or employee.email
