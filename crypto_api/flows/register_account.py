"""A person registers, and with an organisation's name founds it: account, organisation, its ADMIN and its chart of accounts at once or not at all."""

from crypto_api.flows.found_organization import found
from crypto_api.identity import service as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import NewUser
from crypto_api.kit.clock import Clock
from crypto_api.kit.log import security
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import NewOrganization
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
        organization, _ = await found(session, user, NewOrganization(organization_name), now)
        return organization

    organization = await uow.run(work)
    security.info("registered", user_id=user.id, org_id=organization.id if organization else None)
    return user, organization
