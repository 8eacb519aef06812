"""Somebody becomes an employee with an account: the organisation asks, the person agrees.

Whether an address has an account already is nobody's business: the answers are the same, and so is what the organisation sees until the person
has come. Only of its own members does it know. For an address without an account one is made, without a password; it has a name that nobody can
guess until its person comes, since a name that is taken would tell that it was made.
"""

from dataclasses import replace

from crypto_api.employees import service as employees
from crypto_api.employees.documents import Employee
from crypto_api.employees.types import Asked, EmployeeStatus, NewEmployee
from crypto_api.flows.members import require_standing
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.identity.errors import EmailTaken, UsernameTaken
from crypto_api.identity.jobs import SendDueMail
from crypto_api.identity.rules import fold
from crypto_api.identity.types import Letter
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.ids import new_id
from crypto_api.kit.jobs import Jobs
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from crypto_api.organizations.documents import Invitation
from crypto_api.organizations.errors import NotInvitable
from crypto_api.organizations.jobs import SendInvitationMail
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def add_employee(
    uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, new: NewEmployee, role: str, username: str | None = None
) -> Employee:
    """By address. Where it has no account and the person is named, one is made, with `username` from the moment they come; somebody without a name
    has one, or makes it by themselves. EmployeeExists, AlreadyInvited, UsernameTaken, NotInvitable, InvalidInput for manager or role, AdminsOnly,
    RoleBeyondYours."""
    wanted = fold(username or "")
    if wanted and await identities.registered_as(wanted) is not None:
        raise UsernameTaken
    while True:  # again only when somebody registered with this address in between
        user = await identities.user_by_email(new.email)
        try:
            asking = _Asking(uow, clock, jobs, principal, role)
            return await asking.ask(new, user, new.email, account=None if user else _account(new, clock), username=wanted)
        except EmailTaken:
            continue


async def add_by_username(uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, username: str, new: NewEmployee, role: str) -> Employee:
    """By user name, which is public; the address behind it is not told before the person agrees. As `add_employee`, and InvalidInput when there
    is nobody of this name, or nobody who has shown that the address is theirs."""
    user = await identities.user_by_username(fold(username))
    if user is None or user.email_verified_at is None:
        raise InvalidInput.of("username", "is nobody's user name", "unknown_username")
    return await _Asking(uow, clock, jobs, principal, role).ask(replace(new, email=f"@{user.username}"), user, user.email)


def _account(new: NewEmployee, clock: Clock) -> User | None:
    if not new.first_name:
        return None
    now, user_id = clock.now(), new_id("usr")
    return User(
        id=user_id,
        created_at=now,
        username=user_id.replace("_", "-"),
        email=new.email,
        first_name=new.first_name,
        last_name=new.last_name,
        password_hash=None,
        verification_sent_at=now,  # the letter about the password proves the address as well
    )


class _Asking:
    def __init__(self, uow: UnitOfWork, clock: Clock, jobs: Jobs, principal: Principal, role: str) -> None:
        assert principal.org_id is not None, "permissions come with an organisation"
        self._uow, self._now, self._jobs = uow, clock.now(), jobs
        self._principal, self._org_id, self._role = principal, principal.org_id, role

    async def ask(self, new: NewEmployee, user: User | None, email: str, *, account: User | None = None, username: str = "") -> Employee:
        """`user` has this address already, or `account` is made for it."""
        employee_id = new_id("emp")
        called = new.email.removeprefix("@") if new.email.startswith("@") else ""
        invitation = organizations.prepare_invitation(
            self._org_id, email, self._role, self._principal.user_id, self._now, employee_id=employee_id, username=called
        )
        asked = Asked(employee_id, invitation.id, account.id if account else None, username)
        employee = employees.prepare(self._org_id, new, EmployeeStatus.INVITED, self._now, asked=asked)

        async def work(session: Session) -> tuple[Employee, str | None]:
            await self._check(session, user)
            if user is not None and await organization_store.membership(self._org_id, user.id, session) is not None:
                return await employees.add(session, employees.known(employee, user), self._now), None
            await employees.add(session, employee, self._now)
            await organizations.invite(session, invitation, self._now)
            return employee, await self._make_account(session, account, username) if account else None

        stored, letter_id = await self._uow.run(work)
        security.info("employee_added", by=self._principal.user_id, org_id=self._org_id, employee_id=stored.id, role=self._role)
        await self._nudge(stored, invitation, letter_id)
        return stored

    async def _check(self, session: Session, user: User | None) -> None:
        await require_standing(session, self._principal, self._org_id)
        await organizations.check_gift(session, self._principal, self._org_id, self._role)
        if user is not None and user.platform_admin:
            raise NotInvitable

    async def _make_account(self, session: Session, account: User, username: str) -> str:
        """The id of the letter by which its person chooses a password."""
        await identities.insert_user(session, account)
        organization = await organization_store.get(self._org_id, session)
        told = {"organization": organization.name if organization else "", "username": username}
        return await identity.owe_mail(session, Letter.SET_PASSWORD, account.email, account.id, self._now, data=told)

    async def _nudge(self, employee: Employee, invitation: Invitation, letter_id: str | None) -> None:
        if employee.status is EmployeeStatus.INVITED:
            await self._jobs.put(SendInvitationMail(org_id=self._org_id, invitation_id=invitation.id))
        if letter_id is not None:
            await self._jobs.put(SendDueMail(mail_id=letter_id))
