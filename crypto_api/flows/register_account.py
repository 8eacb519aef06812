"""A person registers, and with an organisation's name founds it: account, organisation, its ADMIN and its chart of accounts at once or not at all."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.flows.found_organization import found
from crypto_api.flows.sign_in import Door
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import User
from crypto_api.identity.errors import EmailTaken, UsernameTaken
from crypto_api.identity.jobs import SendDueMail, SendVerificationMail
from crypto_api.identity.types import Letter, Limited, NewUser
from crypto_api.kit.clock import Clock
from crypto_api.kit.ids import new_id
from crypto_api.kit.log import security
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import NewOrganization
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Registered:
    """What somebody who registered is told: the account as it is stored, or as it would be."""

    user: User
    org_id: str | None


async def register_openly(door: Door, person: NewUser, password: str, *, organization_name: str | None, source: str | None) -> Registered:
    """For everybody. An address that has an account already is answered like any other, now and at what follows: a shadow of it is stored, and a
    mail tells its owner. InvalidInput; UsernameTaken, since user names are public; TooManyRequests when too much is registered from this network
    address (`source`)."""
    await door.limiter.take(Limited.REGISTRATIONS, source)
    now = door.clock.now()
    user = await identity.prepare(person, password, door.bcrypt_cost, now)
    if await identities.registered_as(user.username) is not None:
        raise UsernameTaken
    known = await identities.user_by_email(user.email) is not None
    organization: Organization | None = None
    try:
        if not known:
            organization = await door.uow.run(_storing(user, organization_name, now))
    except EmailTaken:  # by somebody at the same moment
        known = True
    if known:
        # the organisation of a shadow is founded as well, beside it, and dropped: it costs as much time as one that stays
        await asyncio.gather(_shadow(door, user, now), _dropped(door, user, organization_name, now))
        return Registered(user, new_id("org") if organization_name else None)
    await door.jobs.put(SendVerificationMail(user_id=user.id))
    security.info("registered", user_id=user.id, org_id=organization.id if organization else None)
    return Registered(user, organization.id if organization else None)


async def register_account(
    uow: UnitOfWork, clock: Clock, person: NewUser, password: str, *, organization_name: str | None, bcrypt_cost: int, verified: bool = False
) -> tuple[User, Organization | None]:
    """For accounts that an operator makes (`verified`). EmailTaken or UsernameTaken where there is one already."""
    now = clock.now()
    user = await identity.prepare(person, password, bcrypt_cost, now, verified=verified)
    organization = await uow.run(_storing(user, organization_name, now))
    security.info("registered", user_id=user.id, org_id=organization.id if organization else None)
    return user, organization


def _storing(user: User, organization_name: str | None, now: datetime) -> Callable[[Session], Awaitable[Organization | None]]:
    async def work(session: Session) -> Organization | None:
        organization = (await found(session, user, NewOrganization(organization_name), now))[0] if organization_name is not None else None
        await audit.record(
            session,
            organization.id if organization else None,
            "account.registered",
            f"{user.username} registered.",
            now,
            subject=("user", user.id),
            actor_id=user.id,
        )
        await identity.register(session, user)
        return organization

    return work


class _Dropped(Exception):
    """Nothing of the unit of work stays."""


async def _dropped(door: Door, user: User, organization_name: str | None, now: datetime) -> None:
    if organization_name is None:
        return

    async def work(session: Session) -> None:
        await found(session, user, NewOrganization(organization_name), now)
        raise _Dropped

    with contextlib.suppress(_Dropped):
        await door.uow.run(work)


async def _shadow(door: Door, user: User, now: datetime) -> None:
    """Each registration keeps its user name, as one with a new address does; how many there can be is a matter of the limit by source."""
    owner = await identities.user_by_email(user.email)

    async def work(session: Session) -> str | None:
        await identity.register_shadow(session, user, now)
        return await identity.ask_mail(session, Letter.ALREADY_REGISTERED, user.email, owner.id if owner else None, now)

    mail_id = await door.uow.run(work)
    security.info("registration_of_known_address", user_id=owner.id if owner else None)
    if mail_id is not None:
        await door.jobs.put(SendDueMail(mail_id=mail_id))
