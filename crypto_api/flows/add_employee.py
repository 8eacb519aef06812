"""Somebody becomes an employee with an account: the organisation asks, the person agrees.

Whether an address or a user name has an account already is nobody's business: the answers are the same, and so is what the organisation sees
until the person has come. Only of its own members does it know.
"""

from dataclasses import replace

from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import EmployeeStatus, NewEmployee
from crypto_api.flows.members import require_standing
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.identity.rules import fold
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id
from crypto_api.kit.jobs import Jobs
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from crypto_api.organizations.errors import NotInvitable
from crypto_api.organizations.jobs import SendInvitationMail
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def add_employee(uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, new: NewEmployee, role: str) -> Employee:
    """By address. EmployeeExists, AlreadyInvited, NotInvitable, InvalidInput for manager or role, AdminsOnly, RoleBeyondYours."""
    return await _add(uow, clock, jobs, principal, new, role, await identities.user_by_email(new.email), new.email)


async def add_by_username(uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, username: str, new: NewEmployee, role: str) -> Employee:
    """By user name, which is public; the address behind it stays unknown to the organisation until the person agrees. As `add_employee`, and
    InvalidInput when there is nobody of this name."""
    user = await identities.user_by_username(fold(username))
    if user is None:
        raise InvalidInput.of("username", "is nobody's user name", "unknown_username")
    return await _add(uow, clock, jobs, principal, replace(new, email=f"@{user.username}"), role, user, user.email)


async def _add(
    uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, new: NewEmployee, role: str, user: User | None, email: str
) -> Employee:
    org_id, now = principal.org_id, clock.now()
    assert org_id is not None, "permissions come with an organisation"
    employee_id = new_id("emp")
    invitation = organizations.prepare_invitation(org_id, email, role, principal.user_id, now, employee_id=employee_id)
    asked = employees.prepare(org_id, new, EmployeeStatus.INVITED, now, employee_id=employee_id, invitation_id=invitation.id)

    async def work(session: Session) -> Employee:
        await require_standing(session, principal, org_id)
        await organizations.check_gift(session, principal, org_id, role)
        if user is not None and user.platform_admin:
            raise NotInvitable
        if user is not None and await organization_store.membership(org_id, user.id, session) is not None:
            return await employees.add(session, employees.known(asked, user), now)
        await employees.add(session, asked, now)
        await organizations.invite(session, invitation, now)
        return asked

    employee = await uow.run(work)
    if employee.status is EmployeeStatus.INVITED:
        await jobs.put(SendInvitationMail(org_id=org_id, invitation_id=invitation.id))
    return employee
