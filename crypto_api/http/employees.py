"""/api/employees/: who works for the organisation, their teams, and the verification by their managers."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.employees import rules, store
from crypto_api.flows.edit_employee import add_record, change_record
from crypto_api.flows.employee_scope import conditions, visible_employee
from crypto_api.flows.remove_employee import remove_employee
from crypto_api.flows.verify_employee import verify_employee
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.employees import (
    EmployeeCreate,
    EmployeeQuery,
    EmployeeRead,
    EmployeeUpdate,
    EmployeeVerify,
    TeamMemberRead,
    TeamQuery,
)
from crypto_api.kit.errors import NotFound
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["employees"])

SORTS = {"created_at": "_id", "name": "name_folded", "status": "status"}


@router.get("/employees/", response=PageRead[EmployeeRead], summary="List employees")
@requires(Permission.EMPLOYEES_READ)
async def list_employees(request: HttpRequest, query: Query[EmployeeQuery]) -> HttpResponse:
    """With `status=pending` the queue of verification. Who verifies without `employees.write` (a MANAGER) sees their own team and themselves."""
    principal = principal_of(request)
    page = await store.page(org_of(request), await conditions(principal, **query.filters()), page_request(query, SORTS, "name"))
    return answer(page_read(page, EmployeeRead.of))


@router.post("/employees/", response={201: EmployeeRead}, summary="Add an employee's record")
@requires(Permission.EMPLOYEES_WRITE)
@idempotent
async def create_employee(request: HttpRequest, body: EmployeeCreate) -> HttpResponse:
    """Somebody who works for the organisation and needs no account in it; they wait for verification. An account comes with
    POST /api/auth/employees/add/ instead."""
    runtime = runtime_of(request.scope)
    employee = await add_record(runtime.uow, runtime.clock, org_of(request), body.new())
    return answer(EmployeeRead.of(employee), status=201, version=employee.version)


@router.get("/employees/me/", response=EmployeeRead, summary="My own record")
@requires(Permission.ORGANIZATION_READ)
async def get_own_employee(request: HttpRequest) -> HttpResponse:
    employee = await store.of_user(org_of(request), principal_of(request).user_id)
    if employee is None:
        raise NotFound
    return answer(EmployeeRead.of(employee), version=employee.version)


@router.get("/employees/team/{manager_id}/", response=PageRead[TeamMemberRead], summary="A manager's team")
@requires(Permission.EMPLOYEES_READ)
async def list_team(request: HttpRequest, manager_id: str, query: Query[TeamQuery]) -> HttpResponse:
    """The direct reports; with `deep=true` theirs as well, as far down as it goes, each with the depth."""
    org_id, paging = org_of(request), page_request(query, SORTS, "name")
    await visible_employee(principal_of(request), manager_id)
    depths = rules.depths_below(await store.managers(org_id), manager_id)
    shown = [employee_id for employee_id, depth in depths.items() if query.deep or depth == 1]
    page = await store.page(org_id, {"_id": {"$in": shown}}, paging)
    return answer(page_read(page, lambda employee: TeamMemberRead.at(employee, depths[employee.id])))


@router.get("/employees/{employee_id}/", response=EmployeeRead, summary="Get an employee")
@requires(Permission.EMPLOYEES_READ)
async def get_employee(request: HttpRequest, employee_id: str) -> HttpResponse:
    """Also one who was removed: the history is kept."""
    employee = await visible_employee(principal_of(request), employee_id)
    return answer(EmployeeRead.of(employee), version=employee.version)


@router.put("/employees/{employee_id}/", response=EmployeeRead, summary="Change an employee's record or manager")
@requires(Permission.EMPLOYEES_WRITE)
async def update_employee(request: HttpRequest, employee_id: str, body: EmployeeUpdate) -> HttpResponse:
    """What is left out stays as it is."""
    runtime = runtime_of(request.scope)
    employee = await change_record(runtime.uow, runtime.clock, org_of(request), employee_id, body.fields(), expected_versions(request))
    return answer(EmployeeRead.of(employee), version=employee.version)


@router.delete("/employees/{employee_id}/", response={204: None}, summary="Remove an employee")
@requires(Permission.EMPLOYEES_VERIFY)
async def delete_employee(request: HttpRequest, employee_id: str) -> HttpResponse:
    """As DELETE /api/auth/employees/{id}/remove/."""
    runtime = runtime_of(request.scope)
    await remove_employee(runtime.uow, runtime.clock, principal_of(request), employee_id, expected_versions(request))
    return no_content()


@router.post("/employees/{employee_id}/verify/", response=EmployeeRead, summary="Approve or reject an employee")
@requires(Permission.EMPLOYEES_VERIFY)
@idempotent
async def verify_employee_record(request: HttpRequest, employee_id: str, body: EmployeeVerify) -> HttpResponse:
    """By whoever has `employees.write`, or by a manager above them. Nobody decides about themselves, nothing is decided twice (409)."""
    runtime = runtime_of(request.scope)
    employee = await verify_employee(runtime.uow, runtime.clock, principal_of(request), employee_id, body.decision, body.note)
    return answer(EmployeeRead.of(employee), version=employee.version)
