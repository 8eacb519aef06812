"""Somebody for whom an account was made has chosen its password, by the link that only the owner of the address gets: they have come. That is
their consent to the organisation that made it; to every other one they answer by themselves."""

from datetime import datetime

from crypto_api.employees import store as employees
from crypto_api.employees.documents import Employee
from crypto_api.flows.invitations import take_in
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store as organization_store
from crypto_api.organizations.documents import InvitationState
from mongodb_config.unit_of_work import Session


async def arrive(session: Session, user_id: str, now: datetime) -> None:
    """Part of the unit of work that sets the first password and verifies the address. UsernameTaken when somebody took the name at the same
    moment: the next try finds it taken and leaves the account the one it has."""
    user = await identities.user(user_id, session)
    assert user is not None, "it was just changed"
    for offer in await organization_store.open_invitations_for(user.email, now):
        employee = await employees.get(offer.org_id, offer.employee_id, session) if offer.employee_id else None
        invitation = await organization_store.invitation(offer.org_id, offer.id, session)
        if employee is None or employee.account_id != user_id or invitation is None or invitation.state is not InvitationState.OPEN:
            continue
        user = await _named(session, user, employee)
        await take_in(session, user, await organizations.answer(session, invitation, accepted=True, now=now), now)
        security.info("invitation_accepted", user_id=user_id, org_id=offer.org_id, invitation_id=offer.id, way="first_password")


async def _named(session: Session, user: User, employee: Employee) -> User:
    if not employee.username or await identities.registered_as(employee.username) is not None:
        return user
    return await identities.change_user(session, user.id, user.version, {"username": employee.username}) or user
