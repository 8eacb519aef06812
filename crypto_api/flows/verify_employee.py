"""An employee is approved or rejected, and their status changed later on: by somebody else, who is concerned with them."""

from collections.abc import Collection

from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeDecision, EmployeeStatus
from crypto_api.flows.employee_access import follow_status
from crypto_api.flows.employee_scope import governed_employee
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def verify_employee(uow: UnitOfWork, clock: Clock, principal: Principal, employee_id: str, decision: EmployeeDecision, note: str) -> Employee:
    """NotFound, OwnRecord, NotYourTeam; AlreadyDecided, also for the second of two at the same moment; LastAdmin when that one is rejected."""
    now = clock.now()

    async def work(session: Session) -> tuple[Employee, int]:
        before = await governed_employee(session, principal, employee_id)
        after = await employees.verify(session, before.org_id, employee_id, decision, principal.user_id, note, now)
        return after, await follow_status(session, principal, before, after, now)

    employee, ended = await uow.run(work)
    _tell(principal, employee, ended)
    return employee


async def set_employee_status(
    uow: UnitOfWork, clock: Clock, principal: Principal, employee_id: str, wanted: EmployeeStatus, versions: Collection[int] | None
) -> Employee:
    """Suspended and rejected people act no more in the organisation, from this moment on. NotFound, OwnRecord, EmployeeRemoved,
    PreconditionFailed, TransitionNotAllowed, LastAdmin."""
    now = clock.now()

    async def work(session: Session) -> tuple[Employee, int]:
        await governed_employee(session, principal, employee_id)
        assert principal.org_id is not None
        before, after = await employees.set_status(session, principal.org_id, employee_id, wanted, principal.user_id, versions, now)
        return after, await follow_status(session, principal, before, after, now)

    employee, ended = await uow.run(work)
    _tell(principal, employee, ended)
    return employee


def _tell(principal: Principal, employee: Employee, ended: int) -> None:
    security.info(
        "employee_status_set",
        org_id=employee.org_id,
        employee_id=employee.id,
        status=employee.status,
        by=principal.user_id,
        sessions_ended=ended,
    )
