"""Whom a member may see among the employees, and about whom they decide.

Holders of `employees.write` are concerned with everybody, and so are those who read only (books, audit). Who verifies without that is a
manager: they see and decide about their own team, as far down as it goes, once they are verified themselves.
"""

from typing import Any

from crypto_api.employees import rules, store
from crypto_api.employees.documents import Employee
from crypto_api.employees.errors import NotYourTeam, OwnRecord
from crypto_api.employees.types import EmployeeStatus, Scope
from crypto_api.flows.members import require_standing
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission, Principal
from mongodb_config.pages import contains
from mongodb_config.unit_of_work import Session


async def scope_of(principal: Principal, session: Session | None = None) -> Scope:
    assert principal.org_id is not None, "permissions come with an organisation"
    own = await store.of_user(principal.org_id, principal.user_id, session)
    own_id = own.id if own else None
    if principal.may(Permission.EMPLOYEES_WRITE) or not principal.may(Permission.EMPLOYEES_VERIFY):
        return Scope(None, own_id)
    if own is None or own.status is not EmployeeStatus.ACTIVE:
        return Scope(frozenset(), own_id)
    return rules.scope_of(await store.managers(principal.org_id, session), own.id, whole=False)


async def conditions(
    principal: Principal, *, status: EmployeeStatus | None = None, department: str | None = None, manager_id: str | None = None, q: str | None = None
) -> dict[str, Any]:
    """For `store.page`: what this member may see of what they ask for. Removed ones only where they are asked for."""
    where: dict[str, Any] = {} if status is EmployeeStatus.REMOVED else {"present": True}
    where |= {name: value for name, value in (("status", status), ("department", department), ("manager_id", manager_id)) if value is not None}
    if q is not None:
        where["$or"] = [{field: contains(q)} for field in ("first_name", "last_name", "email", "job_title")]
    scope = await scope_of(principal)
    if scope.team is not None:
        seen = [*scope.team, *([scope.own_id] if scope.own_id else [])]
        where["$and"] = [{"$or": [{"_id": {"$in": seen}}, {"present": False, "manager_id": {"$in": seen}}]}]
    return where


async def visible_employee(principal: Principal, employee_id: str) -> Employee:
    """NotFound for one of another organisation as for none at all; NotYourTeam."""
    assert principal.org_id is not None
    employee = await store.get(principal.org_id, employee_id)
    if employee is None:
        raise NotFound
    scope = await scope_of(principal)
    if not scope.sees(employee_id) and not _was_in(scope, employee):
        raise NotYourTeam
    return employee


async def governed_employee(session: Session, principal: Principal, employee_id: str) -> Employee:
    """Somebody about whom this member may decide. NotFound, OwnRecord, NotYourTeam."""
    assert principal.org_id is not None
    await require_standing(session, principal, principal.org_id)
    employee = await store.get(principal.org_id, employee_id, session)
    if employee is None:
        raise NotFound
    scope = await scope_of(principal, session)
    if employee_id == scope.own_id or employee.user_id == principal.user_id:
        raise OwnRecord
    if not scope.governs(employee_id) and not _was_in(scope, employee):
        raise NotYourTeam
    return employee


def _was_in(scope: Scope, employee: Employee) -> bool:
    """Whoever was removed is no part of the hierarchy any more; their last manager, and those above, still see what became of them."""
    return not employee.present and employee.manager_id is not None and scope.sees(employee.manager_id)
