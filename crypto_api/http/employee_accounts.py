"""/api/auth/employees/: employees as people with an account, who come by consent and whose access follows their status."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.employees import store
from crypto_api.employees.types import EmployeeStatus
from crypto_api.flows.add_employee import add_by_username, add_employee
from crypto_api.flows.employee_access import roles_of
from crypto_api.flows.employee_scope import conditions
from crypto_api.flows.remove_employee import remove_employee
from crypto_api.flows.verify_employee import set_employee_status
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.employees import SORTS
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead
from crypto_api.http.schemas.employees import (
    EmployeeInvite,
    EmployeeInviteExisting,
    EmployeeQuery,
    EmployeeRead,
    EmployeeStatusChange,
    MemberEmployeeRead,
)
from crypto_api.identity.rules import fold
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["employees"])


@router.post("/auth/employees/add/", response={201: EmployeeRead}, summary="Add a new person as an employee with an account")
@requires(Permission.EMPLOYEES_WRITE)
@idempotent
async def add_employee_account(request: HttpRequest, body: EmployeeInvite) -> HttpResponse:
    """They get a mail, and are `invited` until they come: somebody without an account chooses a password by it, somebody with one agrees. From
    then on they wait for verification. The answer does not tell which of the two it is. A member of the organisation agreed long ago: they are
    `pending` at once and keep their role."""
    runtime = runtime_of(request.scope)
    employee = await add_employee(runtime.uow, runtime.clock, runtime.queue, principal_of(request), body.new(), body.role, body.username)
    return answer(EmployeeRead.of(employee), status=201, version=employee.version)


@router.post("/auth/employees/add-existing/", response={201: EmployeeRead}, summary="Ask somebody who has an account to be an employee")
@requires(Permission.EMPLOYEES_WRITE)
@idempotent
async def add_existing_employee(request: HttpRequest, body: EmployeeInviteExisting) -> HttpResponse:
    """By e-mail address or user name. They get an invitation and are `invited` until they accept it; only then are their name and address
    known here. An address without an account is answered alike."""
    runtime, principal = runtime_of(request.scope), principal_of(request)
    if body.username is not None:
        employee = await add_by_username(runtime.uow, runtime.clock, runtime.queue, principal, body.username, body.new(""), body.role)
    else:
        assert body.email is not None
        employee = await add_employee(runtime.uow, runtime.clock, runtime.queue, principal, body.new(fold(body.email)), body.role)
    return answer(EmployeeRead.of(employee), status=201, version=employee.version)


@router.get("/auth/employees/", response=PageRead[MemberEmployeeRead], summary="List employees with status and role")
@requires(Permission.EMPLOYEES_READ)
async def list_employee_accounts(request: HttpRequest, query: Query[EmployeeQuery]) -> HttpResponse:
    """Seen by whom GET /api/employees/ is."""
    org_id = org_of(request)
    where = await conditions(principal_of(request), **query.filters())
    page = await store.page(org_id, where, page_request(query, SORTS, "name"))
    roles = await roles_of(org_id, page.items)
    return answer(page_read(page, lambda employee: MemberEmployeeRead.with_role(employee, roles.get(employee.id))))


@router.put("/auth/employees/{employee_id}/status/", response=EmployeeRead, summary="Suspend or reinstate an employee")
@requires(Permission.EMPLOYEES_WRITE)
async def update_employee_status(request: HttpRequest, employee_id: str, body: EmployeeStatusChange) -> HttpResponse:
    """pending → active or rejected; active → suspended, or pending to be verified anew; suspended → active; rejected → pending; anything else
    is 409. Whoever is suspended or rejected loses their sessions in this organisation at once."""
    runtime = runtime_of(request.scope)
    employee = await set_employee_status(
        runtime.uow, runtime.clock, principal_of(request), employee_id, EmployeeStatus(body.status), expected_versions(request)
    )
    return answer(EmployeeRead.of(employee), version=employee.version)


@router.delete("/auth/employees/{employee_id}/remove/", response={204: None}, summary="Remove an employee and their access")
@requires(Permission.EMPLOYEES_VERIFY)
async def remove_employee_account(request: HttpRequest, employee_id: str) -> HttpResponse:
    """Membership and sessions in this organisation end at once, the team goes to the manager above, the record stays as `removed`. By whoever has
    `employees.write`, or by a manager above them. 409 for the last ADMIN."""
    runtime = runtime_of(request.scope)
    await remove_employee(runtime.uow, runtime.clock, principal_of(request), employee_id, expected_versions(request))
    return no_content()
