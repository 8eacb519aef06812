"""Founding an organisation: with its first ADMIN and its chart of accounts, at once or not at all."""

from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.events import service as events
from crypto_api.flows.switch_organization import enter
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import Unauthenticated
from crypto_api.kit.log import security
from crypto_api.ledger import service as ledger
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.organizations.errors import OperatorStaysOutside
from crypto_api.organizations.events import OrganizationFounded
from crypto_api.organizations.types import NewOrganization, Principal, Role
from mongodb_config.unit_of_work import Session, UnitOfWork


async def found(session: Session, founder: User, new: NewOrganization, now: datetime) -> tuple[Organization, Membership]:
    """Part of the caller's unit of work. OperatorStaysOutside."""
    if founder.platform_admin:
        raise OperatorStaysOutside
    organization = await organizations.create(
        session,
        new.name,
        now,
        functional_currency=new.functional_currency,
        time_zone=new.time_zone,
        fiscal_year_start=new.fiscal_year_start,
    )
    membership = await organizations.add_member(session, organization.id, founder.id, Role.ADMIN, now)
    await ledger.create_chart(session, organization.id, now)
    await events.append(session, organization.id, OrganizationFounded(organization_id=organization.id, name=organization.name), now)
    await audit.record(
        session,
        organization.id,
        "organization.founded",
        f"{founder.username} founded {organization.name}",
        now,
        subject=("organization", organization.id),
        after=vars(new),
        actor_id=founder.id,
    )
    return organization, membership


async def found_organization(uow: UnitOfWork, clock: Clock, principal: Principal, new: NewOrganization) -> tuple[Organization, Membership]:
    """By somebody who has an account. A session that acts nowhere acts there from now on. OperatorStaysOutside."""
    now = clock.now()

    async def work(session: Session) -> tuple[Organization, Membership]:
        founder = await identities.user(principal.user_id, session)
        if founder is None:
            raise Unauthenticated("There is no such account any more.")
        organization, membership = await found(session, founder, new, now)
        if principal.org_id is None:
            await enter(session, principal.session_id, founder.id, organization, now)
        return organization, membership

    organization, membership = await uow.run(work)
    security.info("organization_founded", user_id=principal.user_id, org_id=organization.id)
    return organization, membership
