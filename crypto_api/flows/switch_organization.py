"""A session goes on in another organisation of the same person."""

from datetime import datetime

from crypto_api.audit import service as audit
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session
from crypto_api.identity.errors import InvalidToken
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations import store as organizations
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.organizations.errors import Suspended
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session as UnitSession
from mongodb_config.unit_of_work import UnitOfWork


async def switch_organization(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str) -> Membership:
    """The session of `principal` acts in `org_id` from now on, and must be approved anew before it uses a key. NotFound for whoever is no member
    of it, Suspended for whoever may not act there. Somebody whom it asks for a second factor gets in and is told so there."""
    now = clock.now()

    async def work(session: UnitSession) -> Membership:
        membership = await organizations.membership(org_id, principal.user_id, session)
        organization = await organizations.get(org_id, session)
        if membership is None or organization is None:
            raise NotFound
        if membership.suspended_at is not None or organization.suspended_at is not None:
            raise Suspended
        await enter(session, principal.session_id, principal.user_id, organization, now)
        return membership

    membership = await uow.run(work)
    security.info("organization_switched", user_id=principal.user_id, session_id=principal.session_id, org_id=org_id, left=principal.org_id)
    return membership


async def enter(session: UnitSession, session_id: str, user_id: str, organization: Organization, now: datetime) -> Session:
    """Part of the caller's unit of work. Where the organisation wants one session for each person, their others in it end. InvalidToken when the
    session has ended meanwhile."""
    row = await identities.act_in(session, session_id, organization.id, now)
    if row is None:
        raise InvalidToken
    ended = 0
    if organization.single_session:
        await identities.note_entry(session, user_id)
        ended = await identities.end_sessions(session, user_id, "single_session", now, org_id=organization.id, but=session_id)
    summary = f"A session came into {organization.name}" + (f", {ended} other(s) of the same person ended" if ended else "")
    await audit.record(session, organization.id, "session.switched", summary, now, subject=("session", session_id), actor_id=user_id)
    return row
