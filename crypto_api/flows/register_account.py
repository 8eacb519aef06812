"""A person registers, and with an organisation's name founds it: account, organisation, its ADMIN and its chart of accounts at once or not at all."""

from crypto_api.events import service as events
from crypto_api.identity import service as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import NewUser
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.ledger import service as ledger
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.events import OrganizationFounded
from crypto_api.organizations.types import Role
from mongodb_config.unit_of_work import Session, UnitOfWork


async def register_account(
    uow: UnitOfWork, clock: Clock, person: NewUser, password: str, *, organization_name: str | None, bcrypt_cost: int, verified: bool = False
) -> tuple[User, Organization | None]:
    """`verified` is for accounts that an operator makes; everybody else verifies by mail before the first log-in."""
    now = clock.now()
    user = await identity.prepare(person, password, bcrypt_cost, now, verified=verified)

    async def work(session: Session) -> Organization | None:
        await identity.register(session, user)
        if organization_name is None:
            return None
        organization = await organizations.create(session, organization_name, now)
        await organizations.add_member(session, organization.id, user.id, Role.ADMIN, now)
        await ledger.create_chart(session, organization.id, now)
        await events.append(session, organization.id, OrganizationFounded(organization_id=organization.id, name=organization.name), now)
        return organization

    organization = await uow.run(work)
    security.info("registered", user_id=user.id, org_id=organization.id if organization else None)
    return user, organization
