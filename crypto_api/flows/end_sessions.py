"""People end sessions of their own: one that they do not know, or all but the one they are in."""

from crypto_api.audit import service as audit
from crypto_api.identity import store as identities
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.log import security
from crypto_api.organizations.types import Principal
from mongodb_config.unit_of_work import Session, UnitOfWork


async def end_session(uow: UnitOfWork, clock: Clock, principal: Principal, session_id: str) -> None:
    """NotFound for one that ended or is somebody else's."""
    now = clock.now()

    async def work(session: Session) -> None:
        row = await identities.end_session_row(session, session_id, "ended_by_owner", now, user_id=principal.user_id)
        if row is None:
            raise NotFound
        await audit.record(session, row.org_id, "session.ended", "A session was ended by its owner.", now, subject=("session", session_id))

    await uow.run(work)
    security.info("session_ended", user_id=principal.user_id, session_id=session_id)


async def end_other_sessions(uow: UnitOfWork, clock: Clock, principal: Principal) -> int:
    """How many there were."""
    now = clock.now()

    async def work(session: Session) -> int:
        ended = await identities.end_sessions(session, principal.user_id, "ended_by_owner", now, but=principal.session_id)
        if ended:
            summary = f"{ended} other session(s) were ended by their owner."
            await audit.record(session, principal.org_id, "session.ended", summary, now, subject=("user", principal.user_id))
        return ended

    ended = await uow.run(work)
    security.info("other_sessions_ended", user_id=principal.user_id, count=ended)
    return ended
