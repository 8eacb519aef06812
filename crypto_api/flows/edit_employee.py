"""An employee's record is added or changed, without an account being concerned."""

from collections.abc import Collection, Mapping

from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus, NewEmployee
from crypto_api.kit.clock import Clock
from mongodb_config.unit_of_work import UnitOfWork


async def add_record(uow: UnitOfWork, clock: Clock, org_id: str, new: NewEmployee) -> Employee:
    """They wait for verification. EmployeeExists, or InvalidInput for a manager who cannot be it."""
    now = clock.now()
    employee = employees.prepare(org_id, new, EmployeeStatus.PENDING, now)
    return await uow.run(lambda session: employees.add(session, employee, now))


async def change_record(
    uow: UnitOfWork, clock: Clock, org_id: str, employee_id: str, fields: Mapping[str, str | None], versions: Collection[int] | None
) -> Employee:
    """NotFound, EmployeeRemoved, PreconditionFailed when it stands at none of `versions`, InvalidInput for a manager who cannot be it."""
    now = clock.now()
    return await uow.run(lambda session: employees.change(session, org_id, employee_id, fields, versions, now))
