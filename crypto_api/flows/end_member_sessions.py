"""An administrator logs a member out of the organisation: their sockets close, and their next request asks who they are."""

from crypto_api.audit import service as audit
from crypto_api.identity import store as identities
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def end_member_sessions(uow: UnitOfWork, clock: Clock, principal: Principal, org_id: str, user_id: str) -> int:
    """Every session of theirs that acts in this organisation, but the one that asks; how many. Others of theirs stay. NotFound for whoever is no
    member."""
    now = clock.now()

    async def work(session: Session) -> int:
        user = await identities.user(user_id, session)
        if user is None or await organizations.membership(org_id, user_id, session) is None:
            raise NotFound
        ended = await identities.end_sessions(session, user_id, "ended_by_admin", now, org_id=org_id, but=principal.session_id)
        told = f"Ended the sessions of {user.username} here"
        await audit.record(session, org_id, "member.sessions_ended", told, now, subject=("user", user_id), after={"ended": ended})
        return ended

    ended = await uow.run(work)
    security.info("member_sessions_ended", by=principal.user_id, user_id=user_id, count=ended)
    return ended
