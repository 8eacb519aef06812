"""An employee leaves: membership and sessions in the organisation end at once, the team goes to the manager above, the history stays."""

from collections.abc import Collection

from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.flows.employee_access import leave
from crypto_api.flows.employee_scope import governed_employee
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def remove_employee(uow: UnitOfWork, clock: Clock, principal: Principal, employee_id: str, versions: Collection[int] | None) -> Employee:
    """NotFound, OwnRecord, NotYourTeam, EmployeeRemoved, PreconditionFailed, LastAdmin."""
    now = clock.now()

    async def work(session: Session) -> Employee:
        before = await governed_employee(session, principal, employee_id)
        after = await employees.remove(session, before.org_id, employee_id, versions, now)
        await leave(session, principal, before, now)
        return after

    employee = await uow.run(work)
    security.info("employee_removed", org_id=employee.org_id, employee_id=employee.id, user_id=employee.user_id, by=principal.user_id)
    return employee
