"""When a session was last used, to the minute: noted in memory as requests come, written for all of them together a few seconds later."""

from datetime import datetime

from crypto_api.identity import store as identities
from crypto_api.identity.documents import Session
from crypto_api.identity.types import SEEN_EVERY
from mongodb_config.unit_of_work import UnitOfWork

WRITE_S = 5.0
_seen: dict[str, datetime] = {}


def note_seen(session: Session, now: datetime) -> None:
    if session.last_seen_at is None or now - session.last_seen_at >= SEEN_EVERY:
        _seen[session.id] = now


async def write_seen(uow: UnitOfWork) -> int:
    """How many sessions it wrote. What it could not write is written the next time."""
    noted = dict(_seen)
    if not noted:
        return 0
    now = max(noted.values())
    await uow.run(lambda session: identities.mark_seen(session, noted.keys(), now))
    for session_id, at in noted.items():
        if _seen.get(session_id) == at:
            del _seen[session_id]
    return len(noted)
